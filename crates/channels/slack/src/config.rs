//! What an operator fills in, and what is wrong with it.

use fanfare_core::{ChannelConfig, Fault, Http, LaneDefaults, Mentions, SecretUrl};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Slack, mention};

/// Configuration of a Slack channel.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = sample())]
pub struct SlackConfig {
    /// The address of the incoming webhook: `https://hooks.slack.com/services/T…/B…/…`. It is confidential: whoever
    /// has it can write to the channel.
    pub webhook_url: SecretUrl,
    /// Another channel than the webhook's own: `#backups`, or an id such as `C012AB3CD`. Only webhooks of the old kind
    /// (custom integrations) follow it; those of Slack apps always write to the channel that they were made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The name that messages appear under. For webhooks of the old kind only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The picture beside messages, as the name of an emoji: `:floppy_disk:`. For webhooks of the old kind only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icon_emoji: Option<String>,
    /// Who is called when something is wrong: ids of users (`U…`, `W…`) and user groups (`S…`), or `here`, `channel`,
    /// `everyone`; several separated by spaces. Good news call nobody.
    #[serde(default, skip_serializing_if = "Mentions::is_empty")]
    pub mention: Mentions,
}

/// What previews are made with.
fn sample() -> serde_json::Value {
    serde_json::json!({"webhook_url": "https://hooks.slack.com/services/T0SAMPLE/B0SAMPLE/sample"})
}

impl ChannelConfig for SlackConfig {
    const KIND: &'static str = "slack";
    const NAME: &'static str = "Slack";
    const DESCRIPTION: &'static str = "Writes to a channel of Slack through an incoming webhook.";
    /// About one message a second for each webhook, short bursts tolerated.
    const LANE: LaneDefaults = LaneDefaults::paced(1.0, 5);
    type Channel = Http<Slack>;

    fn build(self) -> Result<Http<Slack>, Vec<Fault>> {
        let mut faults = Vec::new();
        if let Some(url) = self.webhook_url.literal() {
            faults.extend(check_path(url.path()).err().map(|why| Fault::new("/webhook_url", why)));
        }
        // A form that leaves a field empty means that there is none.
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let (channel, username, icon_emoji) = (given(self.channel), given(self.username), given(self.icon_emoji));
        faults.extend(channel.as_deref().and_then(check_channel));
        faults.extend(username.as_deref().and_then(check_username));
        faults.extend(icon_emoji.as_deref().and_then(check_emoji));
        let mention = mention::written(&self.mention).unwrap_or_else(|why| {
            faults.push(Fault::new("/mention", why));
            String::new()
        });
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Http(Slack { webhook_url: self.webhook_url, channel, username, icon_emoji, mention }))
    }

    fn destination(&self) -> String {
        self.webhook_url.origin()
    }
}

/// The path of an incoming webhook. The host is free, and so is what a gateway puts in front.
pub(crate) fn check_path(path: &str) -> Result<(), &'static str> {
    let mut parts = path.rsplit('/');
    let [secret, app, team, services] = [(); 4].map(|()| parts.next().unwrap_or_default());
    let id = |text: &str, letter: char| {
        text.strip_prefix(letter)
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
    };
    let key = !secret.is_empty() && secret.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    if services == "services" && id(team, 'T') && id(app, 'B') && key {
        return Ok(());
    }
    match path.split('/').nth(1) {
        Some("triggers" | "workflows") => {
            Err("this address starts a workflow, which takes variables and no messages: \
                                               give the address of an incoming webhook (/services/T…/B…/…)")
        }
        _ => Err("the address of an incoming webhook ends in /services/T…/B…/…: copy the whole of it"),
    }
}

/// A channel's name has at most 80 characters, and a `#` before them.
fn check_channel(text: &str) -> Option<Fault> {
    let refused =
        text.chars().count() > 81 || text.chars().any(|c| c.is_whitespace() || c.is_control() || "<>&".contains(c));
    refused.then(|| Fault::new("/channel", "a channel is #name or an id such as C012AB3CD, without spaces"))
}

fn check_username(text: &str) -> Option<Fault> {
    let refused = text.chars().count() > 80 || text.trim().is_empty() || text.chars().any(char::is_control);
    refused.then(|| Fault::new("/username", "a name has at most 80 characters, on one line"))
}

fn check_emoji(text: &str) -> Option<Fault> {
    let name = text.strip_prefix(':').and_then(|rest| rest.strip_suffix(':')).unwrap_or_default();
    let refused = name.is_empty()
        || name.chars().count() > 100
        || name.chars().any(|c| c.is_whitespace() || c.is_control() || c.is_uppercase() || "<>&\"/".contains(c));
    refused.then(|| Fault::new("/icon_emoji", "an emoji is written by its name between colons, such as :floppy_disk:"))
}
