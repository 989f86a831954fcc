//! The words that stand in the documents.

use fanfare::{DeliveryState as StateOfDelivery, HealthState as StateOfHealth, core};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Declares an enum of words that stands for one of the engine's, variant by variant.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident = $inner:path { $($(#[$variant_doc:meta])* $variant:ident,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub(crate) enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl From<$inner> for $name {
            fn from(word: $inner) -> Self {
                use $inner as Inner;
                match word {
                    $(Inner::$variant => Self::$variant,)+
                }
            }
        }

        impl From<$name> for $inner {
            fn from(word: $name) -> Self {
                use $inner as Inner;
                match word {
                    $($name::$variant => Inner::$variant,)+
                }
            }
        }
    };
}

words! {
    /// Where a delivery stands: `pending` (to be sent), `held` (its channel is disabled), `delivered`,
    /// `suppressed` (its channel was deleted, or it tells the end of what nobody there was told of), `dead` (given up).
    DeliveryState = StateOfDelivery { Pending, Held, Delivered, Suppressed, Dead, }
}

words! {
    /// Why somebody is told.
    TargetReason = core::TargetReason { Global, Override, Assignment, NotifyUser, UserFallback, }
}

words! {
    /// Why somebody is not told.
    SkipReason = core::SkipReason {
        EventDisabled, NoChannels, Muted, ConditionNotMet, UserOnly, UserUnreachable, RecipientMerged, RepeatNotDue,
        NotTold,
    }
}

words! {
    /// Whether a notification is good news.
    Status = core::Status { Success, Info, Warning, Failure, }
}

words! {
    /// How a run ended.
    Outcome = core::Outcome { Success, Partial, Failure, }
}

words! {
    /// Which runs of a job a channel hears of: `on_success`: success; `on_failure`: partial, failure, missed;
    /// `always`: all.
    RunCondition = core::RunCondition { Always, OnSuccess, OnFailure, }
}

words! {
    /// Whether the user whom an event is about is told: `none`: only the channels; `also`: the channels and the
    /// user; `only`: the user alone.
    NotifyUser = core::NotifyUser { None, Also, Only, }
}

words! {
    /// Whether a lasting state begins or continues (`firing`), or is over (`resolved`).
    ConditionState = core::ConditionState { Firing, Resolved, }
}

words! {
    /// Whether deliveries get through a channel: `unknown` (nothing was sent yet), `ok`, `limited` (the service
    /// asked to wait), `failing`.
    HealthState = StateOfHealth { Unknown, Ok, Limited, Failing, }
}

words! {
    /// What an account may do: `admin`: everything; `viewer`: see everything that is no secret, and change the own
    /// password.
    Role = crate::accounts::Role { Admin, Viewer, }
}

words! {
    /// What a token may do: `send` events and report runs; `read` everything that is no secret; `admin`: everything.
    Scope = crate::auth::Scope { Send, Read, Admin, }
}
