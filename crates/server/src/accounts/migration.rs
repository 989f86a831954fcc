//! The server's own tables, as they are created.

use fanfare_store::Step;
use sea_orm::{DynIden, sea_query::IntoIden};
use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// The server's migrations, oldest first.
pub(crate) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Step::boxed("0001_accounts", ACCOUNTS), Step::boxed("0002_signing_secrets", SIGNING_SECRETS)]
    }

    fn migration_table_name() -> DynIden {
        "fanfare_server_migrations".into_iden()
    }
}

/// Times are milliseconds since 1970, lists are JSON. What lets somebody in (passwords, cookies, tokens, set-up links)
/// stands here as its hash only.
const ACCOUNTS: &str = "
CREATE TABLE fanfare_access (id SMALLINT NOT NULL PRIMARY KEY, revision BIGINT NOT NULL);
INSERT INTO fanfare_access (id, revision) VALUES (1, 0);
CREATE TABLE fanfare_users (
    id {id} NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    password TEXT NOT NULL,
    last_sign_in_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
) {without_rowid};
CREATE TABLE fanfare_sessions (
    id {bytes} NOT NULL PRIMARY KEY,
    user_id {id} NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
) {without_rowid};
CREATE INDEX fanfare_sessions_user ON fanfare_sessions (user_id);
CREATE TABLE fanfare_setup_keys (id {bytes} NOT NULL PRIMARY KEY, created_at BIGINT NOT NULL) {without_rowid};
CREATE TABLE fanfare_tokens (
    id {id} NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    hash {bytes} NOT NULL UNIQUE,
    scope TEXT NOT NULL,
    event_types TEXT,
    jobs TEXT,
    expires_at BIGINT,
    last_used_at BIGINT,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL
) {without_rowid};
CREATE TABLE fanfare_audit (
    id {id} NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    address TEXT,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    before TEXT,
    after TEXT
) {without_rowid};
CREATE INDEX fanfare_audit_object ON fanfare_audit (object, id);
CREATE INDEX fanfare_audit_actor ON fanfare_audit (actor, id);
";

const SIGNING_SECRETS: &str = "ALTER TABLE fanfare_tokens ADD COLUMN signing_secret {bytes}";
