//! What administrators configure: channels, jobs, settings. Secrets are encrypted on the way in.

use std::fmt;

use fanfare_core::{Assignment, Outcome, catalog::JobWording};
use jiff::Timestamp;
use sea_orm::{ActiveValue::Set, EntityTrait, IntoActiveModel, QueryOrder, SqlErr, sea_query::OnConflict};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Record, Store, StoreError, Watch,
    commit::immediate,
    entity::{channel, job, lane, setting},
    queue::suppress_all,
    rotate::place,
    tables::clean,
};

/// A channel as it is kept.
#[derive(Clone, PartialEq)]
pub struct ChannelRow {
    /// Its identity.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Its configuration with the secrets in clear; encrypted in the database. Null where what is stored there cannot
    /// be read: then the channel cannot send until it is configured anew, and everything else goes on.
    pub config: Value,
    /// Whether it may send.
    pub enabled: bool,
    /// How its lane works.
    pub delivery: Value,
    /// When it was made, in milliseconds since 1970.
    pub created_at: i64,
    /// When it was last changed, in milliseconds since 1970.
    pub updated_at: i64,
}

/// A job as it is kept.
#[derive(Clone, PartialEq)]
pub struct JobRow {
    /// Its identity.
    pub id: Uuid,
    /// Its name, unique.
    pub name: String,
    /// Who hears of its runs.
    pub notifications: Vec<Assignment>,
    /// How often a run is expected, in seconds.
    pub expect_every_s: Option<i64>,
    /// How late a run may be, in seconds.
    pub grace_s: Option<i64>,
    /// The administrator's own wording.
    pub wording: Option<JobWording>,
    /// What a check-in URL ends in. A secret; encrypted in the database. Empty where what is stored cannot be read.
    pub ping_key: String,
    /// Its latest run.
    pub last_run: Option<LastRun>,
    /// What is expected of it, where a run is.
    pub watch: Option<Watch>,
    /// When a run began that has not ended, in milliseconds since 1970.
    pub started_at: Option<i64>,
    /// When it was made, in milliseconds since 1970.
    pub created_at: i64,
    /// When it was last changed, in milliseconds since 1970.
    pub updated_at: i64,
}

// A row holds secrets in clear, so it shows only who it is.
impl fmt::Debug for ChannelRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChannelRow({} {:?})", self.id, self.name)
    }
}

impl fmt::Debug for JobRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JobRow({} {:?})", self.id, self.name)
    }
}

/// The latest run of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRun {
    /// The event that told of it.
    pub event_id: Uuid,
    /// How it ended.
    pub outcome: Outcome,
    /// When it ended.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<u64>,
    /// How much it made, in bytes.
    pub size_bytes: Option<u64>,
    /// What went wrong.
    pub error: Option<String>,
}

/// Why a delivery is suppressed.
pub const CHANNEL_DELETED: &str = "channel_deleted";

impl Store {
    /// All channels, oldest first.
    pub async fn channels(&self) -> Result<Vec<ChannelRow>, StoreError> {
        let rows = channel::Entity::find().order_by_asc(channel::Column::Id).all(&self.writer).await?;
        rows.into_iter().map(|row| self.read_channel(row)).collect()
    }

    /// Writes a channel, new or changed.
    pub async fn put_channel(&self, row: &ChannelRow, record: Option<Record>) -> Result<(), StoreError> {
        let config = self.keyring.seal(row.config.to_string().as_bytes(), &channel_place(row.id))?;
        let row = channel::ActiveModel {
            id: Set(row.id),
            name: Set(clean(row.name.clone())),
            kind: Set(row.kind.clone()),
            config: Set(config),
            enabled: Set(row.enabled),
            delivery: Set(row.delivery.to_string()),
            created_at: Set(row.created_at),
            updated_at: Set(row.updated_at),
        };
        use channel::Column::{Config, Delivery, Enabled, Name, UpdatedAt};
        let replace = OnConflict::column(channel::Column::Id)
            .update_columns([Name, Config, Enabled, Delivery, UpdatedAt])
            .to_owned();
        let tx = immediate(&self.writer).await?;
        channel::Entity::insert(row).on_conflict(replace).exec_without_returning(&tx).await?;
        self.keep(&tx, record).await?;
        self.touch(&tx).await?;
        Ok(tx.commit().await?)
    }

    /// Deletes a channel, writes the settings and jobs that named it, and suppresses what waits for it, but for what
    /// is in flight.
    pub async fn delete_channel(
        &self,
        id: Uuid,
        settings: Option<(&str, Value)>,
        jobs: &[JobRow],
        in_flight: Vec<Uuid>,
        now: i64,
        record: Option<Record>,
    ) -> Result<(), StoreError> {
        let tx = immediate(&self.writer).await?;
        channel::Entity::delete_by_id(id).exec(&tx).await?;
        lane::Entity::delete_by_id(id).exec(&tx).await?;
        if let Some((name, document)) = settings {
            put_document(&tx, name, document, now).await?;
        }
        for row in jobs {
            self.put_job_in(&tx, row).await?;
        }
        suppress_all(&tx, self.owner(), id, &in_flight).await?;
        self.keep(&tx, record).await?;
        self.touch(&tx).await?;
        Ok(tx.commit().await?)
    }

    /// All jobs, oldest first.
    pub async fn jobs(&self) -> Result<Vec<JobRow>, StoreError> {
        let rows = job::Entity::find().order_by_asc(job::Column::Id).all(&self.writer).await?;
        rows.into_iter().map(|row| self.read_job(row)).collect()
    }

    /// One job.
    pub async fn job(&self, id: Uuid) -> Result<Option<JobRow>, StoreError> {
        job::Entity::find_by_id(id).one(&self.reader).await?.map(|row| self.read_job(row)).transpose()
    }

    /// Writes a job, new or changed, but for its runs and what is expected of them. Its name must not be another's.
    pub async fn put_job(&self, row: &JobRow, record: Option<Record>) -> Result<(), StoreError> {
        let tx = immediate(&self.writer).await?;
        self.put_job_in(&tx, row).await?;
        self.keep(&tx, record).await?;
        self.touch(&tx).await?;
        Ok(tx.commit().await?)
    }

    /// Deletes a job. What its runs told stays in the ledger.
    pub async fn delete_job(&self, id: Uuid, record: Option<Record>) -> Result<(), StoreError> {
        let tx = immediate(&self.writer).await?;
        job::Entity::delete_by_id(id).exec(&tx).await?;
        self.keep(&tx, record).await?;
        self.touch(&tx).await?;
        Ok(tx.commit().await?)
    }

    /// A settings document.
    pub async fn document<T: DeserializeOwned>(&self, name: &'static str) -> Result<Option<T>, StoreError> {
        let row = setting::Entity::find_by_id(name).one(&self.writer).await?;
        row.map(|row| serde_json::from_str(&row.document).map_err(|e| StoreError::corrupt(name, e))).transpose()
    }

    /// Writes a settings document.
    pub async fn put_document(
        &self,
        name: &str,
        document: Value,
        now: i64,
        record: Option<Record>,
    ) -> Result<(), StoreError> {
        let tx = immediate(&self.writer).await?;
        put_document(&tx, name, document, now).await?;
        self.keep(&tx, record).await?;
        self.touch(&tx).await?;
        Ok(tx.commit().await?)
    }

    async fn put_job_in(&self, db: &impl sea_orm::ConnectionTrait, row: &JobRow) -> Result<(), StoreError> {
        let document = |value: serde_json::Result<String>| value.map_err(|e| StoreError::corrupt("job", e));
        let model = job::Model {
            id: row.id,
            name: clean(row.name.clone()),
            notifications: document(serde_json::to_string(&row.notifications))?,
            expect_every_s: row.expect_every_s,
            grace_s: row.grace_s,
            wording: row
                .wording
                .as_ref()
                .map(serde_json::to_string)
                .transpose()
                .map_err(|e| StoreError::corrupt("job", e))?,
            ping_key: self.keyring.seal(row.ping_key.as_bytes(), &job_place(row.id))?,
            last_run: None,
            expected_at: None,
            alarm_at: None,
            missed_since: None,
            started_at: None,
            created_at: row.created_at,
            updated_at: row.updated_at,
        };
        use job::Column::{ExpectEveryS, GraceS, Name, Notifications, PingKey, UpdatedAt, Wording};
        let replace = OnConflict::column(job::Column::Id)
            .update_columns([Name, Notifications, ExpectEveryS, GraceS, Wording, PingKey, UpdatedAt])
            .to_owned();
        let result =
            job::Entity::insert(model.into_active_model()).on_conflict(replace).exec_without_returning(db).await;
        match result {
            Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
                Err(StoreError::NameTaken(row.name.clone()))
            }
            result => Ok(result.map(drop)?),
        }
    }

    fn read_channel(&self, row: channel::Model) -> Result<ChannelRow, StoreError> {
        let config = self.keyring.open(&row.config, &channel_place(row.id)).map_err(StoreError::from);
        let config = config.and_then(|text| {
            serde_json::from_slice(&text).map_err(|error| StoreError::corrupt("configuration", error))
        });
        let config = config.unwrap_or_else(|error| {
            let (id, name) = (row.id, &row.name);
            tracing::error!(%id, name, %error, "a channel cannot be used until its configuration is entered again");
            Value::Null
        });
        Ok(ChannelRow {
            id: row.id,
            name: row.name,
            kind: row.kind,
            config,
            enabled: row.enabled,
            delivery: serde_json::from_str(&row.delivery).map_err(|e| StoreError::corrupt("channel", e))?,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }

    pub(crate) fn read_job(&self, row: job::Model) -> Result<JobRow, StoreError> {
        let corrupt = |e: serde_json::Error| StoreError::corrupt("job", e);
        let ping_key = self.keyring.open(&row.ping_key, &job_place(row.id)).unwrap_or_else(|error| {
            let (id, name) = (row.id, &row.name);
            tracing::error!(%id, name, %error, "a job's check-in URL cannot be used until it gets a new key");
            Default::default()
        });
        Ok(JobRow {
            watch: Watch::of(&row),
            started_at: row.started_at,
            id: row.id,
            name: row.name,
            notifications: serde_json::from_str(&row.notifications).map_err(corrupt)?,
            expect_every_s: row.expect_every_s,
            grace_s: row.grace_s,
            wording: row.wording.as_deref().map(serde_json::from_str).transpose().map_err(corrupt)?,
            ping_key: String::from_utf8_lossy(&ping_key).into_owned(),
            last_run: row.last_run.as_deref().map(serde_json::from_str).transpose().map_err(corrupt)?,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

async fn put_document(
    db: &impl sea_orm::ConnectionTrait,
    name: &str,
    document: Value,
    now: i64,
) -> Result<(), StoreError> {
    let row =
        setting::ActiveModel { name: Set(name.into()), document: Set(document.to_string()), updated_at: Set(now) };
    let replace = OnConflict::column(setting::Column::Name)
        .update_columns([setting::Column::Document, setting::Column::UpdatedAt])
        .to_owned();
    setting::Entity::insert(row).on_conflict(replace).exec_without_returning(db).await?;
    Ok(())
}

/// What a channel's configuration is bound to.
fn channel_place(id: Uuid) -> String {
    place("fanfare_channels", id, "config")
}

/// What a job's ping key is bound to.
fn job_place(id: Uuid) -> String {
    place("fanfare_jobs", id, "ping_key")
}
