//! Secrets at rest: authenticated encryption, bound to the row that holds them.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use rand::Rng as _;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
const ID_BYTES: usize = 8;
/// The form of a sealed value: this byte, the key's id, the nonce, the ciphertext with its tag.
const FORM: u8 = 1;

/// The keys that secrets are encrypted with. The first encrypts, all decrypt.
#[derive(Clone)]
pub struct Keyring(Vec<Key>);

#[derive(Clone)]
struct Key {
    id: [u8; ID_BYTES],
    cipher: XChaCha20Poly1305,
}

/// A key or a sealed value cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// Not a list of keys.
    #[error("a secret key is 32 bytes in base64 (44 characters); several are separated by commas")]
    Malformed,
    /// No key of the ring opens this value.
    #[error("a secret in the database was encrypted with another key: start with the key it was written with")]
    WrongKey,
}

impl Keyring {
    /// Reads one or several keys, separated by commas, each 32 bytes in base64.
    pub fn parse(text: &str) -> Result<Self, KeyringError> {
        text.split(',')
            .map(|part| {
                let bytes = Zeroizing::new(STANDARD.decode(part.trim()).map_err(|_| KeyringError::Malformed)?);
                let cipher = XChaCha20Poly1305::new_from_slice(&bytes).map_err(|_| KeyringError::Malformed)?;
                let mut id = [0; ID_BYTES];
                id.copy_from_slice(&Sha256::digest(&*bytes)[..ID_BYTES]);
                Ok(Key { id, cipher })
            })
            .collect::<Result<Vec<_>, _>>()
            .map(Self)
    }

    /// A new key, in the form that [`Keyring::parse`] reads.
    pub fn generate() -> Zeroizing<String> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        rand::rng().fill_bytes(&mut *key);
        Zeroizing::new(STANDARD.encode(*key))
    }

    /// A fingerprint of the first key, which says nothing of the key itself.
    pub fn fingerprint(&self) -> String {
        self.0.first().map(|key| key.id.iter().map(|byte| format!("{byte:02x}")).collect()).unwrap_or_default()
    }

    /// Whether one of the keys has this fingerprint.
    pub fn has(&self, fingerprint: &str) -> bool {
        self.0.iter().any(|key| Self(vec![key.clone()]).fingerprint() == fingerprint)
    }

    /// Encrypts `plain` for the place that `bound_to` names; it opens only there.
    pub fn seal(&self, plain: &[u8], bound_to: &str) -> Result<Vec<u8>, KeyringError> {
        let key = self.0.first().ok_or(KeyringError::Malformed)?;
        let mut nonce = [0; NONCE_BYTES];
        rand::rng().fill_bytes(&mut nonce);
        let payload = Payload { msg: plain, aad: bound_to.as_bytes() };
        let sealed = key.cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| KeyringError::Malformed)?;
        Ok([&[FORM][..], &key.id, &nonce, &sealed].concat())
    }

    /// Decrypts what [`Keyring::seal`] made for the same place.
    pub fn open(&self, sealed: &[u8], bound_to: &str) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
        let head = 1 + ID_BYTES + NONCE_BYTES;
        if sealed.len() < head || sealed[0] != FORM {
            return Err(KeyringError::WrongKey);
        }
        let (id, nonce) = sealed[1..head].split_at(ID_BYTES);
        let key = self.0.iter().find(|key| key.id == id).ok_or(KeyringError::WrongKey)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| KeyringError::WrongKey)?;
        let payload = Payload { msg: &sealed[head..], aad: bound_to.as_bytes() };
        key.cipher.decrypt(&XNonce::from(nonce), payload).map(Zeroizing::new).map_err(|_| KeyringError::WrongKey)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({})", self.fingerprint())
    }
}

/// The keyring of the moment, shared by all who seal and open.
#[derive(Clone, Debug)]
pub(crate) struct Keys(Arc<RwLock<Arc<Keyring>>>);

impl Keys {
    pub(crate) fn new(keyring: Keyring) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(keyring))))
    }

    pub(crate) fn get(&self) -> Arc<Keyring> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, keyring: Keyring) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keyring);
    }

    pub(crate) fn seal(&self, plain: &[u8], bound_to: &str) -> Result<Vec<u8>, KeyringError> {
        self.get().seal(plain, bound_to)
    }

    pub(crate) fn open(&self, sealed: &[u8], bound_to: &str) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
        self.get().open(sealed, bound_to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_opens_only_in_its_place_and_unchanged() {
        let ring = Keyring::parse(&Keyring::generate()).unwrap();
        let sealed = ring.seal(b"t0ken", "channel/1").unwrap();
        assert!(!sealed.windows(5).any(|w| w == b"t0ken"));
        assert_eq!(&**ring.open(&sealed, "channel/1").unwrap(), b"t0ken");
        assert_eq!(ring.open(&sealed, "channel/2"), Err(KeyringError::WrongKey));
        for i in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[i] ^= 1;
            assert!(ring.open(&changed, "channel/1").is_err(), "byte {i}");
        }
        assert!(ring.open(&[], "channel/1").is_err());
    }

    #[test]
    fn the_first_key_encrypts_and_all_decrypt() {
        let (old, new) = (Keyring::generate(), Keyring::generate());
        let sealed = Keyring::parse(&old).unwrap().seal(b"x", "p").unwrap();
        let both = Keyring::parse(&format!("{}, {}", *new, *old)).unwrap();
        assert_eq!(&**both.open(&sealed, "p").unwrap(), b"x");
        let fresh = both.seal(b"x", "p").unwrap();
        assert!(Keyring::parse(&old).unwrap().open(&fresh, "p").is_err());
        assert!(both.has(&Keyring::parse(&old).unwrap().fingerprint()));
    }

    #[rstest::rstest]
    #[case("")]
    #[case("not base64!")]
    #[case("c2hvcnQ=")]
    fn malformed_keys(#[case] text: &str) {
        assert_eq!(Keyring::parse(text).unwrap_err(), KeyringError::Malformed);
    }
}
