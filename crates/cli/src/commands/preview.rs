//! `fanfare channels preview`

use fanfare::{Preview, PreviewError, core::Catalog, registry};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Session, answers::EventType, explain::pretty};
use crate::{
    args::PreviewArgs,
    config::Settings,
    failure::Failure,
    output::{self, Screen, clean_lines},
    serve::event_types,
};

/// What would go out, as the API tells it.
#[derive(Debug, Serialize, Deserialize)]
struct Shown {
    kind: String,
    event_type: String,
    content_type: Option<String>,
    payload: String,
}

impl From<Preview> for Shown {
    fn from(Preview { kind, event_type, content_type, payload }: Preview) -> Self {
        Self { kind, event_type, content_type, payload }
    }
}

/// What a kind would send with the sample of its configuration. Needs no server; the event types are those that come
/// with Fanfare, and those of the configured directory.
pub(crate) fn of_kind(args: &PreviewArgs, settings: &Settings, screen: &Screen, json: bool) -> Result<(), Failure> {
    let added = event_types(settings.event_types_dir.as_deref())?;
    let shown = Shown::from(made(args, &added_texts(&added), screen).map_err(|error| failure(&error))?);
    let text = match json {
        true => serde_json::to_string(&shown).map_err(|error| Failure::Failed(error.to_string()))?,
        false => text(&shown, screen),
    };
    output::print(&text).map_err(|error| Failure::Failed(format!("the output cannot be written: {error}")))
}

fn added_texts(added: &[(std::path::PathBuf, String)]) -> Vec<(String, &str)> {
    added.iter().map(|(file, toml)| (file.display().to_string(), toml.as_str())).collect()
}

fn made(args: &PreviewArgs, added: &[(String, &str)], screen: &Screen) -> Result<Preview, PreviewError> {
    let added = added.iter().map(|(file, toml)| (file.as_str(), *toml));
    let catalog = Catalog::builtin()?.with_types(added)?;
    Preview::of_kind(&registry(), &catalog, &args.channel, &args.event_type, screen.now)
}

fn failure(error: &PreviewError) -> Failure {
    match error {
        PreviewError::Catalog(_) | PreviewError::Wording(_) => {
            Failure::WrongUse(format!("FANFARE_EVENT_TYPES_DIR: {error}"))
        }
        error => Failure::Failed(error.to_string()),
    }
}

/// Why something that is no kind cannot be previewed as a channel either.
pub(crate) fn no_kind(args: &PreviewArgs, failure: Failure) -> Failure {
    let kinds = registry().kinds().map(|kind| kind.kind).collect::<Vec<_>>().join(", ");
    let both = |words: String| format!("{:?} is no kind ({kinds}), and as a channel: {words}", args.channel);
    match failure {
        Failure::WrongUse(words) => Failure::WrongUse(both(words)),
        Failure::Failed(words) => Failure::Failed(both(words)),
        Failure::Unreachable(words) => Failure::Unreachable(both(words)),
        failure => failure,
    }
}

/// What a channel of the server would send.
pub(super) async fn of_channel(args: &PreviewArgs, session: &Session) -> Result<(), Failure> {
    let id = session.channel(&args.channel).await.map_err(|failure| no_kind(args, failure))?;
    let types: Vec<EventType> = session.client.get(&["event-types"], &[]).await?.read()?;
    if !types.iter().any(|known| known.id == args.event_type) {
        let known = types.iter().map(|known| known.id.as_str()).collect::<Vec<_>>().join(", ");
        return Err(Failure::Failed(format!("there is no event type {:?}; there are: {known}", args.event_type)));
    }
    let query = [("event_type", Some(args.event_type.clone()))];
    let answer = session.client.get(&["channels", &id, "preview"], &query).await?;
    session.show(&answer, text)
}

/// The payload: laid out where it is JSON, else as it is, but for what could steer a terminal.
fn text(shown: &Shown, screen: &Screen) -> String {
    let text = pretty(&Value::String(shown.payload.clone()));
    match (text.is_empty(), screen.width) {
        (true, _) => "(nothing: this request has no body)".into(),
        (false, None) => text,
        (false, Some(_)) => clean_lines(&text).collect::<Vec<_>>().join("\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::test_screen;

    fn preview(kind: &str, event_type: &str) -> Result<Preview, PreviewError> {
        let args = PreviewArgs { channel: kind.into(), event_type: event_type.into() };
        made(&args, &[], &test_screen(None))
    }

    /// Every kind has a sample that works, and can tell every event type.
    #[test]
    fn every_kind_tells_every_type() {
        let catalog = Catalog::builtin().unwrap();
        for kind in registry().kinds() {
            for event_type in &catalog {
                let shown =
                    preview(kind.kind, event_type.id.as_str()).unwrap_or_else(|error| panic!("{kind:?}: {error}"));
                assert!(!shown.payload.is_empty() && shown.content_type.is_some(), "{kind:?} {shown:?}");
                let is_json = shown.content_type.as_deref().is_some_and(|kind| kind.starts_with("application/json"));
                assert_eq!(is_json, serde_json::from_str::<Value>(&shown.payload).is_ok(), "{kind:?}");
            }
        }
    }

    #[test]
    fn json_is_laid_out_and_text_stays() {
        let shown = |payload: &str| Shown {
            kind: "k".into(),
            event_type: "t".into(),
            content_type: None,
            payload: payload.into(),
        };
        assert_eq!(text(&shown("{\"a\":1}"), &test_screen(None)), "{\n  \"a\": 1\n}");
        assert_eq!(text(&shown("To=1&Body=a+b\n\tc"), &test_screen(None)), "To=1&Body=a+b\n\tc");
        assert_eq!(text(&shown("a\u{1b}[2J\nb"), &test_screen(Some(80))), "a\u{fffd}[2J\nb");
        assert!(text(&shown(""), &test_screen(None)).starts_with("(nothing"));
    }

    #[test]
    fn mistakes_say_which_there_are() {
        let unknown = preview("webhook", "no_such").unwrap_err().to_string();
        assert!(unknown.contains("\"no_such\"") && unknown.contains("backup_success, "), "{unknown}");
        let unknown = preview("carrier_pigeon", "system_error").unwrap_err().to_string();
        assert!(unknown.contains("webhook") && unknown.contains("email"), "{unknown}");
    }
}
