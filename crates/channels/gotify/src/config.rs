//! What an operator fills in, and what is wrong with it.

use fanfare_core::{BaseUrl, ChannelConfig, Fault, Http, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Gotify;

/// Configuration of a Gotify application.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = sample())]
pub struct GotifyConfig {
    /// The server, with the path under which it lives: `https://gotify.example`.
    pub server_url: BaseUrl,
    /// The token of an application (it begins with A), from the server's page under Apps. A client's token is refused.
    pub app_token: Secret,
    /// The priority of good news: 0 is silent, 4 and more make a sound, 8 and more come to the front. What went wrong
    /// has at least 8.
    #[serde(default = "normal")]
    #[schemars(range(min = 0, max = 10))]
    pub priority: i64,
}

fn normal() -> i64 {
    5
}

/// What previews are made with.
fn sample() -> serde_json::Value {
    serde_json::json!({"server_url": "https://gotify.example", "app_token": "Asample"})
}

impl ChannelConfig for GotifyConfig {
    const KIND: &'static str = "gotify";
    const NAME: &'static str = "Gotify";
    const DESCRIPTION: &'static str = "Push notifications over a Gotify server of your own.";
    type Channel = Http<Gotify>;

    fn build(self) -> Result<Http<Gotify>, Vec<Fault>> {
        let mut faults = Vec::new();
        let endpoint = self.server_url.join("/message");
        if endpoint.is_none() {
            faults.push(Fault::new("/server_url", "this address cannot be requested"));
        }
        faults.extend(self.app_token.token_fault("/app_token"));
        let priority = u8::try_from(self.priority).ok().filter(|priority| *priority <= 10);
        if priority.is_none() {
            faults.push(Fault::new("/priority", "a priority is a whole number from 0 to 10"));
        }
        match (endpoint, priority) {
            (Some(endpoint), Some(priority)) if faults.is_empty() => {
                Ok(Http(Gotify { endpoint, app_token: self.app_token, priority }))
            }
            _ => Err(faults),
        }
    }

    fn destination(&self) -> String {
        self.server_url.origin()
    }
}
