//! A mail server that is not ours.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use fanfare_testkit::Certificate;
use serde_json::Value;
use tempfile::TempDir;

/// The server itself, on the library aiosmtpd.
const PROGRAM: &str = include_str!("mail_server.py");

/// How a connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Not at all.
    None,
    /// By STARTTLS, before anything else.
    StartTls,
    /// From the first byte.
    Tls,
}

impl Mode {
    /// As a channel's configuration says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::StartTls => "starttls",
            Self::Tls => "tls",
        }
    }
}

/// A mail server as a process, on a free port of 127.0.0.1. It is stopped when this is dropped; what it took goes with
/// it.
#[derive(Debug)]
pub struct MailServer {
    dir: TempDir,
    process: Child,
    port: u16,
    certificate: Certificate,
}

impl MailServer {
    /// Starts one. `more` are further arguments of the program beside this file, such as `--greylist`.
    ///
    /// # Panics
    /// When Python or aiosmtpd is missing: a test that cannot run has failed.
    pub fn start(mode: Mode, more: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let certificate = Certificate::new(&["127.0.0.1"]);
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        fs::create_dir(dir.path().join("mails")).unwrap();
        let mut command = Command::new("/usr/bin/python3");
        command.arg("-I").arg(write("server.py", PROGRAM)).args(["--mode", mode.as_str()]);
        command.arg("--dir").arg(dir.path().join("mails"));
        command.arg("--certificate").arg(write("certificate.pem", &certificate.certificate));
        command.arg("--key").arg(write("key.pem", &certificate.key)).args(more);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().expect("a port: these tests need python3-aiosmtpd, which tests/run installs");
        Self { dir, process, port, certificate }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The authority that issued its certificate, in PEM form.
    pub fn authority(&self) -> &str {
        &self.certificate.authority
    }

    /// What it took so far, oldest first: `from`, `to`, `encrypted`, `account` and `message` of each.
    pub fn mails(&self) -> Vec<Value> {
        let files = fs::read_dir(self.dir.path().join("mails")).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = files.filter(|file| file.extension().is_some_and(|end| end == "json")).collect();
        files.sort();
        files.iter().map(|file| serde_json::from_slice(&fs::read(file).unwrap()).unwrap()).collect()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        // A test may be failing already, so nothing here can.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
