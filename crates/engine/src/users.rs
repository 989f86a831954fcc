//! What an event does not say of its user, and somebody who knows the users by their ids does.

use std::time::Duration;

use fanfare_core::{EventType, User, UserDirectory, bare_address};
use tokio::time::timeout;

use crate::Submission;

/// How long a directory may take. The sender of the event waits for it, so this is short; one that is asked in memory
/// or over a local network answers in a hundredth of that.
const PATIENCE: Duration = Duration::from_secs(2);

/// Fills in the user's name and address where the event has a user's id and does not say them. A directory that does
/// not know the user, fails or takes too long leaves the event as it is.
pub(crate) async fn complete(
    directory: &dyn UserDirectory,
    event_type: &EventType,
    mut submission: Submission,
) -> Submission {
    let Some(user) = &mut submission.user else { return submission };
    let Some(id) = user.id.as_deref().filter(|id| !id.trim().is_empty()) else { return submission };
    let (lacks_name, lacks_email) = event_type.lacks_of_user(&submission.data, user);
    if !lacks_name && !lacks_email {
        return submission;
    }
    let Some(found) = find(directory, id).await else { return submission };
    if lacks_name {
        user.name = found.name.filter(|name| !name.trim().is_empty());
    }
    // What is no address would stand in the data that the event is told with.
    if let Some(email) = found.email.as_deref().filter(|_| lacks_email).and_then(bare_address) {
        user.email = Some(email.to_owned());
    }
    submission
}

async fn find(directory: &dyn UserDirectory, id: &str) -> Option<User> {
    match timeout(PATIENCE, directory.find(id)).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            tracing::warn!(user = id, %error, "the directory of users failed; the event goes on without it");
            None
        }
        Err(_) => {
            tracing::warn!(user = id, after = ?PATIENCE, "the directory of users is slow; the event goes on without it");
            None
        }
    }
}

#[cfg(test)]
mod tests;
