//! What somebody else writes down of a change, in the transaction of the change itself.

use std::fmt;

use sea_orm::{ConnectionTrait, DatabaseTransaction, Statement};

use crate::{Store, StoreError};

/// Statements that are executed in the same transaction as a change. Where they fail, the change does not happen.
#[derive(Clone)]
pub struct Record(Vec<Statement>);

impl Record {
    /// These statements, in this order.
    pub fn new(statements: Vec<Statement>) -> Self {
        Self(statements)
    }
}

// Of no use in a log, and long.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({} statements)", self.0.len())
    }
}

impl Store {
    pub(crate) async fn keep(&self, tx: &DatabaseTransaction, record: Option<Record>) -> Result<(), StoreError> {
        for statement in record.into_iter().flat_map(|record| record.0) {
            tx.execute_raw(statement).await?;
        }
        Ok(())
    }
}
