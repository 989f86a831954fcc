//! The accounts as those whom events name by their ids.

use async_trait::async_trait;
use fanfare::core::{DirectoryError, User, UserDirectory};
use uuid::Uuid;

use super::Accounts;

#[async_trait]
impl UserDirectory for Accounts {
    async fn find(&self, id: &str) -> Result<Option<User>, DirectoryError> {
        let account = id.trim().parse::<Uuid>().ok().and_then(|id| self.account(id));
        Ok(account.map(|account| User {
            id: Some(account.id.to_string()),
            name: Some(account.name.clone()),
            email: Some(account.email.clone()),
        }))
    }
}
