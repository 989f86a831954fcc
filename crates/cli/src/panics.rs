//! What is said of a mistake in the program: where it is, and never what it was about, since that may be a secret.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    panic::{self, PanicHookInfo},
    thread,
};

/// For commands: says it on standard error.
pub(crate) fn tell_the_user() {
    panic::set_hook(Box::new(|info| eprintln!("fanfare: {}{}", words(info), backtrace())));
}

/// For the server: writes it into the log.
pub(crate) fn log() {
    panic::set_hook(Box::new(|info| tracing::error!("{}{}", words(info), backtrace())));
}

fn words(info: &PanicHookInfo<'_>) -> String {
    let place = info.location().map_or_else(|| "an unknown place".into(), |at| format!("{}:{}", at.file(), at.line()));
    let thread = thread::current().name().unwrap_or("without a name").to_owned();
    format!("this is a mistake in Fanfare, at {place} (thread {thread}): please report it")
}

/// The calls that led there, if `RUST_BACKTRACE` asks for them: names of functions, and no values.
fn backtrace() -> String {
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured { format!("\n{backtrace}") } else { String::new() }
}

#[cfg(test)]
mod tests {
    use std::{
        process::Command,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[test]
    fn a_panic_says_where_and_not_about_what() {
        let said = Arc::new(Mutex::new(String::new()));
        let hears = said.clone();
        panic::set_hook(Box::new(move |info| *hears.lock().unwrap() = words(info)));
        let caught = panic::catch_unwind(|| panic!("the password is {}", "s3cret"));
        let _ = panic::take_hook();
        assert!(caught.is_err());
        let said = said.lock().unwrap().clone();
        assert!(said.contains("panics.rs:") && !said.contains("s3cret") && !said.contains("password"), "{said}");
    }

    /// The hook as it is installed, in a process of its own: this test runs itself, and panics there.
    #[test]
    fn nothing_of_it_is_printed() {
        const INSIDE: &str = "FANFARE_TEST_PANICS_AS";
        let printed = |hook: &str| {
            let mut process = Command::new(std::env::current_exe().unwrap());
            process.args(["--exact", "panics::tests::nothing_of_it_is_printed", "--nocapture"]).env(INSIDE, hook);
            let output = process.output().unwrap();
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
        };
        match std::env::var(INSIDE).as_deref() {
            Ok(hook) => {
                match hook {
                    "user" => tell_the_user(),
                    "log" => {
                        tracing_subscriber::fmt().with_writer(std::io::stderr).init();
                        log();
                    }
                    _ => {}
                }
                let caught = panic::catch_unwind(|| panic!("the password is {}", "s3cret"));
                let _ = panic::take_hook();
                assert!(caught.is_err());
            }
            Err(_) => {
                for hook in ["user", "log"] {
                    let text = printed(hook);
                    assert!(text.contains("a mistake in Fanfare") && !text.contains("s3cret"), "{text}");
                }
                assert!(printed("none").contains("s3cret"), "without the hook it would be");
            }
        }
    }
}
