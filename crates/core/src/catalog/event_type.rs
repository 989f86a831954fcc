//! An event type: what its file says, checked.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{DataField, Wording, error::line_of, load};
use crate::{Condition, ConditionState, EventTypeId, User, bare_address};

/// A kind of thing that can happen.
#[derive(Clone, Debug)]
pub struct EventType {
    /// Its name in programs, such as `restore_failure`.
    pub id: EventTypeId,
    /// Its name for people.
    pub name: String,
    /// One sentence on when it happens.
    pub description: String,
    /// The group that it is shown in.
    pub category: String,
    /// Who decides who hears of it.
    pub layer: Layer,
    /// Whether it is on while nothing is set.
    pub default_enabled: bool,
    /// The data fields that hold the user it is about; `None` when it is about no user.
    pub notify_user: Option<UserFields>,
    /// Hours between reminders while its condition lasts, unless set otherwise; `None` when it has none.
    pub reminder_hours: Option<f64>,
    /// Its data, in the order in which they are shown.
    pub fields: Vec<DataField>,
    /// The data fields whose values together identify the condition that it begins or ends.
    pub condition: Vec<String>,
    /// The event types whose conditions it ends.
    pub resolves: Vec<EventTypeId>,
    /// What it says.
    pub wording: Wording,
    /// What it says to the user it is about, when that differs.
    pub user_wording: Option<Wording>,
    /// An example of its data.
    pub sample: Map<String, Value>,
    /// Whether it comes with Fanfare.
    pub builtin: bool,
    /// The file that it was read from.
    pub file: String,
    /// What stands in that file.
    pub(super) text: Arc<str>,
}

/// Who decides who hears of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// The settings of the system layer.
    #[default]
    System,
    /// The assignments of the job whose run it is.
    Job,
}

/// The data fields that hold the user whom an event is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UserFields {
    /// The one with the name.
    pub name: Option<String>,
    /// The one with the e-mail address.
    pub email: Option<String>,
}

impl EventType {
    /// The data field of this name.
    pub fn field(&self, name: &str) -> Option<&DataField> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The address of the user whom an event is about: the user's own, else the one in the data; of these, the first
    /// that mail can go to. Where there is no such one, what was given instead, so that this can be said; `None` where
    /// nothing was.
    pub fn user_email<'a>(&self, data: &'a Map<String, Value>, user: Option<&'a User>) -> Option<&'a str> {
        let field = self.notify_user.as_ref().and_then(|fields| fields.email.as_ref());
        let in_data = field.and_then(|field| data.get(field)).and_then(Value::as_str);
        let given = [user.and_then(|user| user.email.as_deref()), in_data];
        let mut given = given.into_iter().flatten().filter(|text| !text.trim().is_empty());
        let first = given.next()?;
        bare_address(first).or_else(|| given.find_map(bare_address)).or(Some(first))
    }

    /// Whether an event lacks the user's name and address, so that whoever knows the user by their id is to be asked.
    pub fn lacks_of_user(&self, data: &Map<String, Value>, user: &User) -> (bool, bool) {
        let Some(fields) = &self.notify_user else { return (false, false) };
        let said = |field: &Option<String>| field.as_ref().is_some_and(|field| data.get(field).is_some_and(is_said));
        let names = fields.name.is_some() && user.name.is_none() && !said(&fields.name);
        (names, user.email.as_deref().is_none_or(|email| email.trim().is_empty()) && !said(&fields.email))
    }

    /// What identifies the condition that an event begins or ends: the value of its one condition field
    /// as text, or of several as a JSON list. `None` when the type has no condition.
    pub fn condition_key(&self, data: &Map<String, Value>) -> Option<String> {
        let value = |name: &String| data.get(name).unwrap_or(&Value::Null);
        match self.condition.as_slice() {
            [] => None,
            [name] => Some(match value(name) {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            }),
            names => Some(Value::Array(names.iter().map(|name| value(name).clone()).collect()).to_string()),
        }
    }

    /// The condition that an event begins, continues or ends: the one that its sender names, else the one that its data
    /// identify. `None` where it has none.
    pub fn condition_of(&self, data: &Map<String, Value>, named: Option<Condition>) -> Option<Condition> {
        let state = if self.resolves.is_empty() { ConditionState::Firing } else { ConditionState::Resolved };
        named.or_else(|| Some(Condition { key: self.condition_key(data)?, state }))
    }

    /// The event types whose conditions an event of this type concerns: an end ends those that this type resolves as
    /// well as its own.
    pub fn concerns(&self, state: ConditionState) -> impl Iterator<Item = &EventTypeId> {
        let resolved = (state == ConditionState::Resolved).then_some(&self.resolves);
        std::iter::once(&self.id).chain(resolved.into_iter().flatten())
    }

    /// The line of its file in which a key such as `wording.fields[2].value` stands, counted from 1.
    pub fn line_of(&self, key: &str) -> Option<usize> {
        line_of(&self.text, key)
    }

    /// Checks that a wording asks only for data of this type: the key where it does not, and why.
    /// The templates in it are checked by the crate that renders them.
    pub fn check_wording(&self, wording: &Wording) -> Result<(), (String, String)> {
        load::check_wording(wording, &self.fields)
    }
}

/// Whether a datum says anything.
fn is_said(value: &Value) -> bool {
    value.as_str().map_or(!value.is_null(), |text| !text.trim().is_empty())
}
