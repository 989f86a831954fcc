//! A real mail server on loopback that remembers what it was sent and can misbehave.

mod mail;
mod say;
mod session;
mod state;

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use crate::certificate::Certificate;
use session::Session;
use state::{Offer, Shared, State};

pub use mail::{Account, Mail};
pub use say::{At, Say};

/// A mail server in the making: without TLS and accounts, unless it is told otherwise.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    tls: Tls,
    names: Vec<String>,
    offer: Offer,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tls {
    #[default]
    None,
    Offered,
    FromTheStart,
}

impl Builder {
    /// Offers STARTTLS, with a certificate for these names and addresses.
    #[must_use]
    pub fn starttls(self, names: &[&str]) -> Self {
        Self { tls: Tls::Offered, names: names.iter().map(|&name| name.into()).collect(), ..self }
    }

    /// Speaks TLS from the first byte, with a certificate for these names and addresses.
    #[must_use]
    pub fn tls(self, names: &[&str]) -> Self {
        Self { tls: Tls::FromTheStart, ..self.starttls(names) }
    }

    /// Takes mail from this account only, and its password only through TLS.
    #[must_use]
    pub fn account(mut self, username: &str, password: &str) -> Self {
        self.offer.account = Some((username.into(), password.into()));
        self.offer.mechanisms = "PLAIN LOGIN".into();
        self
    }

    /// Offers these ways of signing in.
    #[must_use]
    pub fn mechanisms(mut self, mechanisms: &str) -> Self {
        self.offer.mechanisms = mechanisms.into();
        self
    }

    /// Says that a message may have this many bytes.
    #[must_use]
    pub fn size(mut self, bytes: usize) -> Self {
        self.offer.size = Some(bytes);
        self
    }

    /// Starts on a free port of 127.0.0.1.
    pub async fn start(self) -> SmtpReceiver {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let certificate = (self.tls != Tls::None).then(|| Certificate::new(&names));
        let acceptor = certificate.as_ref().map(Certificate::acceptor);
        let authority = certificate.map(|certificate| certificate.authority);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::new(self.offer));
        let task = tokio::spawn(accept(listener, self.tls, acceptor, shared.clone()));
        SmtpReceiver { address, authority, shared, task }
    }
}

/// A real mail server on loopback. It records every message and takes all of them unless told otherwise; it ends
/// when it is dropped.
pub struct SmtpReceiver {
    address: SocketAddr,
    authority: Option<String>,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl SmtpReceiver {
    /// A server that can still be given properties.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A server without TLS and accounts.
    pub async fn start() -> Self {
        Builder::default().start().await
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The authority that issued its certificate, in PEM form.
    ///
    /// # Panics
    /// When it has no certificate.
    pub fn authority(&self) -> &str {
        self.authority.as_deref().unwrap()
    }

    /// What is said at this point the next time, instead of the usual answer. Several are said in order.
    pub fn say(&self, at: At, say: impl Into<Say>) {
        self.shared.state().once.entry(at).or_default().push_back(say.into());
    }

    /// What is said at this point from now on.
    pub fn say_always(&self, at: At, say: impl Into<Say>) {
        self.shared.state().always.insert(at, say.into());
    }

    /// Answers this recipient with a line such as `550 5.1.1 No such user`.
    pub fn refuse(&self, recipient: &str, line: &str) {
        self.shared.state().refused.insert(recipient.to_lowercase(), line.into());
    }

    /// Puts every recipient off when it is named for the first time.
    pub fn greylist(&self) {
        self.shared.state().greylisting = true;
    }

    /// Closes all connections without a word, as a restart does.
    pub fn drop_connections(&self) {
        self.shared.restarts.send_modify(|restarts| *restarts += 1);
    }

    /// Every message that was taken, in order.
    pub fn mails(&self) -> Vec<Mail> {
        self.shared.state().mails.clone()
    }

    /// How many connections were ever accepted.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Acquire)
    }

    /// Every command so far, as it came, of all connections.
    pub fn commands(&self) -> Vec<String> {
        self.shared.state().commands.clone()
    }

    /// Waits until at least `n` messages were taken, and returns all of them.
    ///
    /// # Panics
    /// When there are fewer after `limit`.
    pub async fn wait_for(&self, n: usize, limit: Duration) -> Vec<Mail> {
        self.wait_until(&format!("{n} messages"), limit, |state| state.mails.len() >= n).await;
        self.mails()
    }

    /// Waits until no connection is open.
    ///
    /// # Panics
    /// When one still is after `limit`.
    pub async fn wait_for_closed(&self, limit: Duration) {
        self.wait_until("end of all connections", limit, |state| state.open == 0).await;
    }

    async fn wait_until(&self, what: &str, limit: Duration, done: impl Fn(&State) -> bool) {
        let mut changes = self.shared.changed.subscribe();
        let waiting = async {
            while !done(&self.shared.state()) {
                changes.changed().await.unwrap();
            }
        };
        if timeout(limit, waiting).await.is_err() {
            let State { mails, open, commands, .. } = &*self.shared.state();
            panic!("no {what} within {limit:?}: {} messages, {open} open, after {commands:?}", mails.len());
        }
    }
}

impl Drop for SmtpReceiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for SmtpReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpReceiver({})", self.address)
    }
}

/// The set ends its connections when the receiver is dropped.
async fn accept(listener: TcpListener, tls: Tls, acceptor: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let _ = stream.set_nodelay(true);
                let number = shared.connections.fetch_add(1, Ordering::AcqRel);
                shared.change(|state| state.open += 1);
                let (acceptor, shared) = (acceptor.clone(), shared.clone());
                connections.spawn(async move {
                    let mut restarts = shared.restarts.subscribe();
                    tokio::select! {
                        _ = serve(stream, tls, acceptor, Session::new(number, shared.clone())) => {}
                        _ = restarts.changed() => {}
                    }
                    shared.change(|state| state.open -= 1);
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, tls: Tls, acceptor: Option<TlsAcceptor>, mut session: Session) -> Option<()> {
    match (tls, acceptor) {
        (Tls::FromTheStart, Some(acceptor)) => {
            session.encrypted = true;
            let mut stream = acceptor.accept(stream).await.ok()?;
            session.greet(&mut stream).await?;
            session.run(&mut stream).await?;
        }
        (_, acceptor) => {
            let mut stream = stream;
            session.starttls = acceptor.is_some();
            session.greet(&mut stream).await?;
            session.run(&mut stream).await?;
            // It ended with STARTTLS.
            session.encrypted = true;
            session.starttls = false;
            let mut stream = acceptor?.accept(stream).await.ok()?;
            session.run(&mut stream).await?;
        }
    }
    Some(())
}
