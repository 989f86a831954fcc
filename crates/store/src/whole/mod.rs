//! The whole configuration: read at one moment, and written in one transaction.

mod difference;
mod table;

use std::fmt;

use sea_orm::{ConnectionTrait, DatabaseTransaction, EntityTrait, Statement, Value as Bound};
use serde_json::{Map, Value};
use uuid::Uuid;

pub use difference::{Difference, RowChange, difference};
pub use table::{Column, ConfigTable, TABLES};

use crate::{Record, Store, StoreError, commit::immediate, entity::lane, queue::suppress_all, rotate::place};

/// A row of a table of configuration: its columns by name. What is encrypted in the database is in clear here.
pub type ConfigRow = Map<String, Value>;

/// The rows of one table.
#[derive(Clone)]
pub struct ConfigRows {
    /// Which table.
    pub table: ConfigTable,
    /// Its rows, in the order of what identifies them.
    pub rows: Vec<ConfigRow>,
}

// Rows hold secrets in clear, so they are only counted.
impl fmt::Debug for ConfigRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.rows.len(), self.table.name)
    }
}

impl Store {
    /// All rows of these tables, as they are at one moment.
    pub async fn whole(&self, tables: &[ConfigTable]) -> Result<Vec<ConfigRows>, StoreError> {
        let tx = immediate(&self.writer).await?;
        let mut whole = Vec::with_capacity(tables.len());
        for table in tables {
            whole.push(ConfigRows { table: *table, rows: self.rows_of(&tx, table).await? });
        }
        tx.commit().await?;
        Ok(whole)
    }

    /// Makes tables differ by this, all of them or none. What waits for channels that are `gone` is suppressed, but
    /// for what is in flight there.
    pub async fn write_whole(
        &self,
        changes: &[(ConfigTable, Difference)],
        gone: &[(Uuid, Vec<Uuid>)],
        record: Option<Record>,
    ) -> Result<(), StoreError> {
        let tx = immediate(&self.writer).await?;
        for (table, difference) in changes {
            self.write_table(&tx, table, difference).await?;
        }
        for (id, in_flight) in gone {
            lane::Entity::delete_by_id(*id).exec(&tx).await?;
            suppress_all(&tx, self.owner(), *id, in_flight).await?;
        }
        self.keep(&tx, record).await?;
        self.touch(&tx).await?;
        Ok(tx.commit().await?)
    }

    async fn rows_of(&self, tx: &DatabaseTransaction, table: &ConfigTable) -> Result<Vec<ConfigRow>, StoreError> {
        let names: Vec<_> = table.columns.iter().map(|(name, _)| *name).collect();
        let sql = format!("SELECT {} FROM {} ORDER BY {}", names.join(", "), table.table, names[0]);
        let found = tx.query_all_raw(Statement::from_string(self.backend(), sql)).await?;
        let mut rows = Vec::with_capacity(found.len());
        for found in &found {
            let mut row = Map::new();
            for (name, column) in table.columns {
                let mut value = column.read(found, name)?;
                if *column == Column::Sealed {
                    value = self.unsealed(table, &row, name, &value)?;
                }
                row.insert((*name).to_owned(), value);
            }
            rows.push(row);
        }
        Ok(rows)
    }

    fn unsealed(&self, table: &ConfigTable, row: &ConfigRow, name: &str, value: &Value) -> Result<Value, StoreError> {
        let Some(Bound::Bytes(Some(sealed))) = Column::Sealed.bind(value) else { return Ok(Value::Null) };
        let plain = self.keyring.open(&sealed, &place(table.table, id_of(row)?, name))?;
        Ok(String::from_utf8_lossy(&plain).into_owned().into())
    }

    async fn write_table(
        &self,
        tx: &DatabaseTransaction,
        table: &ConfigTable,
        difference: &Difference,
    ) -> Result<(), StoreError> {
        let run = async |sql: String, values: Vec<Bound>| {
            tx.execute_raw(Statement::from_sql_and_values(self.backend(), sql, values)).await
        };
        let key = table.columns[0].0;
        for row in &difference.removed {
            let sql = format!("DELETE FROM {} WHERE {key} = {}", table.table, self.mark(1));
            run(sql, vec![self.bound(table, row, 0)?]).await?;
        }
        // Names can be exchanged, so those that change are out of the way before any is written.
        if let Some(unique) = table.unique {
            for change in
                difference.changed.iter().filter(|change| change.before.get(unique) != change.after.get(unique))
            {
                let sql =
                    format!("UPDATE {} SET {unique} = {} WHERE {key} = {}", table.table, self.mark(1), self.mark(2));
                run(sql, vec![Uuid::now_v7().to_string().into(), self.bound(table, &change.after, 0)?]).await?;
            }
        }
        let names: Vec<_> = table.columns.iter().map(|(name, _)| *name).collect();
        let marks: Vec<_> = (1..=names.len()).map(|number| self.mark(number)).collect();
        let sets: Vec<_> = names[1..].iter().map(|name| format!("{name} = excluded.{name}")).collect();
        let upsert = format!(
            "INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({key}) DO UPDATE SET {}",
            table.table,
            names.join(", "),
            marks.join(", "),
            sets.join(", ")
        );
        let changed = difference.changed.iter().map(|change| &change.after);
        for row in changed.chain(&difference.created) {
            let values = (0..names.len()).map(|at| self.bound(table, row, at)).collect::<Result<Vec<_>, _>>()?;
            run(upsert.clone(), values).await?;
        }
        Ok(())
    }

    /// The value of a row's column as the database takes it.
    fn bound(&self, table: &ConfigTable, row: &ConfigRow, at: usize) -> Result<Bound, StoreError> {
        let (name, column) = table.columns[at];
        let value = row.get(name).unwrap_or(&Value::Null);
        let wrong = || StoreError::corrupt("document", format!("{} has a {name} of another kind", table.name));
        match (column, value) {
            (Column::Sealed, Value::String(plain)) => {
                Ok(self.keyring.seal(plain.as_bytes(), &place(table.table, id_of(row)?, name))?.into())
            }
            _ => column.bind(value).ok_or_else(wrong),
        }
    }
}

fn id_of(row: &ConfigRow) -> Result<Uuid, StoreError> {
    let id = row.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok());
    id.ok_or_else(|| StoreError::corrupt("document", "a row has no id"))
}
