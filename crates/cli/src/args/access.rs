//! Accounts, tokens and the audit, as the command line names them.

use clap::{Args, Subcommand, ValueEnum};

use super::Stretch;

/// `fanfare users`
#[derive(Debug, Subcommand)]
pub(crate) enum UsersCommand {
    /// List all accounts
    List,
    /// Make an account; its password is read from standard input
    Create {
        /// The address that signs in and gets mail
        #[arg(value_name = "EMAIL")]
        email: String,
        /// The user's name
        #[arg(long, value_name = "NAME")]
        name: String,
        /// What the account may do
        #[arg(long)]
        role: Role,
    },
    /// Change an account
    Update(UserUpdate),
    /// Delete an account and end its sessions
    Delete {
        /// Its e-mail address or id
        #[arg(value_name = "EMAIL")]
        user: String,
    },
}

/// `fanfare users update`
#[derive(Debug, Args)]
pub(crate) struct UserUpdate {
    /// Its e-mail address or id
    #[arg(value_name = "EMAIL")]
    pub(crate) user: String,
    /// A new name
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// A new address
    #[arg(long, value_name = "EMAIL")]
    pub(crate) email: Option<String>,
    /// What it may do from now on; another role ends its sessions
    #[arg(long)]
    pub(crate) role: Option<Role>,
    /// Read a new password from standard input; it ends the account's sessions
    #[arg(long)]
    pub(crate) password: bool,
}

/// What an account may do.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Role {
    Admin,
    Viewer,
}

/// `fanfare tokens`
#[derive(Debug, Subcommand)]
pub(crate) enum TokensCommand {
    /// List all tokens
    List,
    /// Make a token; it is shown this once
    Create(TokenArgs),
    /// Delete a token; it ends at once
    Delete {
        /// Its name or id
        token: String,
    },
}

/// `fanfare tokens create`
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// What it is called
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// What it may do
    #[arg(long)]
    pub(crate) scope: Scope,
    /// When it ends, such as 2026-12-31T00:00:00Z; it does not if absent
    #[arg(long, value_name = "TIME")]
    pub(crate) expires_at: Option<String>,
    /// The only event types that it may send
    #[arg(long = "event-type", value_name = "TYPE")]
    pub(crate) event_types: Vec<String>,
    /// The only jobs (names or ids) whose runs it may report
    #[arg(long = "job", value_name = "JOB")]
    pub(crate) jobs: Vec<String>,
    /// Demand that everything sent with it is signed, with a secret that is shown this once
    #[arg(long)]
    pub(crate) signed: bool,
}

/// What a token may do.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Scope {
    Send,
    Read,
    Admin,
}

/// `fanfare audit`
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// List who changed what, newest first
    List {
        #[command(flatten)]
        filters: AuditFilters,
        #[command(flatten)]
        stretch: Stretch,
    },
    /// Print all of it, or all that fits, for keeping elsewhere
    Export {
        #[command(flatten)]
        filters: AuditFilters,
        /// In which form
        #[arg(long, default_value = "jsonl")]
        format: ExportFormat,
    },
}

/// Which entries of the audit.
#[derive(Debug, Args)]
pub(crate) struct AuditFilters {
    /// Only by this actor, such as user:ada@example.com or token:NAME
    #[arg(long)]
    pub(crate) actor: Option<String>,
    /// Only this action, such as channel.update, or all on a kind of thing, such as channel
    #[arg(long)]
    pub(crate) action: Option<String>,
    /// Only on this object, such as channel:ID, or on a kind of thing, such as channel
    #[arg(long)]
    pub(crate) object: Option<String>,
    /// Only from this time on
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
}

/// The form of an export.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ExportFormat {
    Jsonl,
    Csv,
}
