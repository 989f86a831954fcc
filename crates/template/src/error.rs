//! What can go wrong with a wording: when it is loaded, and when it is used.

use std::fmt;

use fanfare_core::EventTypeId;

use crate::{
    limit::{MAX_BYTES, MAX_TIME, Stop},
    text::Trouble,
};

/// A wording that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct TemplateError {
    /// The file of the event type.
    pub file: String,
    /// The line, counted from 1, where it is known.
    pub line: Option<usize>,
    /// The key in that file, such as `wording.fields[2].value`.
    pub key: String,
    /// What is wrong.
    pub detail: String,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, key, detail } = self;
        match line {
            Some(line) => write!(f, "{file}, line {line}: {key}: {detail}"),
            None => write!(f, "{file}: {key}: {detail}"),
        }
    }
}

/// A key such as `fields[2].value` as a JSON pointer.
pub(crate) fn pointer(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!("/{}", key.replace(['.', '['], "/").replace(']', "")) }
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
    /// A wording that somebody saved wants to say more than is allowed.
    #[error("{key}: this comes out longer than {} KiB", MAX_BYTES / 1024)]
    TooLong {
        /// The key within the wording.
        key: String,
    },
    /// A wording that somebody saved takes longer than is allowed.
    #[error("{key}: this takes longer than {} ms", MAX_TIME.as_millis())]
    TooSlow {
        /// The key within the wording.
        key: String,
    },
}

impl RenderError {
    pub(crate) fn new(key: String, trouble: Trouble) -> Self {
        match trouble {
            Trouble::Failed(detail) => Self::Template { key, detail },
            Trouble::Stopped(Stop::Full) => Self::TooLong { key },
            Trouble::Stopped(Stop::Late) => Self::TooSlow { key },
        }
    }

    /// The key within the wording, and what is wrong there.
    pub(crate) fn into_problem(self) -> (String, String) {
        let text = self.to_string();
        match self {
            Self::UnknownType(_) => (String::new(), text),
            Self::Template { key, detail } => (key, detail),
            Self::TooLong { key } | Self::TooSlow { key } => {
                let detail = text.strip_prefix(&format!("{key}: ")).unwrap_or(&text).to_owned();
                (key, detail)
            }
        }
    }
}
