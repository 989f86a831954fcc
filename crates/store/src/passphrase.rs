//! Keys made of passphrases, for documents that leave the database.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{Keyring, KeyringError};

/// How a passphrase becomes a key: argon2id with these parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stretching {
    /// The name of the function: `argon2id`.
    pub function: String,
    /// How much memory it takes, in KiB.
    pub memory_kib: u32,
    /// How often it goes over it.
    pub iterations: u32,
    /// How many lanes it has.
    pub lanes: u32,
    /// Random bytes in base64, other ones for every document.
    pub salt: String,
}

const FUNCTION: &str = "argon2id";

/// What a document may ask of whoever reads it.
const MOST_MEMORY_KIB: u32 = 256 * 1024;
const MOST_ITERATIONS: u32 = 16;
const MOST_LANES: u32 = 4;

impl Stretching {
    /// For a new document: 64 MiB, three times over.
    pub fn new() -> Self {
        let salt = STANDARD.encode(rand::random::<[u8; 16]>());
        Self { function: FUNCTION.into(), memory_kib: 64 * 1024, iterations: 3, lanes: 1, salt }
    }

    /// The ring whose only key the passphrase makes. Takes a while.
    pub fn keyring(&self, passphrase: &str) -> Result<Keyring, KeyringError> {
        let bounded =
            self.memory_kib <= MOST_MEMORY_KIB && self.iterations <= MOST_ITERATIONS && self.lanes <= MOST_LANES;
        if self.function != FUNCTION || !bounded {
            return Err(KeyringError::Malformed);
        }
        let salt = STANDARD.decode(&self.salt).map_err(|_| KeyringError::Malformed)?;
        let params = Params::new(self.memory_kib, self.iterations, self.lanes, Some(32));
        let params = params.map_err(|_| KeyringError::Malformed)?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.as_bytes(), &salt, &mut *key)
            .map_err(|_| KeyringError::Malformed)?;
        Keyring::parse(&Zeroizing::new(STANDARD.encode(*key)))
    }
}

impl Default for Stretching {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_passphrase_and_salt_make_one_key() {
        let small = Stretching { memory_kib: 64, iterations: 1, ..Stretching::new() };
        let key = |stretching: &Stretching, passphrase: &str| stretching.keyring(passphrase).unwrap().fingerprint();
        assert_eq!(key(&small, "correct horse"), key(&small, "correct horse"));
        assert_ne!(key(&small, "correct horse"), key(&small, "correct horsf"));
        let other = Stretching { memory_kib: 64, iterations: 1, ..Stretching::new() };
        assert_ne!(key(&small, "correct horse"), key(&other, "correct horse"));
    }

    #[test]
    fn a_document_cannot_ask_for_too_much() {
        for greedy in [
            Stretching { memory_kib: u32::MAX, ..Stretching::new() },
            Stretching { iterations: 1_000, ..Stretching::new() },
            Stretching { lanes: 64, ..Stretching::new() },
            Stretching { function: "md5".into(), ..Stretching::new() },
            Stretching { salt: "%".into(), ..Stretching::new() },
            Stretching { salt: String::new(), ..Stretching::new() },
        ] {
            assert_eq!(greedy.keyring("x").unwrap_err(), KeyringError::Malformed, "{greedy:?}");
        }
    }
}
