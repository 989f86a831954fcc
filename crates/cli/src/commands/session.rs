//! What every command uses: the server, the screen, and the names that stand for ids.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::answers::List;
use crate::{
    client::{Answer, Client},
    failure::Failure,
    output::{self, Screen},
};

/// A conversation with one server.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) screen: Screen,
    pub(crate) json: bool,
}

/// Something that has a name besides its id.
#[derive(Debug, Deserialize)]
struct Named {
    id: String,
    name: String,
}

/// An account, which is called by its address.
#[derive(Debug, Deserialize)]
struct Account {
    id: String,
    email: String,
}

/// Something that has an id.
#[derive(Debug, Deserialize)]
struct Identified {
    id: String,
}

impl Session {
    /// Shows an answer: as it is where JSON is wanted, else in the words that `render` finds.
    pub(crate) fn show<T: DeserializeOwned>(
        &self,
        answer: &Answer,
        render: impl FnOnce(&T, &Screen) -> String,
    ) -> Result<(), Failure> {
        let text = if self.json { answer.text() } else { render(&answer.read()?, &self.screen) };
        self.print(&text)
    }

    /// Shows a part of an answer.
    pub(crate) fn show_part<T: DeserializeOwned>(
        &self,
        part: &Value,
        render: impl FnOnce(&T, &Screen) -> String,
    ) -> Result<(), Failure> {
        if self.json {
            return self.print(&part.to_string());
        }
        let part =
            T::deserialize(part).map_err(|error| Failure::Failed(format!("the answer is not understood: {error}")))?;
        self.print(&render(&part, &self.screen))
    }

    /// Says that something is done, of which the server shows no document.
    pub(crate) fn done(&self, text: &str) -> Result<(), Failure> {
        if self.json { Ok(()) } else { self.print(text) }
    }

    /// Prints a text to standard output.
    pub(crate) fn print(&self, text: &str) -> Result<(), Failure> {
        output::print(text).map_err(|error| Failure::Failed(format!("the output cannot be written: {error}")))
    }

    /// The id of a channel, given its name or id.
    pub(crate) async fn channel(&self, name: &str) -> Result<String, Failure> {
        self.by_name("channel", "channels", name).await
    }

    /// The id of a job, given its name or id.
    pub(crate) async fn job(&self, name: &str) -> Result<String, Failure> {
        self.by_name("job", "jobs", name).await
    }

    /// The id of a token, given its name or id.
    pub(crate) async fn token(&self, name: &str) -> Result<String, Failure> {
        self.by_name("token", "tokens", name).await
    }

    /// The id of an account, given its e-mail address or id.
    pub(crate) async fn user(&self, email: &str) -> Result<String, Failure> {
        if is_id(email) {
            return Ok(email.to_owned());
        }
        let all: Vec<Account> = self.client.get(&["users"], &[]).await?.read()?;
        let all: Vec<_> = all.into_iter().map(|Account { id, email }| Named { id, name: email }).collect();
        find_name("account", email, &all)
    }

    /// The id of an event, given all of it or its end.
    pub(crate) async fn event(&self, id: &str) -> Result<String, Failure> {
        self.by_end("event", "events", id).await
    }

    /// The id of a delivery, given all of it or its end.
    pub(crate) async fn delivery(&self, id: &str) -> Result<String, Failure> {
        self.by_end("delivery", "deliveries", id).await
    }

    async fn by_name(&self, what: &str, path: &str, name: &str) -> Result<String, Failure> {
        if is_id(name) {
            return Ok(name.to_owned());
        }
        let all: Vec<Named> = self.client.get(&[path], &[]).await?.read()?;
        find_name(what, name, &all)
    }

    async fn by_end(&self, what: &str, path: &str, end: &str) -> Result<String, Failure> {
        if is_id(end) {
            return Ok(end.to_owned());
        }
        if end.len() < LEAST_END {
            let advice = format!("give all of the id, or at least its last {LEAST_END} characters");
            return Err(Failure::WrongUse(format!("{end:?} is no {what}: {advice}")));
        }
        let query = [("limit", Some(LOOKED_THROUGH.to_string()))];
        let newest: List<Identified> = self.client.get(&[path], &query).await?.read()?;
        find_end(what, end, &newest.items)
    }
}

/// How much of an id's end has to be given, so that a slip of the keyboard does not name something else.
const LEAST_END: usize = 6;

/// How many entries of a long list are looked through for an id's end: one page.
const LOOKED_THROUGH: usize = 200;

/// Whether a text is an id in full, rather than a name.
fn is_id(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn find_name(what: &str, name: &str, all: &[Named]) -> Result<String, Failure> {
    let exact: Vec<_> = all.iter().filter(|one| one.name == name).collect();
    let near = || all.iter().filter(|one| one.name.to_lowercase() == name.to_lowercase()).collect();
    let found = if exact.is_empty() { near() } else { exact };
    match found.as_slice() {
        [one] => Ok(one.id.clone()),
        [] if all.is_empty() => {
            Err(Failure::Failed(format!("there is no {what} {name:?}, and no other {what} either")))
        }
        [] => {
            let names = all.iter().map(|one| output::clean(&one.name)).collect::<Vec<_>>().join(", ");
            Err(Failure::Failed(format!("there is no {what} {name:?}; there are: {names}")))
        }
        several => {
            let ids = several.iter().map(|one| one.id.as_str()).collect::<Vec<_>>().join(", ");
            Err(Failure::Failed(format!("several are called {name:?}; which one do you mean: {ids}?")))
        }
    }
}

fn find_end(what: &str, end: &str, newest: &[Identified]) -> Result<String, Failure> {
    let end = end.to_lowercase();
    let found: Vec<_> = newest.iter().filter(|one| one.id.ends_with(&end)).collect();
    match found.as_slice() {
        [one] => Ok(one.id.clone()),
        [] => Err(Failure::Failed(format!(
            "no {what} among the newest {LOOKED_THROUGH} has an id that ends in {end:?}; an older one needs all of its id"
        ))),
        _ => Err(Failure::Failed(format!("several ids end in {end:?}: give more of it"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Vec<Named> {
        let one = |(i, name): (usize, &&str)| Named { id: format!("id-{i}"), name: (*name).into() };
        names.iter().enumerate().map(one).collect()
    }

    #[test]
    fn names_stand_for_ids() {
        let find = |name, names: &[&str]| {
            find_name("channel", name, &named(names)).map_err(|failure| failure.words().unwrap())
        };
        assert_eq!(find("ops", &["Ops", "ops"]).unwrap(), "id-1");
        assert_eq!(find("OPS", &["ops", "on-call"]).unwrap(), "id-0");
        assert!(find("OPS", &["ops", "Ops"]).unwrap_err().contains("id-0, id-1"));
        assert_eq!(find("x", &["a", "b"]).unwrap_err(), "there is no channel \"x\"; there are: a, b");
        assert!(find("x", &[]).unwrap_err().contains("no other channel"));
    }

    #[test]
    fn the_end_of_an_id_stands_for_it() {
        let ids = ["aaaa-111111", "bbbb-222222", "cccc-222222"].map(|id| Identified { id: id.into() });
        assert_eq!(find_end("event", "111111", &ids).unwrap(), "aaaa-111111");
        assert!(find_end("event", "333333", &ids).is_err());
        assert!(find_end("event", "222222", &ids).is_err());
    }

    #[test]
    fn ids_are_told_from_names() {
        assert!(is_id("01987a5e-1234-7000-8000-0123456789ab"));
        assert!(!is_id("nightly"));
        assert!(!is_id("a-name-that-is-as-long-as-an-id-xxxx"));
    }
}
