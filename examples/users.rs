//! An application that knows its users: an event names one by an id, and the mail goes to their address.
//!
//! `cargo run -p fanfare-examples --example users -- 2525` writes to a mail server on this machine, such as the example
//! `mailbox`.

use std::{error::Error, time::Duration};

use async_trait::async_trait;
use fanfare::{
    Fanfare, Keyring, NewChannel, Submission,
    core::{AddressPolicy, DirectoryError, EventSettings, NotificationSettings, NotifyUser, User, UserDirectory},
};
use serde_json::json;

/// The accounts of the application; a real one would ask its database.
#[derive(Debug)]
struct Accounts;

#[async_trait]
impl UserDirectory for Accounts {
    async fn find(&self, id: &str) -> Result<Option<User>, DirectoryError> {
        let ada = User { name: Some("Ada".into()), email: Some("ada@mail.example".into()), ..User::default() };
        Ok((id == "7").then_some(ada))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = std::env::args().nth(1).as_deref().unwrap_or("2525").parse()?;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let database = std::env::temp_dir().join(format!("fanfare-example-{}.db", std::process::id()));
    let engine = Fanfare::builder(format!("sqlite:{}", database.display()), &Keyring::generate())?
        .addresses(AddressPolicy::with_loopback())
        .users(Accounts)
        .start()
        .await?;

    let config = json!({
        "host": "127.0.0.1", "port": port, "security": "none",
        "from": "Fanfare <fanfare@mail.example>", "to": ["ops@mail.example"],
    });
    let new =
        NewChannel { name: "Mail".into(), kind: "email".into(), config, enabled: true, delivery: Default::default() };
    let mail = engine.create_channel(new).await?;
    let login = EventSettings { enabled: Some(true), notify_user: NotifyUser::Only, ..EventSettings::default() };
    let settings =
        NotificationSettings { global_channels: vec![mail.id], events: [("user_login".into(), login)].into() };
    engine.replace_settings(settings, None).await?;

    // The event says who it was by an id alone.
    for id in ["7", "8"] {
        let user = User { id: Some(id.into()), ..User::default() };
        let event = Submission { event_type: "user_login".into(), user: Some(user), ..Submission::default() };
        for delivery in engine.accept(event, None).await?.deliveries {
            println!("user {id}: {} is told ({})", delivery.target, delivery.reason.as_str());
        }
    }
    engine.stop(Duration::from_secs(10)).await;
    Ok(())
}
