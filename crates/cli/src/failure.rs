//! How a command can fail, and with which exit code.

use crate::problem::Problem;

/// Why a command did not do what it should.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Asked or configured in a way that cannot work: exit 2.
    WrongUse(String),
    /// Tried, and it did not work: exit 1.
    Failed(String),
    /// Nobody answered, or nobody that could be understood; later somebody may: exit 1.
    Unreachable(String),
    /// The server refused: exit 1.
    Refused(Problem),
    /// What was printed says it all: exit 1.
    Told,
}

impl Failure {
    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::WrongUse(_) => 2,
            Self::Failed(_) | Self::Unreachable(_) | Self::Refused(_) | Self::Told => 1,
        }
    }

    /// What to say on standard error.
    pub(crate) fn words(&self) -> Option<String> {
        match self {
            Self::WrongUse(words) | Self::Failed(words) | Self::Unreachable(words) => Some(words.clone()),
            Self::Refused(problem) => Some(problem.words()),
            Self::Told => None,
        }
    }
}
