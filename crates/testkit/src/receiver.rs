//! A real HTTP server on loopback that remembers what it was sent.

use std::{
    collections::VecDeque,
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, StatusCode};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use crate::{certificate::Certificate, wire::read_request};

/// A request that a [`Receiver`] got.
#[derive(Clone, Debug)]
pub struct Received {
    /// The method, such as `POST`.
    pub method: String,
    /// Path and query as they stood in the request.
    pub path: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The body's bytes.
    pub body: Bytes,
    /// When the last byte had come, by the clock.
    pub at: SystemTime,
    /// The same for measuring distances.
    pub instant: Instant,
}

impl Received {
    /// The value of a header, where it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is something else.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("not JSON ({e}): {:?}", self.text()))
    }

    /// The request that came to `base`: scheme and host, without a slash at the end.
    ///
    /// # Panics
    /// When that makes no address.
    pub fn request(&self, base: &str) -> Request<Bytes> {
        let request = Request::builder().method(self.method.as_str()).uri(format!("{base}{}", self.path));
        let mut request = request.body(self.body.clone()).unwrap();
        request.headers_mut().clone_from(&self.headers);
        request
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// What a [`Receiver`] does with a request.
#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Body,
    delay: Duration,
    close: bool,
}

#[derive(Clone, Debug)]
enum Body {
    Whole(Bytes),
    Drip(Bytes, Duration),
    Endless,
    Hang,
    Close,
    Raw(Bytes),
}

impl Answer {
    /// An empty answer with this status.
    pub fn status(status: u16) -> Self {
        let body = Body::Whole(Bytes::new());
        Self { status, headers: Vec::new(), body, delay: Duration::ZERO, close: false }
    }

    /// No answer at all; the connection stays open.
    pub fn hang() -> Self {
        Self { body: Body::Hang, ..Self::status(0) }
    }

    /// The connection is closed without an answer.
    pub fn close() -> Self {
        Self { body: Body::Close, ..Self::status(0) }
    }

    /// A body that never ends.
    pub fn endless() -> Self {
        Self { body: Body::Endless, ..Self::status(200) }
    }

    /// A body that comes one byte at a time.
    pub fn drip(body: impl Into<Bytes>, every: Duration) -> Self {
        Self { body: Body::Drip(body.into(), every), ..Self::status(200) }
    }

    /// These bytes instead of an HTTP answer, and the end of the connection.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self { body: Body::Raw(bytes.into()), ..Self::status(0) }
    }

    /// The same answer with this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Body::Whole(body.into());
        self
    }

    /// The same answer with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.headers.push((name.into(), value.to_string()));
        self
    }

    /// The same answer after a wait.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// The same answer, after which the connection is closed without having said so.
    #[must_use]
    pub fn then_close(mut self) -> Self {
        self.close = true;
        self
    }

    fn head(&self, framing: &str) -> Vec<u8> {
        let phrase = StatusCode::from_u16(self.status).ok().and_then(|status| status.canonical_reason());
        let mut head = format!("HTTP/1.1 {} {}\r\n{framing}", self.status, phrase.unwrap_or_default());
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}

impl From<u16> for Answer {
    fn from(status: u16) -> Self {
        Self::status(status)
    }
}

type Script = Arc<dyn Fn(&Received) -> Answer + Send + Sync>;
type Hook = Arc<dyn Fn(&Received) + Send + Sync>;

struct State {
    requests: Vec<Received>,
    queue: VecDeque<Answer>,
    script: Script,
    hook: Option<Hook>,
    connections: usize,
    open: usize,
    answered: usize,
}

struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.send_replace(());
    }

    fn take(&self, request: Received) -> Answer {
        let mut state = self.state();
        let answer = match state.queue.pop_front() {
            Some(answer) => answer,
            None => (state.script.clone())(&request),
        };
        state.requests.push(request);
        drop(state);
        self.changed.send_replace(());
        answer
    }

    fn answered(&self, request: &Received) {
        self.change(|state| state.answered += 1);
        let hook = self.state().hook.clone();
        if let Some(hook) = hook {
            hook(request);
        }
    }
}

/// A real HTTP server on loopback. It records every request and answers 200 unless told otherwise; it ends when
/// it is dropped.
pub struct Receiver {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Receiver {
    /// Starts one on a free port of 127.0.0.1.
    pub async fn start() -> Self {
        Self::bind(None).await
    }

    /// Starts one that speaks TLS, with a fresh certificate for these names and addresses. Also returns the
    /// authority that issued it, in PEM form.
    pub async fn start_tls(names: &[&str]) -> (Self, String) {
        let certificate = Certificate::new(names);
        let (acceptor, authority) = (certificate.acceptor(), certificate.authority);
        (Self::bind(Some(acceptor)).await, authority)
    }

    async fn bind(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let state = State {
            requests: Vec::new(),
            queue: VecDeque::new(),
            script: Arc::new(|_| Answer::status(200)),
            hook: None,
            connections: 0,
            open: 0,
            answered: 0,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: watch::Sender::new(()) });
        let task = tokio::spawn(accept(listener, tls, Arc::clone(&shared)));
        Self { address, scheme, shared, task }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of `path`, which begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// Puts an answer at the end of the queue. Each is given once, in order.
    pub fn answer(&self, answer: impl Into<Answer>) {
        self.shared.state().queue.push_back(answer.into());
    }

    /// What is answered once the queue is empty.
    pub fn answer_always(&self, answer: impl Into<Answer>) {
        let answer = answer.into();
        self.answer_with(move |_| answer.clone());
    }

    /// As [`Receiver::answer_always`], depending on the request.
    pub fn answer_with(&self, script: impl Fn(&Received) -> Answer + Send + Sync + 'static) {
        self.shared.state().script = Arc::new(script);
    }

    /// Calls `hook` whenever an answer was written completely, with the request that it answers.
    pub fn when_answered(&self, hook: impl Fn(&Received) + Send + Sync + 'static) {
        self.shared.state().hook = Some(Arc::new(hook));
    }

    /// Every request so far, in the order in which they were complete.
    pub fn requests(&self) -> Vec<Received> {
        self.shared.state().requests.clone()
    }

    /// How many requests there were.
    pub fn count(&self) -> usize {
        self.shared.state().requests.len()
    }

    /// How many answers were written completely.
    pub fn answered(&self) -> usize {
        self.shared.state().answered
    }

    /// How many connections were ever accepted.
    pub fn connections(&self) -> usize {
        self.shared.state().connections
    }

    /// How many connections are open.
    pub fn open_connections(&self) -> usize {
        self.shared.state().open
    }

    /// Forgets all requests; the other counters go on.
    pub fn clear(&self) {
        self.shared.state().requests.clear();
    }

    /// Waits until there are at least `n` requests and returns all of them.
    ///
    /// # Panics
    /// When there are fewer after `limit`.
    pub async fn wait_for(&self, n: usize, limit: Duration) -> Vec<Received> {
        self.wait_until(&format!("{n} requests"), limit, |state| state.requests.len() >= n).await;
        self.requests()
    }

    /// Waits until at least `n` answers were written.
    ///
    /// # Panics
    /// When there are fewer after `limit`.
    pub async fn wait_for_answered(&self, n: usize, limit: Duration) {
        self.wait_until(&format!("{n} answers"), limit, |state| state.answered >= n).await;
    }

    /// Waits until no connection is open.
    ///
    /// # Panics
    /// When one still is after `limit`.
    pub async fn wait_for_closed(&self, limit: Duration) {
        self.wait_until("no open connection", limit, |state| state.open == 0).await;
    }

    async fn wait_until(&self, what: &str, limit: Duration, done: impl Fn(&State) -> bool) {
        let mut changes = self.shared.changed.subscribe();
        let waiting = async {
            while !done(&self.shared.state()) {
                changes.changed().await.unwrap();
            }
        };
        if timeout(limit, waiting).await.is_err() {
            let State { requests, answered, open, .. } = &*self.shared.state();
            panic!("no {what} within {limit:?}: {} requests, {answered} answers, {open} open", requests.len());
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receiver({})", self.address)
    }
}

/// The set ends its connections when the receiver is dropped.
async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let _ = stream.set_nodelay(true);
                shared.change(|state| {
                    state.connections += 1;
                    state.open += 1;
                });
                let (tls, shared) = (tls.clone(), Arc::clone(&shared));
                connections.spawn(async move {
                    match tls {
                        None => serve(stream, &shared).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, &shared).await;
                            }
                        }
                    }
                    shared.change(|state| state.open -= 1);
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, shared: &Shared) {
    let mut buffer = BytesMut::new();
    while let Some(request) = read_request(&mut stream, &mut buffer).await {
        let head_only = request.method == "HEAD";
        let answer = shared.take(request.clone());
        if write_answer(&mut stream, &answer, head_only).await.is_none() {
            break;
        }
        shared.answered(&request);
        if answer.close {
            break;
        }
    }
    let _ = stream.shutdown().await;
}

/// Writes the answer, or `None` when the connection is to be closed or was closed by the client.
async fn write_answer<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    answer: &Answer,
    head_only: bool,
) -> Option<()> {
    if !answer.delay.is_zero() {
        sleep(answer.delay).await;
    }
    match &answer.body {
        Body::Close => return None,
        Body::Hang => {
            // Ends when the client gives up.
            let mut ignored = [0; 256];
            while stream.read(&mut ignored).await.is_ok_and(|read| read > 0) {}
            return None;
        }
        Body::Raw(bytes) => {
            stream.write_all(bytes).await.ok()?;
            return None;
        }
        Body::Whole(body) => {
            let mut bytes = match answer.status {
                204 | 304 => answer.head(""),
                _ => answer.head(&format!("content-length: {}\r\n", body.len())),
            };
            if !head_only {
                bytes.extend_from_slice(body);
            }
            stream.write_all(&bytes).await.ok()?;
        }
        Body::Drip(body, every) => {
            stream.write_all(&answer.head(&format!("content-length: {}\r\n", body.len()))).await.ok()?;
            for byte in body {
                sleep(*every).await;
                stream.write_all(std::slice::from_ref(byte)).await.ok()?;
                stream.flush().await.ok()?;
            }
        }
        Body::Endless => {
            stream.write_all(&answer.head("transfer-encoding: chunked\r\n")).await.ok()?;
            let chunk = [b"1000\r\n".as_slice(), &[b'x'; 0x1000], b"\r\n"].concat();
            loop {
                stream.write_all(&chunk).await.ok()?;
            }
        }
    }
    stream.flush().await.ok()
}
