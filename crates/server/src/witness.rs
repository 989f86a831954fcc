//! The audit as the engine's witness: what an administrator changes stands in it, or is not changed.

use std::sync::Arc;

use fanfare::{Changing, Engine, Record, Witness};

use crate::{
    accounts::Change,
    app::AppState,
    auth::{Actor, Allowed, ToAdminister},
    routes::{channels, jobs, keys, outbound, settings, whole},
};

/// Writes down what somebody changes.
#[derive(Debug)]
struct Auditor {
    app: AppState,
    actor: Actor,
}

/// The engine in the hands of this administrator: every change of the configuration stands in the audit under the name.
pub(crate) fn by(app: &AppState, administrator: &Allowed<ToAdminister>) -> Engine {
    app.engine.witnessed(Arc::new(Auditor { app: app.clone(), actor: administrator.actor() }))
}

impl Witness for Auditor {
    fn record(&self, change: &Changing<'_>) -> Record {
        let Self { app, actor } = self;
        let mut statements = Vec::new();
        let change: Change<'_> = match *change {
            Changing::Channel { before, after } => channels::change(before, after),
            Changing::Job { before, after } => jobs::change(before, after),
            Changing::PingKey(job) => jobs::key_change(job),
            Changing::Settings { before, after } => settings::change(before, after, app.engine.catalog()),
            Changing::Outbound { before, after } => outbound::change(before, after),
            Changing::Keys(rotated) => keys::change(rotated, app.keys.are_ours()),
            Changing::Import(report) => {
                // Accounts and tokens may be among it, and every node keeps those in memory.
                statements.push(app.accounts.next_revision());
                whole::change("configuration.import", report)
            }
            Changing::Apply(report) => whole::change("configuration.apply", report),
        };
        statements.push(app.accounts.audit_statement(actor, change));
        Record::new(statements)
    }
}
