//! What an operator fills in, and what is wrong with it.

use fanfare_core::{BaseUrl, ChannelConfig, Fault, Http, LaneDefaults, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Twilio,
    number::{Sender, is_e164, is_sid},
};

/// Configuration of SMS over Twilio.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = sample())]
pub struct TwilioConfig {
    /// The Account SID from the console: AC and 32 hexadecimal digits.
    #[schemars(regex(pattern = r"^AC[0-9a-fA-F]{32}$"))]
    pub account_sid: String,
    /// The Auth Token from the console.
    pub auth_token: Secret,
    /// Who sends: a number of yours (+15005550006), a short code, a name of at most 11 letters and digits where the
    /// recipient's country allows it, or the SID of a messaging service (MG…).
    pub from: String,
    /// Who receives: a number with + and the country code, without spaces.
    #[schemars(regex(pattern = r"^\+[1-9][0-9]{1,14}$"))]
    pub to: String,
    /// The service's address; only for another region, or a stand-in of your own.
    #[serde(default = "twilio")]
    pub api_url: BaseUrl,
}

fn twilio() -> BaseUrl {
    BaseUrl::known("https://api.twilio.com")
}

const ACCOUNT: &str = "an Account SID is AC and 32 hexadecimal digits; the console shows it";
const SENDER: &str = "a sender is a number such as +15005550006, a short code, a name of at most 11 letters and digits \
                      with a letter in it, or the SID of a messaging service";
const NUMBER: &str = "a number looks like +15005550006: with + and the country code, without spaces";

/// What previews are made with.
fn sample() -> serde_json::Value {
    serde_json::json!({"account_sid": "AC00000000000000000000000000000000", "auth_token": "sample", "from": "+15005550006", "to": "+15005550010"})
}

impl ChannelConfig for TwilioConfig {
    const KIND: &'static str = "twilio";
    const NAME: &'static str = "SMS (Twilio)";
    const DESCRIPTION: &'static str = "Short messages to a phone, over Twilio. Each costs money.";
    /// One message a second from an ordinary number; what is more queues at Twilio.
    const LANE: LaneDefaults = LaneDefaults::paced(1.0, 5);
    type Channel = Http<Twilio>;

    fn build(self) -> Result<Http<Twilio>, Vec<Fault>> {
        let path = format!("/2010-04-01/Accounts/{}/Messages.json", self.account_sid);
        let endpoint = self.api_url.join(&path);
        let sender = Sender::parse(&self.from);
        let fault = |wrong: bool, pointer: &str, why: &str| wrong.then(|| Fault::new(pointer, why));
        let faults: Vec<Fault> = [
            fault(!is_sid(&self.account_sid, "AC"), "/account_sid", ACCOUNT),
            self.auth_token.token_fault("/auth_token"),
            fault(sender.is_none(), "/from", SENDER),
            fault(!is_e164(&self.to), "/to", NUMBER),
        ]
        .into_iter()
        .flatten()
        .collect();
        match (endpoint, sender) {
            (Some(endpoint), Some(sender)) if faults.is_empty() => Ok(Http(Twilio {
                endpoint,
                account_sid: self.account_sid,
                auth_token: self.auth_token,
                sender,
                to: self.to,
            })),
            _ if faults.is_empty() => Err(vec![Fault::new("/api_url", "this address cannot be requested")]),
            _ => Err(faults),
        }
    }

    fn destination(&self) -> String {
        self.api_url.origin()
    }
}
