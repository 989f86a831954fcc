//! What lets somebody in, made by chance and kept as a hash.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use secrecy::SecretString;
use sha2::{Digest, Sha256};

/// The hash by which a secret is known. It is of 256 random bits, so one round of a fast function is enough.
pub(crate) type Hash = [u8; 32];

/// 256 random bits behind a word by which scanners for leaked secrets can know what it is, without characters that a
/// shell, a URL or a cookie would mind.
pub(super) fn generate(word: &str) -> SecretString {
    let random: [u8; 32] = rand::random();
    format!("{word}{}", URL_SAFE_NO_PAD.encode(random)).into()
}

/// What requests with a token are signed with: 256 random bits in the form of Standard Webhooks.
pub(super) fn signing_secret() -> SecretString {
    let random: [u8; 32] = rand::random();
    format!("whsec_{}", STANDARD.encode(random)).into()
}

/// The hash of a secret.
pub(crate) fn hash(secret: &[u8]) -> Hash {
    Sha256::digest(secret).into()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn secrets_are_long_plain_and_never_the_same() {
        let (one, other) = (generate("fanfare_"), generate("fanfare_"));
        let text = one.expose_secret();
        assert!(text.starts_with("fanfare_") && text.len() == 51, "{text}");
        assert!(text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)), "{text}");
        assert_ne!(text, other.expose_secret());
        assert_ne!(hash(text.as_bytes()), hash(other.expose_secret().as_bytes()));
    }
}
