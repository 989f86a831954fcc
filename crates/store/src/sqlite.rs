//! The writer's own connection to SQLite: statements run on the thread that asks for them.
//!
//! sqlx keeps a thread for every connection; each statement and each answer changes threads, which costs more than
//! the statement. Here, a statement is a call: one row at a time through a text that stays prepared is as fast as
//! any table of values, and says at once how many rows it changed.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{
    Connection, ToSql, TransactionBehavior,
    types::{ToSqlOutput, ValueRef},
};
use sea_orm::Value;

use crate::{StoreError, checkpoint::Checkpointer};

/// How many texts stay prepared; a transaction has at most a dozen.
const STATEMENTS: usize = 32;

/// After how many pages of 4 KiB the writer merges the log itself, because nobody else did.
const FAR_TOO_LONG: u32 = 16_000;

/// A connection that is used where it is called from; whoever calls waits for the disk.
#[derive(Clone, Debug)]
pub(crate) struct Direct(Arc<Mutex<Option<Link>>>);

#[derive(Debug)]
struct Link {
    connection: Connection,
    checkpointer: Checkpointer,
}

impl Direct {
    /// Connects to a file that exists and is in WAL mode.
    pub(crate) fn open(file: &Path, busy: Duration) -> Result<Self, StoreError> {
        let connection = Connection::open(file)?;
        connection.busy_timeout(busy)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "wal_autocheckpoint", FAR_TOO_LONG)?;
        // What SQLite sets aside while it works on a statement would be a file made and removed.
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        let checkpointer = Checkpointer::start(file, busy)?;
        Ok(Self(Arc::new(Mutex::new(Some(Link { connection, checkpointer })))))
    }

    /// Does all of it in one transaction, or nothing. When this returns, everything is on disk.
    pub(crate) fn transaction(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut link = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Link { connection, checkpointer } = link.as_mut().ok_or(StoreError::Closed)?;
        {
            let transaction = Transaction(connection.transaction_with_behavior(TransactionBehavior::Immediate)?);
            work(&transaction)?;
            transaction.0.commit()?;
        }
        checkpointer.committed(connection);
        Ok(())
    }

    /// Ends the connection; later transactions fail.
    pub(crate) fn close(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// A transaction under way.
pub(crate) struct Transaction<'a>(rusqlite::Transaction<'a>);

impl Transaction<'_> {
    /// Runs a statement for each of these rows of values; says how many rows of the table changed.
    pub(crate) fn each<const N: usize>(
        &self,
        sql: &str,
        rows: impl Iterator<Item = [Value; N]>,
    ) -> Result<u64, StoreError> {
        let mut rows = rows.peekable();
        if rows.peek().is_none() {
            return Ok(0);
        }
        let mut statement = self.0.prepare_cached(sql)?;
        let mut changed = 0;
        for row in rows {
            for (place, value) in row.iter().enumerate() {
                statement.raw_bind_parameter(place + 1, Bound(value))?;
            }
            changed += statement.raw_execute()? as u64;
        }
        Ok(changed)
    }
}

/// A value as the ORM would bind it.
struct Bound<'a>(&'a Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = match self.0 {
            Value::Bool(value) => value.map(|value| ValueRef::Integer(value.into())),
            Value::SmallInt(value) => value.map(|value| ValueRef::Integer(value.into())),
            Value::Int(value) => value.map(|value| ValueRef::Integer(value.into())),
            Value::BigInt(value) => value.map(ValueRef::Integer),
            Value::String(value) => value.as_ref().map(|value| ValueRef::Text(value.as_bytes())),
            Value::Bytes(value) => value.as_deref().map(ValueRef::Blob),
            Value::Uuid(value) => value.as_ref().map(|value| ValueRef::Blob(value.as_bytes())),
            other => return Err(rusqlite::Error::ToSqlConversionFailure(format!("no column holds {other:?}").into())),
        };
        Ok(ToSqlOutput::Borrowed(value.unwrap_or(ValueRef::Null)))
    }
}
