//! Small programs that embed Fanfare. Each is one file beside this one:
//!
//! - `embedded`: an application that tells a webhook of an error.
//! - `own_event_type`: the same with an event type of the application's own, in eight lines of TOML.
//! - `users`: an application that knows its users, so that an event names one by an id alone.
//! - `receiver`: prints what is posted to it, for trying things out.
//! - `mailbox`: prints what is mailed to it.
//!
//! Run one with `cargo run -p fanfare-examples --example embedded -- https://hooks.example/…`.
