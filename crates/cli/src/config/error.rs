//! What is wrong with the configuration, and where it stands. Values are never repeated: one may be a secret.

use std::path::Path;

use figment::error::{Error, Kind};

use super::layers::variable;

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub(crate) struct ConfigError(Vec<String>);

/// Where a setting comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Default,
    File,
    Environment,
    Flag,
}

impl Origin {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Environment => "environment",
            Self::Flag => "flag",
        }
    }
}

impl ConfigError {
    pub(super) fn new(place: impl AsRef<str>, detail: impl AsRef<str>) -> Self {
        Self(vec![format!("{}: {}", place.as_ref(), detail.as_ref())])
    }

    pub(super) fn no_file(path: &Path) -> Self {
        Self::new(path.display().to_string(), "there is no such configuration file")
    }

    /// From figment's errors; `file` is the one that was read.
    pub(super) fn of(error: Error, file: Option<&Path>) -> Self {
        Self(error.into_iter().map(|error| format!("{}: {}", place(&error, file), detail(&error.kind))).collect())
    }
}

/// The setting by the name that it has where it was set.
fn place(error: &Error, file: Option<&Path>) -> String {
    let mut key = error.path.join(".");
    let origin = error.metadata.as_ref().map(|metadata| metadata.name.as_ref());
    if origin == Some(Origin::Environment.as_str()) {
        return variable(&key);
    }
    if origin == Some(Origin::Flag.as_str()) {
        return format!("--{}", key.replace('_', "-"));
    }
    // Only the file can hold a key that is not known.
    if let Kind::UnknownField(name, _) = &error.kind
        && error.path.last() != Some(name)
    {
        key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
    }
    match file {
        Some(file) => format!("{}: {key}", file.display()),
        None => key,
    }
}

fn detail(kind: &Kind) -> String {
    match kind {
        Kind::Message(words) => words.clone(),
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => format!("must be {expected}"),
        Kind::UnknownVariant(_, known) => format!("must be one of {}", known.join(", ")),
        Kind::UnknownField(_, known) => format!("there is no such setting; there are {}", known.join(", ")),
        // Names and lengths only.
        other => other.to_string(),
    }
}
