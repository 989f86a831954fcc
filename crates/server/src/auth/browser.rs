//! What is different when a browser asks: it sends the cookie by itself, also for pages that are not ours.

use http::{HeaderMap, HeaderValue, Method, header};
use secrecy::{ExposeSecret, SecretString};

use crate::{accounts::SIGNED_IN_AT_MOST, problem::Problem};

/// The cookie that holds a session.
pub(crate) const COOKIE: &str = "fanfare_session";

/// The header that a page of ours adds to what changes something. A page of another origin cannot add it without
/// asking us first, and we never allow that.
pub(crate) const HEADER: &str = "fanfare-csrf";

/// What the cookie holds.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<&[u8]> {
    let pairs = headers.get_all(header::COOKIE).into_iter().flat_map(|line| line.as_bytes().split(|b| *b == b';'));
    pairs.map(<[u8]>::trim_ascii).find_map(|pair| pair.strip_prefix(COOKIE.as_bytes())?.strip_prefix(b"="))
}

/// Sets the cookie: for this host alone, out of reach of scripts, and not sent along by other sites' forms.
pub(crate) fn set_cookie(secret: &SecretString, headers: &HeaderMap) -> HeaderValue {
    written(secret.expose_secret(), SIGNED_IN_AT_MOST.as_secs(), headers)
}

/// Takes the cookie away.
pub(crate) fn clear_cookie(headers: &HeaderMap) -> HeaderValue {
    written("", 0, headers)
}

fn written(value: &str, max_age: u64, headers: &HeaderMap) -> HeaderValue {
    let secure = if is_behind_tls(headers) { "; Secure" } else { "" };
    let text = format!("{COOKIE}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}");
    // The value is base64, so this cannot fail.
    let mut value = HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// Whether the browser reaches us over TLS: the proxy says so, or the browser does. Who lies about it only harms
/// the own cookie.
fn is_behind_tls(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text("x-forwarded-proto").trim().eq_ignore_ascii_case("https") || text("origin").starts_with("https://")
}

/// Refuses what a page of another origin made the browser ask. What is not a browser's passes.
pub(crate) fn check_origin(headers: &HeaderMap) -> Result<(), Problem> {
    if is_same_origin(headers) { Ok(()) } else { Err(Problem::cross_site("it comes from a page of another origin")) }
}

/// Refuses a change that a session is used for, unless it comes from a page of ours.
pub(crate) fn check_change(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    if method.is_safe() {
        return Ok(());
    }
    check_origin(headers)?;
    match headers.contains_key(HEADER) {
        true => Ok(()),
        false => Err(Problem::cross_site("with a session, what changes something needs the header Fanfare-CSRF: 1")),
    }
}

/// Newer browsers say what they think of it, but only to hosts that they trust to be who they are; all name the origin
/// of the page.
fn is_same_origin(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        // "none" is a user who acts without a page.
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Some((_, authority)) = origin.to_str().ok().and_then(|origin| origin.split_once("://")) else { return false };
    // A proxy may have put its own name for us into Host. No page can add the other header without being allowed to.
    let ours = ["host", "x-forwarded-host"].into_iter().filter_map(|name| headers.get(name)?.to_str().ok());
    ours.into_iter().any(|ours| ours.trim().eq_ignore_ascii_case(authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for &(name, value) in pairs {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    #[rstest::rstest]
    #[case(&[], true)]
    #[case(&[("sec-fetch-site", "same-origin")], true)]
    #[case(&[("sec-fetch-site", "none")], true)]
    #[case(&[("sec-fetch-site", "same-site")], false)]
    #[case(&[("sec-fetch-site", "cross-site"), ("origin", "http://h:1"), ("host", "h:1")], false)]
    #[case(&[("origin", "http://h:1"), ("host", "h:1")], true)]
    #[case(&[("origin", "http://H.example"), ("host", "h.example")], true)]
    #[case(&[("origin", "http://h:2"), ("host", "h:1")], false)]
    #[case(&[("origin", "null"), ("host", "h:1")], false)]
    #[case(&[("origin", "https://h.example"), ("host", "backend:8600"), ("x-forwarded-host", "h.example")], true)]
    #[case(&[("origin", "http://h")], false)]
    fn origins(#[case] pairs: &[(&'static str, &'static str)], #[case] ours: bool) {
        assert_eq!(is_same_origin(&headers(pairs)), ours);
    }

    #[test]
    fn a_change_needs_the_header_and_a_look_does_not() {
        let with = headers(&[(HEADER, "1")]);
        let without = headers(&[]);
        assert!(check_change(&Method::GET, &without).is_ok());
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            assert!(check_change(&method, &with).is_ok());
            assert_eq!(check_change(&method, &without).unwrap_err().status(), 403);
        }
        let elsewhere = headers(&[(HEADER, "1"), ("sec-fetch-site", "cross-site")]);
        assert!(check_change(&Method::POST, &elsewhere).is_err());
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let found = |pairs: &[(&'static str, &'static str)]| cookie(&headers(pairs)).map(<[u8]>::to_vec);
        assert_eq!(found(&[("cookie", "a=b; fanfare_session=xyz; c=d")]), Some(b"xyz".to_vec()));
        assert_eq!(found(&[("cookie", "a=b"), ("cookie", "fanfare_session=x=y")]), Some(b"x=y".to_vec()));
        assert_eq!(found(&[("cookie", "other_fanfare_session=x; fanfare_sessions=y")]), None);
        assert_eq!(found(&[]), None);
    }

    #[test]
    fn the_cookie_is_secure_behind_tls() {
        let secret = SecretString::from("x");
        let set = |pairs: &[(&'static str, &'static str)]| {
            let value = set_cookie(&secret, &headers(pairs));
            assert!(value.is_sensitive());
            value.to_str().unwrap().to_owned()
        };
        assert_eq!(set(&[]), "fanfare_session=x; Path=/; Max-Age=1209600; HttpOnly; SameSite=Lax");
        assert!(set(&[("x-forwarded-proto", "https")]).ends_with("; Secure"));
        assert!(set(&[("origin", "https://h.example")]).ends_with("; Secure"));
        assert!(!set(&[("origin", "http://h.example")]).contains("Secure"));
    }
}
