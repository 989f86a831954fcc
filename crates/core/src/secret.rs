//! Confidential values inside a channel's configuration.
//!
//! A secret shows itself only through `expose`; printing or serialising it gives the placeholder.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use url::Url;

/// What stands for a secret wherever a configuration is shown. Sent back, it means "keep what is stored".
pub const PLACEHOLDER: &str = "********";

/// Where `{"env": "NAME"}` in a configuration is looked up, at the moment of use.
pub trait Variables: fmt::Debug + Send + Sync {
    /// The value of `name`, or `None` where it is unset or may not be read.
    fn get(&self, name: &str) -> Option<String>;
}

/// An environment with nothing in it.
#[derive(Debug)]
pub struct NoVariables;

impl Variables for NoVariables {
    fn get(&self, _name: &str) -> Option<String> {
        None
    }
}

/// A secret refers to a variable that is unset or may not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the variable {0} is not set, or channels may not read it: set it and start again")]
pub struct MissingVariable(pub String);

/// A password, token or other confidential text: given literally, or as `{"env": "NAME"}`.
#[derive(Clone)]
pub struct Secret(Source<SecretString>);

#[derive(Clone)]
enum Source<T> {
    Literal(T),
    Variable(String),
}

impl Secret {
    /// A secret with this value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(Source::Literal(SecretString::from(value.into())))
    }

    /// The value, for putting it into a request and nowhere else.
    pub fn expose<'a>(&'a self, variables: &dyn Variables) -> Result<Cow<'a, str>, MissingVariable> {
        match &self.0 {
            Source::Literal(value) => Ok(value.expose_secret().into()),
            Source::Variable(name) => read(variables, name).map(Cow::Owned),
        }
    }

    /// The value where it is written in the configuration itself, so that it can be checked when saved.
    pub fn literal(&self) -> Option<&str> {
        match &self.0 {
            Source::Literal(value) => Some(value.expose_secret()),
            Source::Variable(_) => None,
        }
    }
}

/// An address with something confidential in it, such as a webhook URL. Shown as `https://host/…`.
#[derive(Clone)]
pub struct SecretUrl(Source<Url>);

/// The end of a redacted address: never part of a real one, which would have it percent-encoded.
const REDACTED_PATH: &str = "/…";

impl SecretUrl {
    /// A literal address; `http` and `https` only.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.ends_with(REDACTED_PATH) {
            return Err("this is the shortened form that hides the address: give the whole URL".into());
        }
        parse_url(text).map(|url| Self(Source::Literal(url)))
    }

    /// The address, for connecting to it and nowhere else.
    pub fn expose<'a>(&'a self, variables: &dyn Variables) -> Result<Cow<'a, Url>, UrlError> {
        match &self.0 {
            Source::Literal(url) => Ok(Cow::Borrowed(url)),
            Source::Variable(name) => {
                let text = read(variables, name)?;
                parse_url(&text).map(Cow::Owned).map_err(|why| UrlError::Invalid(name.clone(), why))
            }
        }
    }

    /// The address where it is written in the configuration itself, so that it can be checked when saved.
    pub fn literal(&self) -> Option<&Url> {
        match &self.0 {
            Source::Literal(url) => Some(url),
            Source::Variable(_) => None,
        }
    }

    /// Where requests go, without anything confidential: scheme, host and port, or the variable's name.
    pub fn origin(&self) -> String {
        match &self.0 {
            Source::Literal(url) => url.origin().ascii_serialization(),
            Source::Variable(name) => format!("env:{name}"),
        }
    }
}

/// Why the address of a [`SecretUrl`] cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// The variable is missing.
    #[error(transparent)]
    Missing(#[from] MissingVariable),
    /// The variable holds something else.
    #[error("the variable {0} does not hold a usable address: {1}")]
    Invalid(String, String),
}

fn read(variables: &dyn Variables, name: &str) -> Result<String, MissingVariable> {
    variables.get(name).filter(|value| !value.is_empty()).ok_or_else(|| MissingVariable(name.into()))
}

pub(crate) fn parse_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text.trim())
        .map_err(|_| "this is not a URL: it needs to start with https:// and name a host".to_owned())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err("the URL needs to start with https:// (or http://) and name a host".into());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the URL must not hold a user name or password: use the field for authorization".into());
    }
    Ok(url)
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "this is a text, or {\"env\": \"NAME\"} to read it from the environment")]
enum Written {
    Text(String),
    Variable(Reference),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reference {
    env: String,
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Written::deserialize(deserializer)? {
            Written::Text(text) if text == PLACEHOLDER => {
                Err(D::Error::custom("this stands for a stored secret, and none is stored here: give the value"))
            }
            Written::Text(text) => Ok(Self::new(text)),
            Written::Variable(Reference { env }) => Ok(Self(Source::Variable(env))),
        }
    }
}

impl<'de> Deserialize<'de> for SecretUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Written::deserialize(deserializer)? {
            Written::Text(text) => Self::parse(&text).map_err(D::Error::custom),
            Written::Variable(Reference { env }) => Ok(Self(Source::Variable(env))),
        }
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Source::Literal(_) => serializer.serialize_str(PLACEHOLDER),
            Source::Variable(name) => Reference { env: name.clone() }.serialize(serializer),
        }
    }
}

impl Serialize for SecretUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Source::Literal(_) => serializer.serialize_str(&format!("{}{REDACTED_PATH}", self.origin())),
            Source::Variable(name) => Reference { env: name.clone() }.serialize(serializer),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Literal(_) => f.write_str(PLACEHOLDER),
            Source::Variable(name) => write!(f, "env:{name}"),
        }
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{REDACTED_PATH}", self.origin())
    }
}

fn secret_schema(mut literal: Schema) -> Schema {
    literal.insert("writeOnly".into(), true.into());
    let reference = json_schema!({
        "type": "object",
        "properties": { "env": { "type": "string", "description": "The name of an environment variable." } },
        "required": ["env"],
        "additionalProperties": false
    });
    json_schema!({ "anyOf": [literal, reference], "writeOnly": true })
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        secret_schema(json_schema!({ "type": "string", "format": "password" }))
    }
}

impl JsonSchema for SecretUrl {
    fn schema_name() -> Cow<'static, str> {
        "SecretUrl".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        secret_schema(json_schema!({ "type": "string", "format": "uri" }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json, to_value};

    #[test]
    fn a_secret_never_shows_itself() {
        let secret: Secret = from_value(json!("hunter2")).unwrap();
        assert_eq!(format!("{secret:?}"), PLACEHOLDER);
        assert_eq!(to_value(&secret).unwrap(), json!(PLACEHOLDER));
        assert_eq!(secret.expose(&NoVariables).unwrap(), "hunter2");

        let url: SecretUrl = from_value(json!("https://hooks.example:8443/t0ken?key=x")).unwrap();
        assert_eq!(format!("{url:?}"), "https://hooks.example:8443/…");
        assert_eq!(to_value(&url).unwrap(), json!("https://hooks.example:8443/…"));
    }

    #[test]
    fn a_reference_is_shown_as_written_and_read_when_used() {
        let secret: Secret = from_value(json!({"env": "FANFARE_VAR_X"})).unwrap();
        assert_eq!(to_value(&secret).unwrap(), json!({"env": "FANFARE_VAR_X"}));
        assert_eq!(secret.expose(&NoVariables).unwrap_err(), MissingVariable("FANFARE_VAR_X".into()));
    }

    #[rstest::rstest]
    #[case("hooks.example")]
    #[case("ftp://hooks.example/")]
    #[case("https://")]
    #[case("https://user:pass@hooks.example/")]
    #[case("https://hooks.example/…")]
    #[case("javascript:alert(1)")]
    fn addresses_that_cannot_be_used_are_refused(#[case] text: &str) {
        assert!(SecretUrl::parse(text).is_err());
    }

    #[test]
    fn what_stands_for_a_secret_is_no_secret() {
        assert!(from_value::<Secret>(json!(PLACEHOLDER)).is_err());
    }
}
