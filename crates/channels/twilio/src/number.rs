//! The forms of senders and recipients.

/// Who sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    /// A number, a short code or a name.
    From(String),
    /// A messaging service, which chooses one of its numbers.
    Service(String),
}

impl Sender {
    /// Reads a sender.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if is_sid(text, "MG") {
            return Some(Self::Service(text.into()));
        }
        let short_code = (3..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        (is_e164(text) || short_code || is_name(text)).then(|| Self::From(text.into()))
    }
}

/// A number in E.164 form: `+`, the country code, which does not begin with 0, and at most 15 digits in all.
pub(crate) fn is_e164(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (2..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// An alphanumeric sender: at most 11 characters, one of them a letter.
fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b" &+-_.".contains(&byte);
    (1..=11).contains(&text.len())
        && text.bytes().all(allowed)
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && text.trim() == text
}

/// An identifier of Twilio: two letters, and 32 hexadecimal digits.
pub(crate) fn is_sid(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|hex| hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("+15005550006", true)]
    #[case("+123456789012345", true)]
    #[case("+1234567890123456", false)]
    #[case("+05005550006", false)]
    #[case("15005550006", false)]
    #[case("+1 500 555 0006", false)]
    #[case("+", false)]
    #[case("", false)]
    fn numbers(#[case] text: &str, #[case] right: bool) {
        assert_eq!(is_e164(text), right);
    }

    #[rstest::rstest]
    #[case("12345", true)]
    #[case("12", false)]
    #[case("Fanfare", true)]
    #[case("Fanfare Ltd", true)]
    #[case("Fanfare Ltd.", false)]
    #[case("Fänfare", false)]
    #[case(" Fanfare", false)]
    #[case("MG0123456789abcdef0123456789ABCDEF", true)]
    #[case("MG0123456789abcdef0123456789ABCDE", false)]
    #[case("123456789", false)]
    fn senders(#[case] text: &str, #[case] right: bool) {
        assert_eq!(Sender::parse(text).is_some(), right);
    }
}
