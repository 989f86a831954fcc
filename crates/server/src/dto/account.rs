//! Accounts, sessions and the set-up.

use std::sync::Arc;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::words::Role;
use crate::accounts::{Account, NewAdmin, NewUser, Session as SessionOf, UserChange as Change};

/// An account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Account)]
pub(crate) struct UserView {
    /// Its identity, by which events can name the user.
    id: Uuid,
    /// The user's name.
    name: String,
    /// The address that signs in and gets mail. No two accounts have the same.
    email: String,
    /// What the account may do.
    role: Role,
    /// When somebody last signed in with it.
    last_sign_in_at: Option<Timestamp>,
    /// When it was made.
    created_at: Timestamp,
    /// When it was last changed.
    updated_at: Timestamp,
}

/// An account to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AccountInput)]
pub(crate) struct UserInput {
    /// The user's name.
    #[schema(example = "Ada Lovelace", min_length = 1, max_length = 200)]
    name: String,
    /// The address that signs in and gets mail.
    #[schema(example = "ada@example.com")]
    email: String,
    /// What the account may do.
    role: Role,
    /// The password, of at least 8 characters.
    #[schema(value_type = String, format = Password, min_length = 8)]
    password: SecretString,
}

/// Changes to an account: what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AccountChange)]
pub(crate) struct UserChange {
    /// A new name.
    name: Option<String>,
    /// A new address.
    email: Option<String>,
    /// What it may do from now on; another role ends its sessions.
    role: Option<Role>,
    /// A new password; it ends the account's sessions.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<SecretString>,
}

/// Whoever has signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Session {
    /// The account.
    id: Uuid,
    /// The user's name.
    name: String,
    /// The user's address.
    email: String,
    /// What the account may do.
    role: Role,
    /// When the session ends, if it is not used any more.
    expires_at: Timestamp,
}

/// Who wants to sign in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    /// The account's address.
    pub(crate) email: String,
    /// Its password.
    #[schema(value_type = String, format = Password)]
    pub(crate) password: SecretString,
}

/// How much to sign out.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SignOutQuery {
    /// Whether to end all sessions of the account instead of this one.
    #[serde(default)]
    pub(crate) everywhere: bool,
}

/// A new password for the own account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordChange {
    /// The present one.
    #[schema(value_type = String, format = Password)]
    pub(crate) current_password: SecretString,
    /// The new one, of at least 8 characters.
    #[schema(value_type = String, format = Password, min_length = 8)]
    pub(crate) new_password: SecretString,
}

/// Whether the first account can be made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SetupState {
    /// There is no account yet: who has the set-up link can make one.
    pub(crate) open: bool,
}

/// The first account, an administrator's.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Setup {
    /// What stands behind the `#` of the set-up link.
    #[schema(value_type = String)]
    pub(crate) key: SecretString,
    /// The user's name.
    #[schema(example = "Ada Lovelace", min_length = 1, max_length = 200)]
    name: String,
    /// The address that signs in and gets mail.
    #[schema(example = "ada@example.com")]
    email: String,
    /// The password, of at least 8 characters.
    #[schema(value_type = String, format = Password, min_length = 8)]
    password: SecretString,
}

impl UserView {
    pub(crate) fn id(&self) -> Uuid {
        self.id
    }
}

impl From<Arc<Account>> for UserView {
    fn from(account: Arc<Account>) -> Self {
        let Account { id, name, email, role, last_sign_in_at, created_at, updated_at } = Arc::unwrap_or_clone(account);
        Self { id, name, email, role: role.into(), last_sign_in_at, created_at, updated_at }
    }
}

impl From<UserInput> for NewUser {
    fn from(UserInput { name, email, role, password }: UserInput) -> Self {
        Self { name, email, role: role.into(), password }
    }
}

impl From<UserChange> for Change {
    fn from(UserChange { name, email, role, password }: UserChange) -> Self {
        Self { name, email, role: role.map(Into::into), password }
    }
}

impl From<&SessionOf> for Session {
    fn from(session: &SessionOf) -> Self {
        let Account { id, name, email, role, .. } = session.account.as_ref().clone();
        Self { id, name, email, role: role.into(), expires_at: session.expires_at }
    }
}

impl Setup {
    pub(crate) fn into_parts(self) -> (SecretString, NewAdmin) {
        let Self { key, name, email, password } = self;
        (key, NewAdmin { name, email, password })
    }
}
