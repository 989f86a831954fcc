//! One message: sender, recipients, content.

use fanfare_core::{ErrorKind, Receipt, SendError, TransportError};
use lettre::{
    Address,
    transport::smtp::{
        commands::{Data, Mail, Rcpt},
        extension::MailParameter,
    },
};
use tokio::time::Instant;

use super::{
    connection::{Connection, Lost, Stream},
    reply::{Reply, Stage},
};

/// Whom the server is told that a message comes from and goes to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope<'a> {
    pub(crate) from: &'a Address,
    pub(crate) to: &'a [&'a Address],
}

/// That a message was not taken.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: SendError,
    /// The connection was at its end before the message was complete: on another one it may pass.
    pub(crate) gone: bool,
}

/// Hands one message over. Whoever the server accepts gets it.
pub(crate) async fn transact<S: Stream>(
    connection: &mut Connection<S>,
    envelope: Envelope<'_>,
    message: &[u8],
    deadline: Instant,
) -> Result<Receipt, Failure> {
    let size = u64::try_from(message.len()).unwrap_or(u64::MAX);
    if let Some(Some(most)) = connection.features.size
        && size > most
    {
        let detail = format!("the message has {size} bytes, and the mail server takes {most} at the most");
        return Err(SendError::rejected(detail).into());
    }
    let parameters = connection.features.size.map(|_| MailParameter::Size(message.len())).into_iter().collect();
    let mail = Mail::new(Some(envelope.from.clone()), parameters);
    let reply = connection.command(mail, deadline).await?;
    if !reply.is_positive() {
        return Err(refused(&reply));
    }
    let refusals = recipients(connection, envelope.to, deadline).await?;
    let reply = connection.command(Data, deadline).await?;
    if reply.code != 354 {
        return Err(refused(&reply));
    }
    connection.write(&stuffed(message), deadline).await?;
    // From here on the server may have the whole message.
    let unanswered = |Lost(words)| Failure { error: TransportError::Answer(words).into(), gone: false };
    connection.write(b".\r\n", deadline).await.map_err(unanswered)?;
    let reply = connection.answer(deadline).await.map_err(unanswered)?;
    if !reply.is_positive() {
        return Err(reply.refusal(Stage::Message).into());
    }
    Ok(Receipt { status: Some(reply.code), detail: told(&reply, &refusals) })
}

type Refusal<'a> = (&'a Address, Reply);

/// Names the recipients one by one; gives those who were refused, unless that is all of them.
async fn recipients<'a, S: Stream>(
    connection: &mut Connection<S>,
    to: &[&'a Address],
    deadline: Instant,
) -> Result<Vec<Refusal<'a>>, Failure> {
    let mut refusals = Vec::new();
    for &address in to {
        let reply = connection.command(Rcpt::new(address.clone(), Vec::new()), deadline).await?;
        if reply.is_closing() {
            return Err(refused(&reply));
        }
        if !reply.is_positive() {
            refusals.push((address, reply));
        }
    }
    if refusals.len() < to.len() {
        return Ok(refusals);
    }
    Err(nobody(&refusals).into())
}

/// What it means that nobody was accepted: of several refusals, the one that leaves most hope decides, and a wrong
/// configuration explains all of them.
fn nobody(refusals: &[Refusal<'_>]) -> SendError {
    let meaning = |reply: &Reply| reply.meaning(Stage::Message);
    let Some((_, deciding)) = refusals.iter().rev().max_by_key(|(_, reply)| meaning(reply)) else {
        return SendError::rejected("there is nobody to write to");
    };
    let mut words = vec![deciding.describe()];
    for (_, reply) in refusals {
        let said = reply.describe();
        if !words.contains(&said) {
            words.push(said);
        }
    }
    meaning(deciding).error(words.join("; ")).with_status(deciding.code)
}

/// The server's words, and who was not accepted.
fn told(reply: &Reply, refusals: &[Refusal<'_>]) -> String {
    let named: Vec<_> = refusals.iter().map(|(address, reply)| format!("{address}: {}", reply.describe())).collect();
    match named.is_empty() {
        true => reply.describe(),
        false => format!("{}; not accepted: {}", reply.describe(), named.join(", ")),
    }
}

/// The message with a dot before every line that begins with one (RFC 5321, 4.5.2), up to the end of its last line.
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 64);
    for line in message.split_inclusive(|&byte| byte == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out
}

fn refused(reply: &Reply) -> Failure {
    Failure { error: reply.refusal(Stage::Message), gone: reply.is_closing() }
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        Self { error, gone: false }
    }
}

/// The connection was lost before the message was complete.
impl From<Lost> for Failure {
    fn from(Lost(words): Lost) -> Self {
        let kind = ErrorKind::Temporary { after: None, outcome_unknown: false };
        let detail = format!("the conversation broke off before the message was complete: {words}");
        Self { error: SendError { kind, status: None, detail }, gone: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusals(codes: &[u16]) -> SendError {
        let address: Address = "a@b.example".parse().unwrap();
        let of = |&code: &u16| (&address, Reply { code, lines: vec![format!("words of {code}")] });
        nobody(&codes.iter().map(of).collect::<Vec<_>>())
    }

    #[rstest::rstest]
    #[case(&[550], "rejected", "550 words of 550")]
    #[case(&[550, 553, 550], "rejected", "; 55")]
    #[case(&[450, 451], "temporary", "; 45")]
    #[case(&[550, 450], "temporary", "450 words of 450; 550 words of 550")]
    #[case(&[550, 530, 450], "misconfigured", "530 words of 530; 550 words of 550; 450 words of 450")]
    #[case(&[], "rejected", "nobody")]
    fn when_nobody_is_accepted(#[case] codes: &[u16], #[case] outcome: &str, #[case] says: &str) {
        let error = refusals(codes);
        assert_eq!(error.outcome(), outcome);
        assert!(error.detail.contains(says), "{error}");
    }

    #[rstest::rstest]
    #[case("", "\r\n")]
    #[case("a\r\n", "a\r\n")]
    #[case(".\r\n..\r\na.\r\n", "..\r\n...\r\na.\r\n")]
    #[case("a", "a\r\n")]
    fn dots(#[case] message: &str, #[case] sent: &str) {
        assert_eq!(stuffed(message.as_bytes()), sent.as_bytes());
    }
}
