//! Takes out of a server's words what it merely repeats of our credentials.

use base64::{Engine, prelude::BASE64_STANDARD};

use super::Credentials;

/// What stands in the place of a secret.
const HIDDEN: &str = "…";

/// The forms in which a password crosses the wire.
pub(crate) struct Confidential(Vec<String>);

impl Confidential {
    pub(crate) fn of(credentials: Option<&Credentials>) -> Self {
        let Some(credentials) = credentials else { return Self(Vec::new()) };
        let password = &credentials.password;
        // The longest first, so that a part does not break up the whole.
        let mut forms = vec![plain(credentials), BASE64_STANDARD.encode(password), password.clone()];
        forms.retain(|form| !form.is_empty());
        Self(forms)
    }

    pub(crate) fn hide(&self, text: String) -> String {
        self.0.iter().fold(text, |text, form| match text.contains(form.as_str()) {
            true => text.replace(form, HIDDEN),
            false => text,
        })
    }
}

/// The answer of the mechanism PLAIN (RFC 4616).
pub(super) fn plain(credentials: &Credentials) -> String {
    BASE64_STANDARD.encode(format!("\0{}\0{}", credentials.username, credentials.password))
}

/// One answer of the mechanism LOGIN.
pub(super) fn encoded(text: &str) -> String {
    BASE64_STANDARD.encode(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_repeated_is_hidden() {
        let credentials = Credentials { username: "ada".into(), password: "s3cr3t".into() };
        let confidential = Confidential::of(Some(&credentials));
        for said in ["AUTH PLAIN AGFkYQBzM2NyM3Q=", "czNjcjN0", "bad password s3cr3t"] {
            let shown = confidential.hide(format!("535 {said}"));
            assert!(shown.ends_with('…') && !shown.contains("3cr3"), "{shown}");
        }
        assert_eq!(Confidential::of(None).hide("535 s3cr3t".into()), "535 s3cr3t");
    }
}
