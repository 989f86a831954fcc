//! Encrypting every secret anew.

use std::sync::PoisonError;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, FromQueryResult, Statement, Value};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{Keyring, Record, Store, StoreError, commit::immediate};

/// The name under which the fingerprint of the key is kept.
pub(crate) const FINGERPRINT: &str = "key_fingerprint";

/// Every column of ours that holds sealed values, in tables whose primary key is called `id`. A value is bound to the place
/// `TABLE/ID/COLUMN`.
const SEALED: &[(&str, &str)] = &[("fanfare_channels", "config"), ("fanfare_jobs", "ping_key")];

/// What encrypting anew did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// How many values were encrypted.
    pub secrets: u64,
    /// The fingerprint of the key that they are encrypted with now.
    pub fingerprint: String,
}

#[derive(FromQueryResult)]
struct Row {
    id: Uuid,
    sealed: Vec<u8>,
}

/// What a sealed value is bound to.
pub(crate) fn place(table: &str, id: Uuid, column: &str) -> String {
    format!("{table}/{id}/{column}")
}

impl Store {
    /// Says that a column of another part's table holds sealed values, which are encrypted anew with all others. The
    /// table's primary key is called `id`.
    pub fn keep_sealed(&self, table: &'static str, column: &'static str) {
        let mut others = self.sealed_elsewhere.lock().unwrap_or_else(PoisonError::into_inner);
        if !others.contains(&(table, column)) {
            others.push((table, column));
        }
    }

    /// Encrypts a value for one row's column; it opens only there. [`Store::keep_sealed`] has to know the column.
    pub fn seal(&self, table: &str, id: Uuid, column: &str, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        Ok(self.keyring.seal(plain, &place(table, id, column))?)
    }

    /// Decrypts what [`Store::seal`] made for the same place.
    pub fn open_sealed(
        &self,
        table: &str,
        id: Uuid,
        column: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        Ok(self.keyring.open(sealed, &place(table, id, column))?)
    }

    /// Encrypts every secret with the first key of the ring, all of them or none. With `keyring`, that is the ring from
    /// now on; it has to hold the present keys as well.
    pub async fn rotate(
        &self,
        keyring: Option<Keyring>,
        record: &(dyn Fn(&Rotated) -> Option<Record> + Sync),
    ) -> Result<Rotated, StoreError> {
        if let Some(keyring) = keyring {
            self.keyring.set(keyring);
        }
        let keyring = self.keyring.get();
        let tx = immediate(&self.writer).await?;
        let mut secrets = 0;
        let others = self.sealed_elsewhere.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (table, column) in SEALED.iter().chain(&others) {
            secrets += self.reseal(&tx, &keyring, table, column).await?;
        }
        let fingerprint = keyring.fingerprint();
        let sql = format!("UPDATE fanfare_meta SET value = {} WHERE name = {}", self.mark(1), self.mark(2));
        let values = [Value::from(fingerprint.as_str()), FINGERPRINT.into()];
        tx.execute_raw(Statement::from_sql_and_values(self.backend(), sql, values)).await?;
        let rotated = Rotated { secrets, fingerprint };
        self.keep(&tx, record(&rotated)).await?;
        tx.commit().await?;
        Ok(rotated)
    }

    async fn reseal(
        &self,
        tx: &DatabaseTransaction,
        keyring: &Keyring,
        table: &str,
        column: &str,
    ) -> Result<u64, StoreError> {
        let lock = if self.backend() == DbBackend::Postgres { " FOR UPDATE" } else { "" };
        let select = format!("SELECT id, {column} AS sealed FROM {table} WHERE {column} IS NOT NULL{lock}");
        let rows = Row::find_by_statement(Statement::from_string(self.backend(), select)).all(tx).await?;
        let update = format!("UPDATE {table} SET {column} = {} WHERE id = {}", self.mark(1), self.mark(2));
        let count = rows.len() as u64;
        for Row { id, sealed } in rows {
            let place = place(table, id, column);
            let plain = keyring.open(&sealed, &place)?;
            let values = [Value::from(keyring.seal(&plain, &place)?), id.into()];
            tx.execute_raw(Statement::from_sql_and_values(self.backend(), update.as_str(), values)).await?;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use fanfare_core::{Assignment, ChannelId, RunCondition};
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::{ChannelRow, JobRow, KeyringError, StoreOptions};

    /// Columns of bytes that are no secrets: ids and hashes.
    const PLAIN: &[&str] =
        &["id", "job_id", "channel_id", "event_id", "delivery_id", "after_id", "digest_id", "body_hash", "condition"];

    fn ring(keys: &[&str]) -> Keyring {
        Keyring::parse(&keys.join(",")).unwrap()
    }

    async fn open(dir: &std::path::Path, keys: &[&str]) -> Result<Store, StoreError> {
        let options = StoreOptions::sqlite(dir.join("fanfare.db"), ring(keys));
        Store::open(&options, Timestamp::UNIX_EPOCH).await
    }

    fn channel() -> ChannelRow {
        ChannelRow {
            id: Uuid::now_v7(),
            name: "c".into(),
            kind: "webhook".into(),
            config: json!({"url": "https://a.example/s3cret"}),
            enabled: true,
            delivery: json!({}),
            created_at: 1,
            updated_at: 1,
        }
    }

    fn job(channel: &ChannelRow) -> JobRow {
        let told = Assignment { channel_id: ChannelId(channel.id), condition: RunCondition::Always };
        JobRow {
            id: Uuid::now_v7(),
            name: "j".into(),
            notifications: vec![told],
            expect_every_s: None,
            grace_s: None,
            wording: None,
            ping_key: "p1ng".into(),
            last_run: None,
            watch: None,
            started_at: None,
            created_at: 1,
            updated_at: 1,
        }
    }

    #[tokio::test]
    async fn all_secrets_go_over_to_the_first_key() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new) = (Keyring::generate(), Keyring::generate());
        let store = open(dir.path(), &[&old]).await.unwrap();
        let (channel, other) = (channel(), channel());
        let job = job(&channel);
        store.put_channel(&channel, None).await.unwrap();
        store.put_channel(&other, None).await.unwrap();
        store.put_job(&job, None).await.unwrap();

        let rotated = store.rotate(Some(ring(&[&new, &old])), &|_| None).await.unwrap();
        assert_eq!(rotated, Rotated { secrets: 3, fingerprint: ring(&[&new]).fingerprint() });
        assert!(store.channels().await.unwrap() == [channel.clone(), other.clone()]);
        store.close().await.unwrap();

        // The old key is not needed any more, and does not fit any more.
        let refused = open(dir.path(), &[&old]).await.unwrap_err();
        assert!(matches!(refused, StoreError::Keyring(KeyringError::WrongKey)), "{refused}");
        let store = open(dir.path(), &[&new]).await.unwrap();
        assert!(store.channels().await.unwrap() == [channel, other]);
        assert!(store.jobs().await.unwrap() == [job]);
    }

    #[tokio::test]
    async fn a_secret_that_cannot_be_opened_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new) = (Keyring::generate(), Keyring::generate());
        let store = open(dir.path(), &[&old]).await.unwrap();
        let (first, second) = (channel(), channel());
        store.put_channel(&first, None).await.unwrap();
        store.put_channel(&second, None).await.unwrap();
        // One row's secret in the place of another's.
        let sql = format!(
            "UPDATE fanfare_channels SET config = (SELECT config FROM fanfare_channels WHERE id = x'{}') \
             WHERE id = x'{}'",
            first.id.simple(),
            second.id.simple()
        );
        store.writer.execute_unprepared(&sql).await.unwrap();
        let sealed = async |store: &Store| {
            let sql = "SELECT id, config AS sealed FROM fanfare_channels ORDER BY id";
            let rows = Row::find_by_statement(Statement::from_string(DbBackend::Sqlite, sql));
            rows.all(&store.writer).await.unwrap().into_iter().map(|row| row.sealed).collect::<Vec<_>>()
        };
        let before = sealed(&store).await;
        assert!(store.rotate(Some(ring(&[&new, &old])), &|_| None).await.is_err());
        assert_eq!(sealed(&store).await, before);
        // What was sealed meanwhile opens all the same.
        store.put_channel(&second, None).await.unwrap();
        assert_eq!(store.channels().await.unwrap().len(), 2);
        store.rotate(None, &|_| None).await.unwrap();
    }

    /// A new column of bytes is a secret that has to be listed, or is said here to be none.
    #[tokio::test]
    async fn every_column_of_bytes_is_accounted_for() {
        #[derive(FromQueryResult)]
        struct Column {
            table: String,
            name: String,
        }
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path(), &[&Keyring::generate()]).await.unwrap();
        let sql = "SELECT m.name AS \"table\", c.name AS name FROM sqlite_master m, pragma_table_info(m.name) c \
                   WHERE m.type = 'table' AND c.type = 'BLOB'";
        let columns = Column::find_by_statement(Statement::from_string(DbBackend::Sqlite, sql));
        let columns = columns.all(&store.writer).await.unwrap();
        let found: BTreeSet<_> = columns
            .iter()
            .filter(|column| !PLAIN.contains(&column.name.as_str()))
            .map(|column| (column.table.as_str(), column.name.as_str()))
            .collect();
        assert_eq!(found, SEALED.iter().copied().collect());
    }
}
