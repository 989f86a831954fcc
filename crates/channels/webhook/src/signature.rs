//! Signatures as Standard Webhooks 1.0 describes them.

use http::HeaderName;
use standardwebhooks::Webhook as Signer;

/// The header with the message's id, which receivers recognise repeats by.
pub(crate) static ID: HeaderName = HeaderName::from_static(standardwebhooks::HEADER_WEBHOOK_ID);
/// The header with the second of this attempt.
pub(crate) static TIMESTAMP: HeaderName = HeaderName::from_static(standardwebhooks::HEADER_WEBHOOK_TIMESTAMP);
/// The header with one signature for each secret.
pub(crate) static SIGNATURE: HeaderName = HeaderName::from_static(standardwebhooks::HEADER_WEBHOOK_SIGNATURE);

const PREFIX: &str = "whsec_";

/// Whether `secrets` can sign: one or, during a rotation, several, separated by spaces.
pub(crate) fn check(secrets: &str) -> Result<(), &'static str> {
    match secrets.split_whitespace().next() {
        None => Err("a signing secret is whsec_ followed by a key in base64"),
        Some(_) => secrets.split_whitespace().try_for_each(|secret| signer(secret).map(drop)),
    }
}

/// The value of the signature header. The reason for a failure does not repeat the secret.
pub(crate) fn sign(secrets: &str, id: &str, timestamp: i64, body: &[u8]) -> Result<String, &'static str> {
    check(secrets)?;
    let mut signatures = String::new();
    for secret in secrets.split_whitespace() {
        if !signatures.is_empty() {
            signatures.push(' ');
        }
        let signature = signer(secret)?.sign(id, timestamp, body).map_err(|_| "only text can be signed")?;
        signatures.push_str(&signature);
    }
    Ok(signatures)
}

fn signer(secret: &str) -> Result<Signer, &'static str> {
    let key = secret.strip_prefix(PREFIX).ok_or("a signing secret begins with whsec_")?;
    // The crate keeps the decoded key to itself, but base64 with padding tells its length.
    let length = (key.len() / 4 * 3).saturating_sub(key.bytes().rev().take_while(|&b| b == b'=').count());
    if !(24..=64).contains(&length) {
        return Err("the key of a signing secret is 24 to 64 bytes long, which is 32 to 88 characters after whsec_");
    }
    Signer::new(secret).map_err(|_| "after whsec_, a signing secret is standard base64 with padding")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    /// Computed with another language's HMAC-SHA256.
    #[test]
    fn known_answer() {
        let signature =
            sign(SECRET, "019ce8a4-1f00-7000-8000-0000000000d1", 1_773_450_153, "{\"title\":\"Grüße\"}".as_bytes());
        assert_eq!(signature.unwrap(), "v1,ReLRpIJlVHz04LX5rU/F0Bb2j2m73OmDkMbwB2ZXH/k=");
    }

    #[test]
    fn a_rotation_signs_with_each() {
        let new = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let both = sign(&format!("{new} {SECRET}"), "id", 1, b"").unwrap();
        assert_eq!(both, format!("{} {}", sign(new, "id", 1, b"").unwrap(), sign(SECRET, "id", 1, b"").unwrap()));
    }

    #[test]
    fn lengths_and_forms() {
        let of = |bytes: usize| {
            let full = "A".repeat(bytes / 3 * 4);
            let rest = ["", "AA==", "AAA="][bytes % 3];
            format!("whsec_{full}{rest}")
        };
        for bytes in [24, 25, 26, 63, 64] {
            assert_eq!(check(&of(bytes)), Ok(()), "{bytes} bytes");
        }
        for bytes in [0, 1, 23, 65, 100] {
            assert!(check(&of(bytes)).is_err(), "{bytes} bytes");
        }
        for text in
            ["", " ", "secret", "whsk_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "whsec_!2FVsBQIhrscChlQIMV+b5sSYspob7oD"]
        {
            assert!(check(text).is_err(), "{text:?}");
        }
        assert!(check(&SECRET.replace('+', "-")).is_err(), "the alphabet for URLs is another one");
    }
}
