//! Which deliveries change, told by PostgreSQL to every node.

use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, RuntimeErr, Statement, Value,
    sqlx::{self, postgres::PgListener},
};
use uuid::Uuid;

use crate::{Store, StoreError};

/// The name of the notifications.
const NAME: &str = "fanfare_deliveries";

/// So many ids fit into a notification, which has fewer than 8,000 bytes (PostgreSQL's documentation of NOTIFY).
const MOST_IDS: usize = 200;

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// These deliveries.
    These(Vec<Uuid>),
    /// Too many to name.
    Many,
}

/// A connection that hears of changes at all nodes.
#[derive(Debug)]
pub struct Listener(PgListener);

impl Store {
    /// Listens from now on. `None` on SQLite, where everything changes in this process.
    pub async fn listen(&self) -> Result<Option<Listener>, StoreError> {
        if !self.is_shared() {
            return Ok(None);
        }
        let mut listener =
            PgListener::connect_with(self.writer.get_postgres_connection_pool()).await.map_err(failed)?;
        listener.listen(NAME).await.map_err(failed)?;
        Ok(Some(Listener(listener)))
    }
}

impl Listener {
    /// The next change. After an error the listener is of no more use.
    pub async fn next(&mut self) -> Result<Changed, StoreError> {
        // A connection that was lost and made again has missed what happened meanwhile.
        let Some(notification) = self.0.try_recv().await.map_err(failed)? else { return Ok(Changed::Many) };
        let ids: Result<Vec<Uuid>, _> = notification.payload().split(',').map(Uuid::parse_str).collect();
        Ok(ids.map_or(Changed::Many, Changed::These))
    }
}

fn failed(error: sqlx::Error) -> StoreError {
    StoreError::Database(DbErr::Conn(RuntimeErr::SqlxError(error.into())))
}

/// The statement that tells other nodes of changes once the transaction has ended; PostgreSQL's alone.
pub(crate) fn tell(ids: &[Uuid]) -> Statement {
    let named = (1..=MOST_IDS).contains(&ids.len());
    let payload =
        if named { ids.iter().map(|id| id.simple().to_string()).collect::<Vec<_>>().join(",") } else { String::new() };
    let sql = format!("SELECT pg_notify('{NAME}', $1)");
    Statement::from_sql_and_values(DbBackend::Postgres, sql, [Value::from(payload)])
}

/// Tells other nodes that many deliveries change with this transaction.
pub(crate) async fn tell_of_many(tx: &impl ConnectionTrait) -> Result<(), StoreError> {
    if tx.get_database_backend() == DbBackend::Postgres {
        tx.execute_raw(tell(&[])).await?;
    }
    Ok(())
}
