//! What a person does with a page: looks, points at things by their names, types, waits. Everything waits until it can
//! be done, and says after a minute why it cannot.

use std::{cell::RefCell, fmt, path::Path, time::Duration};

use fantoccini::{Client, elements::Element, error::CmdError, wd::Capabilities};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

/// How long something may take that normally takes moments; generous, because machines are busy.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

const FIND: &str = include_str!("find.js");

/// The page that a browser shows, or a part of it.
#[derive(Clone)]
pub(crate) struct Page {
    client: Client,
    origin: String,
    /// A selector of the part that is meant; empty for all of it.
    part: String,
}

/// Why something cannot be done yet.
pub(crate) struct NotYet(String);

impl From<CmdError> for NotYet {
    fn from(error: CmdError) -> Self {
        Self(error.to_string())
    }
}

impl NotYet {
    pub(crate) fn because(why: impl fmt::Display) -> Self {
        Self(why.to_string())
    }
}

impl Page {
    /// What this browser shows of the server at `origin`.
    pub(crate) fn new(client: Client, origin: &str) -> Self {
        Self { client, origin: origin.to_owned(), part: String::new() }
    }

    /// The same page, where only what is inside of this selector is meant.
    pub(crate) fn within(&self, selector: &str) -> Self {
        Self { part: selector.to_owned(), ..self.clone() }
    }

    /// Opens the page at this path.
    pub(crate) async fn open(&self, path: &str) {
        let url = format!("{}{path}", self.origin);
        self.client.goto(&url).await.unwrap_or_else(|error| panic!("{url} cannot be opened: {error}"));
    }

    /// Waits until the browser stands at this path and has loaded it.
    pub(crate) async fn arrive(&self, path: &str) {
        let script = "return [location.pathname + location.search, document.readyState]";
        self.wait(&format!("arrive at {path}"), async || {
            let now = self.client.execute(script, Vec::new()).await?;
            if now == json!([path, "complete"]) { Ok(()) } else { Err(NotYet::because(now)) }
        })
        .await;
    }

    /// The path at which the browser stands.
    pub(crate) async fn path(&self) -> String {
        let path = self.run("return location.pathname", json!([])).await;
        path.as_str().unwrap().to_owned()
    }

    /// Clicks the button, link or menu of this name.
    pub(crate) async fn click(&self, name: &str) {
        self.wait(&format!("click {name:?}"), async || Ok(self.find("action", name).await?.click().await?)).await;
    }

    /// Clicks the checkbox, switch or radio button of this name.
    pub(crate) async fn tick(&self, name: &str) {
        self.wait(&format!("tick {name:?}"), async || Ok(self.find("field", name).await?.click().await?)).await;
    }

    /// Replaces the text of the field of this name.
    pub(crate) async fn fill(&self, name: &str, text: &str) {
        self.wait(&format!("fill in {name:?}"), async || {
            let field = self.find("field", name).await?;
            field.clear().await?;
            Ok(field.send_keys(text).await?)
        })
        .await;
    }

    /// Gives the field of this name a file.
    pub(crate) async fn fill_file(&self, name: &str, file: &Path) {
        let path = file.display().to_string();
        self.wait(&format!("give {name:?} a file"), async || {
            Ok(self.find("field", name).await?.send_keys(&path).await?)
        })
        .await;
    }

    /// Chooses the option with this text in the list of this name.
    pub(crate) async fn choose(&self, name: &str, option: &str) {
        self.wait(&format!("choose {option:?} of {name:?}"), async || {
            let field = self.find("field", name).await?;
            // An option may say more about itself behind a dash.
            let script = "return [...arguments[0].options].findIndex(({ text }) => text === arguments[1] || text.startsWith(`${arguments[1]} – `))";
            let of_field = vec![serde_json::to_value(field.clone()).unwrap(), json!(option)];
            let at = self.client.execute(script, of_field).await?;
            let at = at.as_u64().ok_or_else(|| NotYet::because("there is no such option"))?;
            Ok(field.select_by_index(at as usize).await?)
        })
        .await;
    }

    /// Presses keys where the focus is.
    pub(crate) async fn press(&self, keys: &str) {
        self.wait("press keys", async || Ok(self.client.active_element().await?.send_keys(keys).await?)).await;
    }

    /// What the field of this name says.
    pub(crate) async fn value(&self, name: &str) -> String {
        let value = self.of_field(name, "return arguments[0].value").await;
        value.as_str().unwrap().to_owned()
    }

    /// Whether nothing can be done with the field of this name.
    pub(crate) async fn is_disabled(&self, name: &str) -> bool {
        self.of_field(name, "return arguments[0].matches(':disabled')").await == true
    }

    async fn of_field(&self, name: &str, script: &str) -> Value {
        self.wait(&format!("read {name:?}"), async || {
            let field = self.find("field", name).await?;
            let field = serde_json::to_value(field).unwrap();
            Ok(self.client.execute(script, vec![field]).await?)
        })
        .await
    }

    /// Waits until the checkbox or switch of this name is on, or off.
    pub(crate) async fn sees_ticked(&self, name: &str, wanted: bool) {
        self.wait(&format!("see {name:?} as {wanted}"), async || {
            let field = serde_json::to_value(self.find("field", name).await?).unwrap();
            let is = self.client.execute("return arguments[0].checked", vec![field]).await?;
            if is == wanted { Ok(()) } else { Err(NotYet::because(is)) }
        })
        .await;
    }

    /// Whether a button, link or menu of this name is there now.
    pub(crate) async fn has(&self, name: &str) -> bool {
        self.find("action", name).await.is_ok()
    }

    /// Whether a field of this name is there now.
    pub(crate) async fn has_field(&self, name: &str) -> bool {
        self.find("field", name).await.is_ok()
    }

    /// What can be read now.
    pub(crate) async fn text(&self) -> String {
        self.wait("read", async || self.read().await).await
    }

    async fn read(&self) -> Result<String, NotYet> {
        let script = "const places = arguments[0] ? document.querySelectorAll(arguments[0]) : [document.body];
                      if (places.length !== 1) return null;
                      return places[0].innerText.replace(/\\s+/g, ' ').trim()";
        let text = self.client.execute(script, vec![json!(self.part)]).await?;
        let text = text.as_str().map(str::to_owned);
        text.ok_or_else(|| NotYet::because(format_args!("{} is not there, or not once", self.part)))
    }

    /// Waits until this can be read.
    pub(crate) async fn see(&self, text: &str) {
        self.wait(&format!("see {text:?}"), async || {
            let read = self.read().await?;
            if read.contains(text) { Ok(()) } else { Err(NotYet(read)) }
        })
        .await;
    }

    /// Waits until this cannot be read any more.
    pub(crate) async fn miss(&self, text: &str) {
        self.wait(&format!("see {text:?} no more"), async || {
            let read = self.read().await?;
            if read.contains(text) { Err(NotYet(read)) } else { Ok(()) }
        })
        .await;
    }

    /// Waits until a toast has said this since the page was opened.
    pub(crate) async fn toast(&self, text: &str) {
        self.wait(&format!("a toast {text:?}"), async || {
            let toasts = self.client.execute("return window.fanfareSeen.toasts", Vec::new()).await?;
            let is_there = toasts.as_array().unwrap().iter().any(|toast| toast.as_str().unwrap().contains(text));
            if is_there { Ok(()) } else { Err(NotYet::because(toasts)) }
        })
        .await;
    }

    /// Runs a script in the page.
    pub(crate) async fn run(&self, script: &str, arguments: Value) -> Value {
        let Value::Array(arguments) = arguments else { panic!("arguments are a list") };
        self.wait("run a script", async || Ok(self.client.execute(script, arguments.clone()).await?)).await
    }

    /// The browser.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    async fn find(&self, what: &str, name: &str) -> Result<Element, NotYet> {
        let answer = self.client.execute(FIND, vec![json!(what), json!(name), json!(self.part)]).await?;
        let Value::Object(mut answer): Value = answer else { return Err(NotYet::because(answer)) };
        match answer.remove("found") {
            Some(Value::Object(found)) => Ok(element(&self.client, &found)),
            _ => Err(NotYet::because(&answer["problem"])),
        }
    }

    /// Tries until it works.
    ///
    /// # Panics
    /// When it has not within the limit, with the last reason.
    pub(crate) async fn wait<T>(&self, what: &str, mut attempt: impl AsyncFnMut() -> Result<T, NotYet>) -> T {
        let began = Instant::now();
        let last = RefCell::new(String::new());
        loop {
            match attempt().await {
                Ok(done) => return done,
                Err(NotYet(why)) => *last.borrow_mut() = why,
            }
            let place = if self.part.is_empty() { String::new() } else { format!(" in {}", self.part) };
            assert!(began.elapsed() < LIMIT, "cannot {what}{place} within {LIMIT:?}: {}", last.borrow());
            sleep(Duration::from_millis(40)).await;
        }
    }
}

/// The element that a script found.
fn element(client: &Client, found: &Capabilities) -> Element {
    let id = found.values().next().and_then(Value::as_str).unwrap().to_owned();
    Element::from_element_id(client.clone(), id.into())
}
