//! Which words an event is told in: the administrator's own where there are some that work, else the catalog's.

use std::{collections::HashMap, sync::Arc};

use fanfare_core::{
    Catalog, EventType, EventTypeId, Fault, Notification, NotificationSettings,
    catalog::{JobWording, Layer, OwnWording},
    escape_pointer,
};
use fanfare_store::JobRow;
use fanfare_template::{Own, RenderError, Renderer};
use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

/// All own wordings, compiled once for each change.
#[derive(Debug, Default)]
pub(crate) struct Wordings {
    types: HashMap<EventTypeId, Arc<OwnEntry>>,
    jobs: HashMap<Uuid, HashMap<EventTypeId, Arc<OwnEntry>>>,
}

/// An own wording as it was saved, and what became of it.
#[derive(Debug)]
pub(crate) struct OwnEntry {
    source: OwnWording,
    /// Compiled; or why it cannot be used, where its event type is another one since it was saved.
    own: Result<Own, String>,
}

impl Wordings {
    /// Compiles what has changed since `before`.
    pub(crate) fn load(
        settings: &NotificationSettings,
        jobs: &[JobRow],
        catalog: &Catalog,
        renderer: &Renderer,
        before: &Self,
    ) -> Self {
        let compiled = |id: &EventTypeId, source: OwnWording, before: Option<&Arc<OwnEntry>>| {
            let known = before.filter(|entry| entry.source == source).cloned();
            known.unwrap_or_else(|| Arc::new(entry(catalog, renderer, id, source)))
        };
        let types = settings.events.iter().filter_map(|(id, event)| {
            let source = event.wording.clone()?;
            Some((id.clone(), compiled(id, source, before.types.get(id))))
        });
        let jobs = jobs.iter().filter_map(|job| {
            let known = before.jobs.get(&job.id);
            let texts = job.wording.as_ref()?.iter().map(|(id, text)| {
                let entry = compiled(id, text.clone().into(), known.and_then(|known| known.get(id)));
                (id.clone(), entry)
            });
            Some((job.id, texts.collect()))
        });
        Self { types: types.collect(), jobs: jobs.collect() }
    }

    /// The own wording of an event type, or of a job for one.
    pub(crate) fn of(&self, event_type: &EventType, job: Option<Uuid>) -> Option<&OwnEntry> {
        let entries = match job {
            Some(job) => self.jobs.get(&job)?,
            None => &self.types,
        };
        entries.get(&event_type.id).map(|entry| &**entry)
    }
}

fn entry(catalog: &Catalog, renderer: &Renderer, id: &EventTypeId, source: OwnWording) -> OwnEntry {
    let own = match catalog.get(id.as_str()) {
        Some(event_type) => renderer.own(event_type, &source).map_err(|faults| in_words(&faults)),
        None => Err("there is no such event type".into()),
    };
    if let Err(error) = &own {
        tracing::warn!(event_type = %id, error, "a saved wording cannot be used: the event type's own words are");
    }
    OwnEntry { source, own }
}

fn in_words(faults: &[Fault]) -> String {
    faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("; ")
}

impl OwnEntry {
    /// One that is to be tried out and was not saved.
    pub(crate) fn preview(own: Own) -> Self {
        Self { source: OwnWording::default(), own: Ok(own) }
    }
}

/// Puts one event into words.
pub(crate) struct Voice<'a> {
    pub(crate) renderer: &'a Renderer,
    pub(crate) event_type: &'a EventType,
    pub(crate) own: Option<&'a OwnEntry>,
    pub(crate) data: &'a Map<String, Value>,
    pub(crate) at: Timestamp,
    /// Why words other than the administrator's own were used.
    pub(crate) error: Option<String>,
}

impl Voice<'_> {
    /// What everybody reads.
    pub(crate) fn ordinary(&mut self) -> Result<Notification, RenderError> {
        match self.own(|own, data, at| own.render(data, at)) {
            Some(said) => Ok(said),
            None => self.renderer.render(self.event_type, self.data, self.at),
        }
    }

    /// What the user whom the event is about reads; `None` where that is what everybody reads.
    pub(crate) fn for_user(&mut self) -> Result<Option<Notification>, RenderError> {
        match self.own(|own, data, at| own.render_user(data, at)) {
            Some(said) => Ok(Some(said)),
            None if self.renderer.has_user_wording(self.event_type) => {
                self.renderer.render_user(self.event_type, self.data, self.at).map(Some)
            }
            None => Ok(None),
        }
    }

    /// What the own wording says; `None` where it says nothing, or cannot, which is noted.
    fn own(
        &mut self,
        render: impl Fn(&Own, &Map<String, Value>, Timestamp) -> Option<Result<Notification, RenderError>>,
    ) -> Option<Notification> {
        let error = match &self.own?.own {
            Ok(own) => match render(own, self.data, self.at)? {
                Ok(said) => return Some(said),
                Err(error) => error.to_string(),
            },
            Err(error) => error.clone(),
        };
        tracing::warn!(event_type = %self.event_type.id, error, "an own wording failed: the event type's words are used");
        self.error = Some(format!("{error}; the event type's own words were used instead"));
        None
    }
}

/// What is wrong with the wordings in `new` settings, as far as they are not those of the `old` ones.
pub(crate) fn check_settings(
    new: &NotificationSettings,
    old: &NotificationSettings,
    catalog: &Catalog,
    renderer: &Renderer,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (id, event) in &new.events {
        let before = old.events.get(id).and_then(|event| event.wording.as_ref());
        // A type that does not exist is refused for that.
        let (Some(wording), Some(event_type)) = (&event.wording, catalog.get(id.as_str())) else { continue };
        if before != Some(wording) {
            let place = format!("/events/{}/wording", escape_pointer(id.as_str()));
            let found = renderer.own_to_save(event_type, wording).err().unwrap_or_default();
            faults.extend(found.into_iter().map(|fault| fault.under(&place)));
        }
    }
    faults
}

/// What is wrong with a job's wording, as far as it is not the one `before`.
pub(crate) fn check_job(
    new: Option<&JobWording>,
    before: Option<&JobWording>,
    catalog: &Catalog,
    renderer: &Renderer,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (id, text) in new.into_iter().flatten() {
        if before.and_then(|before| before.get(id)) == Some(text) {
            continue;
        }
        let place = format!("/wording/{}", escape_pointer(id.as_str()));
        match catalog.get(id.as_str()).filter(|event_type| event_type.layer == Layer::Job) {
            Some(event_type) => {
                let found = renderer.own_to_save(event_type, &text.clone().into()).err().unwrap_or_default();
                faults.extend(found.into_iter().map(|fault| fault.under(&place)));
            }
            None => faults.push(Fault::new(place, format!("{id} does not tell of a job's runs"))),
        }
    }
    faults
}
