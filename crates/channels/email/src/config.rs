//! What an operator fills in, and what is wrong with it.

use fanfare_core::{ChannelConfig, Fault, LaneDefaults, Secret, bare_address};
use lettre::message::Mailbox;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Email, address,
    smtp::{Account, Login},
};

/// Configuration of an e-mail channel.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = sample())]
pub struct EmailConfig {
    /// The mail server: its name or address alone, such as `smtp.mail.example`.
    pub host: String,
    /// The port. Empty: 587 for starttls, 465 for tls, 25 for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// How the connection is encrypted. A server that does not offer what is chosen here is not used.
    #[serde(default)]
    pub security: Security,
    /// The account to sign in with, if the server asks for one; often the full e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The account's password. Many providers ask for one that is made for this purpose only, an app password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// The sender: `fanfare@mail.example`, or with a name, `Fanfare <fanfare@mail.example>`. It has to be an address
    /// that the server lets this account use.
    pub from: String,
    /// Who gets the mail, one address per entry. All of them see one another.
    #[schemars(length(min = 1))]
    pub to: Vec<String>,
}

/// How the connection to the mail server is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Security {
    /// Not at all: for a server on this machine or network that asks for no password.
    None,
    /// Begins in the clear and turns to TLS before anything confidential is said; port 587.
    #[default]
    Starttls,
    /// TLS from the first byte; port 465.
    Tls,
}

impl Security {
    /// The port where such servers listen.
    pub fn default_port(self) -> u16 {
        match self {
            Self::None => 25,
            Self::Starttls => 587,
            Self::Tls => 465,
        }
    }
}

fn sample() -> serde_json::Value {
    serde_json::json!({
        "host": "smtp.mail.example",
        "from": "Fanfare <fanfare@mail.example>",
        "to": ["ops@mail.example"],
    })
}

impl ChannelConfig for EmailConfig {
    const KIND: &'static str = "email";
    const NAME: &'static str = "E-mail";
    const DESCRIPTION: &'static str = "Writes to people through your mail server (SMTP).";
    const ACCEPTS_RECIPIENT: bool = true;
    /// A few connections, as mail servers take them.
    const LANE: LaneDefaults = LaneDefaults { concurrency: 4, ..LaneDefaults::ONE_BY_ONE };
    type Channel = Email;

    fn build(self) -> Result<Email, Vec<Fault>> {
        let mut faults = Vec::new();
        faults.extend(check_host(&self.host));
        if self.port == Some(0) {
            faults.push(Fault::new("/port", "a port is a number from 1 to 65535"));
        }
        let login = check_login(self.security, self.username, self.password, &mut faults);
        let from = check_mailbox("/from", &self.from, &mut faults);
        let to = check_recipients(&self.to, &mut faults);
        match from {
            Some(from) if faults.is_empty() => {
                let port = self.port.unwrap_or(self.security.default_port());
                Ok(Email::new(Account { host: self.host, port, security: self.security, login }, from, to))
            }
            _ => Err(faults),
        }
    }

    /// The host alone: another port or way of encryption is still the same server.
    fn destination(&self) -> String {
        self.host.trim_end_matches('.').to_lowercase()
    }

    fn recipients(&self) -> Vec<String> {
        self.to.iter().filter_map(|text| bare_address(text)).map(Into::into).collect()
    }
}

fn check_host(host: &str) -> Option<Fault> {
    let why = "give the server's name or address alone, without a scheme, a port or a path";
    fanfare_net::server_name(host).is_err().then(|| Fault::new("/host", why))
}

fn check_login(
    security: Security,
    username: Option<String>,
    password: Option<Secret>,
    faults: &mut Vec<Fault>,
) -> Option<Login> {
    const CONTROL: &str = "line breaks and other control characters are not possible here";
    // A form that leaves a field empty means that there is none.
    let username = username.filter(|name| !name.is_empty());
    let password = password.filter(|password| password.literal() != Some(""));
    if username.as_ref().is_some_and(|name| name.chars().any(char::is_control)) {
        faults.push(Fault::new("/username", CONTROL));
    }
    if password.as_ref().and_then(Secret::literal).is_some_and(|text| text.chars().any(char::is_control)) {
        faults.push(Fault::new("/password", CONTROL));
    }
    match (username, password) {
        (None, None) => None,
        (Some(_), _) | (_, Some(_)) if security == Security::None => {
            let detail = "without encryption the password could be read on the way: choose starttls or tls, or leave \
                          out username and password";
            faults.push(Fault::new("/username", detail));
            None
        }
        (Some(username), Some(password)) => Some(Login { username, password }),
        (Some(_), None) => {
            let detail = "a username needs a password (a stored one is not sent to another host: give it again)";
            faults.push(Fault::new("/password", detail));
            None
        }
        (None, Some(_)) => {
            faults.push(Fault::new("/username", "a password needs a username"));
            None
        }
    }
}

fn check_mailbox(pointer: &str, text: &str, faults: &mut Vec<Fault>) -> Option<Mailbox> {
    address::mailbox(text).map_err(|why| faults.push(Fault::new(pointer, why))).ok()
}

/// Whoever is named twice gets the mail once.
/// As many as every mail server takes at once (RFC 5321, section 4.5.3.1.8).
const MOST: usize = 100;

fn check_recipients(to: &[String], faults: &mut Vec<Fault>) -> Vec<Mailbox> {
    if to.is_empty() {
        faults.push(Fault::new("/to", "give at least one address"));
    }
    let mut checked: Vec<Mailbox> = Vec::new();
    if to.len() > MOST {
        let detail = format!("there can be {MOST} addresses at the most: name a mailing list for more");
        faults.push(Fault::new("/to", detail));
        return checked;
    }
    for (i, text) in to.iter().enumerate() {
        if let Some(mailbox) = check_mailbox(&format!("/to/{i}"), text, faults)
            && !checked.iter().any(|known| address::is_same(&known.email, mailbox.email.as_ref()))
        {
            checked.push(mailbox);
        }
    }
    checked
}
