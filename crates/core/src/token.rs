//! Secrets that are sent as they are, in a header: what they may consist of, when saved and when used.

use std::borrow::Cow;

use http::HeaderValue;

use crate::{Fault, Secret, SendError, Variables};

/// What a token has to be.
const FORM: &str = "a token is not empty, and holds no white space and nothing outside of ASCII";

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

impl Secret {
    /// What is wrong with it as a token, at `pointer`: it has to consist of printable ASCII without white space. A
    /// reference is checked when it is used.
    pub fn token_fault(&self, pointer: &str) -> Option<Fault> {
        let wrong = self.literal().is_some_and(|text| !is_token(text));
        wrong.then(|| Fault::new(pointer, FORM))
    }

    /// The value as a token.
    ///
    /// # Errors
    /// When the variable that it refers to is missing, or holds something else.
    pub fn expose_token<'a>(&'a self, variables: &dyn Variables) -> Result<Cow<'a, str>, SendError> {
        let value = self.expose(variables)?;
        match is_token(&value) {
            true => Ok(value),
            false => Err(SendError::misconfigured(format!("the token cannot be used: {FORM}"))),
        }
    }
}

/// A header value that is confidential: it is marked as sensitive, so that it is neither logged nor repeated.
///
/// # Errors
/// When it holds line breaks or other control characters.
pub fn sensitive_value(text: &str) -> Result<HeaderValue, SendError> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| SendError::misconfigured("the value of a header holds control characters"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NoVariables;

    #[rstest::rstest]
    #[case("tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2", true)]
    #[case("a", true)]
    #[case("", false)]
    #[case("a b", false)]
    #[case("a\n", false)]
    #[case("tökén", false)]
    fn tokens(#[case] text: &str, #[case] usable: bool) {
        let secret = Secret::new(text);
        assert_eq!(secret.token_fault("/access_token").is_none(), usable);
        assert_eq!(secret.expose_token(&NoVariables).is_ok(), usable);
    }

    #[test]
    fn confidential_values_are_marked() {
        assert!(sensitive_value("Bearer x").unwrap().is_sensitive());
        assert_eq!(sensitive_value("a\r\nb").unwrap_err().outcome(), "misconfigured");
    }
}
