//! Passwords: what they may be, and their hashes, made and compared off the threads that serve.

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use fanfare::core::Fault;
use secrecy::{ExposeSecret, SecretString};
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::AccessError;

/// The shortest that is taken, in characters. Length is what makes a password hard to guess; which characters it
/// has is left to whoever chooses it.
const SHORTEST: usize = 8;

/// The longest that is taken, in bytes.
const LONGEST: usize = 1024;

/// How many are worked on at once: each takes 19 MiB and a core for a while.
const AT_ONCE: usize = 2;

/// Compared with where there is no account, so that the answer takes the same time. Nobody knows a password for it.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$ZmFuZmFyZS1ub2JvZHkhIQ$\
                      AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes passwords with argon2id.
#[derive(Debug)]
pub(crate) struct Passwords(Semaphore);

impl Default for Passwords {
    fn default() -> Self {
        Self(Semaphore::new(AT_ONCE))
    }
}

impl Passwords {
    /// The hash of a password, with its salt and parameters.
    pub(crate) async fn hash(&self, password: SecretString) -> Result<String, AccessError> {
        self.work(move || {
            let hash: Result<PasswordHash, _> = Argon2::default().hash_password(password.expose_secret().as_bytes());
            hash.map(|hash| hash.to_string()).map_err(|error| AccessError::Hashing(error.to_string()))
        })
        .await?
    }

    /// Whether this is the password. Without a hash it is not, which takes as long to find out.
    pub(crate) async fn is_right(&self, password: SecretString, hash: Option<String>) -> Result<bool, AccessError> {
        self.work(move || {
            let against = hash.as_deref().unwrap_or(NOBODY);
            let right = Argon2::default().verify_password(password.expose_secret().as_bytes(), against).is_ok();
            right && hash.is_some()
        })
        .await
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, AccessError> {
        // The semaphore is never closed.
        let _permit = self.0.acquire().await;
        spawn_blocking(work).await.map_err(|error| AccessError::Hashing(error.to_string()))
    }
}

/// What is wrong with a password that somebody chose, at `pointer`.
pub(super) fn fault(password: &SecretString, email: &str, pointer: &str) -> Option<Fault> {
    let password = password.expose_secret();
    if password.chars().count() < SHORTEST {
        return Some(Fault::new(pointer, format!("a password has at least {SHORTEST} characters")));
    }
    if password.len() > LONGEST {
        return Some(Fault::new(pointer, format!("a password has at most {LONGEST} bytes")));
    }
    let same = password.to_lowercase() == email.to_lowercase();
    same.then(|| Fault::new(pointer, "the e-mail address cannot be the password: everybody who writes to it knows it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_found_again_and_nothing_else() {
        let passwords = Passwords::default();
        let hash = passwords.hash("correct horse".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(passwords.hash("correct horse".into()).await.unwrap(), hash, "every hash has a salt of its own");
        assert!(passwords.is_right("correct horse".into(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.is_right("wrong horse".into(), Some(hash)).await.unwrap());
        assert!(!passwords.is_right("".into(), None).await.unwrap());
    }

    /// What is compared where nobody is meant must be work of the same kind, or time would tell.
    #[test]
    fn nobody_is_compared_with_the_same_parameters() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let somebody: PasswordHash = Argon2::default().hash_password(b"x").unwrap();
        assert_eq!((nobody.algorithm, nobody.version), (somebody.algorithm, somebody.version));
        assert_eq!(nobody.params, somebody.params);
        assert_eq!(nobody.hash.unwrap().as_bytes().len(), somebody.hash.unwrap().as_bytes().len());
    }

    #[test]
    fn passwords_are_long_enough_and_not_the_address() {
        let check = |password: &str| fault(&password.into(), "Ada@b.example", "/password").map(|fault| fault.pointer);
        for bad in ["", "1234567", "ada@B.example", &"x".repeat(1025)] {
            assert_eq!(check(bad).as_deref(), Some("/password"), "{bad}");
        }
        for good in ["12345678", "ää ää ää", &"x".repeat(1024)] {
            assert_eq!(check(good), None, "{good}");
        }
    }
}
