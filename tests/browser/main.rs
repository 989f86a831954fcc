//! The web page, used as people use it: in Chromium, on the real binary, with real receivers. What a page says was done
//! is confirmed through the API.

#![allow(clippy::unwrap_used)]

mod access;
mod channels;
mod explain;
mod furnished;
mod harness;
mod history;
mod jobs;
mod kinds;
mod looks;
mod screens;
mod settings;
mod sign_in;
mod viewer;
mod whole;
mod wording;
