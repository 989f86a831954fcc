//! What an operator fills in, and what is wrong with it.

use fanfare_core::{ChannelConfig, Fault, Http, LaneDefaults, Mentions, SecretUrl, text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Discord, address,
    mention::{self, Called},
};

/// The name that messages appear under, at most, in UTF-16 code units.
const USERNAME: usize = 80;
/// What Discord does not allow in it, in any case.
const RESERVED: [&str; 2] = ["discord", "clyde"];
/// The address of a picture, at most.
const AVATAR: usize = 2_048;

/// Configuration of a Discord channel.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = sample())]
pub struct DiscordConfig {
    /// The address of the webhook: `https://discord.com/api/webhooks/…/…`, with `?thread_id=…` to write into a thread.
    /// It is confidential: whoever has it can write to the channel.
    pub webhook_url: SecretUrl,
    /// The name that messages appear under, of 1 to 80 characters, without "discord" and "clyde". Default: the name
    /// that the webhook has in Discord.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The address of the picture beside messages. Default: the picture that the webhook has in Discord.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "uri"))]
    pub avatar_url: Option<String>,
    /// Who is called when something is wrong: roles as `<@&ID>` and users as `<@ID>`, several separated by spaces.
    /// An id alone is a role's. Good news call nobody.
    #[serde(default, skip_serializing_if = "Mentions::is_empty")]
    pub mention: Mentions,
}

/// What previews are made with.
fn sample() -> serde_json::Value {
    serde_json::json!({"webhook_url": "https://discord.com/api/webhooks/123456789012345678/sample"})
}

impl ChannelConfig for DiscordConfig {
    const KIND: &'static str = "discord";
    const NAME: &'static str = "Discord";
    const DESCRIPTION: &'static str = "Writes to a channel of Discord, or to a thread, through a webhook.";
    /// The documented limit that holds for everybody: 50 a second from one address. What one webhook may do stands in
    /// the answers alone.
    const LANE: LaneDefaults = LaneDefaults::paced(50.0, 50);
    type Channel = Http<Discord>;

    fn build(self) -> Result<Http<Discord>, Vec<Fault>> {
        let mut faults = Vec::new();
        if let Some(Err(why)) = self.webhook_url.literal().map(address::of_request) {
            faults.push(Fault::new("/webhook_url", why));
        }
        let username = self.username.map(|name| check_username(&name)).transpose();
        let username = username.unwrap_or_else(|why| {
            faults.push(Fault::new("/username", why));
            None
        });
        let avatar_url = self.avatar_url.map(|address| check_avatar(&address)).transpose();
        let avatar_url = avatar_url.unwrap_or_else(|why| {
            faults.push(Fault::new("/avatar_url", why));
            None
        });
        let mention = mention::called(&self.mention).unwrap_or_else(|why| {
            faults.push(Fault::new("/mention", why));
            Called::default()
        });
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Http(Discord { webhook_url: self.webhook_url, username, avatar_url, mention }))
    }

    fn destination(&self) -> String {
        self.webhook_url.origin()
    }
}

fn check_username(name: &str) -> Result<String, String> {
    let name = name.trim();
    if text::is_blank(name) {
        return Err("the name needs at least one character: leave it out for the webhook's own".into());
    }
    if text::utf16(name) > USERNAME {
        return Err(format!("the name has at most {USERNAME} characters"));
    }
    if name.chars().any(char::is_control) {
        return Err("the name is one line, without control characters".into());
    }
    let small = name.to_lowercase();
    match RESERVED.iter().find(|word| small.contains(**word)) {
        Some(word) => Err(format!("Discord does not allow names with \"{word}\" in them")),
        None => Ok(name.into()),
    }
}

fn check_avatar(address: &str) -> Result<String, String> {
    match text::web_address(address) {
        Some(address) if address.len() <= AVATAR => Ok(address),
        Some(_) => Err(format!("the address has at most {AVATAR} characters")),
        None => Err("this is the address of a picture: it starts with https:// (or http://) and names a host".into()),
    }
}
