//! The places that settings come from, each as a dictionary.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use figment::{
    Metadata, Profile, Provider,
    providers::{Format, Toml},
    value::{Dict, Map, Value},
};

use super::{ConfigError, Origin, text};
use crate::args::{Common, ServeFlags};

/// The keys that variables set; `FANFARE_` and the key in capitals is the variable's name.
const KEYS: [&str; 15] = [
    "listen",
    "data_dir",
    "database_url",
    "secret_key",
    "admin_token",
    "allow_networks",
    "extra_ca_file",
    "event_types_dir",
    "env_allow",
    "log",
    "log_format",
    "url",
    "token",
    "signing_secret",
    "spool_dir",
];

/// The one setting of which an empty value says something: nothing besides public addresses.
const MAY_BE_EMPTY: &str = "allow_networks";

/// The keys whose values are paths.
const PATHS: [&str; 4] = ["data_dir", "extra_ca_file", "event_types_dir", "spool_dir"];

/// Settings from one place.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    origin: Origin,
    values: Dict,
}

impl Layer {
    pub(super) fn new(origin: Origin, values: Dict) -> Self {
        Self { origin, values }
    }

    /// The text that is set for `key`.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.values.get(key).and_then(Value::as_str)
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.as_str())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.values.clone())]))
    }
}

/// What the environment sets, and a warning for each variable that looks like ours and is not.
///
/// figment's own reader would take a token of digits for a number, so every value stays a text here.
pub(super) fn environment(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<(Layer, Vec<String>), ConfigError> {
    let (mut values, mut warnings) = (Dict::new(), Vec::new());
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with("FANFARE_")) else { continue };
        if name.starts_with("FANFARE_VAR_") || name == crate::passphrase::VARIABLE {
            continue;
        }
        let key = KEYS.into_iter().find(|key| variable(key) == name);
        let Some(key) = key else {
            warnings.push(format!("{name} is not a variable that Fanfare knows; it is ignored"));
            continue;
        };
        let value = value.into_string().map_err(|_| ConfigError::new(name, "its value is not UTF-8 text"))?;
        if !value.is_empty() || key == MAY_BE_EMPTY {
            values.insert(key.into(), text(value));
        }
    }
    warnings.sort();
    Ok((Layer::new(Origin::Environment, values), warnings))
}

/// The variable that sets `key`.
pub(super) fn variable(key: &str) -> String {
    format!("FANFARE_{}", key.to_ascii_uppercase())
}

/// What flags set; of flags that are given in several places, the last counts.
pub(super) fn flags(common: &Common, flags: &[&ServeFlags]) -> Result<Layer, ConfigError> {
    let mut values = Dict::new();
    for flags in flags {
        let given = Value::serialize(flags).map_err(|error| ConfigError::of(error, None))?;
        values.extend(given.into_dict().unwrap_or_default());
    }
    let common = [("data_dir", &common.data_dir), ("url", &common.url)];
    values.extend(common.into_iter().filter_map(|(key, value)| Some((key.to_owned(), text(value.clone()?)))));
    Ok(Layer::new(Origin::Flag, values))
}

/// What a file sets; `None` where there is none.
pub(super) fn file(path: &Path) -> Result<Option<Layer>, ConfigError> {
    let place = path.display().to_string();
    let content = match fs::read_to_string(path) {
        Ok(content) => content,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(ConfigError::new(place, format!("it cannot be read: {error}"))),
    };
    // The library's own text shows the line, which may hold a secret.
    let mut values: Dict = Toml::from_str(&content).map_err(|error| {
        let line = error.span().map_or(1, |span| content[..span.start.min(content.len())].matches('\n').count() + 1);
        ConfigError::new(format!("{place}, line {line}"), error.message().replace('\n', ", "))
    })?;
    let dir = path.parent().unwrap_or(Path::new(""));
    for key in PATHS {
        if let Some(Value::String(_, value)) = values.get_mut(key) {
            *value = resolved(dir, value).display().to_string();
        }
    }
    if let Some(Value::String(_, url)) = values.get_mut("database_url")
        && let Some(file) = sqlite_file(url)
    {
        *url = format!("sqlite:{}", resolved(dir, file).display());
    }
    Ok(Some(Layer::new(Origin::File, values)))
}

/// The file that a SQLite URL names.
pub(crate) fn sqlite_file(url: &str) -> Option<&str> {
    Some(url.strip_prefix("sqlite:")?.trim_start_matches("//"))
}

fn resolved(dir: &Path, path: &str) -> PathBuf {
    dir.join(path)
}
