//! `fanfare tokens`

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Session;
use crate::{
    args::{TokenArgs, word},
    failure::Failure,
    output::{Cell, Screen, Table, exact, relative},
};

/// A token, with itself only where it was just made.
#[derive(Debug, Deserialize)]
struct Token {
    id: String,
    name: String,
    scope: String,
    event_types: Option<Vec<String>>,
    jobs: Option<Vec<String>>,
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    created_by: String,
    #[serde(default)]
    signed: bool,
    token: Option<String>,
    signing_secret: Option<String>,
}

pub(super) async fn list(session: &Session) -> Result<(), Failure> {
    let answer = session.client.get(&["tokens"], &[]).await?;
    session.show(&answer, |tokens: &Vec<Token>, screen| table(tokens, screen))
}

pub(super) async fn create(args: TokenArgs, session: &Session) -> Result<(), Failure> {
    let mut jobs = Vec::new();
    for job in &args.jobs {
        jobs.push(session.job(job).await?);
    }
    let mut body = json!({ "name": args.name, "scope": word(&args.scope), "expires_at": args.expires_at });
    if !args.event_types.is_empty() {
        body["event_types"] = args.event_types.into();
    }
    if !jobs.is_empty() {
        body["jobs"] = Value::from(jobs);
    }
    if args.signed {
        body["signed"] = true.into();
    }
    let answer = session.client.post(&["tokens"], Some(&body)).await?;
    // Each alone on its line, so that a script can take it; what is said besides goes where it is not in the way.
    session.show(&answer, |token: &Token, _| {
        [&token.token, &token.signing_secret].into_iter().flatten().cloned().collect::<Vec<_>>().join("\n")
    })?;
    match args.signed {
        _ if session.json => {}
        true => eprintln!("These are the token and, below it, what to sign with. They are not shown again."),
        false => eprintln!("This is the token. It is not shown again."),
    }
    Ok(())
}

pub(super) async fn delete(name: &str, session: &Session) -> Result<(), Failure> {
    let id = session.token(name).await?;
    session.client.delete(&["tokens", &id], &[]).await?;
    session.done(&format!("The token {name} is deleted."))
}

fn table(tokens: &[Token], screen: &Screen) -> String {
    let mut table = Table::new(["NAME", "SCOPE", "LIMITED TO", "USED", "ENDS", "MADE BY", "ID"]);
    for token in tokens {
        let types = token.event_types.iter().flatten().cloned();
        let jobs = token.jobs.iter().flatten().map(|job| format!("job {}", screen.id(job)));
        let ends = token.expires_at.map(|at| if at <= screen.now { "ended".into() } else { exact(at, screen.now) });
        table.row([
            Cell::from(&token.name),
            (&token.scope).into(),
            types.chain(jobs).chain(token.signed.then(|| "signed".into())).collect::<Vec<_>>().join(", ").into(),
            token.last_used_at.map_or("never".into(), |at| relative(at, screen.now)).into(),
            ends.unwrap_or_default().into(),
            (&token.created_by).into(),
            screen.id(&token.id).into(),
        ]);
    }
    table.render(screen, "There are no tokens but the admin token.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::test_screen;

    #[test]
    fn tokens_are_listed_with_what_they_may_do() {
        let tokens: Vec<Token> = serde_json::from_value(json!([
            { "id": "01987a5e-1234-7000-8000-000011112222", "name": "backup", "scope": "send",
              "event_types": ["system_error"], "jobs": ["01987a5e-1234-7000-8000-000055556666"],
              "expires_at": "2026-03-01T00:00:00Z", "last_used_at": "2026-03-29T11:59:00Z",
              "created_by": "user:ada@b.example" },
            { "id": "01987a5e-1234-7000-8000-000033334444", "name": "viewer", "scope": "read", "event_types": null,
              "jobs": null, "expires_at": null, "last_used_at": null, "created_by": "token:admin-token" },
        ]))
        .unwrap();
        let text = table(&tokens, &test_screen(Some(120)));
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[1].starts_with("backup  send   system_error, job 55556666  "), "{text}");
        assert!(lines[1].contains("ended") && lines[2].contains("never"), "{text}");
    }
}
