//! One connection to a mail server.

use std::sync::Arc;

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::sleep,
};

use super::{Account, At, Mail, Say, state::Shared};

/// One connection. `None` from a method is its end.
pub(super) struct Session {
    pub(super) encrypted: bool,
    /// Whether STARTTLS is offered.
    pub(super) starttls: bool,
    number: usize,
    shared: Arc<Shared>,
    buffer: Vec<u8>,
    account: Option<Account>,
    envelope: Option<Mail>,
}

impl Session {
    pub(super) fn new(number: usize, shared: Arc<Shared>) -> Self {
        Self { encrypted: false, starttls: false, number, shared, buffer: Vec::new(), account: None, envelope: None }
    }

    pub(super) async fn greet<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S) -> Option<()> {
        self.answer(stream, At::Greeting, "220 mail.test ESMTP").await.map(drop)
    }

    /// Answers commands until STARTTLS or the end.
    pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S) -> Option<()> {
        loop {
            let line = self.line(stream).await?;
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            self.shared.change(|state| state.commands.push(line.clone()));
            let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" => {
                    self.envelope = None;
                    let hello = self.hello();
                    self.answer(stream, At::Hello, &hello).await?;
                }
                "STARTTLS" if self.starttls => {
                    if self.answer(stream, At::StartTls, "220 2.0.0 Ready to start TLS").await? {
                        return Some(());
                    }
                }
                "AUTH" => self.authenticate(stream, rest).await?,
                "MAIL" => self.mail(stream, rest).await?,
                "RCPT" => self.recipient(stream, rest).await?,
                "DATA" => self.data(stream).await?,
                "RSET" => {
                    self.envelope = None;
                    self.write(stream, "250 2.0.0 Ok").await?;
                }
                "NOOP" => self.write(stream, "250 2.0.0 Ok").await?,
                "QUIT" => {
                    self.write(stream, "221 2.0.0 Bye").await?;
                    return None;
                }
                _ => self.write(stream, "502 5.5.2 Command not recognized").await?,
            }
        }
    }

    fn hello(&self) -> String {
        let offer = &self.shared.offer;
        let mut lines = vec!["mail.test".to_owned(), "8BITMIME".into()];
        lines.extend(self.starttls.then(|| "STARTTLS".into()));
        let auth = self.encrypted && !offer.mechanisms.is_empty();
        lines.extend(auth.then(|| format!("AUTH {}", offer.mechanisms)));
        lines.extend(offer.size.map(|size| format!("SIZE {size}")));
        let last = lines.len() - 1;
        let mark = |i| if i == last { ' ' } else { '-' };
        let lines = lines.iter().enumerate().map(|(i, line)| format!("250{}{line}", mark(i)));
        lines.collect::<Vec<_>>().join("\r\n")
    }

    async fn authenticate<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S, rest: &str) -> Option<()> {
        if !self.encrypted {
            return self.write(stream, "538 5.7.11 Encryption required").await;
        }
        let (mechanism, given) = match rest.split_once(' ').unwrap_or((rest, "")) {
            ("PLAIN", initial) => {
                let decoded = decode(initial);
                let mut parts = decoded.split('\0').skip(1).map(String::from);
                ("PLAIN", (parts.next().unwrap_or_default(), parts.next().unwrap_or_default()))
            }
            ("LOGIN", _) => {
                self.write(stream, "334 VXNlcm5hbWU6").await?;
                let username = decode(&String::from_utf8_lossy(&self.line(stream).await?));
                self.write(stream, "334 UGFzc3dvcmQ6").await?;
                ("LOGIN", (username, decode(&String::from_utf8_lossy(&self.line(stream).await?))))
            }
            _ => return self.write(stream, "504 5.5.4 Unrecognized authentication type").await,
        };
        if self.shared.offer.account.as_ref() != Some(&given) {
            return self.answer(stream, At::Auth, "535 5.7.8 Authentication credentials invalid").await.map(drop);
        }
        if self.answer(stream, At::Auth, "235 2.7.0 Authentication successful").await? {
            self.account = Some(Account { mechanism, username: given.0 });
        }
        Some(())
    }

    async fn mail<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S, rest: &str) -> Option<()> {
        if self.shared.offer.account.is_some() && self.account.is_none() {
            return self.write(stream, "530 5.7.0 Authentication required").await;
        }
        let Some((from, parameters)) = path(rest, "FROM:") else {
            return self.write(stream, "501 5.5.4 Syntax: MAIL FROM:<address>").await;
        };
        let usual = match self.envelope {
            Some(_) => "503 5.5.1 Nested MAIL",
            None => "250 2.1.0 Ok",
        };
        if self.answer(stream, At::Mail, usual).await? {
            self.envelope = Some(Mail {
                from: from.into(),
                to: Vec::new(),
                parameters: parameters.into(),
                message: Vec::new(),
                encrypted: self.encrypted,
                account: self.account.clone(),
                connection: self.number,
            });
        }
        Some(())
    }

    async fn recipient<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S, rest: &str) -> Option<()> {
        let Some((to, _)) = path(rest, "TO:") else {
            return self.write(stream, "501 5.5.4 Syntax: RCPT TO:<address>").await;
        };
        if self.envelope.is_none() {
            return self.write(stream, "503 5.5.1 MAIL first").await;
        }
        let usual = self.shared.recipient(to);
        if self.answer(stream, At::Recipient, &usual).await? {
            self.envelope.as_mut()?.to.push(to.into());
        }
        Some(())
    }

    async fn data<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S) -> Option<()> {
        if self.envelope.as_ref().is_none_or(|envelope| envelope.to.is_empty()) {
            return self.write(stream, "554 5.5.1 No valid recipients").await;
        }
        if !self.answer(stream, At::Data, "354 End data with <CR><LF>.<CR><LF>").await? {
            return Some(());
        }
        let mut message = Vec::new();
        loop {
            let line = self.line(stream).await?;
            match line.as_slice() {
                b".\r\n" => break,
                [b'.', rest @ ..] => message.extend_from_slice(rest),
                line => message.extend_from_slice(line),
            }
        }
        let mut mail = self.envelope.take()?;
        mail.message = message;
        if self.answer(stream, At::Message, "250 2.0.0 Ok: queued as T3ST").await? {
            self.shared.change(|state| state.mails.push(mail));
        }
        Some(())
    }

    /// Says the usual, or what the script wants. Says whether that was a yes.
    async fn answer<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S, at: At, usual: &str) -> Option<bool> {
        let lines = match self.shared.scripted(at) {
            None => usual.to_owned(),
            Some(Say::Lines(lines)) => lines,
            Some(Say::Close) => return None,
            Some(Say::Hang) => {
                // Ends when the client gives up.
                let mut ignored = [0; 1024];
                while stream.read(&mut ignored).await.is_ok_and(|read| read > 0) {}
                return None;
            }
            Some(Say::Drip(line, every)) => {
                for byte in line.bytes() {
                    sleep(every).await;
                    stream.write_all(&[byte]).await.ok()?;
                    stream.flush().await.ok()?;
                }
                line
            }
            Some(Say::EndlessLine) => return endless(stream, b"250 ", &[b'x'; 4096]).await,
            Some(Say::EndlessLines) => return endless(stream, b"", &b"250-more\r\n".repeat(400)).await,
        };
        self.write(stream, &lines).await?;
        Some(matches!(lines.as_bytes().first(), Some(b'2' | b'3')))
    }

    async fn write<S: AsyncWrite + Unpin>(&self, stream: &mut S, lines: &str) -> Option<()> {
        stream.write_all(format!("{lines}\r\n").as_bytes()).await.ok()?;
        stream.flush().await.ok()
    }

    /// The next line with its end, which is CRLF alone.
    async fn line<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let rest = self.buffer.split_off(end + 2);
                return Some(std::mem::replace(&mut self.buffer, rest));
            }
            let mut chunk = [0; 16 * 1024];
            let read = stream.read(&mut chunk).await.ok().filter(|&read| read > 0)?;
            self.buffer.extend_from_slice(&chunk[..read]);
        }
    }
}

async fn endless<S: AsyncWrite + Unpin>(stream: &mut S, begin: &[u8], again: &[u8]) -> Option<bool> {
    stream.write_all(begin).await.ok()?;
    loop {
        stream.write_all(again).await.ok()?;
    }
}

/// The address in `FROM:<address> PARAMETERS`, and the parameters.
fn path<'a>(rest: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let (address, parameters) = rest.strip_prefix(keyword)?.strip_prefix('<')?.split_once('>')?;
    Some((address, parameters.trim()))
}

/// Base64, or nothing where it is none.
fn decode(text: &str) -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    String::from_utf8(BASE64_STANDARD.decode(text.trim()).unwrap_or_default()).unwrap_or_default()
}
