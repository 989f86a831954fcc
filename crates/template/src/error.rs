//! What can go wrong with a wording: when it is loaded, and when it is used.

use fanfare_core::EventTypeId;

/// A wording that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {key}: {detail}")]
pub struct TemplateError {
    /// The file of the event type.
    pub file: String,
    /// The key in that file, such as `wording.fields[2].value`.
    pub key: String,
    /// What is wrong.
    pub detail: String,
}

impl TemplateError {
    /// The key as a JSON pointer, such as `/wording/fields/2/value`.
    pub fn pointer(&self) -> String {
        format!("/{}", self.key.replace(['.', '['], "/").replace(']', ""))
    }
}

/// An event that could not be put into words. Data that passed their type's check do not cause it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The catalog that the renderer was made of has no such event type.
    #[error("there is no wording for {0}")]
    UnknownType(EventTypeId),
    /// A template failed on these data though it did not on the sample.
    #[error("{key}: {detail}")]
    Template {
        /// The key within the wording, such as `fields[2].value`.
        key: String,
        /// What it stumbled over.
        detail: String,
    },
}
