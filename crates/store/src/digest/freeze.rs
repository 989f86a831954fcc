//! Making a digest of what waits.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait, FromQueryResult, IntoActiveModel,
    QueryFilter, Statement, Value, sea_query::Expr,
};
use uuid::Uuid;

use super::{DigestRow, FROZEN};
use crate::{
    Store, StoreError,
    commit::immediate,
    entity::{delivery, digest},
    follow::FREE,
    listen::tell_of_many,
    rows::pieces,
    tables::clean,
};

/// So many deliveries that wait in the database are looked at for one digest, so that nobody waits long for the one
/// that writes.
const MOST: usize = 2_000;

/// What is to be told as one.
#[derive(Clone, Debug)]
pub struct Freeze {
    /// Through which channel.
    pub channel_id: Uuid,
    /// Of which event type.
    pub event_type: String,
    /// For whom, as deliveries say it.
    pub recipients: Option<String>,
    /// What this node has in memory of it.
    pub members: Vec<Uuid>,
    /// Whether all of these tell of a channel's health.
    pub is_own: bool,
    /// There must be more than so many.
    pub more_than: usize,
}

/// A delivery that is told in a digest.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Member {
    /// Its identity.
    pub id: Uuid,
    /// Its event.
    pub event_id: Uuid,
    /// What it says.
    pub notification: String,
    /// When its life ends, in milliseconds since 1970.
    pub expires_at: i64,
    /// When it was accepted, in milliseconds since 1970.
    pub created_at: i64,
}

impl Store {
    /// Freezes a digest, which this node has in memory then: of the deliveries that are named, and of others of the
    /// same kind that wait in the database. `word` gives what it says, from all of its members, oldest first.
    ///
    /// `None` where too few of them are still there for this node to take; nothing has changed then.
    pub async fn freeze(
        &self,
        freeze: &Freeze,
        now: i64,
        word: impl FnOnce(&[Member]) -> Result<String, StoreError>,
    ) -> Result<Option<(DigestRow, Vec<Member>)>, StoreError> {
        let id = Uuid::now_v7();
        let tx = immediate(&self.writer).await?;
        let taken = self.take_mine(&tx, id, &freeze.members).await? + self.take_free(&tx, id, freeze, now).await?;
        if taken <= freeze.more_than as u64 {
            tx.rollback().await?;
            return Ok(None);
        }
        let members = self.members(&tx, id).await?;
        let Some(first) = members.first() else { return Ok(None) };
        let row = DigestRow {
            id,
            channel_id: freeze.channel_id,
            event_type: freeze.event_type.clone(),
            event_id: first.event_id,
            recipients: freeze.recipients.clone(),
            notification: clean(word(&members)?),
            members: i32::try_from(members.len()).unwrap_or(i32::MAX),
            is_own: freeze.is_own,
            attempts: 0,
            due_at: Some(now),
            owner: Some(self.owner()),
            // Nobody's life is shorter for being told together with others.
            expires_at: members.iter().map(|member| member.expires_at).max().unwrap_or(now),
            since: first.created_at,
            created_at: now,
        };
        digest::Entity::insert(row.clone().into_active_model()).exec_without_returning(&tx).await?;
        delivery::Entity::update_many()
            .col_expr(delivery::Column::DigestCount, Expr::value(row.members))
            .col_expr(delivery::Column::DueAt, Expr::value(now))
            .filter(delivery::Column::DigestId.eq(id))
            .exec(&tx)
            .await?;
        tell_of_many(&tx).await?;
        tx.commit().await?;
        Ok(Some((row, members)))
    }

    /// Takes what this node has in memory, as far as it still owns it.
    async fn take_mine(&self, tx: &DatabaseTransaction, id: Uuid, ids: &[Uuid]) -> Result<u64, StoreError> {
        let mut taken = 0;
        for ids in pieces(ids.to_vec()) {
            let update = delivery::Entity::update_many()
                .col_expr(delivery::Column::Owner, Expr::value(FROZEN))
                .col_expr(delivery::Column::DigestId, Expr::value(id))
                .filter(Expr::cust("state = 0"))
                .filter(delivery::Column::Owner.eq(self.owner()))
                .filter(delivery::Column::Id.is_in(ids));
            taken += update.exec(tx).await?.rows_affected;
        }
        Ok(taken)
    }

    /// Takes what is due and free.
    async fn take_free(
        &self,
        tx: &DatabaseTransaction,
        id: Uuid,
        freeze: &Freeze,
        now: i64,
    ) -> Result<u64, StoreError> {
        let lock = if self.backend() == DbBackend::Postgres { " FOR UPDATE SKIP LOCKED" } else { "" };
        let mut values: Vec<Value> =
            vec![id.into(), freeze.channel_id.into(), now.into(), clean(freeze.event_type.clone()).into()];
        let whom = match &freeze.recipients {
            Some(recipients) => {
                values.push(recipients.clone().into());
                format!("recipients = {}", self.mark(5))
            }
            None => "recipients IS NULL".into(),
        };
        let sql = format!(
            "UPDATE fanfare_deliveries SET owner = {FROZEN}, digest_id = {} WHERE id IN (SELECT id FROM \
             (SELECT id, event_type, recipients FROM fanfare_deliveries WHERE state = 0 AND owner IS NULL \
             AND channel_id = {} AND due_at <= {} AND {FREE} ORDER BY due_at, id LIMIT {MOST}{lock}) AS waiting \
             WHERE event_type = {} AND {whom})",
            self.mark(1),
            self.mark(2),
            self.mark(3),
            self.mark(4),
        );
        let update = Statement::from_sql_and_values(self.backend(), sql, values);
        Ok(tx.execute_raw(update).await?.rows_affected())
    }

    /// All members of a digest that is being frozen, oldest first.
    async fn members(&self, tx: &DatabaseTransaction, id: Uuid) -> Result<Vec<Member>, StoreError> {
        let sql = format!(
            "SELECT d.id, d.event_id, e.notification, d.expires_at, d.created_at FROM fanfare_deliveries AS d \
             JOIN fanfare_events AS e ON e.id = d.event_id WHERE d.digest_id = {} ORDER BY d.id",
            self.mark(1),
        );
        let statement = Statement::from_sql_and_values(self.backend(), sql, [Value::from(id)]);
        Ok(Member::find_by_statement(statement).all(tx).await?)
    }
}
