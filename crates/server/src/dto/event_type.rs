//! Event types: the catalog as it is shown.

use fanfare::{
    EventTest as EngineTest,
    core::{
        EventType as CoreType,
        catalog::{DataField as CoreField, FieldKind, Layer as CoreLayer, Member as CoreMember},
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::channel::TargetTest;

/// A kind of thing that can happen.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventType {
    /// Its name in programs.
    #[schema(example = "restore_failure")]
    id: String,
    /// Its name for people.
    name: String,
    /// When it happens.
    description: String,
    /// The group that it is shown in.
    category: String,
    /// Who decides who hears of it: the settings (`system`), or the job whose run it is (`job`).
    layer: Layer,
    /// Whether it is on while nothing is set.
    default_enabled: bool,
    /// Whether it is about a user, who can be told directly.
    notify_user: bool,
    /// How often it reminds while its condition lasts; null where it has none.
    reminder: Option<Reminder>,
    /// The data that together recognise the condition which it begins or ends; empty where it has none by itself.
    condition: Vec<String>,
    /// The event types whose conditions it ends.
    resolves: Vec<String>,
    /// Its data, in the order in which they are shown.
    fields: Vec<DataField>,
    /// An example of its data.
    #[schema(value_type = Object)]
    sample: Map<String, Value>,
    /// Whether it comes with Fanfare.
    builtin: bool,
}

/// Who decides who hears of an event type.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Layer {
    /// The notification settings.
    System,
    /// The notifications of each job.
    Job,
}

/// How often an event type reminds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reminder {
    /// Hours between reminders, unless set otherwise.
    default_hours: f64,
}

/// One datum of an event type.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DataField {
    /// Its key in the data.
    name: String,
    /// What its values are.
    #[serde(rename = "type")]
    kind: DataType,
    /// Whether every event has it.
    required: bool,
    /// What it is, for people.
    description: String,
    /// The unit of a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    /// The least number allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum: Option<i64>,
    /// The words of an `enum`.
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<Vec<String>>,
    /// The members of a `list`'s objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<Vec<Member>>,
}

/// What the values of a datum are.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DataType {
    /// A text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A time (RFC 3339).
    Timestamp,
    /// One of some words.
    Enum,
    /// A list of objects.
    List,
}

/// One text member of a list's objects.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Member {
    /// Its key.
    name: String,
    /// Whether every object has it.
    required: bool,
    /// What it is, for people.
    description: String,
}

/// Whom to take for the user in a test.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventTestInput {
    /// The user that the event is about.
    pub(crate) user: Option<TestUser>,
}

/// The user in a test.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TestUser {
    /// The address to write to.
    pub(crate) email: String,
}

/// How the test of an event type went.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventTest {
    /// One for each target.
    results: Vec<TargetTest>,
    /// Whether the event type is on; a test works all the same.
    event_enabled: bool,
}

impl From<&CoreType> for EventType {
    fn from(event_type: &CoreType) -> Self {
        Self {
            id: event_type.id.to_string(),
            name: event_type.name.clone(),
            description: event_type.description.clone(),
            category: event_type.category.clone(),
            layer: match event_type.layer {
                CoreLayer::System => Layer::System,
                CoreLayer::Job => Layer::Job,
            },
            default_enabled: event_type.default_enabled,
            notify_user: event_type.notify_user.is_some(),
            reminder: event_type.reminder_hours.map(|default_hours| Reminder { default_hours }),
            condition: event_type.condition.clone(),
            resolves: event_type.resolves.iter().map(ToString::to_string).collect(),
            fields: event_type.fields.iter().map(DataField::from).collect(),
            sample: event_type.sample.clone(),
            builtin: event_type.builtin,
        }
    }
}

impl From<&CoreField> for DataField {
    fn from(field: &CoreField) -> Self {
        let member = |CoreMember { name, required, description }: &CoreMember| Member {
            name: name.clone(),
            required: *required,
            description: description.clone(),
        };
        let (kind, minimum, values, items) = match &field.kind {
            FieldKind::String => (DataType::String, None, None, None),
            FieldKind::Integer { minimum } => (DataType::Integer, *minimum, None, None),
            FieldKind::Number { minimum } => (DataType::Number, *minimum, None, None),
            FieldKind::Boolean => (DataType::Boolean, None, None, None),
            FieldKind::Timestamp => (DataType::Timestamp, None, None, None),
            FieldKind::Enum(words) => (DataType::Enum, None, Some(words.clone()), None),
            FieldKind::List(members) => (DataType::List, None, None, Some(members.iter().map(member).collect())),
        };
        let CoreField { name, required, description, unit, .. } = field.clone();
        Self { name, kind, required, description, unit, minimum, values, items }
    }
}

impl From<EngineTest> for EventTest {
    fn from(test: EngineTest) -> Self {
        let EngineTest { results, event_enabled } = test;
        Self { results: results.into_iter().map(TargetTest::from).collect(), event_enabled }
    }
}
