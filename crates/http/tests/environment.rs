//! A program of its own, because it runs with another environment.

use std::{process::Command, sync::Arc};

use fanfare_core::{AddressPolicy, Transport};
use fanfare_http::{HttpTransport, Limits};
use fanfare_net::{Guard, tls_config};
use fanfare_testkit::Receiver;
use http::Request;

/// In the child: asks the receiver that is named in the environment.
#[tokio::test]
async fn child() {
    let Ok(url) = std::env::var("TEST_RECEIVER") else { return };
    let guard = Arc::new(Guard::new(AddressPolicy::with_loopback()));
    let client = HttpTransport::new(guard, tls_config(None).unwrap(), Limits::default()).unwrap();
    client.exchange(Request::post(url).body("hello".into()).unwrap()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxies_in_the_environment_are_ignored_and_no_certificates_are_needed() {
    let (receiver, proxy) = (Receiver::start().await, Receiver::start().await);
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["child", "--exact"]).env("TEST_RECEIVER", receiver.url("/"));
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        child.env(name, proxy.url(""));
    }
    child.env("SSL_CERT_FILE", "/nonexistent").env("SSL_CERT_DIR", "/nonexistent");
    let status = tokio::task::spawn_blocking(move || child.status()).await.unwrap().unwrap();
    assert!(status.success());
    assert_eq!((receiver.count(), proxy.connections()), (1, 0));
}
