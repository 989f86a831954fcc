#![doc = include_str!("../README.md")]

mod compiled;
mod error;
mod format;
mod guard;
mod helpers;
mod limit;
mod names;
mod own;
mod probe;
mod text;

use std::{collections::HashMap, sync::Arc};

use fanfare_core::{Catalog, EventType, EventTypeId, Notification, catalog::Wording};
use handlebars::Handlebars;
use jiff::Timestamp;
use serde_json::{Map, Value};

pub use compiled::Compiled;
pub use error::{RenderError, TemplateError};
pub use limit::{MAX_BYTES, MAX_TIME};
pub use own::Own;

/// The compiled wordings of a catalog.
#[derive(Clone)]
pub struct Renderer {
    registry: Arc<Handlebars<'static>>,
    wordings: HashMap<EventTypeId, Wordings>,
}

#[derive(Clone)]
struct Wordings {
    ordinary: Compiled,
    user: Option<Compiled>,
}

impl Renderer {
    /// Compiles every wording of a catalog and tries it on its type's sample.
    pub fn new(catalog: &Catalog) -> Result<Self, TemplateError> {
        let mut renderer = Self { registry: Arc::new(helpers::registry()), wordings: HashMap::new() };
        for event_type in catalog {
            let ordinary = renderer.compile_at("wording", event_type, &event_type.wording)?;
            let user = event_type.user_wording.as_ref();
            let user = user.map(|wording| renderer.compile_at("user", event_type, wording)).transpose()?;
            renderer.wordings.insert(event_type.id.clone(), Wordings { ordinary, user });
        }
        Ok(renderer)
    }

    #[cfg(test)]
    fn compile(&self, event_type: &EventType, wording: &Wording) -> Result<Compiled, TemplateError> {
        self.compile_at("wording", event_type, wording)
    }

    /// What an event says.
    pub fn render(
        &self,
        event_type: &EventType,
        data: &Map<String, Value>,
        occurred_at: Timestamp,
    ) -> Result<Notification, RenderError> {
        self.wordings_of(event_type)?.ordinary.render(data, occurred_at)
    }

    /// What an event says to the user it is about: by the type's wording for the user, or else as to everyone.
    pub fn render_user(
        &self,
        event_type: &EventType,
        data: &Map<String, Value>,
        occurred_at: Timestamp,
    ) -> Result<Notification, RenderError> {
        let wordings = self.wordings_of(event_type)?;
        wordings.user.as_ref().unwrap_or(&wordings.ordinary).render(data, occurred_at)
    }

    /// Whether an event type says something else to the user it is about.
    pub fn has_user_wording(&self, event_type: &EventType) -> bool {
        self.wordings.get(&event_type.id).is_some_and(|wordings| wordings.user.is_some())
    }

    fn wordings_of(&self, event_type: &EventType) -> Result<&Wordings, RenderError> {
        self.wordings.get(&event_type.id).ok_or_else(|| RenderError::UnknownType(event_type.id.clone()))
    }

    fn compile_at(
        &self,
        place: &'static str,
        event_type: &EventType,
        wording: &Wording,
    ) -> Result<Compiled, TemplateError> {
        let error = |(key, detail): (String, String)| TemplateError {
            file: event_type.file.clone(),
            line: event_type.line_of(&key),
            key,
            detail,
        };
        let within = |(key, detail)| error((format!("{place}.{key}"), detail));
        helpers::check_names(event_type).map_err(error)?;
        event_type.check_wording(wording).map_err(within)?;
        let compiled = Compiled::new(self.registry.clone(), event_type, wording).map_err(within)?;
        for data in probe::data(event_type, wording) {
            compiled.render(&data, Timestamp::UNIX_EPOCH).map_err(|error| within(error.into_problem()))?;
        }
        Ok(compiled)
    }
}

impl std::fmt::Debug for Renderer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.wordings.keys()).finish()
    }
}

#[cfg(test)]
mod tests;
