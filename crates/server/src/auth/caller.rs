//! Who is asking, and what they may do.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use fanfare::core::JobId;
use uuid::Uuid;

use super::Signing;
use crate::{accounts::Session, problem::Problem};

/// What a caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Send events and report runs.
    Send,
    /// See everything that is no secret.
    Read,
    /// Everything.
    Admin,
}

impl Scope {
    /// All scopes.
    pub(crate) const ALL: [Self; 3] = [Self::Send, Self::Read, Self::Admin];

    /// The word as it stands in a token's description and in the API's document.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }

    /// The scope of this word.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == word)
    }

    /// Whether a caller of this scope may do what needs the other.
    pub(crate) fn covers(self, needed: Self) -> bool {
        self == Self::Admin || self == needed
    }
}

/// Whoever holds a token, or has signed in.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// Within what idempotency keys count: one token, or one account.
    pub(crate) id: Arc<str>,
    /// What the audit calls it.
    pub(crate) actor: Arc<str>,
    /// What it may do.
    pub(crate) scope: Scope,
    /// What it may send, if not everything.
    pub(crate) limits: Option<Limits>,
    /// The session, where it is a browser's.
    pub(crate) session: Option<Session>,
    /// What its requests have to be signed with, if they have to be.
    pub(crate) signing: Option<Signing>,
}

/// All that a token may send. What is not named may not be sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Limits {
    /// Events of these types.
    pub(crate) event_types: BTreeSet<String>,
    /// Runs of these jobs.
    pub(crate) jobs: BTreeSet<Uuid>,
}

impl Caller {
    /// The token that the operator gives or finds in a file.
    pub(crate) fn operator() -> Self {
        let actor = "token:admin-token".into();
        Self { id: "admin-token".into(), actor, scope: Scope::Admin, limits: None, session: None, signing: None }
    }

    /// An account that has signed in.
    pub(crate) fn account(session: Session) -> Self {
        Self {
            id: format!("user:{}", session.account.id).into(),
            actor: Actor::of_account(&session.account.email).into(),
            scope: session.account.role.scope(),
            limits: None,
            session: Some(session),
            signing: None,
        }
    }

    /// Refuses an event of a type that is not among those which the token is limited to.
    pub(crate) fn may_send(&self, event_type: &str) -> Result<(), Problem> {
        match &self.limits {
            Some(limits) if !limits.event_types.contains(event_type) => {
                Err(Problem::beyond_limits(&format!("events of the type {event_type}")))
            }
            _ => Ok(()),
        }
    }

    /// Refuses a run of a job that is not among those which the token is limited to.
    pub(crate) fn may_report(&self, job: JobId) -> Result<(), Problem> {
        match &self.limits {
            Some(limits) if !limits.jobs.contains(&job.0) => Err(Problem::beyond_limits("runs of this job")),
            _ => Ok(()),
        }
    }
}

/// Who did something, and from where, for the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Actor {
    /// `user:` and an address, `token:` and a name, `set-up link`, or `anonymous`.
    pub(crate) name: String,
    /// The address that the request came from.
    pub(crate) address: Option<IpAddr>,
}

impl Actor {
    /// The name of an account with this e-mail address.
    pub(crate) fn of_account(email: &str) -> String {
        format!("user:{email}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admin_covers_everything_and_the_others_themselves() {
        use Scope::{Admin, Read, Send};
        for needed in Scope::ALL {
            assert!(Admin.covers(needed));
            assert_eq!(Send.covers(needed), needed == Send);
            assert_eq!(Read.covers(needed), needed == Read);
            assert_eq!(Scope::parse(needed.as_str()), Some(needed));
        }
    }

    #[test]
    fn a_limit_is_all_that_may_be_sent() {
        let mut caller = Caller::operator();
        assert!(caller.may_send("user_login").is_ok() && caller.may_report(Uuid::now_v7().into()).is_ok());
        let job = Uuid::now_v7();
        caller.limits = Some(Limits { event_types: ["user_login".to_owned()].into(), jobs: BTreeSet::new() });
        assert!(caller.may_send("user_login").is_ok());
        assert_eq!(caller.may_send("system_error").unwrap_err().status(), 403);
        assert_eq!(caller.may_report(job.into()).unwrap_err().status(), 403);
        caller.limits = Some(Limits { event_types: BTreeSet::new(), jobs: [job].into() });
        assert!(caller.may_report(job.into()).is_ok());
        assert!(caller.may_report(Uuid::now_v7().into()).is_err() && caller.may_send("user_login").is_err());
    }
}
