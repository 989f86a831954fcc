//! Digests that wait in the database, and what moves them.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, QueryFilter, Statement, Value,
    sea_query::{Condition, Expr},
};
use uuid::Uuid;

use super::{DigestRow, FROZEN};
use crate::{
    Store, StoreError,
    entity::{delivery, digest},
};

impl Store {
    /// Takes up to `limit` due digests of a channel for this node, oldest first.
    pub async fn claim_digests(&self, channel_id: Uuid, limit: u64, now: i64) -> Result<Vec<DigestRow>, StoreError> {
        let lock = if self.backend() == DbBackend::Postgres { " FOR UPDATE SKIP LOCKED" } else { "" };
        let sql = format!(
            "UPDATE fanfare_digests SET owner = {} WHERE id IN (SELECT id FROM fanfare_digests \
             WHERE channel_id = {} AND due_at IS NOT NULL AND due_at <= {} AND owner IS NULL ORDER BY due_at, id LIMIT {limit}{lock}) RETURNING *",
            self.owner(),
            self.mark(1),
            self.mark(2),
        );
        let values = [Value::from(channel_id), Value::from(now)];
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let mut digests = DigestRow::find_by_statement(statement).all(&self.writer).await?;
        digests.sort_by_key(|row| (row.due_at, row.id));
        Ok(digests)
    }

    /// The digests of a channel that wait for their next attempt, of one event type where it is named.
    pub async fn waiting_digests(&self, channel_id: Uuid, event_type: Option<&str>) -> Result<Vec<Uuid>, StoreError> {
        let mut query = digest::Entity::find()
            .filter(digest::Column::ChannelId.eq(channel_id))
            .filter(digest::Column::Owner.is_null())
            .filter(digest::Column::DueAt.is_not_null());
        if let Some(event_type) = event_type {
            query = query.filter(digest::Column::EventType.eq(event_type));
        }
        Ok(query.all(&self.reader).await?.into_iter().map(|row| row.id).collect())
    }

    /// Gives digests that this node has in memory back to the database.
    pub(crate) async fn release_digests(&self, ids: Vec<Uuid>) -> Result<(), StoreError> {
        digest::Entity::update_many()
            .col_expr(digest::Column::Owner, Expr::value(Option::<i64>::None))
            .filter(digest::Column::Owner.eq(self.owner()))
            .filter(digest::Column::Id.is_in(ids))
            .exec(&self.writer)
            .await?;
        Ok(())
    }
}

/// Takes a channel's digests out of the queue, as their members are held or suppressed; but for those in flight, and
/// where `owner` is given, for those that other nodes have in memory.
pub(crate) async fn rest(
    tx: &impl ConnectionTrait,
    channel_id: Uuid,
    except: &[Uuid],
    owner: Option<i64>,
) -> Result<(), StoreError> {
    let mut update = digest::Entity::update_many()
        .col_expr(digest::Column::Owner, Expr::value(Option::<i64>::None))
        .col_expr(digest::Column::DueAt, Expr::value(Option::<i64>::None))
        .filter(digest::Column::ChannelId.eq(channel_id))
        .filter(digest::Column::DueAt.is_not_null())
        .filter(digest::Column::Id.is_not_in(except.iter().copied()));
    if let Some(owner) = owner {
        let mine = Condition::any().add(digest::Column::Owner.is_null()).add(digest::Column::Owner.eq(owner));
        update = update.filter(mine);
    }
    update.exec(tx).await?;
    Ok(())
}

/// Makes a channel's digests due whose members were held and are pending again. Their life is that of their members.
pub(crate) async fn wake(tx: &impl ConnectionTrait, channel_id: Uuid, now: i64) -> Result<(), StoreError> {
    let members =
        format!("FROM fanfare_deliveries WHERE digest_id = fanfare_digests.id AND state = 0 AND owner = {FROZEN}");
    digest::Entity::update_many()
        .col_expr(digest::Column::DueAt, Expr::value(now))
        .col_expr(digest::Column::ExpiresAt, Expr::cust(format!("(SELECT MAX(expires_at) {members})")))
        .filter(digest::Column::ChannelId.eq(channel_id))
        .filter(digest::Column::DueAt.is_null())
        .filter(digest::Column::Owner.is_null())
        .filter(Expr::cust(format!("EXISTS (SELECT 1 {members})")))
        .exec(tx)
        .await?;
    Ok(())
}

/// Makes the waiting digests among these, and those of which these are members, due at once, with a new life until
/// `expires_at`. Says how many deliveries that are.
pub(crate) async fn revive(
    tx: &impl ConnectionTrait,
    ids: &[Uuid],
    now: i64,
    expires_at: i64,
) -> Result<u64, StoreError> {
    #[derive(FromQueryResult)]
    struct Found {
        id: Uuid,
    }
    if ids.is_empty() {
        return Ok(0);
    }
    let named = |count: usize, from: usize| {
        let mark = |place: usize| match tx.get_database_backend() {
            DbBackend::Postgres => format!("${place}"),
            _ => "?".into(),
        };
        (from..from + count).map(mark).collect::<Vec<_>>().join(", ")
    };
    let sql = format!(
        "UPDATE fanfare_digests SET due_at = {now}, expires_at = {expires_at} WHERE owner IS NULL \
         AND due_at IS NOT NULL AND (id IN ({}) OR id IN (SELECT digest_id FROM fanfare_deliveries \
         WHERE id IN ({}) AND state = 0 AND owner = {FROZEN})) RETURNING id",
        named(ids.len(), 1),
        named(ids.len(), ids.len() + 1),
    );
    let values = ids.iter().chain(ids).map(|id| Value::from(*id));
    let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, values);
    let digests: Vec<Uuid> = Found::find_by_statement(statement).all(tx).await?.into_iter().map(|row| row.id).collect();
    if digests.is_empty() {
        return Ok(0);
    }
    let update = delivery::Entity::update_many()
        .col_expr(delivery::Column::DueAt, Expr::value(now))
        .col_expr(delivery::Column::ExpiresAt, Expr::value(expires_at))
        .filter(delivery::Column::DigestId.is_in(digests))
        .filter(delivery::Column::Owner.eq(FROZEN))
        .filter(Expr::cust("state = 0"));
    Ok(update.exec(tx).await?.rows_affected)
}

/// Frees digests that belong to no start that is known. They were in somebody's memory, so they may have been sent.
/// Says how many deliveries that are.
pub(crate) async fn free_orphans(tx: &impl ConnectionTrait) -> Result<u64, StoreError> {
    let orphans = "due_at IS NOT NULL AND owner > 0 AND owner NOT IN (SELECT id FROM fanfare_nodes)";
    let members = format!(
        "UPDATE fanfare_deliveries SET possibly_duplicate = TRUE WHERE state = 0 AND owner = {FROZEN} \
         AND digest_id IN (SELECT id FROM fanfare_digests WHERE {orphans})"
    );
    let freed = tx.execute_unprepared(&members).await?.rows_affected();
    tx.execute_unprepared(&format!("UPDATE fanfare_digests SET owner = NULL WHERE {orphans}")).await?;
    Ok(freed)
}
