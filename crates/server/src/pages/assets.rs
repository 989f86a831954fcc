//! The files that pages use: part of the binary, under an address that changes with their content, so that browsers
//! keep them for ever.

use std::{fmt::Write, sync::LazyLock};

use axum::{Router, extract::Path, response::Response, routing::get};
use http::{HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};

use crate::{app::AppState, problem::Problem, reply};

macro_rules! files {
    ($($name:literal $content_type:literal,)+) => {
        &[$(($name, $content_type, include_bytes!(concat!("../../assets/", $name)))),+]
    };
}

/// Names, media types and contents.
const FILES: &[(&str, &str, &[u8])] = files! {
    "app.css" "text/css; charset=utf-8",
    "icon.svg" "image/svg+xml",
    "actions.js" "text/javascript; charset=utf-8",
    "api.js" "text/javascript; charset=utf-8",
    "app.js" "text/javascript; charset=utf-8",
    "ask.js" "text/javascript; charset=utf-8",
    "export.js" "text/javascript; charset=utf-8",
    "forms.js" "text/javascript; charset=utf-8",
    "live.js" "text/javascript; charset=utf-8",
    "parts.js" "text/javascript; charset=utf-8",
    "lists.js" "text/javascript; charset=utf-8",
    "pickers.js" "text/javascript; charset=utf-8",
    "said.js" "text/javascript; charset=utf-8",
    "tests.js" "text/javascript; charset=utf-8",
    "theme.js" "text/javascript; charset=utf-8",
    "themes.js" "text/javascript; charset=utf-8",
    "times.js" "text/javascript; charset=utf-8",
    "toast.js" "text/javascript; charset=utf-8",
    "wording.js" "text/javascript; charset=utf-8",
};

/// One mark for all files together: scripts name one another by relative addresses, so they have to move as one.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for (name, _, bytes) in FILES {
        hash.update(name);
        hash.update(bytes);
    }
    hash.finalize()[..8].iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
});

/// Where a page finds a file.
pub(super) fn url(name: &str) -> String {
    format!("/assets/{}/{name}", *VERSION)
}

/// The scripts that the first one asks for, to be fetched along with it.
pub(super) fn modules() -> impl Iterator<Item = String> {
    let is_module = |name: &&str| name.ends_with(".js") && !["app.js", "theme.js"].contains(name);
    FILES.iter().map(|(name, ..)| *name).filter(is_module).map(url)
}

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/assets/{version}/{name}", get(file))
}

async fn file(Path((version, name)): Path<(String, String)>) -> Result<Response, Problem> {
    let found = FILES.iter().find(|(known, ..)| *known == name);
    let (_, content_type, bytes) = found.ok_or_else(|| Problem::not_found("file"))?;
    let mut response = reply::bytes(StatusCode::OK, HeaderValue::from_static(content_type), *bytes);
    if version == *VERSION {
        let for_ever = HeaderValue::from_static("public, max-age=31536000, immutable");
        response.headers_mut().insert(header::CACHE_CONTROL, for_ever);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_listed() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets");
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(FILES.iter().any(|(known, ..)| *known == name), "{name} is in the folder and not in the list");
        }
    }
}
