//! How the deliveries of a channel leave, as its kind proposes.

/// How a kind's deliveries leave where a channel does not say otherwise: from the service's documented limits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LaneDefaults {
    /// How many may be under way at once.
    pub concurrency: u16,
    /// How many a second on average; `None` for as fast as they come.
    pub rate: Option<f64>,
    /// How many may leave at once before the rate counts.
    pub burst: u32,
    /// Whether a storm of one event type is told in one digest.
    pub digest: bool,
}

impl LaneDefaults {
    /// One after the other, as fast as the service answers.
    pub const ONE_BY_ONE: Self = Self { concurrency: 1, rate: None, burst: 1, digest: true };

    /// One after the other, so many a second, and `burst` at once after a pause.
    pub const fn paced(rate: f64, burst: u32) -> Self {
        Self { rate: Some(rate), burst, ..Self::ONE_BY_ONE }
    }
}
