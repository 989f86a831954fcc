//! The address of a server that an operator names, to which a channel adds a path of its own.

use std::{borrow::Cow, fmt};

use http::Uri;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use url::Url;

/// The address of a server, with the path under which it lives: `https://push.example/ntfy`. It holds no key, so it
/// is shown as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(Cow<'static, str>);

impl BaseUrl {
    /// Reads an address: `http` or `https`, with a host, without user name, query and fragment. Slashes at the end
    /// do not count.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut url = crate::secret::parse_url(text)?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err("give the server's address alone, without ? and #".into());
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        let base = Self(url.as_str().trim_end_matches('/').to_owned().into());
        match base.join("/") {
            Some(_) => Ok(base),
            None => Err("this address cannot be requested: give it as a browser shows it".into()),
        }
    }

    /// The address of a service that is known, in the form in which [`BaseUrl::parse`] gives it back.
    pub const fn known(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// Where requests go: scheme, host and port.
    pub fn origin(&self) -> String {
        Url::parse(&self.0).map_or_else(|_| self.0.to_string(), |url| url.origin().ascii_serialization())
    }

    /// The address of `path` on this server, which begins with `/` and is encoded already; `None` where it is not.
    pub fn join(&self, path: &str) -> Option<Uri> {
        Uri::try_from(format!("{self}{path}")).ok()
    }
}

/// As it is stored and shown: without slashes at the end.
impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for BaseUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

impl Serialize for BaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for BaseUrl {
    fn schema_name() -> Cow<'static, str> {
        "BaseUrl".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "uri" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("https://ntfy.sh", "https://ntfy.sh", "https://ntfy.sh/x")]
    #[case(" HTTPS://Push.Example:443/// ", "https://push.example", "https://push.example/x")]
    #[case("http://10.0.0.5:8080/a b/c/", "http://10.0.0.5:8080/a%20b/c", "http://10.0.0.5:8080/a%20b/c/x")]
    #[case("http://[::1]/", "http://[::1]", "http://[::1]/x")]
    fn paths_are_added(#[case] text: &str, #[case] shown: &str, #[case] joined: &str) {
        let base = BaseUrl::parse(text).unwrap();
        assert_eq!(base.to_string(), shown);
        assert_eq!(base.join("/x").unwrap().to_string(), joined);
        assert_eq!(BaseUrl::parse(shown).unwrap(), base);
        assert!(base.to_string().starts_with(&base.origin()) && !base.origin().ends_with('/'));
    }

    #[rstest::rstest]
    #[case("", "https://")]
    #[case("ntfy.sh", "https://")]
    #[case("ftp://ntfy.sh", "https://")]
    #[case("https://", "https://")]
    #[case("https://u:p@ntfy.sh", "user name")]
    #[case("https://ntfy.sh/?auth=x", "without ?")]
    #[case("https://ntfy.sh/#x", "without ?")]
    fn what_is_no_address_is_refused(#[case] text: &str, #[case] says: &str) {
        let why = BaseUrl::parse(text).unwrap_err();
        assert!(why.contains(says), "{why}");
    }
}
