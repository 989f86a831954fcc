//! What a channel's configuration may read from the environment.

use fanfare_core::Variables;

/// What a variable's name begins with if every channel may read it.
const PREFIX: &str = "FANFARE_VAR_";

/// The process's environment, as far as channels may read it: names that begin with `FANFARE_VAR_`, and those
/// that the operator lists.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    allowed: Vec<String>,
}

impl Environment {
    /// The environment with these names besides.
    pub fn new(allowed: impl IntoIterator<Item = String>) -> Self {
        Self { allowed: allowed.into_iter().collect() }
    }

    fn may_be_read(&self, name: &str) -> bool {
        name.starts_with(PREFIX) || self.allowed.iter().any(|allowed| allowed == name)
    }
}

impl Variables for Environment {
    fn get(&self, name: &str) -> Option<String> {
        self.may_be_read(name).then(|| std::env::var(name).ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_meant_for_channels_can_be_read() {
        let environment = Environment::new(["SMTP_PASSWORD".to_owned()]);
        assert!(environment.may_be_read("FANFARE_VAR_TOKEN"));
        assert!(environment.may_be_read("SMTP_PASSWORD"));
        for name in ["PATH", "FANFARE_SECRET_KEY", "FANFARE_ADMIN_TOKEN", "smtp_password", ""] {
            assert!(!environment.may_be_read(name), "{name}");
        }
        assert_eq!(environment.get("PATH"), None);
    }
}
