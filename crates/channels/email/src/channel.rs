//! From a notification to a message in the hands of the mail server.

use std::sync::Arc;

use async_trait::async_trait;
use fanfare_core::{Attempt, AttemptInfo, Channel, Network, Notification, Receipt, Recipients, SendError};
use lettre::message::Mailbox;
use tokio::time::Instant;

use crate::{
    address,
    message::Message,
    smtp::{Account, Confidential, Credentials, Envelope, Limits, Pool, Trust, open, transact},
};

/// An e-mail channel: a mail server, a sender and recipients.
#[derive(Debug)]
pub struct Email {
    account: Account,
    from: Mailbox,
    to: Vec<Mailbox>,
    limits: Limits,
    pool: Arc<Pool>,
    trust: Trust,
}

impl Email {
    pub(crate) fn new(account: Account, from: Mailbox, to: Vec<Mailbox>) -> Self {
        let limits = Limits::default();
        Self { account, from, to, limits, pool: Pool::new(limits.idle), trust: Trust::default() }
    }

    /// The same channel with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.pool = Pool::new(limits.idle);
        self.limits = limits;
        self
    }

    /// Whom this delivery is for.
    fn recipients(&self, recipients: &Recipients) -> Result<Vec<Mailbox>, SendError> {
        let to = match recipients {
            Recipients::Configured => self.to.clone(),
            Recipients::Except(address) => {
                self.to.iter().filter(|mailbox| !address::is_same(&mailbox.email, address)).cloned().collect()
            }
            Recipients::Only(address) => {
                let address = address::address(address);
                let unusable = |why| SendError::rejected(format!("the user's address cannot be used: {why}"));
                vec![address.map_err(unusable)?.into()]
            }
        };
        match to.is_empty() {
            true => Err(SendError::rejected("there is nobody to write to")),
            false => Ok(to),
        }
    }

    /// On a connection that is open already, and on a new one if that turns out to have ended in the meantime.
    async fn deliver(
        &self,
        envelope: Envelope<'_>,
        message: &[u8],
        credentials: Option<&Credentials>,
        network: Network,
    ) -> Result<Receipt, SendError> {
        let deadline = Instant::now() + self.limits.exchange;
        let mut kept = self.pool.take(&network);
        loop {
            let fresh = kept.is_none();
            let mut connection = match kept.take() {
                Some(connection) => connection,
                None => open(&self.account, credentials, &network, &self.trust, &self.limits, deadline).await?,
            };
            let (result, over) = match transact(&mut connection, envelope, message, deadline).await {
                Ok(receipt) => (Ok(receipt), self.pool.keep(connection, network)),
                Err(failure) if failure.gone && !fresh => continue,
                Err(failure) => (Err(failure.error), Some(connection)),
            };
            if let Some(connection) = over {
                connection.quit().await;
            }
            return result;
        }
    }
}

#[async_trait]
impl Channel for Email {
    async fn send(&self, notification: &Notification, attempt: &Attempt<'_>) -> Result<Receipt, SendError> {
        let info = &attempt.info;
        let to = self.recipients(info.recipients)?;
        let login = self.account.login.as_ref().map(|login| login.expose(info.variables)).transpose()?;
        let message = Message::new(notification, info, &self.from, &to).bytes();
        let addresses: Vec<_> = to.iter().map(|mailbox| &mailbox.email).collect();
        let envelope = Envelope { from: &self.from.email, to: &addresses };
        let confidential = Confidential::of(login.as_ref());
        match self.deliver(envelope, &message, login.as_ref(), attempt.network.current()).await {
            Ok(receipt) => Ok(Receipt { detail: confidential.hide(receipt.detail), ..receipt }),
            Err(error) => Err(SendError { detail: confidential.hide(error.detail), ..error }),
        }
    }

    /// The source of the message, with its two parts as they read.
    fn content_type(&self, _: &Notification, _: &AttemptInfo<'_>) -> Option<String> {
        Some("message/rfc822".into())
    }

    fn payload(&self, notification: &Notification, info: &AttemptInfo<'_>) -> Result<String, SendError> {
        let to = self.recipients(info.recipients)?;
        Ok(Message::new(notification, info, &self.from, &to).readable())
    }
}
