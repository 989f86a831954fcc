//! The user that an event is about.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use url::Host;

/// The user that an event is about, as the sender names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The account's id in the embedding application or the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The address to write to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// Why a directory of users cannot answer: whatever error the application has. It is logged.
pub type DirectoryError = Box<dyn std::error::Error + Send + Sync>;

/// Knows the users of an application by their ids.
///
/// It is asked for what an event about a user (`user.id`) does not say itself: the name and the e-mail address.
#[async_trait]
pub trait UserDirectory: fmt::Debug + Send + Sync {
    /// The user of this id; `None` where there is none.
    ///
    /// An answer that takes too long or fails counts as none: the event is accepted all the same.
    async fn find(&self, id: &str) -> Result<Option<User>, DirectoryError>;
}

/// A directory without users.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoUsers;

#[async_trait]
impl UserDirectory for NoUsers {
    async fn find(&self, _id: &str) -> Result<Option<User>, DirectoryError> {
        Ok(None)
    }
}

/// The bare address in `text` (`Name <a@b>` or `a@b`), or `None` where it is not one that mail can go to.
///
/// A pragmatic subset of RFC 5321, which every mail server takes: one `@`; before it ASCII as it stands without
/// quotes, 64 octets at most; behind it a name, also one of an international domain, whose labels have letters,
/// digits and hyphens, 63 octets at most each; 254 octets in all. What stands for an IP address is no name.
pub fn bare_address(text: &str) -> Option<&str> {
    let text = text.trim();
    let bare = match (text.rfind('<'), text.strip_suffix('>')) {
        (Some(open), Some(inner)) => &inner[open + 1..],
        _ => text,
    };
    let (local, domain) = bare.rsplit_once('@')?;
    let domain = ascii_domain(domain)?;
    (is_dot_atom(local) && local.len() + 1 + domain.len() <= 254 && bare.len() <= 254).then_some(bare)
}

/// Whether two texts name the same mailbox: the bare addresses are compared without case, and a domain in both of its
/// forms (`bücher.example`, `xn--bcher-kva.example`) is one. Text that is no address is nobody's.
pub fn is_same_mailbox(one: &str, other: &str) -> bool {
    let parts = |text| {
        let (local, domain) = bare_address(text)?.rsplit_once('@')?;
        Some((local.to_ascii_lowercase(), ascii_domain(domain)?))
    };
    parts(one).is_some_and(|one| Some(one) == parts(other))
}

/// The part before the `@`: atoms with dots between them, of the characters that need no quotes.
fn is_dot_atom(local: &str) -> bool {
    let is_atom = |atom: &str| {
        !atom.is_empty() && atom.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
    };
    local.len() <= 64 && local.split('.').all(is_atom)
}

/// A domain as it travels: in lower case, international ones as `xn--…`.
fn ascii_domain(domain: &str) -> Option<String> {
    let plain = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    // Checked before it is parsed, since that would decode what is no name at all.
    if !domain.split('.').all(plain) {
        return None;
    }
    let Ok(Host::Domain(ascii)) = Host::parse(domain) else { return None };
    (ascii.len() <= 253 && ascii.split('.').all(|label| plain(label) && label.len() <= 63)).then_some(ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("a@b.example", Some("a@b.example"))]
    #[case(" Ada Lovelace <ada@b.example> ", Some("ada@b.example"))]
    #[case("ada@localhost", Some("ada@localhost"))]
    #[case("", None)]
    #[case("ada", None)]
    #[case("ada@", None)]
    #[case("@b.example", None)]
    #[case("a b@c.example", None)]
    #[case("a@b..example", None)]
    #[case("a@b.example\r\nBcc: x@y.example", None)]
    #[case("a@b@c.example", None)]
    #[case("<a@b.example", None)]
    #[case("ada@bücher.example", Some("ada@bücher.example"))]
    #[case("Ada+x@b.example", Some("Ada+x@b.example"))]
    #[case("größe@b.example", None)]
    #[case(".ada@b.example", None)]
    #[case("ada..l@b.example", None)]
    #[case("\"ada l\"@b.example", None)]
    #[case("ada@127.0.0.1", None)]
    #[case("ada@[127.0.0.1]", None)]
    #[case("ada@b.example.", None)]
    #[case(&format!("ada@{}.example", "x".repeat(64)), None)]
    #[case(&format!("{}@b.example", "x".repeat(65)), None)]
    fn addresses(#[case] text: &str, #[case] bare: Option<&str>) {
        assert_eq!(bare_address(text), bare);
    }

    #[test]
    fn a_mailbox_is_the_same_however_it_is_written() {
        for other in ["ADA@BÜCHER.example", "Ada <ada@xn--bcher-kva.example>", " ada@bücher.EXAMPLE "] {
            assert!(is_same_mailbox("ada@bücher.example", other), "{other}");
        }
        for other in ["bob@bücher.example", "ada@b.example", "ada", ""] {
            assert!(!is_same_mailbox("ada@bücher.example", other), "{other}");
        }
        assert!(!is_same_mailbox("ada", "ada"), "what is no address is nobody's");
    }
}
