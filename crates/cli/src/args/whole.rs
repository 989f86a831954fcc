//! What concerns the whole configuration: documents, networks and keys.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `fanfare apply`
#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    /// The file, in TOML; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) consent: Consent,
}

/// `fanfare export`
#[derive(Debug, Args)]
#[command(after_help = AFTER_PASSPHRASE)]
pub(crate) struct ExportArgs {
    /// Where to write it, readable for you alone; to standard output if absent
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}

/// `fanfare import`
#[derive(Debug, Args)]
#[command(after_help = AFTER_PASSPHRASE)]
pub(crate) struct ImportArgs {
    /// The document; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) consent: Consent,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}

/// Whether it may be done.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Consent {
    /// Only say what would change
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Do it without asking
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// Where the passphrase comes from. Not from an argument, which every user of the machine could read.
#[derive(Debug, Args)]
pub(crate) struct PassphraseArgs {
    /// A file whose first line is the passphrase
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

const AFTER_PASSPHRASE: &str = "The passphrase that encrypts the secrets in the document is read from \
                                --passphrase-file, else from FANFARE_PASSPHRASE, else from the terminal.";

/// `fanfare keys`
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Encrypt all secrets anew while the server runs: with a new key in the server's key file, or with the first of
    /// FANFARE_SECRET_KEY where that is set
    Rotate,
}

/// `fanfare outbound`
#[derive(Debug, Subcommand)]
pub(crate) enum OutboundCommand {
    /// List the networks
    Show,
    /// Let the server reach these networks too
    Allow {
        /// Networks such as 192.168.1.0/24, or single addresses
        #[arg(value_name = "CIDR", required = true)]
        networks: Vec<String>,
    },
    /// Let it reach these networks no more
    Forbid {
        /// Networks as the list shows them
        #[arg(value_name = "CIDR", required = true)]
        networks: Vec<String>,
    },
}
