//! The numbers by which lanes go.

use std::time::Duration;

use fanfare_core::DigestPolicy;

/// When lanes probe, fail and gather. The defaults are what the documentation says.
#[derive(Clone, Debug)]
pub struct LanePolicy {
    /// The waits before each probe of a lane whose breaker is open; the last one repeats.
    pub probes: Vec<Duration>,
    /// Over how long five attempts in a row must have failed for a channel to count as failing.
    pub failing_after: Duration,
    /// When a storm is told as one.
    pub digest: DigestPolicy,
}

impl Default for LanePolicy {
    /// Probes after 1 min, 5 min, 15 min, 1 h, 1 h …; failing after a minute; digests of more than 20 after 10 s.
    fn default() -> Self {
        Self {
            probes: [60, 300, 900, 3_600].map(Duration::from_secs).into(),
            failing_after: Duration::from_secs(60),
            digest: DigestPolicy::default(),
        }
    }
}
