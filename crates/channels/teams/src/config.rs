//! What an operator fills in, and what is wrong with it.

use fanfare_core::{ChannelConfig, Fault, Http, LaneDefaults, SecretUrl};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Teams, address};

/// Configuration of a channel of Microsoft Teams.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = sample())]
pub struct TeamsConfig {
    /// The address of the workflow ("Send webhook alerts to a channel"), with everything behind its question mark, or of
    /// a connector of the old kind. It is confidential: whoever has it can write to the channel.
    pub webhook_url: SecretUrl,
}

/// What previews are made with.
fn sample() -> serde_json::Value {
    serde_json::json!({"webhook_url": "https://sample.logic.azure.com/workflows/sample/triggers/manual/paths/invoke?sig=sample"})
}

impl ChannelConfig for TeamsConfig {
    const KIND: &'static str = "teams";
    const NAME: &'static str = "Microsoft Teams";
    const DESCRIPTION: &'static str = "Writes cards to a channel or chat of Teams, through a workflow.";
    /// The shorter windows: 4 in a second, 60 in 30 seconds.
    const LANE: LaneDefaults = LaneDefaults::paced(1.0, 3);
    type Channel = Http<Teams>;

    fn build(self) -> Result<Http<Teams>, Vec<Fault>> {
        if let Some(Err(why)) = self.webhook_url.literal().map(address::service) {
            return Err(vec![Fault::new("/webhook_url", why)]);
        }
        Ok(Http(Teams { webhook_url: self.webhook_url }))
    }

    fn destination(&self) -> String {
        self.webhook_url.origin()
    }
}
