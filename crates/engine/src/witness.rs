//! Who writes down that the configuration was changed.

use std::{fmt, sync::Arc};

use fanfare_core::NotificationSettings;
use fanfare_store::{Record, Rotated};

use crate::{ChannelView, Engine, ImportReport, JobView, OutboundSettings, engine::Inner};

/// Writes down every change of the configuration, in the transaction of the change itself: where the one cannot be
/// written, the other does not happen.
pub trait Witness: fmt::Debug + Send + Sync {
    /// What to write down of this change.
    fn record(&self, change: &Changing<'_>) -> Record;
}

/// A change of the configuration that is about to be written. What is shown of it holds no secrets.
#[derive(Clone, Copy, Debug)]
pub enum Changing<'a> {
    /// A channel is made, changed or deleted.
    Channel {
        /// As it is; `None` where there is none.
        before: Option<&'a ChannelView>,
        /// As it will be; `None` where it goes.
        after: Option<&'a ChannelView>,
    },
    /// A job is made, changed or deleted.
    Job {
        /// As it is; `None` where there is none.
        before: Option<&'a JobView>,
        /// As it will be; `None` where it goes.
        after: Option<&'a JobView>,
    },
    /// A job gets a new check-in key.
    PingKey(&'a JobView),
    /// The notification settings are replaced.
    Settings {
        /// As they are.
        before: &'a NotificationSettings,
        /// As they will be.
        after: &'a NotificationSettings,
    },
    /// What outbound connections may reach is listed anew.
    Outbound {
        /// As it is.
        before: &'a OutboundSettings,
        /// As it will be.
        after: &'a OutboundSettings,
    },
    /// All secrets are encrypted anew.
    Keys(&'a Rotated),
    /// The configuration becomes what an exported document says.
    Import(&'a ImportReport),
    /// The configuration becomes what a document wants, by name.
    Apply(&'a ImportReport),
}

impl Engine {
    pub(crate) fn of(inner: Arc<Inner>) -> Self {
        Self { inner, witness: None }
    }

    /// The same engine, for changes that this witness writes down.
    #[must_use]
    pub fn witnessed(&self, witness: Arc<dyn Witness>) -> Self {
        Self { inner: self.inner.clone(), witness: Some(witness) }
    }

    pub(crate) fn record(&self, change: Changing<'_>) -> Option<Record> {
        self.witness.as_ref().map(|witness| witness.record(&change))
    }
}
