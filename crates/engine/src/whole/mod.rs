//! The whole configuration as one document: out of here, and back in.

mod apply;
mod check;
mod document;
mod report;

use fanfare_core::{Fault, NotificationSettings};
use fanfare_store::{ConfigTable, Difference, TABLES, difference};
use serde_json::{Map, Value};
use tokio::task::spawn_blocking;

use crate::{
    Changing, ConfigureError, Engine, Submission, configure::refuse, engine::Inner, snapshot::Snapshot, writer::Change,
};
use apply::Meant;
use document::{Read, Section};
pub use report::{ImportReport, ItemChange, SectionReport};

/// The event type that tells of an export.
const EXPORTED: &str = "config_backup";

/// What an import writes. Its rows hold secrets, so it shows only how many they are.
pub(crate) type Changes = Vec<(ConfigTable, Difference)>;

/// Where a configuration comes from that is to be taken over.
enum Given<'a> {
    /// Out of an export, as it was or not. What settings should not be is taken over with a warning.
    Export(Result<(), Fault>),
    /// From somebody who wants it in place of these settings. What these were not already is refused.
    Wanted(&'a NotificationSettings),
}

impl Engine {
    /// The whole configuration as one document, in which what is confidential is encrypted by the passphrase. `more`
    /// are tables of configuration that the engine does not know.
    pub async fn export(&self, passphrase: &str, more: &[ConfigTable]) -> Result<Value, ConfigureError> {
        refuse(document::check_passphrase(passphrase))?;
        let tables = [TABLES, more].concat();
        let whole = self.inner.store.whole(&tables).await?;
        let (now, passphrase) = (self.inner.outside.clock.now(), passphrase.to_owned());
        let document = off_thread(move || document::write(&whole, &passphrase, now)).await??;
        self.tell_of_export(&document).await;
        Ok(document)
    }

    /// Makes the configuration what the document says, or says only what that would change. All of it or nothing: what
    /// is wrong with it is told with pointers into `{document, passphrase}`. A section that the document does not have
    /// stays as it is.
    pub async fn import(
        &self,
        document: &Value,
        passphrase: &str,
        dry_run: bool,
        more: &[ConfigTable],
    ) -> Result<ImportReport, ConfigureError> {
        let tables = [TABLES, more].concat();
        let (copy, passphrase) = (document.clone(), passphrase.to_owned());
        let read = off_thread(move || document::read(&copy, &passphrase, &tables)).await?;
        let Read { sections, seal } = read.map_err(ConfigureError::Invalid)?;
        let _alone = self.inner.configuring.lock().await;
        self.take_over(sections, Given::Export(seal), dry_run, |report| Changing::Import(report)).await
    }

    /// Makes channels, jobs and settings what the document wants, or says only what that would change; what it does not
    /// mention stays as it is. All of it or nothing: what is wrong with it is told with pointers into `{document}`.
    pub async fn apply(&self, document: &Value, dry_run: bool) -> Result<ImportReport, ConfigureError> {
        let _alone = self.inner.configuring.lock().await;
        let present = self.inner.store.whole(TABLES).await?;
        let now = self.inner.outside.clock.now().as_millisecond();
        let Meant { sections, places } = apply::meant(document, &present, now).map_err(ConfigureError::Invalid)?;
        let settings = self.inner.current.get().settings.clone();
        match self.take_over(sections, Given::Wanted(&settings), dry_run, |report| Changing::Apply(report)).await {
            Ok(mut report) => {
                report.warnings = report.warnings.into_iter().map(|fault| places.translate(fault)).collect();
                Ok(report)
            }
            Err(ConfigureError::Invalid(faults)) => {
                Err(ConfigureError::Invalid(faults.into_iter().map(|fault| places.translate(fault)).collect()))
            }
            Err(error) => Err(error),
        }
    }

    /// Checks and writes.
    async fn take_over(
        &self,
        sections: Vec<Section>,
        given: Given<'_>,
        dry_run: bool,
        named: fn(&ImportReport) -> Changing<'_>,
    ) -> Result<ImportReport, ConfigureError> {
        let Inner { registry, catalog, renderer, outside, .. } = &*self.inner;
        let current = self.inner.current.get();
        let (after, mut faults) = check::candidate(&sections, &current, registry);
        faults.extend(check::wordings(&sections, &after, &current, catalog, renderer));
        let (before, seal) = match given {
            Given::Wanted(before) => (Some(before), Ok(())),
            Given::Export(seal) => (None, seal),
        };
        let (found, warnings) = check::check(&sections, &after, before, registry, catalog, &*outside.network);
        faults.extend(found);
        refuse(faults)?;
        seal.map_err(|fault| ConfigureError::Invalid(vec![fault]))?;
        let changes = self.changes(sections).await?;
        let report = ImportReport::new(&changes, warnings, !dry_run);
        // Whoever keeps a record keeps one of an import that had nothing to change, too.
        let is_worth_it = self.witness.is_some() || changes.iter().any(|(_, difference)| !difference.is_empty());
        if !dry_run && is_worth_it {
            self.change(Change::Import(changes), self.record(named(&report))).await?;
            self.inner.alarms.notify_one();
        }
        Ok(report)
    }

    async fn changes(&self, sections: Vec<Section>) -> Result<Changes, ConfigureError> {
        let tables: Vec<_> = sections.iter().map(|section| section.table).collect();
        let present = self.inner.store.whole(&tables).await?;
        let now = self.inner.outside.clock.now().as_millisecond();
        let pairs = sections.into_iter().zip(&present);
        Ok(pairs
            .map(|(section, present)| (section.table, difference(&section.table, &present.rows, section.rows, now)))
            .collect())
    }

    /// An export has happened whether or not anybody can be told.
    async fn tell_of_export(&self, document: &Value) {
        let mut data = Map::new();
        data.insert("size_bytes".into(), document.to_string().len().into());
        data.insert("encrypted".into(), true.into());
        let submission = Submission { event_type: EXPORTED.into(), data, ..Submission::default() };
        if let Err(error) = self.accept(submission, None).await {
            tracing::warn!(%error, "an export could not be told of");
        }
    }
}

/// Making a key of a passphrase takes long on purpose.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ConfigureError> {
    let failed = |_| ConfigureError::Conflict("the document could not be worked on; try again".into());
    spawn_blocking(work).await.map_err(failed)
}

/// Which channels an import takes away, and which it disables or enables.
pub(crate) fn moved(before: &Snapshot, after: &Snapshot) -> Moved {
    let ids = |snapshot: &Snapshot, enabled| {
        let entries = snapshot.channels.iter().filter(move |entry| entry.info.enabled == enabled);
        entries.map(|entry| entry.info.id).collect::<Vec<_>>()
    };
    let now = |id| after.channels.entry(id).map(|entry| entry.info.enabled);
    let disabled = ids(before, true).into_iter().filter(|id| now(*id) == Some(false)).collect();
    let enabled = ids(before, false).into_iter().filter(|id| now(*id) == Some(true)).collect();
    Moved { disabled, enabled }
}

/// Channels whose waiting deliveries have to be held or let go.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    pub(crate) disabled: Vec<fanfare_core::ChannelId>,
    pub(crate) enabled: Vec<fanfare_core::ChannelId>,
}
