//! The states of a delivery.

use std::{fmt, str::FromStr};

use sea_orm::{DeriveActiveEnum, EnumIter};
use serde::{Deserialize, Serialize};

/// Where a delivery stands. Kept as a small integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// To be sent, now or later.
    #[sea_orm(num_value = 0)]
    Pending,
    /// Its channel is disabled.
    #[sea_orm(num_value = 1)]
    Held,
    /// The other side took it.
    #[sea_orm(num_value = 2)]
    Delivered,
    /// Its channel was deleted; or it tells the end of something of which its target was never told.
    #[sea_orm(num_value = 3)]
    Suppressed,
    /// Given up.
    #[sea_orm(num_value = 4)]
    Dead,
}

impl DeliveryState {
    /// All states, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Held, Self::Delivered, Self::Suppressed, Self::Dead];

    /// The word as it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Held => "held",
            Self::Delivered => "delivered",
            Self::Suppressed => "suppressed",
            Self::Dead => "dead",
        }
    }

    pub(crate) fn number(self) -> i16 {
        self as i16
    }
}

impl fmt::Display for DeliveryState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The word for a state is none of the five.
#[derive(Debug, thiserror::Error)]
#[error("a state is one of pending, held, delivered, suppressed, dead")]
pub struct StateError;

impl FromStr for DeliveryState {
    type Err = StateError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(StateError)
    }
}
