//! Secrets, and every form in which they could slip through.

use std::collections::HashMap;

/// Every secret in a configuration: keys, tokens, passwords, what is confidential in URLs.
#[derive(Debug)]
pub struct Secrets {
    /// Every form of every secret, by its first bytes: a log of megabytes is searched for a thousand of them at once.
    forms: HashMap<u64, Vec<String>>,
    /// Which first bytes there are, roughly, so that most places of a text are passed over quickly.
    rough: Vec<bool>,
}

/// How many bytes of a form are looked at first. No form is shorter.
const HEAD: usize = 8;

/// Where `rough` knows these first bytes.
fn place(head: u64) -> usize {
    // The upper bits of a product with an odd number depend on all bits.
    (head.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as usize
}

impl Secrets {
    /// These secrets, each of at least 8 characters.
    ///
    /// # Panics
    /// When one is shorter: it would be found by accident.
    pub fn new(secrets: &[&str]) -> Self {
        assert!(secrets.iter().all(|secret| secret.len() >= 8), "short secrets are found by accident");
        let mut all = Self { forms: HashMap::new(), rough: vec![false; 1 << 16] };
        for form in secrets.iter().flat_map(|secret| disguises(secret)) {
            let head = form.bytes().take(HEAD).fold(0_u64, |head, byte| head << 8 | u64::from(byte));
            all.rough[place(head)] = true;
            all.forms.entry(head).or_default().push(form);
        }
        all
    }

    /// Checks that a text holds none of them: as it stands, percent-encoded, inside JSON, in base64 at any offset.
    ///
    /// # Panics
    /// When it does; `what` says what the text is.
    pub fn assert_hidden(&self, what: &str, text: &str) {
        self.hidden(what, text).unwrap_or_else(|shown| panic!("{shown}: {text}"));
    }

    /// The same without a panic.
    pub fn hidden(&self, what: &str, text: &str) -> Result<(), String> {
        let mut head = 0_u64;
        for (end, byte) in text.bytes().enumerate() {
            head = head << 8 | u64::from(byte);
            if end + 1 < HEAD || !self.rough[place(head)] {
                continue;
            }
            let rest = &text.as_bytes()[end + 1 - HEAD..];
            let mut forms = self.forms.get(&head).into_iter().flatten();
            if let Some(form) = forms.find(|form| rest.starts_with(form.as_bytes())) {
                return Err(format!("{what} shows a secret as {form}"));
            }
        }
        Ok(())
    }
}

/// A secret as it stands, and the forms in which it slips through a search for it.
fn disguises(secret: &str) -> Vec<String> {
    let percent = secret.bytes().map(|byte| match byte {
        byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    let mut forms = vec![secret.to_owned(), percent.collect()];
    forms.push(secret.bytes().map(|byte| format!("%{byte:02X}")).collect());
    forms.push(secret.bytes().map(|byte| format!("%{byte:02x}")).collect());
    let json = serde_json::to_string(secret).unwrap();
    forms.push(json[1..json.len() - 1].to_owned());
    forms.extend(base64_anywhere(secret.as_bytes()));
    forms
}

/// The part of the base64 form that does not depend on what stands around, at each of the three offsets.
fn base64_anywhere(secret: &[u8]) -> Vec<String> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let whole = |bytes: &[u8]| {
        let groups = bytes.chunks_exact(3).map(|group| u32::from_be_bytes([0, group[0], group[1], group[2]]));
        groups
            .flat_map(|group| [18, 12, 6, 0].map(|shift| char::from(DIGITS[(group >> shift & 63) as usize])))
            .collect()
    };
    (0..3).filter_map(|skip| secret.get(skip..)).map(whole).filter(|form: &String| form.len() >= 8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_wherever_it_stands() {
        let secrets = Secrets::new(&["s3cr3t-token", "s3cr3t-taken", "8letters"]);
        for text in ["s3cr3t-token", "ä s3cr3t-taken", "8letters8", &format!("{}8letters", "s3cr3t-t".repeat(9))] {
            assert!(secrets.hidden("x", text).is_err(), "{text}");
        }
        for text in ["", "s3cr3t-t", "s3cr3t-tiken", "8letter", "8 letters"] {
            assert_eq!(secrets.hidden("x", text), Ok(()), "{text}");
        }
    }

    #[test]
    fn disguises_are_found() {
        // "x:s3cr3t-token" and "s3cr3t-token" in base64.
        for coded in ["eDpzM2NyM3QtdG9rZW4=", "czNjcjN0LXRva2Vu", "s3cr3t-token"] {
            assert!(disguises("s3cr3t-token").iter().any(|form| coded.contains(form.as_str())), "{coded}");
        }
        assert!(disguises("a/b c&d=e").contains(&"a%2Fb%20c%26d%3De".to_owned()));
    }
}
