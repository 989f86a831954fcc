//! What is wrong with an event type's file, and where.

use std::{fmt, ops::Range};

use toml::de::{DeTable, DeValue};

/// An event type's file that cannot be used: which file, which line, which key, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct CatalogError {
    /// The file's name as it was given.
    pub file: String,
    /// The line, counted from 1, where it is known.
    pub line: Option<usize>,
    /// The key, such as `wording.fields[2].value`; empty when the file as a whole is meant.
    pub key: String,
    /// What is wrong, as one sentence.
    pub detail: String,
}

impl fmt::Display for CatalogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.detail)
    }
}

impl CatalogError {
    /// An error at a key of a file that parses.
    pub(super) fn at(file: &str, text: &str, key: &str, detail: impl Into<String>) -> Self {
        let line = line_of(text, key);
        Self { file: file.to_owned(), line, key: key.to_owned(), detail: detail.into() }
    }

    /// An error of the parser.
    pub(super) fn parse(file: &str, text: &str, key: &str, error: &toml::de::Error) -> Self {
        let line = error.span().map(|span| line_at(text, span.start));
        // `.` is how an unnamed place is written: the document itself.
        let key = if key == "." { "" } else { key };
        let detail = error.message().trim_end().replace('\n', ", ");
        Self { file: file.to_owned(), line, key: key.to_owned(), detail }
    }
}

/// The line in which the value of a key stands.
pub(super) fn line_of(text: &str, key: &str) -> Option<usize> {
    place_of(text, key).map(|span| line_at(text, span.start))
}

fn line_at(text: &str, offset: usize) -> usize {
    let before = &text.as_bytes()[..offset.min(text.len())];
    before.iter().filter(|&&byte| byte == b'\n').count() + 1
}

/// Where the value of `key` stands; where it is absent, the innermost thing around it that is there.
fn place_of(text: &str, key: &str) -> Option<Range<usize>> {
    let root = DeTable::parse(text).ok()?;
    let mut steps = key.split(['.', '[']).map(|step| step.trim_end_matches(']'));
    let mut value = root.get_ref().get(steps.next()?)?;
    for step in steps {
        let inner = match value.get_ref() {
            DeValue::Table(table) => table.get(step),
            DeValue::Array(array) => step.parse().ok().and_then(|i: usize| array.get(i)),
            _ => None,
        };
        let Some(inner) = inner else { break };
        value = inner;
    }
    Some(value.span())
}
