//! From a configuration to a connection that takes messages.

use std::{net::SocketAddr, sync::Arc};

use fanfare_core::{AddressPolicy, Network, SendError, TransportError};
use fanfare_net::{NetError, connect, connect_words, server_name};
use lettre::transport::smtp::{
    commands::{Ehlo, Starttls},
    extension::ClientId,
};
use rustls::ClientConfig;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    Account, Credentials, Limits, Trust,
    connection::{Connection, Features, Lost, Stream},
    hide::{encoded, plain},
    reply::{Reply, Stage},
};
use crate::Security;

/// A connection that takes messages, encrypted or not.
pub(crate) type Open = Connection<Box<dyn Stream>>;

/// Connects as `account` says and signs in.
pub(crate) async fn open(
    account: &Account,
    credentials: Option<&Credentials>,
    network: &Network,
    trust: &Trust,
    limits: &Limits,
    deadline: Instant,
) -> Result<Open, SendError> {
    let connected_by = deadline.min(Instant::now() + limits.connect);
    let tcp = tcp(account, &network.policy, limits).await?;
    let me = introduction(tcp.local_addr().ok());
    let mut connection: Open = match account.security {
        Security::None => {
            let mut connection = Connection::new(boxed(tcp));
            greeted(&mut connection, &me, deadline).await?;
            connection
        }
        Security::Tls => {
            let client = trust.client(network.extra_ca_pem.as_ref())?;
            let stream = handshake(account, client, tcp, limits, connected_by).await?;
            let mut connection = Connection::new(boxed(stream));
            greeted(&mut connection, &me, deadline).await?;
            connection
        }
        Security::Starttls => {
            let client = trust.client(network.extra_ca_pem.as_ref())?;
            let mut connection = Connection::new(tcp);
            greeted(&mut connection, &me, deadline).await?;
            let tcp = starttls(connection, deadline).await?;
            let handshake_by = deadline.min(Instant::now() + limits.connect);
            let stream = handshake(account, client, tcp, limits, handshake_by).await?;
            let mut connection = Connection::new(boxed(stream));
            // What was offered in the clear may have been somebody else's offer.
            hello(&mut connection, &me, deadline).await?;
            connection
        }
    };
    if let Some(credentials) = credentials {
        sign_in(&mut connection, credentials, deadline).await?;
    }
    Ok(connection)
}

fn boxed(stream: impl Stream + 'static) -> Box<dyn Stream> {
    Box::new(stream)
}

async fn tcp(account: &Account, policy: &AddressPolicy, limits: &Limits) -> Result<TcpStream, SendError> {
    let stream = connect(policy, &account.host, account.port, limits.connect).await;
    stream.map_err(|error| match error {
        NetError::Refused(refusal) => TransportError::Refused(refusal).into(),
        NetError::Connect(words) => TransportError::Connect(words).into(),
        other => TransportError::Connect(other.to_string().into()).into(),
    })
}

async fn handshake(
    account: &Account,
    client: Arc<ClientConfig>,
    tcp: TcpStream,
    limits: &Limits,
    by: Instant,
) -> Result<TlsStream<TcpStream>, SendError> {
    let no_connection = |words: String| SendError::from(TransportError::Connect(words.into()));
    let name = server_name(&account.host).map_err(|error| no_connection(error.to_string()))?;
    match timeout_at(by, TlsConnector::from(client).connect(name, tcp)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(no_connection(connect_words(&error, limits.connect))),
        Err(_) => Err(no_connection(format!("timed out after {:?} in the TLS handshake", limits.connect))),
    }
}

/// Waits for the server's greeting and introduces ourselves.
async fn greeted<S: Stream>(connection: &mut Connection<S>, me: &ClientId, deadline: Instant) -> Result<(), SendError> {
    expect(connection.answer(deadline).await)?;
    hello(connection, me, deadline).await
}

async fn hello<S: Stream>(connection: &mut Connection<S>, me: &ClientId, deadline: Instant) -> Result<(), SendError> {
    let reply = expect(connection.command(Ehlo::new(me.clone()), deadline).await)?;
    connection.features = Features::of(&reply);
    Ok(())
}

/// Turns to TLS, or not at all: whoever stands between could have taken the offer away, and would read the rest.
async fn starttls(mut connection: Connection<TcpStream>, deadline: Instant) -> Result<TcpStream, SendError> {
    if !connection.features.starttls {
        let detail = "the server does not offer STARTTLS, and nothing is sent without encryption: choose tls if it \
                      expects TLS from the start, or none if it is your own server and needs no password";
        return Err(SendError::misconfigured(detail));
    }
    expect(connection.command(Starttls, deadline).await)?;
    // What came before TLS began must not be taken for an answer that came through it.
    connection
        .into_stream()
        .ok_or_else(|| TransportError::Connect("the server said more than it may before TLS began".into()).into())
}

async fn sign_in(connection: &mut Open, credentials: &Credentials, deadline: Instant) -> Result<(), SendError> {
    if connection.features.plain {
        expect(connection.command(format!("AUTH PLAIN {}\r\n", plain(credentials)), deadline).await)?;
        return Ok(());
    }
    if !connection.features.login {
        let detail = "the server offers no way to sign in that is supported (AUTH PLAIN or LOGIN): if it needs no \
                      password, leave out username and password";
        return Err(SendError::misconfigured(detail));
    }
    let mut reply = connection.command("AUTH LOGIN\r\n", deadline).await;
    for answer in [&credentials.username, &credentials.password] {
        match &reply {
            Ok(asked) if asked.code == 334 => {}
            _ => break,
        }
        reply = connection.command(format!("{}\r\n", encoded(answer)), deadline).await;
    }
    expect(reply).map(drop)
}

/// An answer that says yes; anything else is the end of the session.
fn expect(reply: Result<Reply, Lost>) -> Result<Reply, SendError> {
    match reply {
        Ok(reply) if reply.is_positive() => Ok(reply),
        Ok(reply) => Err(reply.refusal(Stage::Session)),
        Err(Lost(words)) => Err(TransportError::Connect(words).into()),
    }
}

/// The name by which we introduce ourselves: this machine's full name, or where it has none, the address that the
/// connection comes from (RFC 5321, 4.1.4).
fn introduction(local: Option<SocketAddr>) -> ClientId {
    let is_full = |name: &str| {
        let labels_ok = name
            .split('.')
            .all(|label| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
        name.contains('.') && labels_ok
    };
    match (ClientId::default(), local) {
        (ClientId::Domain(name), _) if is_full(&name) => ClientId::Domain(name),
        (_, Some(SocketAddr::V4(local))) => ClientId::Ipv4(*local.ip()),
        (_, Some(SocketAddr::V6(local))) => ClientId::Ipv6(*local.ip()),
        (other, None) => other,
    }
}
