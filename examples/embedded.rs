//! An application that tells a webhook of an error.
//!
//! `cargo run -p fanfare-examples --example embedded -- http://127.0.0.1:9000/`

use std::{error::Error, time::Duration};

use fanfare::{
    Fanfare, Keyring, NewChannel, Submission,
    core::{AddressPolicy, NotificationSettings},
};
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("say where to post: embedded URL")?;
    let _ = rustls::crypto::ring::default_provider().install_default();

    // A real application keeps the database, and the key apart from it.
    let database = std::env::temp_dir().join(format!("fanfare-example-{}.db", std::process::id()));
    let engine = Fanfare::builder(format!("sqlite:{}", database.display()), &Keyring::generate())?
        .addresses(AddressPolicy::with_loopback())
        .start()
        .await?;

    let channel = engine
        .create_channel(NewChannel {
            name: "Operations".into(),
            kind: "webhook".into(),
            config: json!({ "url": url }),
            enabled: true,
            delivery: Default::default(),
        })
        .await?;
    let settings = NotificationSettings { global_channels: vec![channel.id], ..Default::default() };
    engine.replace_settings(settings, None).await?;

    let data = json!({ "component": "example", "error": "nothing is wrong, this is only a demonstration" });
    let event = Submission {
        event_type: "system_error".into(),
        data: data.as_object().cloned().unwrap_or_default(),
        ..Submission::default()
    };
    let accepted = engine.accept(event, None).await?;
    for delivery in &accepted.deliveries {
        println!("{} is told ({})", delivery.channel_name, delivery.reason.as_str());
    }

    // Stopping lets what is under way finish.
    engine.stop(Duration::from_secs(10)).await;
    Ok(())
}
