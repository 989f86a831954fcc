//! The catalog: every event type, its data and its wording.
//!
//! An event type is one TOML file. The ones that come with Fanfare are compiled in; more can be
//! added by their text with [`Catalog::with_types`]. Everything about a file is checked when it is
//! loaded, except its templates, which the crate that renders them checks.

mod builtin;
mod check;
mod error;
mod event_type;
mod field;
mod load;
mod own;
mod wording;

use std::{collections::HashMap, sync::Arc};

pub use error::CatalogError;
pub use event_type::{EventType, Layer, UserFields};
pub use field::{DataField, FieldKind, Member};
pub use own::{JobWording, OwnText, OwnWording};
pub use wording::{FieldWording, Overlay, Variant, When, Wording, is_present};

use crate::EventTypeId;

/// All event types, in the order in which they are shown. Cloning it is cheap.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    inner: Arc<Inner>,
}

#[derive(Clone, Debug, Default)]
struct Inner {
    types: Vec<Arc<EventType>>,
    by_id: HashMap<EventTypeId, Arc<EventType>>,
}

impl Catalog {
    /// The event types that come with Fanfare.
    pub fn builtin() -> Result<Self, CatalogError> {
        Self::default().extended(builtin::FILES.iter().copied(), true)
    }

    /// This catalog and one more event type, from the text of a TOML file.
    pub fn with_type(self, file: &str, toml: &str) -> Result<Self, CatalogError> {
        self.with_types([(file, toml)])
    }

    /// This catalog and more event types, from file names and texts. The added ones may refer to each other.
    pub fn with_types<'a>(self, files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, CatalogError> {
        self.extended(files, false)
    }

    /// The event type of this name.
    pub fn get(&self, id: &str) -> Option<&Arc<EventType>> {
        self.inner.by_id.get(id)
    }

    /// All event types; those of one category stand together.
    pub fn iter(&self) -> std::slice::Iter<'_, Arc<EventType>> {
        self.inner.types.iter()
    }

    fn extended<'a>(
        mut self,
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
        builtin: bool,
    ) -> Result<Self, CatalogError> {
        let inner = Arc::make_mut(&mut self.inner);
        let mut added = Vec::new();
        for (file, text) in files {
            let event_type = Arc::new(load::event_type(file, text, builtin)?);
            if let Some(other) = inner.by_id.get(&event_type.id) {
                let id = &event_type.id;
                let detail = match other.builtin {
                    true => format!("{id} comes with Fanfare and cannot be replaced: choose another name"),
                    false => {
                        format!("{id} is already the name of an event type, in {}: choose another name", other.file)
                    }
                };
                return Err(CatalogError::at(file, text, "id", detail));
            }
            inner.by_id.insert(event_type.id.clone(), event_type.clone());
            inner.insert(event_type.clone());
            added.push((event_type, text));
        }
        for (event_type, text) in added {
            inner.check_resolves(&event_type, text)?;
        }
        Ok(self)
    }
}

impl Inner {
    /// Puts a type behind the last of its category, or at the end.
    fn insert(&mut self, event_type: Arc<EventType>) {
        let last = self.types.iter().rposition(|other| other.category == event_type.category);
        self.types.insert(last.map_or(self.types.len(), |i| i + 1), event_type);
    }

    /// What a type resolves must exist and be identified by the same data, or the two would never meet.
    fn check_resolves(&self, event_type: &EventType, text: &str) -> Result<(), CatalogError> {
        for (i, id) in event_type.resolves.iter().enumerate() {
            let detail = match self.by_id.get(id) {
                None => format!("there is no event type {id}"),
                Some(other) if other.condition.is_empty() => format!("{id} names no condition, so nothing can end it"),
                Some(other) if other.condition != event_type.condition => {
                    format!("{id} is identified by {:?}, so condition must be the same here", other.condition)
                }
                Some(_) => continue,
            };
            return Err(CatalogError::at(&event_type.file, text, &format!("resolves[{i}]"), detail));
        }
        Ok(())
    }
}

impl<'a> IntoIterator for &'a Catalog {
    type Item = &'a Arc<EventType>;
    type IntoIter = std::slice::Iter<'a, Arc<EventType>>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests;
