//! What would go out, without sending it.

use fanfare_core::{
    AttemptInfo, BuildError, Catalog, CatalogError, Channel, ChannelId, DeliveryId, EventId, EventType, Fault,
    Notification, Recipients, Registry, Variables,
};
use fanfare_template::{RenderError, Renderer, TemplateError};
use jiff::Timestamp;
use uuid::Uuid;

use crate::{ConfigureError, Engine, wording::Voice};

/// What a channel would send of an event type's sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The kind of the channel.
    pub kind: String,
    /// The event type.
    pub event_type: String,
    /// The media type of the payload, where the channel says one.
    pub content_type: Option<String>,
    /// What would go out.
    pub payload: String,
}

/// Why there is no preview.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// No kind of this name.
    #[error(transparent)]
    Kind(#[from] BuildError),
    /// No event type of this name.
    #[error("there is no event type {id:?}; there are: {known}")]
    EventType {
        /// The name that was given.
        id: String,
        /// The names that exist.
        known: String,
    },
    /// The kind says no sample of a configuration, or one that it refuses itself.
    #[error("the kind {kind} has no sample of its configuration: preview a channel of yours instead")]
    Sample {
        /// The kind.
        kind: &'static str,
        /// What it refuses in its sample.
        faults: Vec<Fault>,
    },
    /// An event type cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// A wording cannot be read.
    #[error(transparent)]
    Wording(#[from] TemplateError),
    /// A wording cannot say the sample.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// The channel cannot say it.
    #[error("{0}")]
    Payload(String),
}

impl Preview {
    /// What a kind of channel would send of an event type's sample, with the sample of its configuration: needs no
    /// server and no database.
    ///
    /// # Errors
    /// Where there is no such kind or type, which names those that there are; or a wording that does not work.
    pub fn of_kind(
        registry: &Registry,
        catalog: &Catalog,
        kind: &str,
        event_type: &str,
        at: Timestamp,
    ) -> Result<Self, PreviewError> {
        let kind = registry.get(kind)?;
        let event_type = catalog.get(event_type).ok_or_else(|| PreviewError::EventType {
            id: event_type.into(),
            known: catalog.iter().map(|known| known.id.as_str()).collect::<Vec<_>>().join(", "),
        })?;
        let sample = kind.sample().ok_or(PreviewError::Sample { kind: kind.kind, faults: Vec::new() })?;
        let channel = kind.build(&sample).map_err(|faults| PreviewError::Sample { kind: kind.kind, faults })?;
        let said = Renderer::new(catalog)?.render(event_type, &event_type.sample, fanfare_core::whole_millis(at))?;
        let variables = fanfare_core::NoVariables;
        Self::of(&*channel, kind.kind, event_type, &said, at, &variables).map_err(PreviewError::Payload)
    }

    fn of(
        channel: &dyn Channel,
        kind: &str,
        event_type: &EventType,
        said: &Notification,
        at: Timestamp,
        variables: &dyn Variables,
    ) -> Result<Self, String> {
        let info = AttemptInfo {
            delivery_id: DeliveryId(Uuid::now_v7()),
            event_id: EventId(Uuid::now_v7()),
            event_type: event_type.id.clone(),
            job: None,
            recipients: &Recipients::Configured,
            at,
            variables,
        };
        Ok(Self {
            kind: kind.into(),
            event_type: event_type.id.to_string(),
            content_type: channel.content_type(said, &info),
            payload: channel.payload(said, &info).map_err(|error| error.detail)?,
        })
    }
}

impl Engine {
    /// What a channel would send of an event type's sample, whether it is on and whoever would hear of it. Nothing is
    /// stored or sent.
    ///
    /// # Errors
    /// Where there is no such channel or type, or the channel's configuration cannot be used.
    pub fn preview(&self, id: ChannelId, event_type: &str) -> Result<Preview, ConfigureError> {
        let snapshot = self.inner.current.get();
        let entry = snapshot.channels.entry(id).ok_or(ConfigureError::NotFound("channel"))?;
        let event_type = self.inner.catalog.get(event_type).ok_or(ConfigureError::NotFound("event type"))?;
        let channel = entry.channel.as_ref().map_err(|why| ConfigureError::Conflict(why.clone()))?;
        let now = self.inner.outside.clock.now();
        let at = fanfare_core::whole_millis(now);
        let mut voice = Voice {
            renderer: &self.inner.renderer,
            event_type,
            own: snapshot.wordings.of(event_type, None),
            data: &event_type.sample,
            at,
            error: None,
        };
        let said = voice.ordinary().map_err(|error| ConfigureError::Conflict(error.to_string()))?;
        Preview::of(&**channel, &entry.info.kind, event_type, &said, now, &*self.inner.outside.variables)
            .map_err(ConfigureError::Conflict)
    }
}
