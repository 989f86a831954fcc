//! What an operator fills in, and what is wrong with it.

use fanfare_core::{ChannelConfig, Fault, Http, LaneDefaults, Secret, SecretUrl};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ChatId, Telegram};

/// Telegram's own servers.
const API: &str = "https://api.telegram.org";

/// Configuration of a Telegram channel.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = sample())]
pub struct TelegramConfig {
    /// The bot's token, as @BotFather shows it: `123456789:` and 35 letters, digits, `-` or `_`.
    pub bot_token: Secret,
    /// The chat that the bot writes to: its number (groups and channels have negative ones), or the @name of a public
    /// channel or group. The bot has to be a member; a person has to write to the bot first.
    pub chat_id: ChatId,
    /// The topic, in a group that has topics: the number at the end of the topic's link. Empty: the general one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub message_thread_id: Option<i64>,
    /// Whether messages arrive without a sound.
    #[serde(default)]
    pub disable_notification: bool,
    /// Where the Bot API is: Telegram's own, unless you run a Bot API server yourself.
    #[serde(default = "api")]
    #[schemars(url)]
    pub api_url: String,
}

fn api() -> String {
    API.into()
}

/// What previews are made with.
fn sample() -> serde_json::Value {
    serde_json::json!({"bot_token": "123456789:sample_sample_sample_sample_sample_", "chat_id": "@sample"})
}

impl ChannelConfig for TelegramConfig {
    const KIND: &'static str = "telegram";
    const NAME: &'static str = "Telegram";
    const DESCRIPTION: &'static str = "Writes to a chat of Telegram as a bot.";
    /// 20 in a minute, which is what a group takes; a chat with one person takes one a second.
    const LANE: LaneDefaults = LaneDefaults::paced(0.25, 5);
    type Channel = Http<Telegram>;

    fn build(self) -> Result<Http<Telegram>, Vec<Fault>> {
        let mut faults = Vec::new();
        if let Some(token) = self.bot_token.literal() {
            faults.extend(check_token(token).err().map(|why| Fault::new("/bot_token", why)));
        }
        let chat = self.chat_id.checked().map_err(|why| faults.push(Fault::new("/chat_id", why))).ok();
        // Left out silently, a 0 would post where nobody looks for it.
        if self.message_thread_id.is_some_and(|id| id < 1) {
            let why = "a topic has a number from 1 up: leave this empty to write to the general one";
            faults.push(Fault::new("/message_thread_id", why));
        }
        let api_url = check_api_url(&self.api_url).map_err(|why| faults.push(Fault::new("/api_url", why))).ok();
        match (chat, api_url) {
            (Some(chat), Some(api_url)) if faults.is_empty() => Ok(Http(Telegram {
                bot_token: self.bot_token,
                chat,
                thread: self.message_thread_id,
                silent: self.disable_notification,
                api_url,
            })),
            _ => Err(faults),
        }
    }

    fn destination(&self) -> String {
        SecretUrl::parse(&self.api_url).map_or_else(|_| self.api_url.clone(), |url| url.origin())
    }
}

/// Whether a token can be one. Its length is not checked: the service may change it, and says so when it is wrong.
pub(crate) fn check_token(token: &str) -> Result<(), &'static str> {
    let parts = token.split_once(':');
    let is_token = parts.is_some_and(|(id, key)| {
        let digits = !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit());
        digits && !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    });
    let why = "a bot's token looks like 123456789:AAE… and has no spaces: copy it from @BotFather, without `bot`";
    if is_token { Ok(()) } else { Err(why) }
}

/// The address without slashes at its end; a path in front of `/bot…` may be a gateway's.
fn check_api_url(text: &str) -> Result<String, String> {
    let parsed = SecretUrl::parse(text)?;
    let Some(url) = parsed.literal() else { return Err("give the address itself".into()) };
    if url.query().is_some() || url.fragment().is_some() {
        return Err("give the address of the server alone, without ? and #".into());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}
