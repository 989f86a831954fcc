//! How an attempt at a digest ended: the same for all of its members.

use sea_orm::{Statement, Value};

use super::FROZEN;
use crate::{
    Attempted, DeliveryState, StoreError,
    commit::{place_in, recorded},
    counters::upsert,
    sqlite::Transaction,
    tables,
};

/// Whether what is recorded of a digest's members leaves them in it, waiting.
fn owner_after(state: DeliveryState) -> String {
    match state {
        DeliveryState::Pending | DeliveryState::Held => FROZEN.to_string(),
        DeliveryState::Delivered | DeliveryState::Suppressed | DeliveryState::Dead => "NULL".into(),
    }
}

/// Writes outcomes of digests that this start owns over the connection of this thread; says how many deliveries
/// changed.
pub(crate) fn record_here(
    tx: &Transaction<'_>,
    owner: i64,
    state: DeliveryState,
    outcomes: Vec<Attempted>,
) -> Result<u64, StoreError> {
    let value = |name| place_in(&tables::OUTCOME, name);
    let set = recorded(state, &owner_after(state), value);
    let members = format!(
        "{set} WHERE digest_id = {id} AND state = 0 AND owner = {FROZEN} \
         AND EXISTS (SELECT 1 FROM fanfare_digests WHERE id = {id} AND owner = {owner})",
        id = value("id"),
    );
    let rows: Vec<[Value; 9]> = outcomes.into_iter().map(tables::outcome).collect();
    let changed = tx.each(&members, rows.iter().cloned())?;
    let digest =
        "UPDATE fanfare_digests SET owner = NULL, attempts = attempts + ?, due_at = ? WHERE id = ? AND owner = ?";
    let digests = rows.into_iter().map(|[id, counts, due_at, ..]| [counts, due_at, id, owner.into()]);
    tx.each(digest, digests)?;
    Ok(changed)
}

/// The statement that does the same on PostgreSQL; it moves the counters by as many deliveries as it changes.
pub(crate) fn record(owner: i64, state: DeliveryState, rows: impl ExactSizeIterator<Item = [Value; 9]>) -> Statement {
    let set = recorded(state, &owner_after(state), |name| format!("v.{name}"));
    let ends = if state == DeliveryState::Pending {
        "SELECT moved FROM n".into()
    } else {
        let number = state.number();
        upsert(&format!(
            "SELECT {owner}, state, moved * sign FROM n, (VALUES (0, -1), ({number}, 1)) AS s (state, sign)"
        ))
    };
    let rest = format!(
        ", mine AS (UPDATE fanfare_digests AS g SET owner = NULL, attempts = g.attempts + v.counts, due_at = v.due_at \
         FROM v WHERE g.id = v.id AND g.owner = {owner} RETURNING g.id), \
         done AS ({set} FROM v JOIN mine ON mine.id = v.id WHERE fanfare_deliveries.digest_id = v.id \
         AND fanfare_deliveries.state = 0 AND fanfare_deliveries.owner = {FROZEN} RETURNING 1), \
         n AS (SELECT COUNT(*) AS moved FROM done) {ends}"
    );
    tables::OUTCOME.with(rows, &rest)
}
