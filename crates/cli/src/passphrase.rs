//! Passphrases: from a file, a variable or the terminal.

use std::{
    env, fs,
    io::{self, BufRead, IsTerminal, Write},
};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use secrecy::{ExposeSecret, SecretString};

use crate::{args::PassphraseArgs, failure::Failure};

/// The variable that may hold the passphrase.
pub(crate) const VARIABLE: &str = "FANFARE_PASSPHRASE";

/// The passphrase; asked for twice where it is a `new` one that nothing else could check.
pub(crate) fn passphrase(args: &PassphraseArgs, new: bool) -> Result<SecretString, Failure> {
    if let Some(file) = &args.passphrase_file {
        let text = fs::read_to_string(file).map(SecretString::from);
        let text = text.map_err(|error| Failure::WrongUse(format!("{} cannot be read: {error}", file.display())))?;
        return Ok(first_line(text.expose_secret()));
    }
    if let Some(value) = env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
        let wrong = |_| Failure::WrongUse(format!("{VARIABLE} is not UTF-8 text"));
        return value.into_string().map(SecretString::from).map_err(wrong);
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::WrongUse(format!(
            "there is no passphrase: put it into {VARIABLE}, or into a file that --passphrase-file names"
        )));
    }
    let first = ask("Passphrase: ")?;
    if new && ask("The same again: ")?.expose_secret() != first.expose_secret() {
        return Err(Failure::WrongUse("the two passphrases differ".into()));
    }
    Ok(first)
}

fn first_line(text: &str) -> SecretString {
    text.lines().next().unwrap_or_default().into()
}

/// Asks on the terminal, which does not show what is typed.
fn ask(question: &str) -> Result<SecretString, Failure> {
    let failed = |error: io::Error| Failure::Failed(format!("the terminal cannot be read: {error}"));
    eprint!("{question}");
    io::stderr().flush().map_err(failed)?;
    let mut line = String::new();
    let read = {
        let _silent = Silent::new().map_err(failed)?;
        io::stdin().lock().read_line(&mut line)
    };
    eprintln!();
    read.map_err(failed)?;
    let line = SecretString::from(line);
    Ok(first_line(line.expose_secret()))
}

/// A terminal that shows nothing, until this is dropped.
struct Silent(Termios);

impl Silent {
    fn new() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        // Nothing can be done where the terminal is gone.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_s_first_line_is_the_passphrase() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("passphrase");
        fs::write(&file, "correct horse\r\nnot this\n").unwrap();
        let args = PassphraseArgs { passphrase_file: Some(file) };
        assert_eq!(passphrase(&args, true).unwrap().expose_secret(), "correct horse");
        let missing = PassphraseArgs { passphrase_file: Some(dir.path().join("none")) };
        assert_eq!(passphrase(&missing, true).unwrap_err().code(), 2);
    }
}
