//! Signing in and out, and the sessions between.

use std::{net::IpAddr, sync::Arc, time::Duration};

use fanfare::StoreError;
use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, sea_query::Expr,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::{
    AccessError, Account, Accounts, Change, Throttle,
    entity::{session, user},
    passwords,
    secrets::{self, Hash},
    throttle::{Rate, network_of},
    users::{email_key, object, refuse, sessions_of, signed_in},
};
use crate::auth::{Actor, Caller};

/// How long a session lasts at most, in use or not.
pub(crate) const SIGNED_IN_AT_MOST: Duration = Duration::from_secs(14 * 24 * 3600);

/// How long a session lasts without being used.
const IDLE_AT_MOST: Duration = Duration::from_secs(24 * 3600);

/// By how much the note of the latest use may lag behind, so that not every request writes.
const NOTED_EVERY: Duration = Duration::from_secs(60);

/// Failed sign-ins of one account, from wherever they come.
const PER_ACCOUNT: Rate = Rate { burst: 10, every: Duration::from_secs(30) };

/// Failed sign-ins from one address, to whichever account.
const PER_ADDRESS: Rate = Rate { burst: 30, every: Duration::from_secs(10) };

/// How often signing in may fail. Whether an account exists makes no difference to it.
#[derive(Debug)]
pub(super) struct SignIns {
    accounts: Throttle<Hash>,
    addresses: Throttle<Option<IpAddr>>,
}

impl Default for SignIns {
    fn default() -> Self {
        Self { accounts: Throttle::new(PER_ACCOUNT), addresses: Throttle::new(PER_ADDRESS) }
    }
}

impl SignIns {
    /// Takes one attempt from both, before any work is done for it.
    fn begin(&self, email: &str, address: Option<IpAddr>, now: Timestamp) -> Result<Attempt<'_>, AccessError> {
        let address = address.map(network_of);
        self.addresses.take(address, now).map_err(AccessError::TooMany)?;
        let account = secrets::hash(email.as_bytes());
        self.accounts.take(account, now).map_err(AccessError::TooMany)?;
        Ok(Attempt { sign_ins: self, account, address })
    }
}

struct Attempt<'a> {
    sign_ins: &'a SignIns,
    account: Hash,
    address: Option<IpAddr>,
}

impl Attempt<'_> {
    /// It was the right password, so it counts for nothing.
    fn succeeded(self) {
        self.sign_ins.accounts.give_back(&self.account);
        self.sign_ins.addresses.give_back(&self.address);
    }
}

/// A session that is valid.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// The hash of what the cookie holds.
    pub(crate) id: Hash,
    /// Whose it is.
    pub(crate) account: Arc<Account>,
    /// When it ends, if it is not used any more.
    pub(crate) expires_at: Timestamp,
}

impl Accounts {
    /// Signs in. The secret is what the cookie holds.
    pub(crate) async fn sign_in(
        &self,
        email: &str,
        password: SecretString,
        address: Option<IpAddr>,
    ) -> Result<(SecretString, Session), AccessError> {
        let key = email_key(email);
        let attempt = self.0.sign_ins.begin(&key, address, self.now())?;
        let row = user::Entity::find().filter(user::Column::EmailKey.eq(&key)).one(self.0.store.reader()).await?;
        let (account, hash) = row.map(|row| (row.id, row.password)).unzip();
        let is_right = self.0.passwords.is_right(password, hash.clone()).await?;
        let tx = self.0.store.begin().await?;
        // Read again: it may have been deleted, or its password changed, while this one was compared.
        let row = match account {
            Some(id) => user::Entity::find_by_id(id).one(&tx).await?.filter(|row| Some(&row.password) == hash.as_ref()),
            None => None,
        };
        let Some(row) = row.filter(|_| is_right) else {
            // What was typed in place of an address may be a password, so it is not written down.
            let object = account.map_or_else(|| "session".to_owned(), object);
            let actor = Actor { name: "anonymous".into(), address };
            self.audit(&tx, &actor, Change { action: "session.refuse", object, ..Change::default() }).await?;
            tx.commit().await.map_err(StoreError::from)?;
            return Err(AccessError::WrongCredentials);
        };
        attempt.succeeded();
        let account = Account::try_from(row)?;
        let opened = self.open_session(&tx, account, address).await?;
        tx.commit().await.map_err(StoreError::from)?;
        Ok(opened)
    }

    pub(super) async fn open_session(
        &self,
        tx: &DatabaseTransaction,
        account: Account,
        address: Option<IpAddr>,
    ) -> Result<(SecretString, Session), AccessError> {
        let secret = secrets::generate("");
        let id = secrets::hash(secret.expose_secret().as_bytes());
        let now = self.now();
        let at = now.as_millisecond();
        let row = session::ActiveModel {
            id: Set(id.to_vec()),
            user_id: Set(account.id),
            created_at: Set(at),
            seen_at: Set(at),
        };
        session::Entity::insert(row).exec_without_returning(tx).await?;
        signed_in(tx, account.id, now).await?;
        let actor = Actor { name: Actor::of_account(&account.email), address };
        let change = Change { action: "session.create", object: account.object(), ..Change::default() };
        self.audit(tx, &actor, change).await?;
        Ok((secret, Session { id, account: Arc::new(account), expires_at: expires_at(at, at) }))
    }

    /// The session that a cookie stands for, if it is valid. It is noted as used.
    pub(crate) async fn session(&self, secret: &[u8]) -> Result<Option<Session>, StoreError> {
        let id = secrets::hash(secret);
        let row = session::Entity::find_by_id(id.to_vec()).one(self.0.store.reader()).await?;
        let now = self.now();
        let Some(row) = row.filter(|row| now < expires_at(row.created_at, row.seen_at)) else { return Ok(None) };
        let Some(account) = self.account(row.user_id) else { return Ok(None) };
        let at = now.as_millisecond();
        let noted_every = i64::try_from(NOTED_EVERY.as_millis()).unwrap_or(i64::MAX);
        if at - row.seen_at >= noted_every {
            let tx = self.0.store.begin().await?;
            session::Entity::update_many()
                .col_expr(session::Column::SeenAt, Expr::value(at))
                .filter(session::Column::Id.eq(id.to_vec()))
                .exec(&tx)
                .await?;
            tx.commit().await?;
        }
        Ok(Some(Session { id, account, expires_at: expires_at(row.created_at, at) }))
    }

    /// Whether somebody who was let in before would be let in now, for what goes on for long.
    pub(crate) async fn still_knows(&self, caller: &Caller) -> bool {
        let Some(session) = &caller.session else { return self.knows_token(caller) };
        let row = session::Entity::find_by_id(session.id.to_vec()).one(self.0.store.reader()).await;
        let is_valid = |row: session::Model| self.now() < expires_at(row.created_at, row.seen_at);
        row.ok().flatten().is_some_and(is_valid) && self.account(session.account.id).is_some()
    }

    /// Ends a session, or all of its account's.
    pub(crate) async fn sign_out(&self, actor: &Actor, session: &Session, everywhere: bool) -> Result<(), AccessError> {
        let tx = self.0.store.begin().await?;
        match everywhere {
            true => sessions_of(session.account.id).exec(&tx).await?,
            false => session::Entity::delete_by_id(session.id.to_vec()).exec(&tx).await?,
        };
        let after = everywhere.then(|| json!({"everywhere": true}));
        let change = Change { action: "session.delete", object: session.account.object(), before: None, after };
        self.audit(&tx, actor, change).await?;
        Ok(tx.commit().await?)
    }

    /// Changes the password of a session's own account, and ends all its other sessions.
    pub(crate) async fn change_password(
        &self,
        actor: &Actor,
        session: &Session,
        present: SecretString,
        new: SecretString,
    ) -> Result<(), AccessError> {
        let account = &session.account;
        refuse(passwords::fault(&new, &account.email, "/new_password").into_iter().collect())?;
        let attempt = self.0.sign_ins.begin(&email_key(&account.email), actor.address, self.now())?;
        let row = user::Entity::find_by_id(account.id).one(self.0.store.reader()).await?;
        let hash = row.map(|row| row.password);
        if !self.0.passwords.is_right(present, hash.clone()).await? {
            return Err(AccessError::WrongCredentials);
        }
        attempt.succeeded();
        let password = self.0.passwords.hash(new).await?;
        let tx = self.0.store.begin().await?;
        let row = user::ActiveModel {
            id: Set(account.id),
            password: Set(password),
            updated_at: Set(self.now().as_millisecond()),
            ..Default::default()
        };
        let changed = user::Entity::update_many()
            .set(row)
            .filter(user::Column::Id.eq(account.id))
            .filter(user::Column::Password.eq(hash))
            .exec(&tx)
            .await?;
        if changed.rows_affected == 0 {
            return Err(AccessError::WrongCredentials);
        }
        sessions_of(account.id).filter(session::Column::Id.ne(session.id.to_vec())).exec(&tx).await?;
        let after = Some(json!({"password": "changed"}));
        let change = Change { action: "user.password", object: account.object(), before: None, after };
        self.audit(&tx, actor, change).await?;
        Ok(tx.commit().await?)
    }

    /// Deletes sessions that are over.
    pub(super) async fn delete_expired_sessions(&self) -> Result<(), StoreError> {
        let now = self.now();
        let before = |age: Duration| now.checked_sub(age).unwrap_or(Timestamp::MIN).as_millisecond();
        let is_over = Condition::any()
            .add(session::Column::CreatedAt.lte(before(SIGNED_IN_AT_MOST)))
            .add(session::Column::SeenAt.lte(before(IDLE_AT_MOST)));
        let tx = self.0.store.begin().await?;
        session::Entity::delete_many().filter(is_over).exec(&tx).await?;
        Ok(tx.commit().await?)
    }
}

/// When a session ends that was opened and last used at these times.
fn expires_at(created_at: i64, seen_at: i64) -> Timestamp {
    let after = |at: i64, age: Duration| {
        let at = Timestamp::from_millisecond(at).unwrap_or(Timestamp::MIN);
        at.checked_add(age).unwrap_or(Timestamp::MAX)
    };
    after(created_at, SIGNED_IN_AT_MOST).min(after(seen_at, IDLE_AT_MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_when_it_is_idle_or_old() {
        let hour = 3_600_000;
        let at = |ms: i64| Timestamp::from_millisecond(ms).unwrap();
        assert_eq!(expires_at(0, 0), at(24 * hour));
        assert_eq!(expires_at(0, 20 * hour), at(44 * hour));
        assert_eq!(expires_at(0, 14 * 24 * hour - 1), at(14 * 24 * hour));
    }

    #[test]
    fn an_attempt_counts_for_its_account_and_its_network() {
        let now = Timestamp::UNIX_EPOCH;
        let sign_ins = SignIns::default();
        let from = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        for i in 0..10 {
            sign_ins.begin("ada@b.example", from(&format!("203.0.113.{i}")), now).unwrap();
        }
        assert!(sign_ins.begin("ada@b.example", from("203.0.113.99"), now).is_err(), "ten for an account");
        for i in 0..30 {
            sign_ins.begin(&format!("user{i}@b.example"), from("2001:db8::1"), now).unwrap();
        }
        assert!(sign_ins.begin("x@b.example", from("2001:db8::ffff:2"), now).is_err(), "thirty for a network");
        sign_ins.begin("x@b.example", from("2001:db8:0:1::1"), now).unwrap();
        for _ in 0..100 {
            sign_ins.begin("grace@b.example", from("192.0.2.1"), now).unwrap().succeeded();
        }
    }
}
