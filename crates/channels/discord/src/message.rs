//! The message as Discord reads it.

use fanfare_core::{AttemptInfo, Notification};
use serde::Serialize;

use crate::{Discord, embed::Embed};

#[derive(Debug, Serialize)]
pub(crate) struct Message<'a> {
    /// Who is called; embeds call nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar_url: Option<&'a str>,
    embeds: [Embed; 1],
    allowed_mentions: AllowedMentions<'a>,
}

/// Who may be called by this message: exactly those whom the configuration names, and nobody whom a text names.
#[derive(Debug, Serialize)]
struct AllowedMentions<'a> {
    parse: [&'static str; 0],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    roles: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    users: &'a [String],
}

impl<'a> Message<'a> {
    pub(crate) fn new(channel: &'a Discord, notification: &Notification, info: &AttemptInfo<'_>) -> Self {
        let called = (!notification.status.is_success() && !channel.mention.is_nobody()).then_some(&channel.mention);
        Self {
            content: called.map(|called| called.written()),
            username: channel.username.as_deref(),
            avatar_url: channel.avatar_url.as_deref(),
            embeds: [Embed::new(notification, info)],
            allowed_mentions: AllowedMentions {
                parse: [],
                roles: called.map_or(&[], |called| &called.roles),
                users: called.map_or(&[], |called| &called.users),
            },
        }
    }
}
