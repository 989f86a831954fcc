//! The webhook's address: what it has to look like, and what it looks like in a request.

use url::Url;

/// What Discord is asked to do: answer once the message is stored, so that success is certain.
const WAIT: (&str, &str) = ("wait", "true");
/// The thread that messages go to.
const THREAD: &str = "thread_id";

/// The address of requests, or why this is not the address of a Discord webhook. Which host it names is not checked.
pub(crate) fn of_request(url: &Url) -> Result<Url, String> {
    check_path(url.path())?;
    let mut thread = None;
    for (name, value) in url.query_pairs() {
        match &*name {
            THREAD if is_id(&value) => thread = Some(value.into_owned()),
            THREAD => return Err("thread_id is a number, the id of the thread".into()),
            // Ours whatever it says.
            "wait" => {}
            _ => return Err("only ?thread_id=… may follow the address of a Discord webhook".into()),
        }
    }
    let mut request = url.clone();
    request.set_fragment(None);
    request.query_pairs_mut().clear().append_pair(WAIT.0, WAIT.1).extend_pairs(thread.map(|id| (THREAD, id)));
    Ok(request)
}

fn check_path(path: &str) -> Result<(), String> {
    let mut segments = path.strip_prefix("/api/").unwrap_or_default().trim_end_matches('/').split('/').peekable();
    segments.next_if(|segment| segment.strip_prefix('v').is_some_and(is_number));
    let webhooks = segments.next() == Some("webhooks");
    let id = segments.next().is_some_and(is_id);
    let token = segments.next().is_some_and(is_token);
    match segments.next() {
        _ if !webhooks => {
            Err("a Discord webhook's address is https://discord.com/api/webhooks/ID/TOKEN: copy it from \
                               the channel's settings, under Integrations, Webhooks"
                .into())
        }
        _ if !id => Err("after /webhooks/ comes the webhook's id, a number: copy the whole address".into()),
        _ if !token => Err("after the webhook's id comes its token: copy the whole address".into()),
        Some("slack" | "github") => {
            Err("leave out /slack or /github at the end: messages are written in Discord's own form".into())
        }
        Some(_) => Err("nothing follows the token in a Discord webhook's address".into()),
        None => Ok(()),
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Ids are numbers of 64 bits.
fn is_id(text: &str) -> bool {
    is_number(text) && text.parse::<u64>().is_ok()
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("/api/webhooks/123456789012345678/t0-k_n", "/api/webhooks/123456789012345678/t0-k_n?wait=true")]
    #[case("/api/v10/webhooks/1/t", "/api/v10/webhooks/1/t?wait=true")]
    #[case("/api/webhooks/1/t/", "/api/webhooks/1/t/?wait=true")]
    #[case("/api/webhooks/1/t?thread_id=99#x", "/api/webhooks/1/t?wait=true&thread_id=99")]
    #[case("/api/webhooks/1/t?wait=false&thread_id=99", "/api/webhooks/1/t?wait=true&thread_id=99")]
    fn addresses(#[case] path: &str, #[case] request: &str) {
        for host in ["https://discord.com", "http://127.0.0.1:9000"] {
            let url = Url::parse(&format!("{host}{path}")).unwrap();
            assert_eq!(of_request(&url).unwrap().as_str(), format!("{host}{request}"));
        }
    }

    #[rstest::rstest]
    #[case("/", "Integrations")]
    #[case("/webhooks/1/t", "Integrations")]
    #[case("/api/vx/webhooks/1/t", "Integrations")]
    #[case("/api/channels/1/t", "Integrations")]
    #[case("/api/webhooks/", "id, a number")]
    #[case("/api/webhooks/abc/t", "id, a number")]
    #[case("/api/webhooks/99999999999999999999/t", "id, a number")]
    #[case("/api/webhooks/1", "token")]
    #[case("/api/webhooks/1/", "token")]
    #[case("/api/webhooks/1/t%20t", "token")]
    #[case("/api/webhooks/1/t/slack", "/slack")]
    #[case("/api/webhooks/1/t/github", "/github")]
    #[case("/api/webhooks/1/t/messages", "nothing follows")]
    #[case("/api/webhooks/1/t?thread_id=", "thread_id is a number")]
    #[case("/api/webhooks/1/t?thread_id=x", "thread_id is a number")]
    #[case("/api/webhooks/1/t?with_components=true", "only ?thread_id")]
    fn other_addresses(#[case] path: &str, #[case] why: &str) {
        let refused = of_request(&Url::parse(&format!("https://discord.com{path}")).unwrap()).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
}
