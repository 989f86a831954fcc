//! Own wordings: what an administrator has events say instead of their type's own words.

use std::collections::BTreeMap;

use fanfare::core::{EventTypeId, catalog};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// What events of a type say instead of the type's own words. Each text is a template over the event's data. What is
/// missing or null stays as the type says it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OwnWording {
    /// One line.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "{{component}} is in trouble")]
    title: Option<String>,
    /// A sentence or a few lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Named facts, in place of all of the type's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 50)]
    fields: Option<Vec<FieldWording>>,
    /// What the user whom the event is about reads. Only for types with `notify_user`.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<OwnText>,
}

/// What is said instead of the event type's own words. What is missing or null stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OwnText {
    /// One line.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// A sentence or a few lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Named facts, in place of all of the type's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 50)]
    fields: Option<Vec<FieldWording>>,
}

/// A named fact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FieldWording {
    /// The label.
    #[schema(example = "Component")]
    name: String,
    /// The fact.
    #[schema(example = "{{component}}")]
    value: String,
    /// Whether it may share a line with its neighbours; true where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inline: Option<bool>,
    /// On which data it is shown; always, where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    when: Option<When>,
}

/// The name of a datum that must be present; or data and the values that they must have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged, expecting = "this is the name of a datum, or an object of data and the values they must have")]
pub(crate) enum When {
    Present(String),
    #[schema(value_type = Object)]
    Equal(Map<String, Value>),
}

/// What a job's runs say instead of the words of the event types that tell of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct JobWording {
    /// Of a run that succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_success: Option<OwnText>,
    /// Of one that partly succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_partial: Option<OwnText>,
    /// Of one that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_failure: Option<OwnText>,
    /// Of one that did not come.
    #[serde(skip_serializing_if = "Option::is_none")]
    run_missed: Option<OwnText>,
    /// Of the first one after that.
    #[serde(skip_serializing_if = "Option::is_none")]
    run_recovered: Option<OwnText>,
}

impl From<OwnWording> for catalog::OwnWording {
    fn from(OwnWording { title, message, fields, user }: OwnWording) -> Self {
        Self { title, message, fields: fields.map(lines), user: user.map(Into::into) }
    }
}

impl From<catalog::OwnWording> for OwnWording {
    fn from(own: catalog::OwnWording) -> Self {
        let catalog::OwnWording { title, message, fields, user } = own;
        Self { title, message, fields: fields.map(shown), user: user.map(Into::into) }
    }
}

impl From<OwnText> for catalog::OwnText {
    fn from(OwnText { title, message, fields }: OwnText) -> Self {
        Self { title, message, fields: fields.map(lines) }
    }
}

impl From<catalog::OwnText> for OwnText {
    fn from(catalog::OwnText { title, message, fields }: catalog::OwnText) -> Self {
        Self { title, message, fields: fields.map(shown) }
    }
}

impl From<JobWording> for catalog::JobWording {
    fn from(wording: JobWording) -> Self {
        let JobWording { backup_success, backup_partial, backup_failure, run_missed, run_recovered } = wording;
        let texts = [
            ("backup_success", backup_success),
            ("backup_partial", backup_partial),
            ("backup_failure", backup_failure),
            ("run_missed", run_missed),
            ("run_recovered", run_recovered),
        ];
        texts.into_iter().filter_map(|(id, text)| Some((id.into(), text?.into()))).collect()
    }
}

impl From<catalog::JobWording> for JobWording {
    fn from(wording: catalog::JobWording) -> Self {
        let mut texts: BTreeMap<EventTypeId, _> = wording;
        let mut take = |id: &str| texts.remove(id).map(OwnText::from);
        Self {
            backup_success: take("backup_success"),
            backup_partial: take("backup_partial"),
            backup_failure: take("backup_failure"),
            run_missed: take("run_missed"),
            run_recovered: take("run_recovered"),
        }
    }
}

fn lines(fields: Vec<FieldWording>) -> Vec<catalog::FieldWording> {
    let when = |when| match when {
        When::Present(name) => catalog::When::Present(name),
        When::Equal(wanted) => catalog::When::Equal(wanted),
    };
    let line = |FieldWording { name, value, inline, when: on }| catalog::FieldWording {
        name,
        value,
        inline: inline.unwrap_or(true),
        when: on.map(when),
    };
    fields.into_iter().map(line).collect()
}

fn shown(fields: Vec<catalog::FieldWording>) -> Vec<FieldWording> {
    let when = |when| match when {
        catalog::When::Present(name) => When::Present(name),
        catalog::When::Equal(wanted) => When::Equal(wanted),
    };
    let line = |catalog::FieldWording { name, value, inline, when: on }| FieldWording {
        name,
        value,
        inline: Some(inline),
        when: on.map(when),
    };
    fields.into_iter().map(line).collect()
}
