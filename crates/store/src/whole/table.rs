//! What a table of configuration looks like in a document.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sea_orm::QueryResult;
use serde_json::Value;
use uuid::Uuid;

use crate::StoreError;

/// A table of configuration. Everything else in the database is history, or is made anew.
#[derive(Clone, Copy, Debug)]
pub struct ConfigTable {
    /// What it is called in a document.
    pub name: &'static str,
    /// What it is called in the database.
    pub table: &'static str,
    /// The columns that belong to the configuration; the first identifies a row.
    pub columns: &'static [(&'static str, Column)],
    /// The column by which people know a row.
    pub label: &'static str,
    /// The column whose values no two rows share, besides the first.
    pub unique: Option<&'static str>,
}

/// What a column holds, and how much of it a document may show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// A UUID.
    Id,
    /// A text.
    Text,
    /// A text that only who has the passphrase may read in a document.
    Confidential,
    /// JSON, kept as text.
    Json,
    /// A number of 64 bits.
    Number,
    /// A time of the latest change, which is no difference by itself.
    ChangedAt,
    /// True or false.
    Flag,
    /// Bytes that only who has the passphrase may read in a document.
    Bytes,
    /// A text that is encrypted in the database, too.
    Sealed,
}

impl Column {
    /// Whether its values are encrypted in a document.
    pub fn is_confidential(self) -> bool {
        matches!(self, Self::Confidential | Self::Bytes | Self::Sealed)
    }

    /// Whether this could be one of its values.
    pub fn fits(self, value: &Value) -> bool {
        match self {
            Self::Sealed => value.is_string() || value.is_null(),
            _ => self.bind(value).is_some(),
        }
    }

    /// Reads a value of this kind; what is sealed comes out as it is kept.
    pub(super) fn read(self, row: &QueryResult, name: &str) -> Result<Value, StoreError> {
        Ok(match self {
            Self::Id => row.try_get::<Option<Uuid>>("", name)?.map(|id| id.to_string()).into(),
            Self::Text | Self::Confidential => row.try_get::<Option<String>>("", name)?.into(),
            Self::Json => match row.try_get::<Option<String>>("", name)? {
                Some(text) => serde_json::from_str(&text).map_err(|error| StoreError::corrupt("document", error))?,
                None => Value::Null,
            },
            Self::Number | Self::ChangedAt => row.try_get::<Option<i64>>("", name)?.into(),
            Self::Flag => row.try_get::<Option<bool>>("", name)?.into(),
            Self::Bytes | Self::Sealed => row.try_get::<Option<Vec<u8>>>("", name)?.map(|b| STANDARD.encode(b)).into(),
        })
    }

    /// The value as the database takes it; `None` where it is of another kind.
    pub(super) fn bind(self, value: &Value) -> Option<sea_orm::Value> {
        let text = || Some(if value.is_null() { None } else { Some(value.as_str()?.replace('\0', "\u{fffd}")) });
        Some(match self {
            Self::Id if value.is_null() => Option::<Uuid>::None.into(),
            Self::Id => value.as_str()?.parse::<Uuid>().ok()?.into(),
            Self::Text | Self::Confidential => text()?.into(),
            Self::Json if value.is_null() => Option::<String>::None.into(),
            Self::Json => value.to_string().into(),
            Self::Number | Self::ChangedAt if value.is_null() => Option::<i64>::None.into(),
            Self::Number | Self::ChangedAt => value.as_i64()?.into(),
            Self::Flag => value.as_bool()?.into(),
            Self::Bytes | Self::Sealed if value.is_null() => Option::<Vec<u8>>::None.into(),
            Self::Bytes | Self::Sealed => STANDARD.decode(value.as_str()?).ok()?.into(),
        })
    }
}

/// The store's own tables of configuration.
pub const TABLES: &[ConfigTable] = &[
    ConfigTable {
        name: "channels",
        table: "fanfare_channels",
        columns: &[
            ("id", Column::Id),
            ("name", Column::Text),
            ("kind", Column::Text),
            ("config", Column::Sealed),
            ("enabled", Column::Flag),
            ("delivery", Column::Json),
            ("created_at", Column::Number),
            ("updated_at", Column::ChangedAt),
        ],
        label: "name",
        unique: None,
    },
    ConfigTable {
        name: "jobs",
        table: "fanfare_jobs",
        columns: &[
            ("id", Column::Id),
            ("name", Column::Text),
            ("notifications", Column::Json),
            ("expect_every_s", Column::Number),
            ("grace_s", Column::Number),
            ("wording", Column::Json),
            ("ping_key", Column::Sealed),
            ("created_at", Column::Number),
            ("updated_at", Column::ChangedAt),
        ],
        label: "name",
        unique: Some("name"),
    },
    ConfigTable {
        name: "settings",
        table: "fanfare_settings",
        columns: &[("name", Column::Text), ("document", Column::Json), ("updated_at", Column::ChangedAt)],
        label: "name",
        unique: None,
    },
];
