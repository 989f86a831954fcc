//! The command line as its users type it.

use std::{
    fs::File,
    io::{Read, Seek, Write},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{PATIENCE, binary};

/// A user's shell, with the address and the token of a server.
#[derive(Debug)]
pub struct Cli {
    url: String,
    token: String,
    /// Empty, so that no configuration is found.
    dir: TempDir,
}

/// What a command did.
#[derive(Clone, Debug)]
pub struct Output {
    /// The exit code; absent where a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub out: String,
    /// What it wrote to standard error.
    pub err: String,
}

impl Cli {
    /// For the server at `url`.
    pub fn new(url: &str, token: &str) -> Self {
        Self { url: url.into(), token: token.into(), dir: tempfile::tempdir().unwrap() }
    }

    /// The same with another token.
    #[must_use]
    pub fn with_token(self, token: &str) -> Self {
        Self { token: token.into(), ..self }
    }

    /// The same for another address.
    #[must_use]
    pub fn with_url(self, url: &str) -> Self {
        Self { url: url.into(), ..self }
    }

    /// Runs `fanfare` with these arguments to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.run_with_input(arguments, "")
    }

    /// The same with this text on its standard input.
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new(binary());
        command.args(arguments).env_clear().current_dir(self.dir.path());
        command.env("FANFARE_URL", &self.url).env("FANFARE_TOKEN", &self.token);
        Output::with_input(command, input)
    }

    /// Runs it with `--json` and gives the document.
    ///
    /// # Panics
    /// When it fails.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend(arguments);
        self.run(&all).done().json()
    }
}

impl Output {
    /// Runs a command to its end, and not for ever: one that should have been refused may have started to serve.
    pub(crate) fn of(command: Command) -> Self {
        Self::with_input(command, "")
    }

    fn with_input(mut command: Command, input: &str) -> Self {
        // Files rather than pipes, which would have to be emptied meanwhile.
        let (mut out, mut err) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        let mut given = tempfile::tempfile().unwrap();
        given.write_all(input.as_bytes()).and_then(|()| given.rewind()).unwrap();
        command.stdin(given).stdout(out.try_clone().unwrap()).stderr(err.try_clone().unwrap());
        let child = command.spawn();
        let mut child = child.unwrap_or_else(|e| panic!("{} cannot run: {e}", binary().display()));
        let deadline = Instant::now() + PATIENCE;
        let code = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status.code(),
                None if Instant::now() > deadline => {
                    child.kill().unwrap();
                    child.wait().unwrap();
                    panic!("{command:?} has not ended within {PATIENCE:?}: {}", text(&mut err));
                }
                None => thread::sleep(Duration::from_millis(2)),
            }
        };
        Self { code, out: text(&mut out), err: text(&mut err) }
    }

    /// The same, which must have ended with success.
    ///
    /// # Panics
    /// When it has not.
    #[must_use]
    pub fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// What it wrote to standard output, as JSON.
    ///
    /// # Panics
    /// When that is something else.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("not JSON ({e}): {self:?}"))
    }
}

fn text(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}
