//! `fanfare export`, `fanfare import` and `fanfare apply`

use std::{
    fs::{self, OpenOptions},
    io::{self, BufRead, IsTerminal, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{
    Session,
    answers::{ImportReport, ItemChange},
};
use crate::{
    args::{ApplyArgs, Consent, ExportArgs, ImportArgs},
    client::Answer,
    failure::Failure,
    output::{Cell, Screen, Table, Tone, clean},
    passphrase::passphrase,
};

pub(super) async fn export(args: &ExportArgs, session: &Session) -> Result<(), Failure> {
    let passphrase = passphrase(&args.passphrase, true)?;
    let body = json!({ "passphrase": passphrase.expose_secret() });
    let document: Value = session.client.post(&["export"], Some(&body)).await?.read()?;
    let text = format!("{document:#}");
    match &args.output {
        None => session.print(&text),
        Some(file) => write(file, &text)
            .map_err(|error| Failure::Failed(format!("{} cannot be written: {error}", file.display()))),
    }
}

pub(super) async fn import(args: &ImportArgs, session: &Session) -> Result<(), Failure> {
    let text = read(&args.file)?;
    let wrong = |error| Failure::WrongUse(format!("{} is not JSON: {error}", args.file.display()));
    let document: Value = serde_json::from_str(&text).map_err(wrong)?;
    let passphrase = passphrase(&args.passphrase, false)?;
    let run = async |dry_run: bool| {
        let body = json!({ "document": document, "passphrase": passphrase.expose_secret(), "dry_run": dry_run });
        session.client.post(&["import"], Some(&body)).await
    };
    carry_out(run, args.consent, session).await
}

pub(super) async fn apply(args: &ApplyArgs, session: &Session) -> Result<(), Failure> {
    let document = from_toml(&read(&args.file)?, &args.file)?;
    let run = async |dry_run: bool| {
        let body = json!({ "document": document, "dry_run": dry_run });
        session.client.post(&["apply"], Some(&body)).await
    };
    carry_out(run, args.consent, session).await
}

/// First what would change, then whether that is meant, then doing it. `run` is told whether it is only asked.
async fn carry_out(
    run: impl AsyncFn(bool) -> Result<Answer, Failure>,
    Consent { dry_run, yes }: Consent,
    session: &Session,
) -> Result<(), Failure> {
    let planned = run(true).await?;
    let plan: ImportReport = planned.read()?;
    if dry_run || plan.is_empty() {
        return session.show(&planned, words);
    }
    if !yes {
        confirm(&plan, session)?;
    }
    session.show(&run(false).await?, words)
}

/// Shows a plan and asks whether it is meant.
fn confirm(plan: &ImportReport, session: &Session) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::WrongUse("nobody is there to ask: --yes does it, --dry-run only says what it is".into()));
    }
    eprint!("{}\n\nDo this? [y/N] ", words(plan, &session.screen));
    let mut answer = String::new();
    let read = io::stderr().flush().and_then(|()| io::stdin().lock().read_line(&mut answer));
    read.map_err(|error| Failure::Failed(format!("the terminal cannot be read: {error}")))?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::Failed("nothing was changed".into())),
    }
}

fn words(report: &ImportReport, screen: &Screen) -> String {
    let mut table = Table::new(["", "SECTION", "NAME", "~CHANGES"]);
    let mut unchanged = 0;
    for section in &report.sections {
        unchanged += section.unchanged;
        let mut rows = |sign, tone, items: &[ItemChange]| {
            for item in items {
                table.row([
                    Cell::toned(sign, tone),
                    (&section.name).into(),
                    (&item.name).into(),
                    item.pointers.join(" ").into(),
                ]);
            }
        };
        rows("+", Tone::Good, &section.created);
        rows("~", Tone::Strong, &section.changed);
        rows("-", Tone::Bad, &section.removed);
    }
    let mut text = table.render(screen, "There is nothing to change.");
    for warning in &report.warnings {
        text += &format!("\nwarning: {}: {}", clean(&warning.pointer), clean(&warning.detail));
    }
    let done = match (report.is_empty(), report.applied) {
        (true, _) => "",
        (false, true) => "Done. ",
        (false, false) => "Nothing was changed yet. ",
    };
    text + &format!("\n\n{done}{unchanged} stay as they are.")
}

fn read(file: &Path) -> Result<String, Failure> {
    let text = match file == Path::new("-") {
        true => io::read_to_string(io::stdin()),
        false => fs::read_to_string(file),
    };
    text.map_err(|error| Failure::WrongUse(format!("{} cannot be read: {error}", file.display())))
}

/// The library's own text shows the line, which may hold a secret.
fn from_toml(text: &str, file: &Path) -> Result<Value, Failure> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        let why = error.message().replace('\n', ", ");
        Failure::WrongUse(format!("{}, line {line}: {why}", file.display()))
    })
}

/// For the owner alone: even encrypted, it is a copy of the keys to everybody's inboxes.
fn write(file: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::test_screen;

    #[test]
    fn what_changes_is_listed() {
        let report = serde_json::from_value(json!({
            "applied": false,
            "sections": [{
                "name": "channels", "unchanged": 2,
                "created": [{ "id": "1", "name": "new", "pointers": [] }],
                "changed": [{ "id": "2", "name": "ops", "pointers": ["/config/url", "/enabled"] }],
                "removed": [{ "id": "3", "name": "old", "pointers": [] }],
            }],
            "warnings": [{ "pointer": "/document/x", "detail": "kept" }],
        }));
        let text = words(&report.unwrap(), &test_screen(None));
        let expected = "   SECTION   NAME  CHANGES
+  channels  new
~  channels  ops   /config/url /enabled
-  channels  old
warning: /document/x: kept

Nothing was changed yet. 2 stay as they are.";
        assert_eq!(text, expected);
        let nothing = serde_json::from_value(json!({ "applied": true, "sections": [], "warnings": [] }));
        assert!(words(&nothing.unwrap(), &test_screen(None)).starts_with("There is nothing to change."));
    }
}
