//! Where the time and chance come from, so that tests can choose them.

use std::fmt;

use jiff::Timestamp;

/// A source of the present time.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A source of chance.
pub trait Random: fmt::Debug + Send + Sync {
    /// A number from `0.0` up to but not including `1.0`, all equally likely.
    fn unit(&self) -> f64;
}

/// The machine's randomness.
#[derive(Debug)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn unit(&self) -> f64 {
        rand::random()
    }
}
