//! What every channel over HTTP promises, whatever service it speaks to.
//!
//! A channel's tests build one with recognisable secrets and call [`check`]. What a service does differently
//! (an answer that means something else than its status) is said in the [`Subject`]. A channel that is not one HTTP
//! exchange runs [`check_any`], and holds its own errors against its [`Secrets`].

mod answers;
mod secrets;
mod told;

use bytes::Bytes;
use fanfare_core::{Attempt, Channel, Http, HttpChannel, Notification, Receipt, SendError, Transport};
use http::Request;

use crate::{
    fixtures::{info, typical},
    nowhere,
};

pub use secrets::Secrets;

/// What a service refuses: says what is wrong with a request, written from the service's own documents and never from
/// the channel's code. See [`crate::rules`].
pub type Rules = fn(&Request<Bytes>) -> Result<(), String>;

/// A channel to be checked, and what has to be known about it.
#[derive(Debug)]
pub struct Subject<T> {
    /// The channel.
    pub channel: Http<T>,
    /// Every secret in its configuration.
    pub secrets: Secrets,
    /// The body of an answer 200 that means success.
    pub success: Bytes,
    /// What the service refuses.
    pub rules: Vec<Rules>,
}

impl<T: HttpChannel> Subject<T> {
    /// A channel with these secrets, for a service whose 2xx means success.
    pub fn new(channel: Http<T>, secrets: &[&str]) -> Self {
        Self { channel, secrets: Secrets::new(secrets), success: Bytes::new(), rules: Vec::new() }
    }

    /// The same, for a service that has to say that it is content.
    #[must_use]
    pub fn succeeding_with(mut self, body: impl Into<Bytes>) -> Self {
        self.success = body.into();
        self
    }

    /// The same, where every request has to pass these rules too.
    #[must_use]
    pub fn checked_by(mut self, rules: Rules) -> Self {
        self.rules.push(rules);
        self
    }

    fn request(&self, notification: &Notification) -> Request<Bytes> {
        self.channel.0.request(notification, &info()).expect("every notification can be sent")
    }

    async fn send(&self, transport: &dyn Transport) -> Result<Receipt, SendError> {
        let attempt = Attempt { info: info(), transport, network: &nowhere() };
        self.channel.send(&typical()[0].1, &attempt).await
    }
}

/// What any channel promises: whatever it is told can be shown, the same way each time, and neither that nor `Debug`
/// shows a secret.
///
/// # Panics
/// When one of these does not hold.
pub fn check_any(channel: &dyn Channel, secrets: &Secrets) {
    secrets.assert_hidden("Debug", &format!("{channel:?} {channel:#?}"));
    told::everything(|notification| {
        let payload = || channel.payload(notification, &info()).map_err(|error| format!("it cannot be shown: {error}"));
        let shown = payload()?;
        secrets.hidden("the payload", &shown)?;
        if payload()? != shown { Err("the payload is not the same twice".into()) } else { Ok(()) }
    });
}

/// Runs all checks.
///
/// # Panics
/// When one of them fails.
pub async fn check<T: HttpChannel>(subject: &Subject<T>) {
    secrets_are_sent_but_not_shown(subject);
    told::everything(|notification| told::request(subject, notification));
    answers::follow_the_status_table(subject);
    answers::redirects_are_not_followed(subject).await;
    answers::the_services_words_are_repeated(subject);
    answers::errors_hide_secrets(subject).await;
}

/// `Debug` hides what the request itself needs.
fn secrets_are_sent_but_not_shown<T: HttpChannel>(subject: &Subject<T>) {
    subject.secrets.assert_hidden("Debug", &format!("{:?} {:#?}", subject.channel, subject.channel));
    let request = subject.request(&typical()[0].1);
    for (name, value) in request.headers().iter().filter(|(_, value)| !value.is_sensitive()) {
        subject.secrets.assert_hidden(
            &format!("the header {name}, not marked as sensitive,"),
            &String::from_utf8_lossy(value.as_bytes()),
        );
    }
}

#[cfg(test)]
mod tests;
