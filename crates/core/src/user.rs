//! The user that an event is about.

use serde::{Deserialize, Serialize};

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

/// The bare address in `text` (`Name <a@b>` or `a@b`), or `None` where it is not one that mail can go to.
///
/// A pragmatic subset of RFC 5321: one `@`, a non-empty local part of visible characters, a domain of
/// letters, digits, hyphens and dots, 254 octets at most.
pub fn bare_address(text: &str) -> Option<&str> {
    let text = text.trim();
    let bare = match (text.rfind('<'), text.strip_suffix('>')) {
        (Some(open), Some(inner)) => &inner[open + 1..],
        _ => text,
    };
    let (local, domain) = bare.rsplit_once('@')?;
    let local_ok = !local.is_empty()
        && local.len() <= 64
        && local.chars().all(|c| !c.is_whitespace() && !c.is_control() && !"@<>(),;:\\\"[]".contains(c));
    let domain_ok = !domain.is_empty()
        && domain.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        });
    (local_ok && domain_ok && bare.len() <= 254).then_some(bare)
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
    fn addresses(#[case] text: &str, #[case] bare: Option<&str>) {
        assert_eq!(bare_address(text), bare);
    }
}
