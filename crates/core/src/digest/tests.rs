use proptest::prelude::*;

use super::*;
use crate::{Color, Field, Notification, Status};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// A delivery in short: its type, whom it tells (nobody in particular, all but one, one alone), when it was accepted.
type Short = (&'static str, u8, i64);

fn storms(policy: DigestPolicy, waiting: &[Short], now: i64) -> Vec<Vec<usize>> {
    let rows: Vec<_> = waiting
        .iter()
        .map(|&(event_type, whom, since)| {
            let recipients = match whom {
                0 => Recipients::Configured,
                1 => Recipients::Except("a@example.com".into()),
                _ => Recipients::Only("a@example.com".into()),
            };
            (EventTypeId::from(event_type), recipients, at(since))
        })
        .collect();
    let waiting = rows.iter().map(|(event_type, recipients, since)| Waiting { event_type, recipients, since: *since });
    policy.storms(waiting, at(now))
}

fn of_type(event_type: &'static str, count: usize, since: i64) -> Vec<Short> {
    vec![(event_type, 0, since); count]
}

#[test]
fn more_than_twenty_that_wait_for_more_than_ten_seconds_are_one() {
    let check = |waiting: &[Short], now| storms(DigestPolicy::default(), waiting, now);
    assert_eq!(check(&of_type("a", 20, 0), 100), Vec::<Vec<usize>>::new());
    assert_eq!(check(&of_type("a", 21, 0), 10), Vec::<Vec<usize>>::new());
    assert_eq!(check(&of_type("a", 21, 0), 11), [(0..21).collect::<Vec<_>>()]);
    // The oldest of all that waits decides, of whatever type it is.
    let young = [of_type("b", 1, 0), of_type("a", 21, 50)].concat();
    assert_eq!(check(&young, 51), [(1..22).collect::<Vec<_>>()]);
    // A clock that was set back makes nothing old.
    assert_eq!(check(&of_type("a", 50, 90), 20), Vec::<Vec<usize>>::new());
    assert_eq!(check(&[], 100), Vec::<Vec<usize>>::new());
}

#[rstest::rstest]
#[case(None, true)]
#[case(Some(false), false)]
#[case(Some(true), true)]
fn a_channel_s_own_word_comes_before_its_kind_s(#[case] set: Option<bool>, #[case] of_one: bool) {
    let webhook = LaneDefaults { digest: false, ..LaneDefaults::ONE_BY_ONE };
    assert_eq!(LaneDefaults::ONE_BY_ONE.digests(set), of_one);
    assert_eq!(webhook.digests(set), set == Some(true));
}

proptest! {
    /// Whatever waits: a digest has one type and the same readers, holds all of them and more than the limit, and
    /// nothing is in two; and none is missing where one is due.
    #[test]
    fn digests_hold_all_of_their_kind_once(
        waiting in prop::collection::vec((prop::sample::select(vec!["a", "b", "c"]), 0u8..3, 0i64..30), 0..120),
        more_than in 0usize..12,
        after in 0u64..20,
    ) {
        let policy = DigestPolicy { after: Duration::from_secs(after), more_than };
        let found = storms(policy, &waiting, 30);
        let is_old = waiting.iter().map(|(.., since)| *since).min().is_some_and(|since| 30 - since > after as i64);
        for (event_type, whom) in ["a", "b", "c"].into_iter().flat_map(|t| [0, 1, 2].map(|whom| (t, whom))) {
            let all: Vec<usize> = (0..waiting.len())
                .filter(|&place| (waiting[place].0, waiting[place].1) == (event_type, whom))
                .collect();
            let is_due = is_old && whom < 2 && all.len() > more_than && !all.is_empty();
            prop_assert_eq!(found.iter().filter(|storm| **storm == all).count(), usize::from(is_due));
        }
        let mut places = found.concat();
        places.sort_unstable();
        places.dedup();
        prop_assert_eq!(places.len(), found.iter().map(Vec::len).sum::<usize>());
        prop_assert!(found.windows(2).all(|pair| pair[0][0] < pair[1][0]), "in the order of their first");
    }
}

/// Why they are told as one, ten lines, and how many there are besides.
const MOST: usize = 12;

fn member(message: &str, status: Status, second: i64) -> Notification {
    Notification {
        title: "System Error".into(),
        message: message.into(),
        fields: vec![Field { name: "Component".into(), value: "disk".into(), inline: true }],
        status,
        color: Color { r: status as u8, g: 0, b: 0 },
        badge: None,
        link: Some("https://fanfare.example/1".into()),
        time: at(second),
    }
}

#[test]
fn a_digest_says_how_many_when_and_what() {
    let mut members: Vec<_> =
        (0..37).map(|i| member("Error in disk: full\nsecond line", Status::Failure, 60 + i)).collect();
    members.push(member("\n \r\nError in fan: \u{202e}slow", Status::Failure, 30));
    members.push(member("", Status::Failure, 40));
    members.extend(
        (0..12).map(|i| member(&format!("Error in part {i}: {}", "long ".repeat(60)), Status::Failure, 200 + i)),
    );
    insta::assert_json_snapshot!("system_error", digest("System Error", &members).unwrap());
}

#[test]
fn a_digest_of_different_ones_has_what_they_have_in_common() {
    let mut members =
        vec![member("one", Status::Success, 5), member("two", Status::Warning, 1), member("three", Status::Info, 9)];
    members[1].title = "Another".into();
    members[2].link = None;
    members[2].badge = Some("Recovered".into());
    insta::assert_json_snapshot!("mixed", digest("Backup finished", &members).unwrap());
    assert_eq!(digest("Nothing", &[]), None);
}

proptest! {
    /// The numbers in the text are those of the members, whatever they say.
    #[test]
    fn the_numbers_are_true(messages in prop::collection::vec("(a|b|c|d|[a-z]{1,2})", 1..80)) {
        let members: Vec<_> = (0..).zip(&messages).map(|(i, text)| member(text, Status::Info, i)).collect();
        let told = digest("Storm", &members).unwrap();
        let count = messages.len();
        let title = format!("{count} notification");
        prop_assert!(told.title.starts_with(&title), "{}", told.title);
        prop_assert_eq!(&told.fields[0].value, &count.to_string());
        let (first, last) = (at(0).to_string(), at(count as i64 - 1).to_string());
        prop_assert_eq!((&told.fields[1].value, &told.fields[2].value), (&first, &last));
        prop_assert_eq!(told.time_field(), None, "its own fields tell the time");
        let mut counted = 0;
        for line in told.message.lines().skip(1) {
            let rest = line.strip_prefix("- ");
            let number = |text: &str| text.split(' ').next().unwrap().parse::<usize>().unwrap();
            counted += match (rest, line.strip_prefix("… and ")) {
                (Some(rest), _) if rest.contains(" times: ") => {
                    let (_, text) = rest.split_once(" times: ").unwrap();
                    let of_text = messages.iter().filter(|message| *message == text).count();
                    prop_assert_eq!(of_text, number(rest));
                    of_text
                }
                (Some(_), _) => 1,
                (None, Some(more)) => number(more),
                (None, None) => return Err(TestCaseError::fail(format!("{line:?} is no line of a digest"))),
            };
        }
        prop_assert_eq!(counted, count);
        prop_assert!(told.message.lines().count() <= MOST);
    }
}
