//! Accounts: made, changed, deleted.

use std::sync::Arc;

use fanfare::{
    StoreError,
    core::{Fault, bare_address},
};
use jiff::Timestamp;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, SqlErr,
};
use secrecy::SecretString;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    AccessError, Accounts, Change,
    entity::{session, user},
    passwords,
};
use crate::auth::{Actor, Scope};

/// The longest name, in characters.
const LONGEST_NAME: usize = 200;

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Everything.
    Admin,
    /// See everything that is no secret, and change the own password.
    Viewer,
}

impl Role {
    /// The word as it stands in documents and in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Viewer => "viewer",
        }
    }

    /// What a session of such an account may do.
    pub(crate) fn scope(self) -> Scope {
        match self {
            Self::Admin => Scope::Admin,
            Self::Viewer => Scope::Read,
        }
    }

    fn parse(word: &str) -> Result<Self, StoreError> {
        match word {
            "admin" => Ok(Self::Admin),
            "viewer" => Ok(Self::Viewer),
            _ => Err(StoreError::Corrupt { what: "account", detail: "its role is neither admin nor viewer".into() }),
        }
    }
}

/// An account, without its password.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Account {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) role: Role,
    pub(crate) last_sign_in_at: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

impl Account {
    /// What the audit calls it.
    pub(super) fn object(&self) -> String {
        object(self.id)
    }

    /// What the audit says of it.
    fn described(&self) -> Value {
        json!({"name": self.name, "email": self.email, "role": self.role.as_str()})
    }
}

/// What the audit calls an account.
pub(super) fn object(id: Uuid) -> String {
    format!("user:{id}")
}

impl TryFrom<user::Model> for Account {
    type Error = StoreError;

    fn try_from(row: user::Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            role: Role::parse(&row.role)?,
            name: row.name,
            email: row.email,
            last_sign_in_at: row.last_sign_in_at.map(time).transpose()?,
            created_at: time(row.created_at)?,
            updated_at: time(row.updated_at)?,
        })
    }
}

/// An account to be made.
#[derive(Clone, Debug)]
pub(crate) struct NewUser {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) role: Role,
    pub(crate) password: SecretString,
}

/// What is to change in an account; what is absent stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct UserChange {
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) role: Option<Role>,
    pub(crate) password: Option<SecretString>,
}

impl Accounts {
    /// All accounts, oldest first.
    pub(crate) fn users(&self) -> Vec<Arc<Account>> {
        self.known().users.values().cloned().collect()
    }

    /// One account.
    pub(crate) fn account(&self, id: Uuid) -> Option<Arc<Account>> {
        self.known().users.get(&id).cloned()
    }

    /// Makes an account.
    pub(crate) async fn create_user(&self, actor: &Actor, new: NewUser) -> Result<Arc<Account>, AccessError> {
        let row = self.new_row(new).await?;
        let tx = self.change().await?;
        let account = self.insert_user(&tx, actor, "user.create", row).await?;
        self.in_force(tx).await?;
        Ok(Arc::new(account))
    }

    /// Checks a new account and hashes its password.
    pub(super) async fn new_row(&self, new: NewUser) -> Result<user::Model, AccessError> {
        let (name, mut faults) = checked_name(&new.name);
        let (email, wrong) = checked_email(&new.email);
        faults.extend(wrong);
        faults.extend(passwords::fault(&new.password, &email, "/password"));
        refuse(faults)?;
        let password = self.0.passwords.hash(new.password).await?;
        let now = self.now().as_millisecond();
        Ok(user::Model {
            id: Uuid::now_v7(),
            name,
            email_key: email_key(&email),
            email,
            role: new.role.as_str().to_owned(),
            password,
            last_sign_in_at: None,
            created_at: now,
            updated_at: now,
        })
    }

    pub(super) async fn insert_user(
        &self,
        tx: &DatabaseTransaction,
        actor: &Actor,
        action: &str,
        row: user::Model,
    ) -> Result<Account, AccessError> {
        let account = Account::try_from(row.clone())?;
        unless_taken(row.into_active_model().insert(tx).await)?;
        let after = Some(account.described());
        self.audit(tx, actor, Change { action, object: account.object(), before: None, after }).await?;
        Ok(account)
    }

    /// Changes an account. A new password or another role ends the account's sessions, so that none goes on with
    /// what is no longer so.
    pub(crate) async fn update_user(
        &self,
        actor: &Actor,
        id: Uuid,
        change: UserChange,
    ) -> Result<Arc<Account>, AccessError> {
        let present = self.account(id).ok_or(AccessError::NotFound("account"))?;
        let mut faults = Vec::new();
        let mut kept = |(text, wrong): (String, Vec<Fault>)| {
            faults.extend(wrong);
            text
        };
        let name = change.name.as_deref().map(checked_name).map(&mut kept);
        let email = change.email.as_deref().map(checked_email).map(&mut kept);
        if let Some(password) = &change.password {
            let email = email.as_deref().unwrap_or(&present.email);
            faults.extend(passwords::fault(password, email, "/password"));
        }
        refuse(faults)?;
        let password = match change.password {
            Some(password) => Some(self.0.passwords.hash(password).await?),
            None => None,
        };
        let tx = self.change().await?;
        let row = user::Entity::find_by_id(id).one(&tx).await?.ok_or(AccessError::NotFound("account"))?;
        let before = Account::try_from(row.clone())?;
        let has_new_password = password.is_some();
        let role = change.role.unwrap_or(before.role);
        if before.role == Role::Admin && role != Role::Admin {
            another_admin(&tx, id).await?;
        }
        let email = email.unwrap_or(row.email);
        let row = user::Model {
            name: name.unwrap_or(row.name),
            email_key: email_key(&email),
            email,
            role: role.as_str().to_owned(),
            password: password.unwrap_or(row.password),
            updated_at: self.now().as_millisecond(),
            ..row
        };
        let account = Account::try_from(row.clone())?;
        unless_taken(row.into_active_model().reset_all().update(&tx).await)?;
        if has_new_password || role != before.role {
            sessions_of(id).exec(&tx).await?;
        }
        let mut after = account.described();
        if has_new_password {
            after["password"] = "changed".into();
        }
        let (before, after) = (Some(before.described()), Some(after));
        self.audit(&tx, actor, Change { action: "user.update", object: object(id), before, after }).await?;
        self.in_force(tx).await?;
        Ok(Arc::new(account))
    }

    /// Deletes an account and ends its sessions.
    pub(crate) async fn delete_user(&self, actor: &Actor, id: Uuid) -> Result<(), AccessError> {
        let tx = self.change().await?;
        let row = user::Entity::find_by_id(id).one(&tx).await?.ok_or(AccessError::NotFound("account"))?;
        let account = Account::try_from(row)?;
        if account.role == Role::Admin {
            another_admin(&tx, id).await?;
        }
        user::Entity::delete_by_id(id).exec(&tx).await?;
        sessions_of(id).exec(&tx).await?;
        let before = Some(account.described());
        self.audit(&tx, actor, Change { action: "user.delete", object: object(id), before, after: None }).await?;
        Ok(self.in_force(tx).await?)
    }
}

/// A time as it is kept.
pub(super) fn time(milliseconds: i64) -> Result<Timestamp, StoreError> {
    let wrong = |error: jiff::Error| StoreError::Corrupt { what: "time", detail: error.to_string() };
    Timestamp::from_millisecond(milliseconds).map_err(wrong)
}

/// An address as it is compared.
pub(super) fn email_key(email: &str) -> String {
    bare_address(email).unwrap_or(email).to_lowercase()
}

pub(super) fn refuse(faults: Vec<Fault>) -> Result<(), AccessError> {
    if faults.is_empty() { Ok(()) } else { Err(AccessError::Invalid(faults)) }
}

/// Ends all sessions of an account.
pub(super) fn sessions_of(id: Uuid) -> sea_orm::DeleteMany<session::Entity> {
    session::Entity::delete_many().filter(session::Column::UserId.eq(id))
}

/// A name as it is kept, and what is wrong with it.
pub(super) fn checked_name(name: &str) -> (String, Vec<Fault>) {
    let name = name.trim().to_owned();
    let length = name.chars().count();
    let wrong = if !(1..=LONGEST_NAME).contains(&length) {
        Some(format!("a name has 1 to {LONGEST_NAME} characters"))
    } else if fanfare::core::text::lines(&name) != name || name.contains('\n') {
        Some("a name is one line, without control characters or marks of direction".to_owned())
    } else {
        None
    };
    (name, wrong.map(|detail| Fault::new("/name", detail)).into_iter().collect())
}

fn checked_email(email: &str) -> (String, Vec<Fault>) {
    match bare_address(email) {
        Some(bare) => (bare.to_owned(), Vec::new()),
        None => (email.to_owned(), vec![Fault::new("/email", "this is no address that mail can go to")]),
    }
}

async fn another_admin(tx: &DatabaseTransaction, id: Uuid) -> Result<(), AccessError> {
    let others = user::Entity::find()
        .filter(user::Column::Role.eq(Role::Admin.as_str()))
        .filter(user::Column::Id.ne(id))
        .count(tx)
        .await?;
    if others == 0 { Err(AccessError::LastAdmin) } else { Ok(()) }
}

fn unless_taken(result: Result<user::Model, sea_orm::DbErr>) -> Result<(), AccessError> {
    match result {
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
            Err(AccessError::EmailTaken)
        }
        result => Ok(result.map(drop)?),
    }
}

/// That an account signed in.
pub(super) async fn signed_in(tx: &DatabaseTransaction, id: Uuid, now: Timestamp) -> Result<(), AccessError> {
    let at = now.as_millisecond();
    let row = user::ActiveModel { id: Set(id), last_sign_in_at: Set(Some(at)), ..Default::default() };
    Ok(row.update(tx).await.map(drop)?)
}
