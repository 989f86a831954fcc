//! `fanfare keys`

use super::{Session, answers::KeysRotated};
use crate::{failure::Failure, output::clean};

pub(super) async fn rotate(session: &Session) -> Result<(), Failure> {
    let answer = session.client.post(&["keys", "rotate"], None).await?;
    session.show(&answer, |rotated, _| words(rotated))
}

fn words(rotated: &KeysRotated) -> String {
    let KeysRotated { secrets, key, new } = rotated;
    let which = match new {
        true => "a new key, which the server's key file has now: keep a copy of that file",
        false => "the first key of FANFARE_SECRET_KEY: the others can be taken out now",
    };
    let things = if *secrets == 1 { "secret is" } else { "secrets are" };
    format!("{secrets} {things} encrypted with {which}.\nIts fingerprint is {}.", clean(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_said() {
        let rotated = |secrets, new| words(&KeysRotated { secrets, key: "00ff".into(), new });
        assert!(rotated(1, true).starts_with("1 secret is encrypted with a new key"));
        assert!(rotated(7, false).starts_with("7 secrets are encrypted with the first key of FANFARE_SECRET_KEY"));
    }
}
