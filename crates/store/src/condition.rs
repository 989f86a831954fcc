//! Conditions that last: who was told of them.
//!
//! A row says which delivery is to tell a target, and when one before it arrived. Whether and when that one arrived is
//! read from the delivery itself, so only what was delivered ever counts, whatever way it took there, and
//! recording an outcome costs nothing more.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, FromQueryResult, Statement, TransactionTrait, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    DeliveryState, Store, StoreError,
    rows::{Columns, pieces},
    sqlite::Transaction,
    tables::clean,
};

/// What identifies a condition: a hash of its event type and its key, which may be of any length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConditionId([u8; 32]);

impl ConditionId {
    /// The condition of this event type with this key.
    pub fn new(event_type: &str, key: &str) -> Self {
        // A type's name holds no zero byte, so no two pairs give the same text.
        let hash = Sha256::new().chain_update(event_type).chain_update([0]).chain_update(key);
        Self(hash.finalize().into())
    }

    fn value(self) -> Value {
        self.0.to_vec().into()
    }

    /// A number for a lock. That two conditions share one only makes them wait for each other.
    fn lock(self) -> i64 {
        i64::from_be_bytes(self.0.first_chunk().copied().unwrap_or_default())
    }
}

/// What one target knows of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldRow {
    /// Who.
    pub target: String,
    /// The delivery that is to tell it; `None` once that has arrived.
    pub delivery_id: Option<Uuid>,
    /// When it was last told successfully, in milliseconds since 1970.
    pub told_at: Option<i64>,
    /// Whether that delivery has not been given up.
    pub on_its_way: bool,
}

/// Who knows what of some conditions.
pub type KnownConditions = BTreeMap<ConditionId, Vec<ToldRow>>;

/// Conditions as they stand, and will until what follows from that is written: nobody else changes them meanwhile.
///
/// On SQLite only one writes, so nothing is to be done for that; on PostgreSQL a transaction holds a lock for each.
#[derive(Debug)]
pub struct HeldConditions {
    /// Who knows what.
    pub known: KnownConditions,
    tx: Option<DatabaseTransaction>,
}

impl HeldConditions {
    /// The transaction that holds them.
    pub(crate) fn transaction(self) -> Option<DatabaseTransaction> {
        self.tx
    }
}

impl Store {
    /// Who knows what of these conditions at this moment.
    pub async fn conditions(&self, ids: &BTreeSet<ConditionId>) -> Result<KnownConditions, StoreError> {
        known(&self.reader, ids).await
    }

    /// The same, held until [`Store::write_held`].
    pub async fn hold_conditions(&self, ids: &BTreeSet<ConditionId>) -> Result<HeldConditions, StoreError> {
        if self.backend() == DbBackend::Sqlite {
            return Ok(HeldConditions { known: known(&self.writer, ids).await?, tx: None });
        }
        let tx = self.writer.begin().await?;
        // In one order everywhere, so that two nodes never wait for each other.
        let locks: BTreeSet<i64> = ids.iter().map(|id| id.lock()).collect();
        for locks in pieces(locks.into_iter().collect()) {
            let rest = "SELECT pg_advisory_xact_lock(id) FROM (SELECT id FROM v ORDER BY id) AS in_order";
            tx.execute_raw(LOCK.with(locks.into_iter().map(|lock| [lock.into()]), rest)).await?;
        }
        Ok(HeldConditions { known: known(&tx, ids).await?, tx: Some(tx) })
    }

    /// Forgets conditions of which nothing was heard since `since` (milliseconds since 1970), `limit` of what their
    /// targets know at the most. Says how much that was.
    pub async fn forget_conditions(&self, since: i64, limit: u64) -> Result<u64, StoreError> {
        let sql = format!(
            "DELETE FROM fanfare_told WHERE (condition, target) IN \
             (SELECT condition, target FROM fanfare_told WHERE seen_at < {} ORDER BY seen_at LIMIT {limit})",
            self.mark(1),
        );
        let delete = Statement::from_sql_and_values(self.backend(), sql, [Value::from(since)]);
        Ok(self.writer.execute_raw(delete).await?.rows_affected())
    }
}

async fn known(db: &impl ConnectionTrait, ids: &BTreeSet<ConditionId>) -> Result<KnownConditions, StoreError> {
    #[derive(FromQueryResult)]
    struct Found {
        condition: Vec<u8>,
        target: String,
        delivery_id: Option<Uuid>,
        told_at: Option<i64>,
        state: Option<DeliveryState>,
        delivered_at: Option<i64>,
    }
    let backend = db.get_database_backend();
    let mut known = KnownConditions::new();
    for ids in pieces(ids.iter().copied().collect()) {
        // Filled up to a power of two, so that few statements do for every number.
        let places = ids.len().next_power_of_two();
        let last = ids.last().copied();
        let values = ids.into_iter().chain(last.into_iter().cycle()).take(places).map(ConditionId::value);
        let marks: Vec<_> = (1..=places)
            .map(|place| if backend == DbBackend::Postgres { format!("${place}") } else { "?".into() })
            .collect();
        let sql =
            format!("{KNOWN} WHERE told.condition IN ({}) ORDER BY told.condition, told.target", marks.join(", "));
        let statement = Statement::from_sql_and_values(backend, sql, values);
        for row in Found::find_by_statement(statement).all(db).await? {
            let id = <[u8; 32]>::try_from(row.condition.as_slice());
            let id = ConditionId(id.map_err(|_| StoreError::corrupt("condition", "its id has another length"))?);
            let arrived = row.state == Some(DeliveryState::Delivered);
            known.entry(id).or_default().push(ToldRow {
                target: row.target,
                delivery_id: row.delivery_id.filter(|_| !arrived),
                told_at: if arrived { row.delivered_at } else { row.told_at },
                on_its_way: matches!(row.state, Some(DeliveryState::Pending | DeliveryState::Held)),
            });
        }
    }
    Ok(known)
}

const KNOWN: &str = "SELECT told.condition, told.target, told.delivery_id, told.told_at, d.state, d.delivered_at \
     FROM fanfare_told AS told LEFT JOIN fanfare_deliveries AS d ON d.id = told.delivery_id";

const LOCK: Columns<1> = Columns([("id", "bigint")]);

/// Conditions that are over.
const ENDED: Columns<1> = Columns([("condition", "bytea")]);

const END_ONE: &str = "DELETE FROM fanfare_told WHERE condition = ?";

const END: &str = "DELETE FROM fanfare_told WHERE condition IN (SELECT condition FROM v)";

/// Who knows of a condition.
const TOLD: Columns<5> = Columns([
    ("condition", "bytea"),
    ("target", "text"),
    ("delivery_id", "uuid"),
    ("told_at", "bigint"),
    ("seen_at", "bigint"),
]);

const TELL: &str = " ON CONFLICT (condition, target) DO UPDATE SET \
     delivery_id = excluded.delivery_id, told_at = excluded.told_at, seen_at = excluded.seen_at";

/// The same for one row, for SQLite.
static TELL_ONE: LazyLock<String> = LazyLock::new(|| TOLD.insert_one("fanfare_told", TELL));

/// What becomes of conditions in one transaction.
#[derive(Debug, Default)]
pub(crate) struct ConditionChanges {
    ended: BTreeSet<ConditionId>,
    told: BTreeMap<(ConditionId, String), (ToldRow, i64)>,
}

impl ConditionChanges {
    /// Everybody's knowledge of a condition ends.
    pub(crate) fn end(&mut self, id: ConditionId) {
        self.told.retain(|(other, _), _| *other != id);
        self.ended.insert(id);
    }

    /// Somebody knows this now; `seen_at` is when something was last heard of the condition.
    pub(crate) fn tell(&mut self, id: ConditionId, mut row: ToldRow, seen_at: i64) {
        row.target = clean(row.target);
        self.told.insert((id, row.target.clone()), (row, seen_at));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ended.is_empty() && self.told.is_empty()
    }

    /// Writes it over the connection of this thread. Ends go before whatever began anew.
    pub(crate) fn run_here(self, tx: &Transaction<'_>) -> Result<(), StoreError> {
        tx.each(END_ONE, self.ended.into_iter().map(|id| [id.value()]))?;
        tx.each(&TELL_ONE, self.told.into_iter().map(told))?;
        Ok(())
    }

    /// The statements that write it, in the same order.
    pub(crate) fn statements(self) -> impl Iterator<Item = Statement> {
        let ended =
            pieces(self.ended.into_iter().collect()).map(|ids| ENDED.with(ids.into_iter().map(|id| [id.value()]), END));
        let rows = pieces(self.told.into_iter().collect())
            .map(|rows| TOLD.insert("fanfare_told", rows.into_iter().map(told), TELL));
        ended.chain(rows)
    }
}

fn told(((id, target), (row, seen_at)): ((ConditionId, String), (ToldRow, i64))) -> [Value; 5] {
    [id.value(), target.into(), row.delivery_id.into(), row.told_at.into(), seen_at.into()]
}
