//! Statements that become one transaction.
//!
//! Every statement that is handed to SQLite's thread and waited for costs two changes of threads, which under load
//! is more than the statement itself. So there, a script is one text, from BEGIN to COMMIT, and is handed over once.

use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, Statement};

use crate::{StoreError, commit::immediate};

/// Statements in their order, in rounds: each round is as much as fits into one text.
#[derive(Debug, Default)]
pub(crate) struct Script(Vec<Vec<Statement>>);

impl Script {
    /// Adds a round, unless it is empty.
    pub(crate) fn round(&mut self, statements: Vec<Statement>) {
        if !statements.is_empty() {
            self.0.push(statements);
        }
    }

    /// Does all of it in one transaction, or nothing.
    pub(crate) async fn run(mut self, db: &DatabaseConnection) -> Result<(), StoreError> {
        let backend = db.get_database_backend();
        if backend == DbBackend::Sqlite && self.0.len() <= 1 {
            return match self.0.pop() {
                Some(round) => whole(db, round).await,
                None => Ok(()),
            };
        }
        let tx = immediate(db).await?;
        for round in self.0 {
            run_round(&tx, backend, round).await?;
        }
        Ok(tx.commit().await?)
    }
}

async fn run_round(tx: &DatabaseTransaction, backend: DbBackend, round: Vec<Statement>) -> Result<(), StoreError> {
    if backend == DbBackend::Sqlite {
        tx.execute_raw(joined(round, "", "")).await?;
        return Ok(());
    }
    for statement in round {
        tx.execute_raw(statement).await?;
    }
    Ok(())
}

/// A transaction in one conversation. The pool has one connection, so what follows a failure meets the same one.
async fn whole(db: &DatabaseConnection, round: Vec<Statement>) -> Result<(), StoreError> {
    let Err(error) = db.execute_raw(joined(round, "BEGIN IMMEDIATE;\n", ";\nCOMMIT")).await else { return Ok(()) };
    // Most failures have ended the transaction already; then there is nothing to undo, and this says so.
    let _ = db.execute_unprepared("ROLLBACK").await;
    Err(error.into())
}

fn joined(round: Vec<Statement>, begin: &str, end: &str) -> Statement {
    let texts: Vec<&str> = round.iter().map(|statement| statement.sql.as_str()).collect();
    let sql = format!("{begin}{}{end}", texts.join(";\n"));
    let mut values =
        Vec::with_capacity(round.iter().filter_map(|statement| Some(statement.values.as_ref()?.0.len())).sum());
    values.extend(round.into_iter().filter_map(|statement| statement.values).flat_map(|values| values.0));
    Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)
}
