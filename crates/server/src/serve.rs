//! The server on its socket.

use std::{
    convert::Infallible,
    future::Future,
    io,
    pin::pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, response::Response, routing::future::RouteFuture};
use http::Request;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::net::{TcpListener, TcpStream};
use tower::Service;

use crate::auth::Peer;

/// How long the head of a request may take, counted from the answer before it: a caller who says nothing, or says it
/// a byte at a time, does not keep a connection for ever.
const HEAD: Duration = Duration::from_secs(60);

/// How long to wait before accepting again when the system has no sockets left.
const BREATHER: Duration = Duration::from_millis(500);

/// Serves `app` until `shutdown` comes true, then stops accepting and returns when everything in flight is
/// answered. How long that may take is the caller's decision: dropping this future ends it.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let mut http = http1::Builder::new();
    // An answer's head and body are a few hundred bytes: copied together and written as one piece, they cost less than
    // as a list of pieces.
    http.timer(TokioTimer::new()).header_read_timeout(HEAD).writev(false);
    // Who has said all that it has to say may still read the answer, as a script does that pipes a request through `nc`.
    http.half_close(true);
    let graceful = GracefulShutdown::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let stream = tokio::select! {
            accepted = accept(&listener) => accepted,
            () = &mut shutdown => break,
        };
        // An answer is one small write; holding it back to wait for more would only delay it.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        let service = WithPeer { peer: stream.peer_addr().ok().map(|peer| Peer(peer.ip())), app: app.clone() };
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    graceful.shutdown().await;
    Ok(())
}

/// The application on one connection: it notes with every request who is at the other end.
#[derive(Clone)]
struct WithPeer {
    peer: Option<Peer>,
    app: Router,
}

impl Service<Request<Incoming>> for WithPeer {
    type Response = Response;
    type Error = Infallible;
    type Future = RouteFuture<Infallible>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request<Incoming>>::poll_ready(&mut self.app, context)
    }

    fn call(&mut self, mut request: Request<Incoming>) -> Self::Future {
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(peer);
        }
        self.app.call(request)
    }
}

/// The next connection. One that broke before it was accepted is nobody's loss; a system without sockets gets time
/// to close some.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        let error = match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => error,
        };
        let broken = matches!(
            error.kind(),
            io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
        );
        if !broken {
            tracing::error!(%error, "a connection could not be accepted");
            tokio::time::sleep(BREATHER).await;
        }
    }
}
