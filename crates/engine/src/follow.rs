//! What becomes of the end of a condition while an alert of its beginning is on the way: it goes out after that, and not
//! where nobody there was ever told. Pure: times are milliseconds since 1970.

use fanfare_store::{DeliveryState, Followed, Follower, Moves};

/// How long after one look somebody looks again, at the soonest. Where the alert ends at this node, nobody waits for
/// that.
const LOOK: i64 = 1_000;

/// When somebody looks next at what begins to wait now.
pub(crate) fn next_look(now: i64) -> i64 {
    now.saturating_add(LOOK)
}

/// Decides on all that waits for others.
pub(crate) fn decide(followers: &[Follower], now: i64) -> Moves {
    let mut moves = Moves::default();
    for follower in followers {
        // It waits no longer than it lives itself.
        let open = follower.after.iter().filter(|after| is_open(after) && now < follower.expires_at);
        let next = open.map(|after| next_look(now).max(after.due_at.unwrap_or(now))).min();
        let is_needless = follower.after.iter().all(|after| after.needed && !has_arrived(after));
        match next {
            Some(at) => moves.wait.push((follower.id, at)),
            None if is_needless => moves.drop.push(follower.id),
            None => moves.free.push(follower.id),
        }
    }
    moves
}

fn is_open(after: &Followed) -> bool {
    matches!(after.state, Some(DeliveryState::Pending | DeliveryState::Held))
}

fn has_arrived(after: &Followed) -> bool {
    after.state == Some(DeliveryState::Delivered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use DeliveryState::{Dead, Delivered, Held, Pending, Suppressed};
    use uuid::Uuid;

    const LIFE: i64 = 100_000;

    fn after(state: DeliveryState, needed: bool) -> Followed {
        Followed { id: Uuid::nil(), needed, state: Some(state), due_at: None }
    }

    /// What becomes of one that waits for these, in a word, and when somebody looks next.
    fn fate(after: &[Followed], now: i64) -> (&'static str, Option<i64>) {
        let id = Uuid::from_u128(7);
        let moves = decide(&[Follower { id, expires_at: LIFE, after: after.to_vec() }], now);
        match (&moves.free[..], &moves.wait[..], &moves.drop[..]) {
            ([free], [], []) if *free == id => ("free", None),
            ([], [(wait, at)], []) if *wait == id => ("wait", Some(*at)),
            ([], [], [drop]) if *drop == id => ("drop", None),
            _ => panic!("{moves:?}"),
        }
    }

    #[test]
    fn an_end_follows_its_beginning() {
        assert_eq!(fate(&[after(Pending, true)], 0), ("wait", Some(LOOK)));
        assert_eq!(fate(&[after(Held, true)], 0), ("wait", Some(LOOK)));
        assert_eq!(fate(&[Followed { due_at: Some(5_000), ..after(Pending, true) }], 0), ("wait", Some(5_000)));
        assert_eq!(fate(&[after(Delivered, true)], 0), ("free", None));
    }

    #[test]
    fn there_is_no_end_of_what_nobody_heard_of() {
        assert_eq!(fate(&[after(Dead, true)], 0), ("drop", None));
        assert_eq!(fate(&[after(Suppressed, true)], 0), ("drop", None));
        assert_eq!(fate(&[Followed { state: None, ..after(Dead, true) }], 0), ("drop", None));
        assert_eq!(fate(&[after(Pending, true)], LIFE), ("drop", None), "it waits no longer than it lives");
    }

    #[test]
    fn whoever_heard_of_the_beginning_hears_of_the_end_whatever_becomes_of_a_reminder() {
        assert_eq!(fate(&[after(Pending, false)], 0), ("wait", Some(LOOK)));
        assert_eq!(fate(&[after(Dead, false)], 0), ("free", None));
        assert_eq!(fate(&[after(Pending, false)], LIFE), ("free", None));
    }

    #[test]
    fn of_several_beginnings_one_is_enough_and_all_are_waited_for() {
        assert_eq!(fate(&[after(Dead, true), after(Delivered, true)], 0), ("free", None));
        assert_eq!(fate(&[after(Pending, true), after(Delivered, true)], 0), ("wait", Some(LOOK)));
        assert_eq!(fate(&[after(Dead, true), after(Dead, true)], 0), ("drop", None));
    }
}
