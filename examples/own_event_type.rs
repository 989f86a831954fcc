//! An event type of the application's own.
//!
//! `cargo run -p fanfare-examples --example own_event_type`

use std::error::Error;

use fanfare::{Fanfare, Keyring, Submission};
use serde_json::json;

const CERTIFICATE_EXPIRES: &str = r##"
id = "certificate_expires"
name = "Certificate Expires"
description = "A certificate has to be renewed soon."
category = "security"
default_enabled = true
data = [
    { name = "host", type = "string", description = "The host that shows the certificate." },
    { name = "days", type = "integer", description = "How many days are left." },
]

[wording]
title = "Certificate of {{host}} expires"
message = "It is valid for {{days}} more days."
status = "warning"
color = "#f59e0b"
fields = [{ name = "Host", value = "{{host}}" }, { name = "Days Left", value = "{{days}}" }]

[sample]
host = "www.example.org"
days = 7
"##;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let database = std::env::temp_dir().join(format!("fanfare-example-{}.db", std::process::id()));
    let engine = Fanfare::builder(format!("sqlite:{}", database.display()), &Keyring::generate())?
        .event_type("certificate_expires.toml", CERTIFICATE_EXPIRES)
        .start()
        .await?;

    let data = json!({ "host": "shop.example.org", "days": 3 });
    let event = Submission {
        event_type: "certificate_expires".into(),
        data: data.as_object().cloned().unwrap_or_default(),
        ..Submission::default()
    };
    let explained = engine.explain(event).await?;
    println!("{}\n{}", explained.notification.title, explained.notification.message);
    for skip in explained.plan.skips {
        println!("(nobody is told: {})", skip.detail);
    }
    Ok(())
}
