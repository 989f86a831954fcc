//! What Slack's answers mean. They are words in plain text; `ok` alone is success, whatever the status says.

use bytes::Bytes;
use fanfare_core::{ErrorKind, Receipt, SendError, verdict};
use http::Response;
use jiff::Timestamp;

/// What a word means for the sender.
#[derive(Clone, Copy)]
enum Meaning {
    /// This message will never pass.
    Message,
    /// Nothing will pass until somebody changes something.
    Setup,
    /// It passes.
    Passing,
}

/// Slack's words, and what to do about them.
const WORDS: &[(&str, Meaning, &str)] = &[
    ("invalid_payload", Meaning::Message, "Slack does not accept the form of this message"),
    ("no_text", Meaning::Message, "Slack found no text in this message"),
    ("invalid_blocks", Meaning::Message, "Slack does not accept a block of this message"),
    ("invalid_attachments", Meaning::Message, "Slack does not accept the attachment of this message"),
    ("too_many_attachments", Meaning::Message, "Slack does not accept so many attachments"),
    ("user_not_found", Meaning::Setup, "the user in `channel` does not exist"),
    ("action_prohibited", Meaning::Setup, "an administrator of the workspace does not allow this"),
    ("invalid_token", Meaning::Setup, "the webhook's address is not complete or no longer valid: copy it anew"),
    ("team_disabled", Meaning::Setup, "the workspace is disabled, or the app was removed from it"),
    (
        "posting_to_general_channel_denied",
        Meaning::Setup,
        "the webhook may not write to #general: choose another channel",
    ),
    (
        "channel_not_found",
        Meaning::Setup,
        "the channel does not exist: write it with #, and invite the app where it is private",
    ),
    ("no_service", Meaning::Setup, "the webhook was removed or disabled: make a new one"),
    ("no_team", Meaning::Setup, "the workspace in the webhook's address does not exist: copy it anew"),
    ("channel_is_archived", Meaning::Setup, "the channel is archived: choose another one"),
    ("rollup_error", Meaning::Passing, "an error inside Slack"),
];

/// What an answer at `now` means.
pub(crate) fn receipt(response: &Response<Bytes>, now: Timestamp) -> Result<Receipt, SendError> {
    let word = first_word(response.body());
    let known = WORDS.iter().find(|(known, ..)| *known == word);
    match verdict(response, now) {
        Ok(receipt) if response.body().trim_ascii() == b"ok" => Ok(receipt),
        Ok(Receipt { status, detail }) => {
            let kind = known.map_or(ErrorKind::Rejected, |(_, meaning, _)| kind(*meaning));
            let hint =
                known.map_or("Slack says `ok` when it has taken a message; is this a Slack webhook?", |row| row.2);
            Err(SendError { kind, status, detail: format!("{detail} ({hint})") })
        }
        // Full or broken is full or broken, whatever the words.
        Err(error) if matches!(error.kind, ErrorKind::RateLimited { .. } | ErrorKind::Temporary { .. }) => Err(error),
        Err(error) => Err(match known {
            Some((_, meaning, hint)) => {
                SendError { kind: kind(*meaning), detail: format!("{} ({hint})", error.detail), ..error }
            }
            None => error,
        }),
    }
}

fn kind(meaning: Meaning) -> ErrorKind {
    match meaning {
        Meaning::Message => ErrorKind::Rejected,
        Meaning::Setup => ErrorKind::Misconfigured { blocked_network: None },
        Meaning::Passing => ErrorKind::Temporary { after: None, outcome_unknown: false },
    }
}

/// The word that a body begins with. Some answers go on with an explanation.
fn first_word(body: &[u8]) -> &str {
    let body = body.trim_ascii_start();
    let end = body.iter().position(|b| !b.is_ascii_lowercase() && *b != b'_').unwrap_or(body.len());
    std::str::from_utf8(&body[..end]).unwrap_or_default()
}
