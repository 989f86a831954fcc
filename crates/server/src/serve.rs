//! The server on its socket.

use std::{future::Future, io};

use axum::{Router, serve::ListenerExt};
use tokio::net::TcpListener;

/// Serves `app` until `shutdown` comes true, then stops accepting and returns when everything in flight is
/// answered. How long that may take is the caller's decision: dropping this future ends it.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    // An answer is one small write; holding it back to wait for more would only delay it.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
    });
    axum::serve(listener, app).with_graceful_shutdown(shutdown).await
}
