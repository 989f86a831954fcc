//! What an administrator has events say instead of their type's own words.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{FieldWording, Overlay};
use crate::EventTypeId;

/// An administrator's own wording of an event type. What is absent stays as the type says it; colour, status and badge
/// always do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OwnWording {
    /// One line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// A sentence or a few lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Named facts, in place of all of the type's; `Time` stays the last where the type has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<FieldWording>>,
    /// What the user whom the event is about reads. What is absent here stays as the type says it to the user, or, where
    /// it says nothing of its own to the user, as everybody reads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<OwnText>,
}

/// The texts of an [`OwnWording`] for one sort of reader.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OwnText {
    /// One line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// A sentence or a few lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Named facts, in place of all others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<FieldWording>>,
}

/// What the events of one job say instead of their types' own words, by event type.
pub type JobWording = BTreeMap<EventTypeId, OwnText>;

impl OwnWording {
    /// The texts for everybody.
    pub fn text(&self) -> OwnText {
        OwnText { title: self.title.clone(), message: self.message.clone(), fields: self.fields.clone() }
    }
}

impl OwnText {
    /// Whether nothing is said here.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl From<OwnText> for OwnWording {
    fn from(text: OwnText) -> Self {
        let OwnText { title, message, fields } = text;
        Self { title, message, fields, user: None }
    }
}

impl From<OwnText> for Overlay {
    fn from(text: OwnText) -> Self {
        let OwnText { title, message, fields } = text;
        Self { title, message, fields, ..Self::default() }
    }
}
