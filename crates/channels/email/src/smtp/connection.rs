//! One connection: lines out, answers in, all of it within a deadline and a bounded memory.

use std::{
    borrow::Cow,
    fmt::{self, Display},
    io,
    time::Duration,
};

use fanfare_net::io_kind;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout_at},
};

use super::reply::Reply;

/// The longest answer that is read.
const ANSWER: usize = 64 * 1024;

/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// Bytes in both directions, encrypted or not.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection to a mail server.
pub(crate) struct Connection<S> {
    /// What the server offers.
    pub(super) features: Features,
    /// What came and belongs to no answer yet.
    buffer: Vec<u8>,
    stream: S,
}

/// The conversation broke off; the text says how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lost(pub(crate) Cow<'static, str>);

/// What a server offers in its answer to EHLO, as far as it matters here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Features {
    pub(super) starttls: bool,
    pub(super) plain: bool,
    pub(super) login: bool,
    /// Whether it wants to know how large a message is (RFC 1870), and how large one may be.
    pub(super) size: Option<Option<u64>>,
}

impl<S: Stream> Connection<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { features: Features::default(), buffer: Vec::new(), stream }
    }

    /// The stream, unless the server has said more than was read.
    pub(super) fn into_stream(self) -> Option<S> {
        self.buffer.is_empty().then_some(self.stream)
    }

    /// Says one line and reads the answer.
    pub(super) async fn command(&mut self, line: impl Display, deadline: Instant) -> Result<Reply, Lost> {
        self.write(line.to_string().as_bytes(), deadline).await?;
        self.answer(deadline).await
    }

    pub(super) async fn write(&mut self, bytes: &[u8], deadline: Instant) -> Result<(), Lost> {
        let writing = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        within(deadline, writing).await
    }

    /// Reads one answer, however many lines it has.
    pub(super) async fn answer(&mut self, deadline: Instant) -> Result<Reply, Lost> {
        let mut lines = Vec::new();
        let mut length = 0;
        loop {
            let line = self.line(ANSWER - length, deadline).await?;
            length += line.len();
            let text = String::from_utf8_lossy(&line);
            let (code, last, words) = parse(text.trim_end()).ok_or(Lost("what the server sent is not SMTP".into()))?;
            lines.push(words.to_owned());
            if last {
                return Ok(Reply { code, lines });
            }
        }
    }

    /// Reads up to the next end of a line.
    async fn line(&mut self, limit: usize, deadline: Instant) -> Result<Vec<u8>, Lost> {
        let mut searched = 0;
        loop {
            if let Some(at) = self.buffer[searched..].iter().position(|&byte| byte == b'\n') {
                let rest = self.buffer.split_off(searched + at + 1);
                return Ok(std::mem::replace(&mut self.buffer, rest));
            }
            searched = self.buffer.len();
            if searched >= limit {
                return Err(Lost(format!("the server's answer is longer than {ANSWER} bytes").into()));
            }
            let mut chunk = [0; 4096];
            let read = within(deadline, self.stream.read(&mut chunk)).await?;
            if read == 0 {
                return Err(Lost("the server closed the connection".into()));
            }
            self.buffer.extend_from_slice(&chunk[..read]);
        }
    }

    /// Says goodbye. Nobody waits for the answer.
    pub(crate) async fn quit(mut self) {
        let deadline = Instant::now() + FAREWELL;
        if self.write(b"QUIT\r\n", deadline).await.is_ok() {
            let _ = timeout_at(deadline, self.stream.shutdown()).await;
        }
    }
}

impl Features {
    /// Reads the lines behind the server's name. Keywords are compared without case.
    pub(super) fn of(hello: &Reply) -> Self {
        let mut features = Self::default();
        for line in hello.lines.iter().skip(1) {
            let mut words = line.split_ascii_whitespace();
            let keyword = words.next().unwrap_or_default();
            if keyword.eq_ignore_ascii_case("STARTTLS") {
                features.starttls = true;
            } else if keyword.eq_ignore_ascii_case("AUTH") {
                for mechanism in words {
                    features.plain |= mechanism.eq_ignore_ascii_case("PLAIN");
                    features.login |= mechanism.eq_ignore_ascii_case("LOGIN");
                }
            } else if keyword.eq_ignore_ascii_case("SIZE") {
                // Zero is no limit.
                features.size = Some(words.next().and_then(|size| size.parse().ok()).filter(|&size| size > 0));
            }
        }
        features
    }
}

impl<S> fmt::Debug for Connection<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("features", &self.features).finish_non_exhaustive()
    }
}

/// One line of an answer: its code, whether it is the last one, and its words.
fn parse(line: &str) -> Option<(u16, bool, &str)> {
    let code = line.get(..3).filter(|code| code.bytes().all(|b| b.is_ascii_digit()))?;
    let code = code.parse().ok().filter(|code| (200..600).contains(code))?;
    match line.as_bytes().get(3) {
        None => Some((code, true, "")),
        Some(b' ') => Some((code, true, &line[4..])),
        Some(b'-') => Some((code, false, &line[4..])),
        Some(_) => None,
    }
}

async fn within<T>(deadline: Instant, work: impl Future<Output = io::Result<T>>) -> Result<T, Lost> {
    match timeout_at(deadline, work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(match io_kind(&error) {
            Some(io::ErrorKind::UnexpectedEof) => Lost("the server closed the connection".into()),
            _ => Lost("the connection broke".into()),
        }),
        Err(_) => Err(Lost("the time for the whole exchange was over".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answer_to(bytes: &[u8]) -> Result<Reply, Lost> {
        let (near, mut far) = tokio::io::duplex(128 * 1024);
        far.write_all(bytes).await.unwrap();
        drop(far);
        let mut connection: Connection<_> = Connection::new(near);
        connection.answer(Instant::now() + Duration::from_secs(5)).await
    }

    #[rstest::rstest]
    #[case(b"250 ok\r\n", 250, &["ok"])]
    #[case(b"250\r\n", 250, &[""])]
    #[case(b"250 ok\n", 250, &["ok"])]
    #[case(b"250-a\r\n250-b c\r\n250 d\r\n", 250, &["a", "b c", "d"])]
    #[case(b"550 unbekannter Empf\xe4nger\r\n", 550, &["unbekannter Empf\u{fffd}nger"])]
    #[tokio::test]
    async fn answers(#[case] bytes: &[u8], #[case] code: u16, #[case] lines: &[&str]) {
        let reply = answer_to(bytes).await.unwrap();
        assert_eq!((reply.code, reply.lines.iter().map(String::as_str).collect::<Vec<_>>()), (code, lines.to_vec()));
    }

    #[rstest::rstest]
    #[case(b"", "closed the connection")]
    #[case(b"250-a\r\n", "closed the connection")]
    #[case(b"HTTP/1.1 400 Bad Request\r\n", "not SMTP")]
    #[case(b"\xff\xfe\r\n", "not SMTP")]
    #[case(b"250_a\r\n", "not SMTP")]
    #[case(b"999 a\r\n", "not SMTP")]
    #[case("25€ a\r\n".as_bytes(), "not SMTP")]
    #[tokio::test]
    async fn what_is_no_answer(#[case] bytes: &[u8], #[case] says: &str) {
        let lost = answer_to(bytes).await.unwrap_err();
        assert!(lost.0.contains(says), "{lost:?}");
    }

    #[tokio::test]
    async fn answers_are_bounded() {
        for endless in [b"250 ".iter().chain(&[b'x'; 100_000]).copied().collect(), b"250-x\r\n".repeat(12_000)] {
            let lost = answer_to(&endless).await.unwrap_err();
            assert!(lost.0.contains("longer than 65536 bytes"), "{lost:?}");
        }
    }

    #[rstest::rstest]
    #[case(&["mx.example"], Features::default())]
    #[case(&["starttls", "x"], Features::default())]
    #[case(&["mx", "StartTLS", "AUTH plain LOGIN CRAM-MD5", "SIZE 1000"],
           Features { starttls: true, plain: true, login: true, size: Some(Some(1_000)) })]
    #[case(&["mx", "AUTH", "SIZE 0"], Features { size: Some(None), ..Features::default() })]
    #[case(&["mx", "AUTH XOAUTH2", "SIZE"], Features { size: Some(None), ..Features::default() })]
    fn features(#[case] lines: &[&str], #[case] expected: Features) {
        let hello = Reply { code: 250, lines: lines.iter().map(|&line| line.into()).collect() };
        assert_eq!(Features::of(&hello), expected);
    }
}
