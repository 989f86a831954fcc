//! The first account: a link that works once, until there is an account.

use fanfare::StoreError;
use sea_orm::{ActiveValue::Set, EntityTrait, PaginatorTrait};
use secrecy::{ExposeSecret, SecretString};

use super::{
    AccessError, Accounts, NewUser, Role, Session,
    entity::{setup_key, user},
    secrets,
};
use crate::auth::Actor;

/// The first account, to be made.
#[derive(Clone, Debug)]
pub(crate) struct NewAdmin {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) password: SecretString,
}

impl Accounts {
    /// Whether the first account can be made with a set-up link: there is none yet.
    pub fn is_set_up(&self) -> bool {
        !self.known().users.is_empty()
    }

    /// A key for a set-up link, where there is no account. Keys that were made before stay valid, because another
    /// node may have shown them; all end with the first account.
    pub async fn new_setup_key(&self) -> Result<Option<SecretString>, StoreError> {
        let tx = self.change().await?;
        if user::Entity::find().count(&tx).await? > 0 {
            return Ok(None);
        }
        let key = secrets::generate("");
        let id = secrets::hash(key.expose_secret().as_bytes()).to_vec();
        let row = setup_key::ActiveModel { id: Set(id), created_at: Set(self.now().as_millisecond()) };
        setup_key::Entity::insert(row).exec_without_returning(&tx).await?;
        tx.commit().await?;
        Ok(Some(key))
    }

    /// Makes the first account, an administrator's, and signs it in.
    pub(crate) async fn set_up(
        &self,
        key: &SecretString,
        new: NewAdmin,
        address: Option<std::net::IpAddr>,
    ) -> Result<(SecretString, Session), AccessError> {
        // Before the password is hashed, so that nobody without a key can make us work.
        self.check_setup(self.0.store.reader(), key).await?;
        let NewAdmin { name, email, password } = new;
        let row = self.new_row(NewUser { name, email, role: Role::Admin, password }).await?;
        let tx = self.change().await?;
        self.check_setup(&tx, key).await?;
        let actor = Actor { name: "set-up link".into(), address };
        let account = self.insert_user(&tx, &actor, "setup", row).await?;
        setup_key::Entity::delete_many().exec(&tx).await?;
        let opened = self.open_session(&tx, account, address).await?;
        self.in_force(tx).await?;
        Ok(opened)
    }

    async fn check_setup(&self, db: &impl sea_orm::ConnectionTrait, key: &SecretString) -> Result<(), AccessError> {
        if user::Entity::find().count(db).await? > 0 {
            return Err(AccessError::SetUp);
        }
        let id = secrets::hash(key.expose_secret().as_bytes()).to_vec();
        let found = setup_key::Entity::find_by_id(id).one(db).await?;
        found.map(drop).ok_or(AccessError::WrongSetupKey)
    }
}
