//! The whole configuration as one document.

use std::fmt;

use fanfare::{ImportReport as EngineReport, ItemChange as EngineItem, SectionReport as EngineSection};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{extract::Strict, problem::InputError};

/// A passphrase, which does not show itself.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Passphrase(pub(crate) String);

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}

/// What an export is encrypted with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportInput {
    /// The passphrase, of at least 8 characters. Without it, the secrets in the document are lost.
    #[schema(value_type = String, format = Password)]
    pub(crate) passphrase: Passphrase,
}

/// The whole configuration. What is confidential is encrypted, each value for its place.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Export, value_type = Object)]
pub(crate) struct ExportDocument(pub(crate) Value);

/// A document to import.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportInput {
    /// What an export answered.
    #[schema(value_type = Object)]
    pub(crate) document: Strict,
    /// The passphrase of that export.
    #[schema(value_type = String, format = Password)]
    pub(crate) passphrase: Passphrase,
    /// Whether to say only what would change.
    pub(crate) dry_run: bool,
}

/// Configuration as code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApplyInput {
    /// Channels and jobs by name, settings, outbound: what is wanted. What it does not mention stays as it is.
    #[schema(value_type = Object)]
    pub(crate) document: Strict,
    /// Whether to say only what would change.
    pub(crate) dry_run: bool,
}

/// What an import changes, or would change.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ImportReport {
    /// Whether it was written.
    applied: bool,
    /// By section of the document.
    sections: Vec<SectionReport>,
    /// What is taken over although it is not as it should be.
    warnings: Vec<InputError>,
}

/// What changes in one section.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SectionReport {
    /// The section, such as `channels`.
    #[schema(value_type = String)]
    name: &'static str,
    /// What is new.
    created: Vec<ItemChange>,
    /// What changes.
    changed: Vec<ItemChange>,
    /// What goes.
    removed: Vec<ItemChange>,
    /// How many stay as they are.
    unchanged: usize,
}

/// One thing that changes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ItemChange {
    /// What identifies it.
    id: String,
    /// What it is called.
    name: String,
    /// What changes in it: JSON pointers, and never values. Empty for what is new or goes.
    pointers: Vec<String>,
}

impl From<EngineReport> for ImportReport {
    fn from(EngineReport { applied, sections, warnings }: EngineReport) -> Self {
        Self {
            applied,
            sections: sections.into_iter().map(SectionReport::from).collect(),
            warnings: warnings.into_iter().map(InputError::from).collect(),
        }
    }
}

impl From<EngineSection> for SectionReport {
    fn from(section: EngineSection) -> Self {
        let EngineSection { name, created, changed, removed, unchanged } = section;
        let all = |items: Vec<EngineItem>| items.into_iter().map(ItemChange::from).collect();
        Self { name, created: all(created), changed: all(changed), removed: all(removed), unchanged }
    }
}

impl From<EngineItem> for ItemChange {
    fn from(EngineItem { id, name, pointers }: EngineItem) -> Self {
        Self { id, name, pointers }
    }
}
