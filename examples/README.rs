//! Small programs that embed Fanfare. Each is one file beside this one:
//!
//! - `embedded`: an application that tells a webhook of an error.
//! - `own_event_type`: the same with an event type of the application's own, in eight lines of TOML.
//! - `receiver`: prints what arrives, for trying things out.
//!
//! Run one with `cargo run -p fanfare-examples --example embedded -- https://hooks.example/…`.
