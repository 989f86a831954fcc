//! How a command ended, and what follows from that.

use std::{
    ffi::OsStr,
    io,
    os::unix::{ffi::OsStrExt, process::ExitStatusExt},
    path::Path,
    process::ExitStatus,
};

use signal_hook::low_level::signal_name;

use crate::{args::Outcome, output::clean};

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// By itself, with this code.
    Exited(u8),
    /// By this signal.
    Killed(i32),
    /// It never began: there is no command of this name.
    NotFound(String),
    /// It never began, or was lost, for this reason.
    NotRun(String),
}

impl Ended {
    /// What the system says of a process that has ended.
    pub(super) fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Exited(u8::try_from(code & 0xff).unwrap_or(u8::MAX)),
            (None, Some(signal)) => Self::Killed(signal),
            (None, None) => Self::NotRun("the system does not say how it ended".into()),
        }
    }

    /// Why a process did not begin.
    pub(super) fn not_started(program: &OsStr, error: &io::Error) -> Self {
        // Names with a slash are paths; others are looked for, and what is found is there.
        let is_there = program.as_bytes().contains(&b'/') && Path::new(program).exists();
        let program = clean(&program.to_string_lossy());
        match error.kind() {
            io::ErrorKind::NotFound if is_there => {
                Self::NotRun(format!("{program}: the interpreter that its first line names is not there"))
            }
            io::ErrorKind::NotFound => Self::NotFound(program),
            _ => Self::NotRun(format!("{program}: {error}")),
        }
    }

    /// The exit code that says the same, as shells use them.
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Exited(code) => *code,
            Self::Killed(signal) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
            Self::NotFound(_) => 127,
            Self::NotRun(_) => 126,
        }
    }

    /// The run's outcome, where these exit codes mean that a part of it went well.
    pub(super) fn outcome(&self, partial: &[u8]) -> Outcome {
        match self {
            Self::Exited(0) => Outcome::Success,
            Self::Exited(code) if partial.contains(code) => Outcome::Partial,
            _ => Outcome::Failure,
        }
    }

    /// The end in words.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Exited(code) => format!("exit code {code}"),
            Self::Killed(signal) => match signal_name(*signal) {
                Some(name) => format!("killed by signal {name}"),
                None => format!("killed by signal {signal}"),
            },
            Self::NotFound(program) => format!("command not found: {program}"),
            Self::NotRun(why) => format!("the command could not be run: {why}"),
        }
    }

    /// What the report says went wrong: the end, then the last lines of what the command said about it.
    pub(super) fn error(&self, last_lines: &str) -> Option<String> {
        match (self, last_lines) {
            (Self::Exited(0), _) => None,
            (_, "") => Some(self.words()),
            _ => Some(format!("{}\n{last_lines}", self.words())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ended: Ended, partial: &[u8], code: u8, outcome: Outcome, words: &str) {
        assert_eq!((ended.exit_code(), ended.outcome(partial)), (code, outcome), "{ended:?}");
        assert_eq!(ended.words(), words);
    }

    #[test]
    fn every_end_has_a_code_an_outcome_and_words() {
        check(Ended::Exited(0), &[1], 0, Outcome::Success, "exit code 0");
        check(Ended::Exited(1), &[1, 3], 1, Outcome::Partial, "exit code 1");
        check(Ended::Exited(2), &[1, 3], 2, Outcome::Failure, "exit code 2");
        check(Ended::Exited(255), &[], 255, Outcome::Failure, "exit code 255");
        check(Ended::Killed(9), &[137], 137, Outcome::Failure, "killed by signal SIGKILL");
        check(Ended::Killed(40), &[], 168, Outcome::Failure, "killed by signal 40");
        check(Ended::NotFound("x".into()), &[127], 127, Outcome::Failure, "command not found: x");
    }

    #[test]
    fn what_the_system_says_is_understood() {
        assert_eq!(Ended::of(ExitStatus::from_raw(3 << 8)), Ended::Exited(3));
        assert_eq!(Ended::of(ExitStatus::from_raw(15)), Ended::Killed(15));
        let program = OsStr::new("back\u{1b}up");
        let missing = Ended::not_started(program, &io::ErrorKind::NotFound.into());
        assert_eq!(missing, Ended::NotFound("back\u{fffd}up".into()));
        let interpreter = Ended::not_started(OsStr::new("/dev/null"), &io::ErrorKind::NotFound.into());
        assert_eq!(interpreter.exit_code(), 126, "the file is there, so something else is not");
        let forbidden = Ended::not_started(OsStr::new("backup"), &io::ErrorKind::PermissionDenied.into());
        assert_eq!(forbidden.exit_code(), 126);
        assert_eq!(forbidden.words(), "the command could not be run: backup: permission denied");
    }

    #[test]
    fn the_error_begins_with_the_end() {
        assert_eq!(Ended::Exited(0).error("a warning"), None);
        assert_eq!(Ended::Exited(3).error("").unwrap(), "exit code 3");
        assert_eq!(Ended::Killed(9).error("out of\nmemory").unwrap(), "killed by signal SIGKILL\nout of\nmemory");
    }
}
