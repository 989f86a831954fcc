//! The audit: who changed what. It is added to and read, never changed.

use fanfare::{Page, StoreError};
use jiff::Timestamp;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, Statement,
};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    Accounts,
    entity::audit::{ActiveModel, Column, Entity, Model},
    users::time,
};
use crate::auth::Actor;

/// Something that was done, for the audit. What is before and after is what the API shows, so it holds no secrets.
#[derive(Debug, Default)]
pub(crate) struct Change<'a> {
    /// What was done: the kind of thing, a dot, and a verb, such as `user.create`.
    pub(crate) action: &'a str,
    /// What it was done to: its kind, a colon, and its id.
    pub(crate) object: String,
    /// As it was.
    pub(crate) before: Option<Value>,
    /// As it is.
    pub(crate) after: Option<Value>,
}

impl<'a> Change<'a> {
    /// Something was made, changed or deleted: a document before it, and one after it. Of what was changed, only the
    /// members that differ are kept, and the name.
    pub(crate) fn of(
        action: &'a str,
        object: impl Into<String>,
        before: Option<&impl Serialize>,
        after: Option<&impl Serialize>,
    ) -> Self {
        // A document of ours can always be written.
        let mut before = before.and_then(|before| serde_json::to_value(before).ok());
        let mut after = after.and_then(|after| serde_json::to_value(after).ok());
        if let (Some(Value::Object(before)), Some(Value::Object(after))) = (&mut before, &mut after) {
            leave_differences(before, after, true);
        }
        Self { action, object: object.into(), before, after }
    }
}

/// Takes out of both what is the same in both.
fn leave_differences(before: &mut Map<String, Value>, after: &mut Map<String, Value>, keep_name: bool) {
    before.retain(|key, old| {
        let Some(new) = after.get_mut(key) else { return true };
        if old == new && !(keep_name && key == "name") {
            after.remove(key);
            return false;
        }
        if let (Value::Object(old), Value::Object(new)) = (old, new) {
            leave_differences(old, new, false);
        }
        true
    });
}

/// An entry of the audit.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) id: Uuid,
    pub(crate) at: Timestamp,
    pub(crate) actor: String,
    pub(crate) address: Option<String>,
    pub(crate) action: String,
    pub(crate) object: String,
    pub(crate) before: Option<Value>,
    pub(crate) after: Option<Value>,
}

/// Which entries to show; every criterion that is given must hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct AuditFilter {
    /// By whom.
    pub(crate) actor: Option<String>,
    /// What was done: an action, or the part before its dot.
    pub(crate) action: Option<String>,
    /// To what: an object, or the part before its colon.
    pub(crate) object: Option<String>,
    /// From this time on.
    pub(crate) since: Option<Timestamp>,
    /// Before this time.
    pub(crate) until: Option<Timestamp>,
}

impl Accounts {
    /// Writes down what was done. It is done already, so a failure to write is told to the log, loudly, and not to
    /// whoever did it.
    pub(crate) async fn record(&self, actor: &Actor, change: Change<'_>) {
        let (action, object) = (change.action.to_owned(), change.object.clone());
        if let Err(error) = self.write_down(actor, change).await {
            tracing::error!(%error, action, object, actor = actor.name, "what was done is missing in the audit");
        }
    }

    /// Writes down what is about to be done, and is not done where that fails.
    pub(crate) async fn write_down(&self, actor: &Actor, change: Change<'_>) -> Result<(), StoreError> {
        let tx = self.0.store.begin().await?;
        self.audit(&tx, actor, change).await?;
        Ok(tx.commit().await?)
    }

    /// What writes a change into the audit, for the transaction of the change itself.
    pub(crate) fn audit_statement(&self, actor: &Actor, change: Change<'_>) -> Statement {
        Entity::insert(self.row(actor, change)).build(self.0.store.reader().get_database_backend())
    }

    /// Writes into the audit, in the transaction of the change itself.
    pub(super) async fn audit(
        &self,
        tx: &DatabaseTransaction,
        actor: &Actor,
        change: Change<'_>,
    ) -> Result<(), StoreError> {
        Ok(self.row(actor, change).insert(tx).await.map(drop)?)
    }

    fn row(&self, actor: &Actor, change: Change<'_>) -> ActiveModel {
        ActiveModel {
            id: Set(Uuid::now_v7()),
            at: Set(self.now().as_millisecond()),
            actor: Set(actor.name.clone()),
            address: Set(actor.address.map(|address| address.to_string())),
            action: Set(change.action.to_owned()),
            object: Set(change.object),
            // A database may not keep U+0000.
            before: Set(change.before.map(|value| value.to_string().replace("\\u0000", "\\ufffd"))),
            after: Set(change.after.map(|value| value.to_string().replace("\\u0000", "\\ufffd"))),
        }
    }

    /// A stretch of the audit, newest first.
    pub(crate) async fn audit_entries(&self, filter: &AuditFilter, page: Page) -> Result<Vec<Entry>, StoreError> {
        let or_kind = |column: Column, value: &str, joint: char| {
            Condition::any().add(column.eq(value)).add(column.starts_with(format!("{value}{joint}")))
        };
        let mut wanted = Condition::all();
        if let Some(actor) = &filter.actor {
            wanted = wanted.add(Column::Actor.eq(actor));
        }
        if let Some(action) = &filter.action {
            wanted = wanted.add(or_kind(Column::Action, action, '.'));
        }
        if let Some(object) = &filter.object {
            wanted = wanted.add(or_kind(Column::Object, object, ':'));
        }
        if let Some(since) = filter.since {
            wanted = wanted.add(Column::At.gte(since.as_millisecond()));
        }
        if let Some(until) = filter.until {
            wanted = wanted.add(Column::At.lt(until.as_millisecond()));
        }
        if let Some(before) = page.before {
            wanted = wanted.add(Column::Id.lt(before));
        }
        let rows = Entity::find().filter(wanted).order_by_desc(Column::Id).limit(page.limit);
        rows.all(self.0.store.reader()).await?.into_iter().map(Entry::try_from).collect()
    }
}

impl TryFrom<Model> for Entry {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let read = |text: Option<String>| {
            let wrong = |error: serde_json::Error| StoreError::Corrupt { what: "audit", detail: error.to_string() };
            text.as_deref().map(serde_json::from_str).transpose().map_err(wrong)
        };
        Ok(Self {
            id: row.id,
            at: time(row.at)?,
            actor: row.actor,
            address: row.address,
            action: row.action,
            object: row.object,
            before: read(row.before)?,
            after: read(row.after)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_a_change_only_the_differences_are_kept() {
        let before = json!({"name": "a", "enabled": true, "config": {"url": "x", "method": "POST"}, "old": 1});
        let after = json!({"name": "a", "enabled": true, "config": {"url": "x", "method": "PUT"}, "new": null});
        let change = Change::of("channel.update", "channel:1", Some(&before), Some(&after));
        assert_eq!(change.before, Some(json!({"name": "a", "config": {"method": "POST"}, "old": 1})));
        assert_eq!(change.after, Some(json!({"name": "a", "config": {"method": "PUT"}, "new": null})));
        let made = Change::of("channel.create", "channel:1", None::<&Value>, Some(&after));
        assert_eq!((made.before, made.after), (None, Some(after)));
    }
}
