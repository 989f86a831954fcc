//! Which refusals an operation may answer with, for the API's document.

use utoipa::{
    IntoResponses,
    openapi::{
        Ref, RefOr,
        response::{Response as ResponseDoc, ResponseBuilder, ResponsesBuilder},
    },
};

/// Declares a set of documented refusals, to be named among an operation's responses.
macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident { $($status:literal $text:literal,)+ })+) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<String, RefOr<ResponseDoc>> {
                let responses = ResponsesBuilder::new();
                $(let responses = responses.response($status, problem_response($text));)+
                responses.build().into()
            }
        }
    )+};
}

refusals! {
    /// What every operation that needs credentials can answer.
    Denied {
        "401" "No credentials, or unknown ones, or a session that has ended",
        "403" "The credentials do not allow this, or another site may have asked for it",
        "429" "Too many requests: `Retry-After` says when to go on",
        "500" "The server's own mistake",
        "503" "The database does not answer",
        "507" "There is no space left for the database",
    }
    /// What every operation with a body can answer.
    BadBody {
        "400" "The body is not JSON, or is nested more than 64 levels deep",
        "408" "The body took longer than a minute to arrive",
        "413" "The body is too large",
        "415" "The body is something else than JSON",
        "422" "The body is JSON and not valid: `errors` says where",
    }
    /// A query parameter that is unknown or out of range.
    BadQuery {
        "422" "A query parameter is unknown or not valid",
    }
    /// The thing that the path names does not exist.
    Missing {
        "404" "There is no such thing",
    }
    /// It cannot be done in the present state.
    Conflicting {
        "409" "It cannot be done in the present state: `detail` says why",
    }
    /// `If-Match` names another state.
    Stale {
        "412" "The document is not the one that `If-Match` names",
    }
    /// Signing in failed.
    WrongCredentials {
        "401" "The address or the password is wrong",
    }
    /// A visitor is turned away.
    Turned {
        "403" "Another site may have asked for this, or the set-up link is not valid",
        "429" "Too many attempts: `Retry-After` says when to go on",
    }
    /// Somebody asks too often.
    TooMany {
        "429" "Too many requests: `Retry-After` says when to go on",
    }
    /// What any operation can answer.
    Failing {
        "500" "The server's own mistake",
        "503" "The database does not answer",
        "507" "There is no space left for the database",
    }
    /// Not ready, or not able.
    Unavailable {
        "503" "The database or the engine is not ready",
    }
}

fn problem_response(text: &str) -> RefOr<ResponseDoc> {
    let schema = RefOr::Ref(Ref::from_schema_name("Problem"));
    let content = utoipa::openapi::ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new().description(text).content("application/problem+json", content).build().into()
}
