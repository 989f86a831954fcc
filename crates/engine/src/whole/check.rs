//! Whether a configuration that comes from outside can be one of ours.

use fanfare_core::{
    Assignment, Catalog, Fault, NetworkRules, NotificationSettings, Registry, catalog::JobWording, check_settings,
};
use fanfare_store::{ChannelRow, ConfigRow, JobRow};
use fanfare_template::Renderer;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use uuid::Uuid;

use super::document::Section;
use crate::{
    LaneSettings,
    configure::{check_config, check_job, check_lane, check_name},
    outbound,
    snapshot::{NOTIFICATIONS, OUTBOUND, OutboundDocument, Snapshot},
    wording,
};

#[derive(Deserialize)]
struct Channel {
    id: Uuid,
    name: String,
    kind: String,
    config: String,
    enabled: bool,
    delivery: Value,
    created_at: i64,
    updated_at: i64,
}

#[derive(Deserialize)]
struct Job {
    id: Uuid,
    name: String,
    notifications: Vec<Assignment>,
    expect_every_s: Option<i64>,
    grace_s: Option<i64>,
    wording: Option<JobWording>,
    ping_key: String,
    created_at: i64,
    updated_at: i64,
}

#[derive(Deserialize)]
struct Setting {
    name: String,
    document: Value,
}

/// The configuration that these sections would make of `before`, as far as they can be read, and what cannot.
pub(super) fn candidate(sections: &[Section], before: &Snapshot, registry: &Registry) -> (Snapshot, Vec<Fault>) {
    let mut faults = Vec::new();
    let channels = match section(sections, "channels") {
        Some(section) => each(section, &mut faults, channel),
        None => before.channels.iter().map(|entry| entry.row.clone()).collect(),
    };
    let jobs = match section(sections, "jobs") {
        Some(section) => each(section, &mut faults, |job: Job| Ok(job_row(job))),
        None => before.jobs.clone(),
    };
    let (mut settings, mut outbound) = (before.settings.clone(), before.outbound.clone());
    if let Some(section) = section(sections, "settings") {
        (settings, outbound) = (NotificationSettings::default(), None);
        each(section, &mut faults, |setting: Setting| {
            match setting.name.as_str() {
                NOTIFICATIONS => settings = parse(setting.document)?,
                OUTBOUND => outbound = Some(parse::<OutboundDocument>(setting.document)?.allow_networks),
                _ => return Err(Fault::new("/name", "there are no such settings here")),
            }
            Ok(())
        });
    }
    (Snapshot::of(registry, settings, outbound, channels, jobs), faults)
}

/// What is wrong with the configuration that these sections make, and what is not as it should be.
pub(super) fn check(
    sections: &[Section],
    after: &Snapshot,
    before: Option<&NotificationSettings>,
    registry: &Registry,
    catalog: &Catalog,
    network: &dyn NetworkRules,
) -> (Vec<Fault>, Vec<Fault>) {
    let (mut faults, mut warnings) = (Vec::new(), Vec::new());
    for (i, entry) in after.channels.iter().enumerate().filter(|_| section(sections, "channels").is_some()) {
        let at = place(section(sections, "channels"), i, |row| row["id"] == entry.row.id.to_string());
        let mut found = check_name(&entry.row.name);
        match registry.get(&entry.row.kind) {
            Ok(kind) => found.extend(check_config(kind, &entry.row.config)),
            Err(error) => found.push(Fault::new("/kind", error.to_string())),
        }
        match serde_json::from_value::<LaneSettings>(entry.row.delivery.clone()) {
            Ok(lane) => found.extend(check_lane(&lane)),
            Err(error) => found.push(Fault::new("/delivery", error.to_string())),
        }
        faults.extend(found.into_iter().map(|fault| fault.under(&at)));
    }
    for (i, job) in after.jobs.iter().enumerate() {
        let at = place(section(sections, "jobs"), i, |row| row["id"] == job.id.to_string());
        faults.extend(check_job(job, after).into_iter().map(|fault| fault.under(&at)));
    }
    let at = place(section(sections, "settings"), 0, |row| row["name"] == NOTIFICATIONS) + "/document";
    let found = check_settings(&after.settings, before.unwrap_or(&after.settings), catalog, &after.channels);
    // What may be kept and not be made: an event type that tells the user without an e-mail channel.
    let kept = check_settings(&after.settings, &NotificationSettings::default(), catalog, &after.channels);
    warnings.extend(kept.into_iter().filter(|fault| !found.contains(fault)).map(|fault| fault.under(&at)));
    faults.extend(found.into_iter().map(|fault| fault.under(&at)));
    if let Some(networks) = &after.outbound {
        let at = place(section(sections, "settings"), 0, |row| row["name"] == OUTBOUND) + "/document";
        faults.extend(outbound::check(networks).into_iter().map(|fault| fault.under(&at)));
        if network.is_locked() {
            let detail = "FANFARE_ALLOW_NETWORKS fixes the networks, so these have no effect as long as it is set";
            warnings.push(Fault::new(at, detail));
        }
    }
    (faults, warnings)
}

fn section<'a>(sections: &'a [Section], name: &str) -> Option<&'a Section> {
    sections.iter().find(|section| section.table.name == name)
}

/// Where a row stands in the document.
fn place(section: Option<&Section>, or: usize, is: impl Fn(&ConfigRow) -> bool) -> String {
    let Some(section) = section else { return String::new() };
    let at = section.rows.iter().position(is).unwrap_or(or);
    format!("/document/sections/{}/{at}", section.table.name)
}

/// What is wrong with the own wordings that are new.
pub(super) fn wordings(
    sections: &[Section],
    after: &Snapshot,
    before: &Snapshot,
    catalog: &Catalog,
    renderer: &Renderer,
) -> Vec<Fault> {
    let settings = wording::check_settings(&after.settings, &before.settings, catalog, renderer);
    let at = place(section(sections, "settings"), 0, |row| row["name"] == NOTIFICATIONS) + "/document";
    let mut faults: Vec<_> = settings.into_iter().map(|fault| fault.under(&at)).collect();
    for (i, job) in after.jobs.iter().enumerate() {
        let at = place(section(sections, "jobs"), i, |row| row["id"] == job.id.to_string());
        let known = before.jobs.iter().find(|known| known.id == job.id).and_then(|known| known.wording.as_ref());
        let found = wording::check_job(job.wording.as_ref(), known, catalog, renderer);
        faults.extend(found.into_iter().map(|fault| fault.under(&at)));
    }
    faults
}

/// Reads every row as a `T` and makes something of it.
fn each<T: DeserializeOwned, U>(
    section: &Section,
    faults: &mut Vec<Fault>,
    mut make: impl FnMut(T) -> Result<U, Fault>,
) -> Vec<U> {
    let mut made = Vec::with_capacity(section.rows.len());
    for (i, row) in section.rows.iter().enumerate() {
        match parse(Value::Object(row.clone())).and_then(&mut make) {
            Ok(one) => made.push(one),
            Err(fault) => faults.push(fault.under(&format!("/document/sections/{}/{i}", section.table.name))),
        }
    }
    made
}

/// The library's text may repeat a value, which may be a secret, so only the place is told.
fn parse<T: DeserializeOwned>(value: Value) -> Result<T, Fault> {
    serde_json::from_value(value).map_err(|_| Fault::new("", "this cannot be read: it is of another form"))
}

fn channel(channel: Channel) -> Result<ChannelRow, Fault> {
    let Channel { id, name, kind, config, enabled, delivery, created_at, updated_at } = channel;
    let config = serde_json::from_str(&config);
    let config = config.map_err(|_| Fault::new("/config", "this cannot be read: it is of another form"))?;
    Ok(ChannelRow { id, name, kind, config, enabled, delivery, created_at, updated_at })
}

fn job_row(job: Job) -> JobRow {
    let Job { id, name, notifications, expect_every_s, grace_s, wording, ping_key, created_at, updated_at } = job;
    JobRow {
        id,
        name,
        notifications,
        expect_every_s,
        grace_s,
        wording,
        ping_key,
        last_run: None,
        watch: None,
        started_at: None,
        created_at,
        updated_at,
    }
}
