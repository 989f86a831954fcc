//! Deliveries that wait for others: the end of something goes out after its beginning, and not at all where that never
//! arrived.
//!
//! Hardly anything ever waits so: what it waits for stands in a table of its own, and the rows of all other deliveries
//! know nothing of it. What waits is claimed by nobody until its rows there are gone.

use std::collections::BTreeMap;

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, Statement, Value, sea_query::Expr,
};
use uuid::Uuid;

use crate::{
    DeliveryState, Store, StoreError,
    commit::immediate,
    counters::Counts,
    entity::delivery,
    listen::tell,
    rows::{Columns, pieces},
};

/// What is written into the delivery of an end whose beginning never arrived.
pub const NOT_TOLD: &str = "not_told";

/// That one delivery waits for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Follow {
    /// The delivery that waits.
    pub delivery_id: Uuid,
    /// The one that it waits for.
    pub after_id: Uuid,
    /// Whether it is for nothing where the other does not arrive.
    pub needed: bool,
}

/// A delivery that waits for others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follower {
    /// The delivery.
    pub id: Uuid,
    /// When its own life ends, in milliseconds since 1970.
    pub expires_at: i64,
    /// What it waits for.
    pub after: Vec<Followed>,
}

/// A delivery that another one waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Followed {
    /// The delivery.
    pub id: Uuid,
    /// Whether the other is for nothing where this does not arrive.
    pub needed: bool,
    /// Where it stands; nowhere once the ledger has forgotten it.
    pub state: Option<DeliveryState>,
    /// When it is tried next, for a pending one.
    pub due_at: Option<i64>,
}

/// What becomes of deliveries that waited for others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moves {
    /// They wait no more.
    pub free: Vec<Uuid>,
    /// They wait on; somebody looks again at this time, in milliseconds since 1970.
    pub wait: Vec<(Uuid, i64)>,
    /// They are for nothing.
    pub drop: Vec<Uuid>,
}

impl Moves {
    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.free.is_empty() && self.wait.is_empty() && self.drop.is_empty()
    }
}

pub(crate) const FOLLOW: Columns<3> = Columns([("delivery_id", "uuid"), ("after_id", "uuid"), ("needed", "boolean")]);

pub(crate) const TABLE: &str = "fanfare_follows";

pub(crate) fn values(follow: Follow) -> [Value; 3] {
    [follow.delivery_id.into(), follow.after_id.into(), follow.needed.into()]
}

/// The condition of a delivery that waits for no other.
pub(crate) const FREE: &str =
    "NOT EXISTS (SELECT 1 FROM fanfare_follows WHERE fanfare_follows.delivery_id = fanfare_deliveries.id)";

impl Store {
    /// The deliveries of a channel that wait for others and could be sent otherwise.
    pub async fn followers(&self, channel_id: Uuid) -> Result<Vec<Follower>, StoreError> {
        #[derive(FromQueryResult)]
        struct Row {
            delivery_id: Uuid,
            expires_at: i64,
            after_id: Uuid,
            needed: bool,
            state: Option<DeliveryState>,
            due_at: Option<i64>,
        }
        // CROSS JOIN keeps SQLite from beginning with everything that waits for the channel.
        let sql = format!(
            "SELECT f.delivery_id, d.expires_at, f.after_id, f.needed, a.state, a.due_at \
             FROM fanfare_follows AS f CROSS JOIN fanfare_deliveries AS d \
             LEFT JOIN fanfare_deliveries AS a ON a.id = f.after_id \
             WHERE d.id = f.delivery_id AND d.state = 0 AND d.owner IS NULL AND d.channel_id = {} \
             ORDER BY f.delivery_id, f.after_id",
            self.mark(1),
        );
        let statement = Statement::from_sql_and_values(self.backend(), sql, [Value::from(channel_id)]);
        let mut followers = BTreeMap::<Uuid, Follower>::new();
        for row in Row::find_by_statement(statement).all(&self.writer).await? {
            let Row { delivery_id: id, expires_at, after_id, needed, state, due_at } = row;
            let follower = followers.entry(id).or_insert_with(|| Follower { id, expires_at, after: Vec::new() });
            follower.after.push(Followed { id: after_id, needed, state, due_at });
        }
        Ok(followers.into_values().collect())
    }

    /// Moves deliveries that waited for others. Those that another node has moved meanwhile stay as they are.
    pub async fn move_followers(&self, moves: Moves, now: i64) -> Result<(), StoreError> {
        let Moves { free, wait, drop } = moves;
        let tx = immediate(&self.writer).await?;
        let due = |ids: Vec<Uuid>, at: i64| {
            delivery::Entity::update_many()
                .col_expr(delivery::Column::DueAt, Expr::value(at))
                .filter(delivery::Column::Id.is_in(ids))
                .filter(delivery::Column::Owner.is_null())
                .filter(Expr::cust("state = 0"))
        };
        for (id, at) in wait {
            due(vec![id], at).exec(&tx).await?;
        }
        for ids in pieces(free.clone()) {
            due(ids, now).exec(&tx).await?;
        }
        let mut dropped = 0;
        for ids in pieces(drop.clone()) {
            let update = delivery::Entity::update_many()
                .col_expr(delivery::Column::State, Expr::value(DeliveryState::Suppressed.number()))
                .col_expr(delivery::Column::DueAt, Expr::value(Option::<i64>::None))
                .col_expr(delivery::Column::LastDetail, NOT_TOLD.into())
                .filter(delivery::Column::Id.is_in(ids))
                .filter(delivery::Column::Owner.is_null())
                .filter(Expr::cust("state = 0"));
            dropped += update.exec(&tx).await?.rows_affected;
        }
        if dropped > 0 {
            let counts = Counts::moved(DeliveryState::Pending, DeliveryState::Suppressed, dropped);
            tx.execute_raw(counts.add(self.backend(), self.owner())).await?;
            if self.is_shared() {
                tx.execute_raw(tell(&drop)).await?;
            }
        }
        for ids in pieces(free.into_iter().chain(drop).collect()) {
            let marks: Vec<_> = (1..=ids.len()).map(|place| self.mark(place)).collect();
            let sql = format!("DELETE FROM fanfare_follows WHERE delivery_id IN ({})", marks.join(", "));
            let values = ids.into_iter().map(Value::from);
            tx.execute_raw(Statement::from_sql_and_values(self.backend(), sql, values)).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Forgets what deliveries waited for that wait for nothing any more, since their channel was deleted.
    pub async fn forget_follows(&self) -> Result<(), StoreError> {
        let sql = "DELETE FROM fanfare_follows WHERE NOT EXISTS (SELECT 1 FROM fanfare_deliveries AS d \
                   WHERE d.id = fanfare_follows.delivery_id AND d.state IN (0, 1))";
        self.writer.execute_raw(Statement::from_string(self.backend(), sql)).await?;
        Ok(())
    }
}
