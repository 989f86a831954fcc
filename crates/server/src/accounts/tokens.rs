//! Tokens: made, listed, deleted, and found for every request that carries one.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use fanfare::{Store, StoreError, core::Fault};
use jiff::Timestamp;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    AccessError, Accounts, Change,
    entity::token,
    known::Known,
    secrets,
    users::{checked_name, refuse, time},
};
use crate::auth::{Actor, Caller, Limits, Scope, Signing};

/// What the ids of tokens begin with in the audit.
const OBJECT: &str = "token:";

/// Where signing secrets are kept.
pub(super) const TABLE: &str = "fanfare_tokens";
pub(super) const SIGNING_SECRET: &str = "signing_secret";

/// A token to be made.
#[derive(Clone, Debug)]
pub(crate) struct TokenSpec {
    pub(crate) name: String,
    pub(crate) scope: Scope,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) event_types: Option<Vec<String>>,
    pub(crate) jobs: Option<Vec<Uuid>>,
    /// Whether what is sent with it has to be signed.
    pub(crate) signed: bool,
}

/// What was made and is shown this once.
#[derive(Debug)]
pub(crate) struct MadeToken {
    pub(crate) token: SecretString,
    /// What to sign with, where what is sent with it has to be signed.
    pub(crate) signing_secret: Option<SecretString>,
    pub(crate) view: TokenView,
}

/// A token as it is shown: without itself.
#[derive(Clone, Debug)]
pub(crate) struct TokenView {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) scope: Scope,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) event_types: Option<Vec<String>>,
    pub(crate) jobs: Option<Vec<Uuid>>,
    pub(crate) signed: bool,
    pub(crate) last_used_at: Option<Timestamp>,
    pub(crate) created_by: String,
    pub(crate) created_at: Timestamp,
}

/// A token in memory.
#[derive(Debug)]
pub(super) struct KnownToken {
    pub(super) view: TokenView,
    caller: Arc<Caller>,
    /// When it was last used, in milliseconds since 1970; 0 is never.
    used_at: AtomicI64,
    /// Up to which use that is written down.
    noted_at: AtomicI64,
}

impl KnownToken {
    pub(super) fn read(row: token::Model, before: &Known, store: &Store) -> Result<Self, StoreError> {
        let scope = Scope::parse(&row.scope)
            .ok_or(StoreError::Corrupt { what: "token", detail: "its scope is unknown".into() })?;
        let signing = row.signing_secret.as_ref().map(|sealed| signing(store, row.id, sealed)).transpose()?;
        let noted = row.last_used_at.unwrap_or_default();
        let used = before.tokens.get(&row.id).map_or(0, |token| token.used_at.load(Ordering::Relaxed));
        let view = TokenView {
            id: row.id,
            name: row.name,
            scope,
            expires_at: row.expires_at.map(time).transpose()?,
            event_types: list(row.event_types.as_deref())?,
            jobs: list(row.jobs.as_deref())?,
            signed: signing.is_some(),
            last_used_at: None,
            created_by: row.created_by,
            created_at: time(row.created_at)?,
        };
        Ok(Self {
            caller: Arc::new(Caller::token(&view, signing)),
            view,
            used_at: AtomicI64::new(used.max(noted)),
            noted_at: AtomicI64::new(noted),
        })
    }

    fn view(&self) -> TokenView {
        let used = self.used_at.load(Ordering::Relaxed);
        let last_used_at = (used > 0).then(|| Timestamp::from_millisecond(used).ok()).flatten();
        TokenView { last_used_at, ..self.view.clone() }
    }
}

impl TokenView {
    fn described(&self) -> Value {
        json!({
            "name": self.name,
            "scope": self.scope.as_str(),
            "expires_at": self.expires_at.map(|at| at.to_string()),
            "event_types": self.event_types,
            "jobs": self.jobs,
            "signed": self.signed,
        })
    }
}

impl Accounts {
    /// Whose token this is: a look into memory, which notes the use there as well.
    pub(crate) fn token(&self, token: &[u8], now: Timestamp) -> Option<Arc<Caller>> {
        let known = self.known();
        let token = known.by_hash.get(&secrets::hash(token))?;
        if token.view.expires_at.is_some_and(|expires_at| expires_at <= now) {
            return None;
        }
        token.used_at.store(now.as_millisecond(), Ordering::Relaxed);
        Some(token.caller.clone())
    }

    /// Whether the token that this caller came with is still good. The operator's always is.
    pub(super) fn knows_token(&self, caller: &Caller) -> bool {
        let Some(id) = caller.id.strip_prefix(OBJECT) else { return true };
        let known = self.known();
        let token = id.parse().ok().and_then(|id: Uuid| known.tokens.get(&id));
        token.is_some_and(|token| token.view.expires_at.is_none_or(|expires_at| self.now() < expires_at))
    }

    /// All tokens, oldest first, also those that have expired.
    pub(crate) fn tokens(&self) -> Vec<TokenView> {
        self.known().tokens.values().map(|token| token.view()).collect()
    }

    /// Makes a token. It is shown this once. The caller has checked that its limits name what exists.
    pub(crate) async fn create_token(&self, actor: &Actor, spec: TokenSpec) -> Result<MadeToken, AccessError> {
        let (name, mut faults) = checked_name(&spec.name);
        let now = self.now();
        if spec.expires_at.is_some_and(|expires_at| expires_at <= now) {
            faults.push(Fault::new("/expires_at", "this is not in the future"));
        }
        refuse(faults)?;
        let token = secrets::generate("fanfare_");
        let view = TokenView {
            id: Uuid::now_v7(),
            name,
            scope: spec.scope,
            expires_at: spec.expires_at,
            event_types: spec.event_types,
            jobs: spec.jobs,
            signed: spec.signed,
            last_used_at: None,
            created_by: actor.name.clone(),
            created_at: now,
        };
        // Encrypted while no change of the key can come between.
        let tx = self.change().await?;
        let signing_secret = spec.signed.then(secrets::signing_secret);
        let sealed = signing_secret
            .as_ref()
            .map(|secret| self.0.store.seal(TABLE, view.id, SIGNING_SECRET, secret.expose_secret().as_bytes()));
        let row = token::ActiveModel {
            id: Set(view.id),
            name: Set(view.name.clone()),
            hash: Set(secrets::hash(token.expose_secret().as_bytes()).to_vec()),
            scope: Set(view.scope.as_str().to_owned()),
            event_types: Set(view.event_types.as_ref().map(|types| json!(types).to_string())),
            jobs: Set(view.jobs.as_ref().map(|jobs| json!(jobs).to_string())),
            expires_at: Set(view.expires_at.map(|at| at.as_millisecond())),
            last_used_at: Set(None),
            created_by: Set(view.created_by.clone()),
            created_at: Set(now.as_millisecond()),
            signing_secret: Set(sealed.transpose()?),
        };
        token::Entity::insert(row).exec_without_returning(&tx).await?;
        let after = Some(view.described());
        self.audit(&tx, actor, Change { action: "token.create", object: object(view.id), before: None, after }).await?;
        self.in_force(tx).await?;
        Ok(MadeToken { token, signing_secret, view })
    }

    /// Deletes a token: it is not known any more from now on.
    pub(crate) async fn delete_token(&self, actor: &Actor, id: Uuid) -> Result<(), AccessError> {
        let missing = || AccessError::NotFound("token");
        let before = self.known().tokens.get(&id).map(|token| token.view.described()).ok_or_else(missing)?;
        let tx = self.change().await?;
        if token::Entity::delete_by_id(id).exec(&tx).await?.rows_affected == 0 {
            return Err(missing());
        }
        let before = Some(before);
        self.audit(&tx, actor, Change { action: "token.delete", object: object(id), before, after: None }).await?;
        Ok(self.in_force(tx).await?)
    }

    /// Writes down when tokens were last used, as far as that has changed.
    pub(super) async fn write_uses(&self) -> Result<(), StoreError> {
        let known = self.known();
        let uses = known.tokens.values().filter_map(|token| {
            let used = token.used_at.load(Ordering::Relaxed);
            (used > token.noted_at.load(Ordering::Relaxed)).then_some((token, used))
        });
        let uses: Vec<_> = uses.collect();
        if uses.is_empty() {
            return Ok(());
        }
        let tx = self.0.store.begin().await?;
        for (token, used) in &uses {
            token::Entity::update_many()
                .col_expr(token::Column::LastUsedAt, Expr::value(*used))
                .filter(token::Column::Id.eq(token.view.id))
                .exec(&tx)
                .await?;
        }
        tx.commit().await?;
        for (token, used) in uses {
            token.noted_at.store(used, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl Caller {
    fn token(view: &TokenView, signing: Option<Signing>) -> Self {
        let limits = (view.event_types.is_some() || view.jobs.is_some()).then(|| Limits {
            event_types: view.event_types.iter().flatten().cloned().collect(),
            jobs: view.jobs.iter().flatten().copied().collect(),
        });
        Self {
            id: object(view.id).into(),
            actor: format!("token:{}", view.name).into(),
            scope: view.scope,
            limits,
            session: None,
            signing,
        }
    }
}

fn signing(store: &Store, id: Uuid, sealed: &[u8]) -> Result<Signing, StoreError> {
    let secret = store.open_sealed(TABLE, id, SIGNING_SECRET, sealed)?;
    let signing = std::str::from_utf8(&secret).ok().and_then(Signing::new);
    signing.ok_or(StoreError::Corrupt { what: "token", detail: "its signing secret has another form".into() })
}

/// What the audit calls a token.
fn object(id: Uuid) -> String {
    format!("{OBJECT}{id}")
}

fn list<T: DeserializeOwned>(text: Option<&str>) -> Result<Option<Vec<T>>, StoreError> {
    let wrong = |error: serde_json::Error| StoreError::Corrupt { what: "token", detail: error.to_string() };
    text.map(serde_json::from_str).transpose().map_err(wrong)
}
