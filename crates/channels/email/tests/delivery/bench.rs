//! A channel, a mail server, and what lies between.

use std::{sync::Arc, time::Duration};

use fanfare_core::{
    AddressPolicy, Attempt, AttemptInfo, Channel, ChannelConfig, Network, Notification, Receipt, Recipients, SendError,
};
use fanfare_email::{Email, EmailConfig, Limits};
use fanfare_testkit::{
    Stub,
    fixtures::{backup_failure, info},
    smtp::{Builder, Mail, SmtpReceiver},
};
use serde_json::{Value, from_value, json};

pub(crate) const LIMIT: Duration = Duration::from_secs(10);
pub(crate) const PASSWORD: &str = "s3cr3t-p4ssword";
pub(crate) const LOCAL: &[&str] = &["127.0.0.1", "localhost"];

/// A channel to this server, and what it may reach.
pub(crate) struct Bench {
    pub(crate) server: SmtpReceiver,
    pub(crate) channel: Email,
    pub(crate) network: Network,
}

impl Bench {
    pub(crate) async fn new(server: Builder, config: Value) -> Self {
        let server = server.start().await;
        let channel = channel(&server, config);
        Self { channel, network: network(None), server }
    }

    pub(crate) async fn plain() -> Self {
        Self::new(SmtpReceiver::builder(), json!({"security": "none"})).await
    }

    /// With TLS, an account, and the authority that issued the certificate.
    pub(crate) async fn secure(server: Builder, config: Value) -> Self {
        let bench = Self::new(server.account("ada", PASSWORD), signed_in(config)).await;
        let network = network(Some(bench.server.authority()));
        Self { network, ..bench }
    }

    pub(crate) fn within(mut self, exchange: Duration) -> Self {
        self.channel = self.channel.with_limits(Limits { exchange, ..Limits::default() });
        self
    }

    pub(crate) async fn send(&self) -> Result<Receipt, SendError> {
        self.send_to(&Recipients::Configured).await
    }

    pub(crate) async fn send_to(&self, recipients: &Recipients) -> Result<Receipt, SendError> {
        self.attempt(&backup_failure(), AttemptInfo { recipients, ..info() }).await
    }

    pub(crate) async fn attempt(&self, said: &Notification, info: AttemptInfo<'_>) -> Result<Receipt, SendError> {
        let transport = Stub::answering(200, "");
        let attempt = Attempt { info, transport: &transport, network: &self.network };
        self.channel.send(said, &attempt).await
    }

    /// The only message so far.
    pub(crate) fn mail(&self) -> Mail {
        let mut mails = self.server.mails();
        assert_eq!(mails.len(), 1, "{:?}", self.server.commands());
        mails.remove(0)
    }
}

pub(crate) fn channel(server: &SmtpReceiver, changes: Value) -> Email {
    let mut config = json!({
        "host": "127.0.0.1", "port": server.port(), "from": "Fanfare <fanfare@mail.example>",
        "to": ["ops@mail.example", "Zoë <zoe@bücher.example>"],
    });
    fanfare_core::merge_patch(&mut config, &changes);
    from_value::<EmailConfig>(config).unwrap().build().unwrap()
}

pub(crate) fn signed_in(mut config: Value) -> Value {
    fanfare_core::merge_patch(&mut config, &json!({"username": "ada", "password": PASSWORD}));
    config
}

pub(crate) fn network(authority: Option<&str>) -> Network {
    let extra_ca_pem = authority.map(|pem| pem.as_bytes().into());
    Network { policy: Arc::new(AddressPolicy::with_loopback()), extra_ca_pem }
}

pub(crate) fn starttls() -> Builder {
    SmtpReceiver::builder().starttls(LOCAL)
}

#[track_caller]
pub(crate) fn failed(result: Result<Receipt, SendError>, outcome: &str, says: &str) -> SendError {
    let error = result.unwrap_err();
    assert_eq!(error.outcome(), outcome, "{error}");
    assert!(error.detail.contains(says), "{error}");
    error
}
