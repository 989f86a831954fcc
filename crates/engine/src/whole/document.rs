//! The form of the document.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use fanfare_core::Fault;
use fanfare_store::{ConfigRow, ConfigRows, ConfigTable, Keyring, KeyringError, Stretching};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// What a document says of itself.
const FORMAT: &str = "fanfare configuration";

/// The version of this form.
const VERSION: u64 = 2;

/// The member that holds what is encrypted.
const ENCRYPTED: &str = "encrypted";

/// The member that proves that nothing in the document was changed, in clear or not: a role or a scope is as good to whoever
/// wants to come in as a password.
const SEAL: &str = "seal";

/// A shorter passphrase is found too soon by whoever has the document.
const SHORTEST_PASSPHRASE: usize = 8;

/// One table as the document has it, in clear.
#[derive(Clone)]
pub(super) struct Section {
    pub(super) table: ConfigTable,
    pub(super) rows: Vec<ConfigRow>,
}

pub(super) fn check_passphrase(passphrase: &str) -> Vec<Fault> {
    if passphrase.chars().count() >= SHORTEST_PASSPHRASE {
        return Vec::new();
    }
    vec![Fault::new("/passphrase", format!("a passphrase has at least {SHORTEST_PASSPHRASE} characters"))]
}

/// The document of these rows.
pub(super) fn write(
    whole: &[ConfigRows],
    passphrase: &str,
    now: Timestamp,
) -> Result<Value, fanfare_store::StoreError> {
    let stretching = Stretching::new();
    let keyring = stretching.keyring(passphrase)?;
    let mut sections = Map::new();
    for ConfigRows { table, rows } in whole {
        let rows = rows.iter().map(|row| encrypted(table, row, &keyring)).collect::<Result<Vec<_>, _>>()?;
        sections.insert(table.name.into(), rows.into());
    }
    let mut document = json!({
        "format": FORMAT,
        "version": VERSION,
        "exported_at": now,
        "key": stretching,
        "sections": sections,
    });
    let seal = STANDARD.encode(keyring.seal(b"", &sealed_text(&document))?);
    document[SEAL] = seal.into();
    Ok(document)
}

/// What the seal is bound to: the whole document but the seal, however it is laid out.
fn sealed_text(document: &Value) -> String {
    let mut text = format!("{FORMAT}/{SEAL}\n");
    match document.as_object() {
        Some(members) => canonical(&members.iter().filter(|(name, _)| *name != SEAL).collect::<Vec<_>>(), &mut text),
        None => text.push_str(&document.to_string()),
    }
    text
}

/// An object as JSON, with the members in the order of their names.
fn canonical(members: &[(&String, &Value)], text: &mut String) {
    let mut members = members.to_vec();
    members.sort_unstable_by_key(|(name, _)| *name);
    text.push('{');
    for (name, value) in members {
        text.push_str(&Value::from(name.as_str()).to_string());
        text.push(':');
        canonical_value(value, text);
        text.push(',');
    }
    text.push('}');
}

fn canonical_value(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => canonical(&members.iter().collect::<Vec<_>>(), text),
        Value::Array(items) => {
            text.push('[');
            for item in items {
                canonical_value(item, text);
                text.push(',');
            }
            text.push(']');
        }
        leaf => text.push_str(&leaf.to_string()),
    }
}

/// Whether the document is as it was exported.
fn check_seal(document: &Value, keyring: &Keyring) -> Result<(), Fault> {
    let sealed = document[SEAL].as_str().and_then(|text| STANDARD.decode(text).ok());
    let sealed = sealed.ok_or_else(|| Fault::new("/document/seal", "the seal of the document is missing"))?;
    let changed = "the document was changed since it was exported: change what it is exported from, or use \
                   configuration as code";
    keyring.open(&sealed, &sealed_text(document)).map(drop).map_err(|_| Fault::new("/document/seal", changed))
}

/// A document in clear.
pub(super) struct Read {
    pub(super) sections: Vec<Section>,
    /// Whether it is as it was exported. What else is wrong with it says more, so that is told first.
    pub(super) seal: Result<(), Fault>,
}

/// What a document says, in clear; or what is wrong with it.
pub(super) fn read(document: &Value, passphrase: &str, tables: &[ConfigTable]) -> Result<Read, Vec<Fault>> {
    let wrong = |pointer: &str, detail: &str| vec![Fault::new(pointer, detail)];
    if document["format"] != FORMAT {
        return Err(wrong("/document/format", "this is no exported configuration of Fanfare"));
    }
    if document["version"] != VERSION {
        return Err(wrong("/document/version", "this form is of another version of Fanfare: import it there"));
    }
    let stretching = serde_json::from_value::<Stretching>(document["key"].clone());
    let keyring = stretching.ok().and_then(|stretching| stretching.keyring(passphrase).ok());
    let keyring = keyring.ok_or_else(|| wrong("/document/key", "this does not say how the key is made"))?;
    let Some(sections) = document["sections"].as_object() else {
        return Err(wrong("/document/sections", "the sections are missing"));
    };
    let (mut read, mut faults) = (Vec::new(), Vec::new());
    for name in sections.keys().filter(|name| !tables.iter().any(|table| table.name == name.as_str())) {
        faults.push(Fault::new(format!("/document/sections/{name}"), "there is no such section here"));
    }
    // In the order in which they are written.
    for table in tables {
        let Some(rows) = sections.get(table.name) else { continue };
        let place = format!("/document/sections/{}", table.name);
        let Some(rows) = rows.as_array() else {
            faults.push(Fault::new(place, "a section is a list"));
            continue;
        };
        let mut section = Section { table: *table, rows: Vec::with_capacity(rows.len()) };
        for (i, row) in rows.iter().enumerate() {
            match decrypted(table, row, &keyring, &format!("{place}/{i}")) {
                Ok(row) => section.rows.push(row),
                Err(fault) if fault.pointer == "/passphrase" => return Err(vec![fault]),
                Err(fault) => faults.push(fault),
            }
        }
        faults.extend(repeated(&section, &place));
        read.push(section);
    }
    let seal = check_seal(document, &keyring);
    if faults.is_empty() { Ok(Read { sections: read, seal }) } else { Err(faults) }
}

fn encrypted(table: &ConfigTable, row: &ConfigRow, keyring: &Keyring) -> Result<Value, KeyringError> {
    let mut shown = Map::new();
    for (name, column) in table.columns {
        let value = row.get(*name).cloned().unwrap_or(Value::Null);
        let value = match &value {
            Value::String(plain) if column.is_confidential() => {
                json!({ ENCRYPTED: STANDARD.encode(keyring.seal(plain.as_bytes(), &place(table, row, name))?) })
            }
            _ => value,
        };
        shown.insert((*name).into(), value);
    }
    Ok(shown.into())
}

fn decrypted(table: &ConfigTable, row: &Value, keyring: &Keyring, pointer: &str) -> Result<ConfigRow, Fault> {
    let shown = row.as_object().ok_or_else(|| Fault::new(pointer, "this is an object"))?;
    if let Some(name) = shown.keys().find(|name| !table.columns.iter().any(|(known, _)| known == name)) {
        return Err(Fault::new(format!("{pointer}/{name}"), "there is no such member here"));
    }
    let mut clear = Map::new();
    for (name, column) in table.columns {
        let at = || format!("{pointer}/{name}");
        let value = shown.get(*name).cloned().ok_or_else(|| Fault::new(at(), format!("{name} is required")))?;
        let value = match column.is_confidential() && !value.is_null() {
            true => open(&value[ENCRYPTED], keyring, &place(table, &clear, name)).map_err(|error| match error {
                KeyringError::WrongKey => {
                    Fault::new("/passphrase", "the document was encrypted with another passphrase, or was changed")
                }
                KeyringError::Malformed => Fault::new(at(), "this is not an encrypted value"),
            })?,
            false => value,
        };
        if !column.fits(&value) {
            return Err(Fault::new(at(), "this is a value of another kind"));
        }
        clear.insert((*name).into(), value);
    }
    Ok(clear)
}

fn open(value: &Value, keyring: &Keyring, place: &str) -> Result<Value, KeyringError> {
    let sealed = value.as_str().and_then(|text| STANDARD.decode(text).ok()).ok_or(KeyringError::Malformed)?;
    let plain = keyring.open(&sealed, place)?;
    String::from_utf8(plain.to_vec()).map(Value::from).map_err(|_| KeyringError::Malformed)
}

/// What an encrypted value is bound to: it cannot be moved to another row.
fn place(table: &ConfigTable, row: &ConfigRow, column: &str) -> String {
    let key = row.get(table.columns[0].0).and_then(Value::as_str).unwrap_or_default();
    format!("{FORMAT}/{}/{key}/{column}", table.name)
}

/// Two rows that are said to be one, or that cannot stand beside each other.
fn repeated(section: &Section, place: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    for name in [Some(section.table.columns[0].0), section.table.unique].into_iter().flatten() {
        for (i, row) in section.rows.iter().enumerate() {
            let value = row.get(name);
            if section.rows[..i].iter().any(|other| other.get(name) == value) {
                faults.push(Fault::new(format!("{place}/{i}/{name}"), format!("another row has the same {name}")));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_holds_what_is_said_and_not_how_it_is_laid_out() {
        let keyring = Keyring::parse(&Keyring::generate()).unwrap();
        let mut document = json!({ "a": { "x": 1, "y": [true, { "p": null, "q": "z" }] }, "b": 2 });
        document[SEAL] = STANDARD.encode(keyring.seal(b"", &sealed_text(&document)).unwrap()).into();
        assert_eq!(check_seal(&document, &keyring), Ok(()));
        let seal = document[SEAL].clone();
        let moved = json!({ "seal": seal, "b": 2, "a": { "y": [true, { "q": "z", "p": null }], "x": 1 } });
        assert_eq!(check_seal(&moved, &keyring), Ok(()));
        for (pointer, value) in
            [("/a/x", json!(2)), ("/a/y/0", json!(false)), ("/a/y/1/p", json!("z")), ("/b", json!("2"))]
        {
            let mut changed = document.clone();
            *changed.pointer_mut(pointer).unwrap() = value;
            assert!(check_seal(&changed, &keyring).is_err(), "{pointer}");
        }
        let mut more = document.clone();
        more["c"] = json!([]);
        assert!(check_seal(&more, &keyring).is_err());
        let mut bare = document.clone();
        let _ = bare.as_object_mut().unwrap().remove(SEAL);
        assert!(check_seal(&bare, &keyring).is_err());
        assert!(check_seal(&document, &Keyring::parse(&Keyring::generate()).unwrap()).is_err());
    }
}
