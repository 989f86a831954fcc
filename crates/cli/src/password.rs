//! Passwords on their way in: never as an argument, which every user of the machine could read.

use std::io::{self, BufRead, IsTerminal, Stdin};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use secrecy::SecretString;

use crate::failure::Failure;

/// The first line of standard input. At a terminal it is asked for, and not shown.
pub(crate) fn read(prompt: &str) -> Result<SecretString, Failure> {
    let stdin = io::stdin();
    let unseen = stdin.is_terminal().then(|| {
        eprint!("{prompt}: ");
        Unseen::start(&stdin)
    });
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    if unseen.is_some() {
        eprintln!();
    }
    drop(unseen);
    read.map_err(|error| Failure::Failed(format!("standard input cannot be read: {error}")))?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(Failure::WrongUse("there is no password: write it to standard input, on one line".into()));
    }
    Ok(password.into())
}

/// A terminal that does not show what is typed, until this is dropped.
struct Unseen<'a> {
    stdin: &'a Stdin,
    before: Option<Termios>,
}

impl<'a> Unseen<'a> {
    fn start(stdin: &'a Stdin) -> Self {
        let before = tcgetattr(stdin).ok();
        if let Some(before) = &before {
            let mut unseen = before.clone();
            unseen.local_modes.remove(LocalModes::ECHO);
            // A terminal that cannot do it shows what is typed, as it would with any program.
            let _ = tcsetattr(stdin, OptionalActions::Flush, &unseen);
        }
        Self { stdin, before }
    }
}

impl Drop for Unseen<'_> {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = tcsetattr(self.stdin, OptionalActions::Flush, before);
        }
    }
}
