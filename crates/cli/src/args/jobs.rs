//! Jobs and their runs.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use super::{JobCreate, JobUpdate, WordingArgs};

/// `fanfare jobs`
#[derive(Debug, Subcommand)]
pub(crate) enum JobsCommand {
    /// List all jobs
    List,
    /// Show one job
    Show {
        /// Its name or id
        job: String,
    },
    /// Show, set or reset what its runs say instead of the event types' own words
    Wording(WordingArgs),
    /// Show the address at which a job checks in without a token, or give it a new one
    PingKey(PingKeyArgs),
    /// Make a job
    Create(JobCreate),
    /// Change a job
    Update(JobUpdate),
    /// Delete a job; what its runs told stays in the ledger
    Delete {
        /// Its name or id
        job: String,
    },
}

/// `fanfare jobs ping-key`
#[derive(Debug, Args)]
pub(crate) struct PingKeyArgs {
    /// Its name or id
    pub(crate) job: String,
    /// Make a new key; the old address ends at once
    #[arg(long)]
    pub(crate) rotate: bool,
}

/// `fanfare run`
#[derive(Debug, Args)]
#[command(after_help = AFTER_RUN)]
pub(crate) struct RunArgs {
    /// The job that this is a run of (name or id); it is not made where there is none
    #[arg(long, value_name = "JOB")]
    pub(crate) job: String,
    /// What the command works on, as people call it
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Option<String>,
    /// Exit codes that mean that a part of it went well, such as 1,3
    #[arg(long, value_name = "CODE,…", value_delimiter = ',', value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) partial_exit: Vec<u8>,
    /// A file or directory that the command makes, whose size is reported; several are added up
    #[arg(long, value_name = "PATH")]
    pub(crate) size_of: Vec<PathBuf>,
    /// Never show a line with the time that has passed, as a terminal does while the command is silent
    #[arg(long)]
    pub(crate) no_progress: bool,
    /// Say that all is well even where no person watches
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// The command and its arguments, behind --
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

const AFTER_RUN: &str = "The command's output and exit code are passed through; 127 is a command that was not found, 126 \
                         one that could not be run, 128 and more one that a signal ended. A report that fails changes \
                         none of this. With --json, the server's answer goes to standard error.";

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Outcome {
    Success,
    Partial,
    Failure,
}
