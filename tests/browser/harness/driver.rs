//! chromedriver as a process, and one session of Chromium in it.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use fantoccini::{
    Client, ClientBuilder,
    error::CmdError,
    wd::{Capabilities, WebDriverCompatibleCommand},
};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::{ParseError, Url};

/// What every session starts with. Nothing of it reaches out of this machine by itself.
const ARGUMENTS: &[&str] = &[
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--force-color-profile=srgb",
    "--lang=en-US",
    "--window-size=1280,900",
];

/// A chromedriver with one browser, each with files of its own. Both end when this is dropped.
pub(crate) struct Driver {
    client: Client,
    chromedriver: Child,
    /// The browser's process, which would outlive a chromedriver that is killed.
    browser: Option<u64>,
    /// Where the browser serves its developer tools.
    tools: String,
    _profile: TempDir,
}

impl Driver {
    /// Starts both, with these preferences.
    ///
    /// # Panics
    /// When they cannot run: a test that cannot run has failed.
    pub(crate) async fn start(preferences: Value) -> Self {
        let mut chromedriver = Command::new("chromedriver")
            .args(["--port=0", "--log-level=SEVERE"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("these tests need chromedriver, which tests/run installs: {e}"));
        let port = port(&mut chromedriver);
        let profile = tempfile::tempdir().unwrap();
        let mut arguments: Vec<_> = ARGUMENTS.iter().map(|&argument| argument.to_owned()).collect();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let wanted = json!({
            "goog:chromeOptions": { "args": arguments, "prefs": preferences },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let Value::Object(wanted) = wanted else { unreachable!() };
        let wanted: Capabilities = wanted;
        let url = format!("http://127.0.0.1:{port}");
        let client = ClientBuilder::new(HttpConnector::new()).capabilities(wanted).connect(&url).await;
        let client = match client {
            Ok(client) => client,
            Err(error) => {
                let _ = chromedriver.kill();
                let _ = chromedriver.wait();
                panic!("Chromium, which tests/run installs, does not start: {error}");
            }
        };
        let given = client.capabilities().cloned().unwrap_or_default();
        let browser = given.get("goog:processID").and_then(Value::as_u64);
        let tools = given["goog:chromeOptions"]["debuggerAddress"].as_str().unwrap().to_owned();
        Self { client, chromedriver, browser, tools: format!("http://{tools}"), _profile: profile }
    }

    /// The session.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The address at which the browser serves its developer tools.
    pub(crate) fn tools(&self) -> &str {
        &self.tools
    }

    /// A command of the browser's own protocol, such as `Emulation.setEmulatedMedia`.
    pub(crate) async fn devtools(&self, command: &str, parameters: Value) -> Result<Value, CmdError> {
        let body = json!({ "cmd": command, "params": parameters });
        self.client.issue_cmd(Extension { path: "goog/cdp/execute", body }).await
    }

    /// What the browser logged since this was asked the last time.
    pub(crate) async fn log(&self) -> Result<Value, CmdError> {
        self.client.issue_cmd(Extension { path: "se/log", body: json!({ "type": "browser" }) }).await
    }

    /// Ends the browser in peace.
    pub(crate) async fn close(self) {
        // What does not end now is ended when this is dropped.
        let _ = self.client.clone().close().await;
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.chromedriver.kill();
        let _ = self.chromedriver.wait();
        if let Some(browser) = self.browser {
            // It may have ended already.
            let _ = Command::new("kill").args(["-9", &browser.to_string()]).stderr(Stdio::null()).status();
        }
    }
}

/// The port that chromedriver says it took.
fn port(chromedriver: &mut Child) -> u16 {
    let mut lines = BufReader::new(chromedriver.stdout.take().unwrap()).lines();
    let found = lines.by_ref().find_map(|line| {
        let (_, rest) =
            line.ok()?.split_once("started successfully on port ").map(|(a, b)| (a.to_owned(), b.to_owned()))?;
        rest.trim_end_matches('.').parse().ok()
    });
    // It has to be able to go on writing.
    std::thread::spawn(move || lines.for_each(drop));
    found.expect("chromedriver says its port")
}

/// A command that chromedriver has besides those of the standard.
#[derive(Debug)]
struct Extension {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Extension {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}
