//! Jobs of which a run is expected: when somebody must look whether it has come.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Statement, Value,
};
use uuid::Uuid;

use crate::{JobRow, Store, StoreError, entity::job};

/// What is expected of a job. Times are milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// When the next run is expected; while one is missing, when that was.
    pub expected_at: i64,
    /// When somebody must look.
    pub alarm_at: i64,
    /// When the run was expected that is missing.
    pub missed_since: Option<i64>,
}

impl Watch {
    pub(crate) fn of(row: &job::Model) -> Option<Self> {
        let (expected_at, alarm_at) = row.expected_at.zip(row.alarm_at)?;
        Some(Self { expected_at, alarm_at, missed_since: row.missed_since })
    }
}

impl Store {
    /// The jobs that somebody must look at by now, the first ones first, `limit` at the most.
    pub async fn alarms(&self, now: i64, limit: u64) -> Result<Vec<JobRow>, StoreError> {
        let due = job::Entity::find().filter(job::Column::AlarmAt.lte(now));
        let rows = due.order_by_asc(job::Column::AlarmAt).limit(limit).all(&self.reader).await?;
        rows.into_iter().map(|row| self.read_job(row)).collect()
    }

    /// When somebody must look next.
    pub async fn next_alarm(&self) -> Result<Option<i64>, StoreError> {
        #[derive(FromQueryResult)]
        struct Next {
            alarm_at: Option<i64>,
        }
        let sql = "SELECT MIN(alarm_at) AS alarm_at FROM fanfare_jobs WHERE alarm_at IS NOT NULL";
        let statement = Statement::from_string(self.backend(), sql);
        Ok(Next::find_by_statement(statement).one(&self.reader).await?.and_then(|next| next.alarm_at))
    }

    /// Changes what is expected of a job, unless that is no longer `seen`: of several nodes that look at the same
    /// time, one goes on. Says whether it did.
    pub async fn change_watch(&self, job: Uuid, seen: &Watch, new: &Watch) -> Result<bool, StoreError> {
        let [set_expected, set_alarm, set_missed, id, expected, alarm] = [1, 2, 3, 4, 5, 6].map(|n| self.mark(n));
        let sql = format!(
            "UPDATE fanfare_jobs SET expected_at = {set_expected}, alarm_at = {set_alarm}, \
             missed_since = {set_missed} WHERE id = {id} AND expected_at = {expected} AND alarm_at = {alarm}"
        );
        let values: [Value; 6] = [
            new.expected_at.into(),
            new.alarm_at.into(),
            new.missed_since.into(),
            job.into(),
            seen.expected_at.into(),
            seen.alarm_at.into(),
        ];
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        Ok(self.writer.execute_raw(statement).await?.rows_affected() > 0)
    }

    /// Sets what is expected of a job, or that nothing is.
    pub async fn set_watch(&self, job: Uuid, watch: Option<Watch>) -> Result<(), StoreError> {
        let [expected, alarm, missed, id] = [1, 2, 3, 4].map(|n| self.mark(n));
        let sql = format!(
            "UPDATE fanfare_jobs SET expected_at = {expected}, alarm_at = {alarm}, missed_since = {missed} \
             WHERE id = {id}"
        );
        let values: [Value; 4] = [
            watch.map(|watch| watch.expected_at).into(),
            watch.map(|watch| watch.alarm_at).into(),
            watch.and_then(|watch| watch.missed_since).into(),
            job.into(),
        ];
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        Ok(self.writer.execute_raw(statement).await.map(drop)?)
    }

    /// Remembers when a run of a job began.
    pub async fn start_run(&self, job: Uuid, at: i64) -> Result<(), StoreError> {
        let sql = format!("UPDATE fanfare_jobs SET started_at = {} WHERE id = {}", self.mark(1), self.mark(2));
        let statement = Statement::from_sql_and_values(self.backend(), sql, [Value::from(at), job.into()]);
        Ok(self.writer.execute_raw(statement).await.map(drop)?)
    }
}
