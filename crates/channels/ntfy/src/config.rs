//! What an operator fills in, and what is wrong with it.

use fanfare_core::{BaseUrl, ChannelConfig, Fault, Http, LaneDefaults, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Ntfy;

/// Configuration of an ntfy topic.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = sample())]
pub struct NtfyConfig {
    /// The server: `https://ntfy.sh`, or your own with the path under which it lives.
    #[serde(default = "ntfy_sh")]
    pub server_url: BaseUrl,
    /// The topic that phones subscribe to: letters, digits, - and _, at most 64. Without access control, everybody who
    /// knows its name can read it, so choose one that cannot be guessed.
    #[schemars(regex(pattern = r"^[-_A-Za-z0-9]{1,64}$"))]
    pub topic: String,
    /// An access token (tk_…) that may write to the topic, for servers with access control and reserved topics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token: Option<Secret>,
    /// The priority of good news: 1 (silent) to 5 (urgent). What went wrong always has 5.
    #[serde(default = "normal")]
    #[schemars(range(min = 1, max = 5))]
    pub priority: i64,
}

fn ntfy_sh() -> BaseUrl {
    BaseUrl::known("https://ntfy.sh")
}

fn normal() -> i64 {
    3
}

/// Paths of the server itself, which cannot be topics.
const RESERVED: &[&str] = &["docs", "static", "file", "app", "metrics", "account", "settings", "signup", "login", "v1"];

/// What previews are made with.
fn sample() -> serde_json::Value {
    serde_json::json!({"topic": "sample"})
}

impl ChannelConfig for NtfyConfig {
    const KIND: &'static str = "ntfy";
    const NAME: &'static str = "ntfy";
    const DESCRIPTION: &'static str = "Push notifications to phones and desktops over ntfy.sh or a server of your own.";
    /// A server's own defaults: 60 at once, then one in 5 seconds.
    const LANE: LaneDefaults = LaneDefaults::paced(0.2, 60);
    type Channel = Http<Ntfy>;

    fn build(self) -> Result<Http<Ntfy>, Vec<Fault>> {
        let mut faults = Vec::new();
        let endpoint = self.server_url.join("/");
        if endpoint.is_none() {
            faults.push(Fault::new("/server_url", "this address cannot be requested"));
        }
        faults.extend(check_topic(&self.topic));
        faults.extend(self.access_token.as_ref().and_then(|token| token.token_fault("/access_token")));
        let priority = u8::try_from(self.priority).ok().filter(|priority| (1..=5).contains(priority));
        if priority.is_none() {
            faults.push(Fault::new("/priority", "a priority is a whole number from 1 to 5"));
        }
        match (endpoint, priority) {
            (Some(endpoint), Some(priority)) if faults.is_empty() => {
                Ok(Http(Ntfy { endpoint, topic: self.topic, access_token: self.access_token, priority }))
            }
            _ => Err(faults),
        }
    }

    fn destination(&self) -> String {
        self.server_url.origin()
    }
}

fn check_topic(topic: &str) -> Option<Fault> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let why = match topic {
        _ if !(1..=64).contains(&topic.len()) || !topic.bytes().all(allowed) => {
            "a topic consists of 1 to 64 letters (A to Z), digits, - and _; give its name alone, not its address"
        }
        _ if RESERVED.contains(&topic) => "the server keeps this name for itself: choose another topic",
        _ => return None,
    };
    Some(Fault::new("/topic", why))
}
