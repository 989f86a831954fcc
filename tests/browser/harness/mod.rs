//! A browser and a server, and what is demanded of every flow: nothing goes wrong behind the page.

mod axe;
mod driver;
mod evidence;
mod page;

use std::{cell::RefCell, panic::AssertUnwindSafe};

use fanfare_tests::{Api, Server};
use futures_util::FutureExt;
use serde_json::{Value, json};

pub(crate) use axe::Axe;
use driver::Driver;
pub(crate) use evidence::folder;
pub(crate) use page::Page;

/// The administrator of every flow.
pub(crate) const ADA: Person = Person { name: "Ada", email: "ada@people.example", password: "correct horse battery" };

/// Somebody who may look.
pub(crate) const VERA: Person = Person { name: "Vera", email: "vera@people.example", password: "staple lamp window" };

/// Somebody with an account.
#[derive(Clone, Copy)]
pub(crate) struct Person {
    pub(crate) name: &'static str,
    pub(crate) email: &'static str,
    pub(crate) password: &'static str,
}

/// A server and a browser that looks at it.
pub(crate) struct Stage {
    driver: Driver,
    server: Server,
    page: Page,
    /// The statuses of refusals that this flow provokes.
    expected: RefCell<Vec<u16>>,
}

impl Stage {
    /// A browser that has not opened anything yet.
    pub(crate) async fn before(server: Server) -> Self {
        Self::with(server, json!({})).await
    }

    /// The same with preferences of the browser.
    pub(crate) async fn with(server: Server, preferences: Value) -> Self {
        let driver = Driver::start(preferences).await;
        let watch = json!({ "source": include_str!("watch.js") });
        driver.devtools("Page.addScriptToEvaluateOnNewDocument", watch).await.unwrap();
        let page = Page::new(driver.client().clone(), server.api().url());
        Self { driver, server, page, expected: RefCell::default() }
    }

    /// A server with an administrator, who is signed in and looks at this path.
    pub(crate) async fn at(server: Server, path: &str) -> Self {
        account(server.api(), ADA, "admin").await;
        let stage = Self::before(server).await;
        stage.page.open(&format!("/sign-in?next={path}")).await;
        stage.sign_in(ADA).await;
        stage.page.arrive(path).await;
        stage
    }

    /// Fills in the sign-in form that the browser shows.
    pub(crate) async fn sign_in(&self, person: Person) {
        self.page.fill("E-mail address", person.email).await;
        self.page.fill("Password", person.password).await;
        self.page.click("Sign in").await;
    }

    /// The API, with the operator's token.
    pub(crate) fn api(&self) -> &Api {
        self.server.api()
    }

    /// The server.
    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// What the browser shows.
    pub(crate) fn page(&self) -> &Page {
        &self.page
    }

    /// A refusal with this status is a part of the flow; the browser complains about it in its console.
    pub(crate) fn expect_refusal(&self, status: u16) {
        self.expected.borrow_mut().push(status);
    }

    /// A command of the browser's own protocol.
    pub(crate) async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.driver.devtools(command, parameters).await.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// A file of the browser's own developer tools.
    pub(crate) async fn tool(&self, path: &str) -> String {
        let tools = Api::new(self.driver.tools().to_owned(), "").with_token(None);
        let reply = tools.exchange(http::Method::GET, path, &[], "").await.unwrap();
        assert!(reply.is_ok(), "the browser has no {path}: {}", reply.status);
        reply.text()
    }

    /// Makes the page this wide.
    pub(crate) async fn be_wide(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Makes the reader's system prefer `light` or `dark`.
    pub(crate) async fn prefer(&self, scheme: &str) {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    /// Checks that the browser had nothing to complain about: no error of a script, nothing that the policy of the
    /// page forbids, no refusal that nobody expected.
    async fn check_console(&self) {
        let log = self.driver.log().await.unwrap();
        let expected = self.expected.borrow();
        let is_expected = |entry: &Value| {
            let message = entry["message"].as_str().unwrap_or_default();
            // What watches every frame is kept out of the frame that shows a mail, as it should be.
            if message.contains("Blocked script execution") && message.contains("sandboxed") {
                return true;
            }
            let status = |status: &u16| message.contains(&format!("responded with a status of {status} "));
            entry["source"] == "network" && expected.iter().any(status)
        };
        let is_wrong = |entry: &&Value| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING"));
        let wrong: Vec<_> = log.as_array().unwrap().iter().filter(is_wrong).filter(|one| !is_expected(one)).collect();
        assert!(wrong.is_empty(), "the browser's console: {}", json!(wrong));
    }
}

/// Makes an account.
pub(crate) async fn account(api: &Api, person: Person, role: &str) {
    let Person { name, email, password } = person;
    api.post("/users", json!({ "name": name, "email": email, "role": role, "password": password })).await;
}

/// Goes through a flow. Where it fails, what the browser showed is kept, and the message says where.
pub(crate) async fn flow(stage: Stage, act: impl AsyncFnOnce(&Stage)) {
    let all = async {
        act(&stage).await;
        stage.check_console().await;
    };
    if let Err(panic) = AssertUnwindSafe(all).catch_unwind().await {
        evidence::keep(&stage).await;
        std::panic::resume_unwind(panic);
    }
    stage.driver.close().await;
}
