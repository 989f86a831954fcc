//! A mail: who and what in its head, and the part that a mail program shows.

use maud::{Markup, html};

/// The head of a mail, and its HTML by itself where that can be had, else its text.
pub(super) fn mail(message: &str, by_itself: Option<&str>) -> Option<Markup> {
    let message = message.replace("\r\n", "\n");
    let (head, _) = message.split_once("\n\n")?;
    let subject = header(head, "Subject")?;
    let said = part(&message, "text/plain").unwrap_or_default();
    Some(html! {
        div.look-mail {
            div.look-mail-head {
                p.look-title { strong { (subject) } }
                p.small { span.quiet { "From " } (header(head, "From").unwrap_or_default()) }
                p.small { span.quiet { "To " } (header(head, "To").unwrap_or_default()) }
            }
            @match by_itself {
                Some(address) => { iframe src=(address) title="The mail as a mail program shows it" loading="lazy" sandbox="" {} }
                None => { p.look-said { (said) } }
            }
        }
    })
}

/// The HTML of a mail.
pub(in crate::pages) fn html_part(message: &str) -> Option<String> {
    part(&message.replace("\r\n", "\n"), "text/html")
}

/// A header's value, its folded lines as one.
fn header(head: &str, name: &str) -> Option<String> {
    let mut lines = head.lines().skip_while(|line| {
        line.split_once(':').is_none_or(|(known, _)| !known.eq_ignore_ascii_case(name) || line.starts_with(' '))
    });
    let first = lines.next()?.split_once(':')?.1.trim().to_owned();
    let folded = lines.take_while(|line| line.starts_with([' ', '\t']));
    Some(folded.fold(first, |value, line| format!("{value} {}", line.trim())))
}

/// The part of this media type, of a message whose parts are written as they are.
fn part(message: &str, media_type: &str) -> Option<String> {
    let (head, body) = message.split_once("\n\n")?;
    let content_type = header(head, "Content-Type")?;
    if content_type.starts_with(media_type) {
        return Some(body.to_owned());
    }
    let boundary = content_type.split_once("boundary=")?.1.trim_matches('"');
    let mark = format!("--{boundary}");
    let parts = body.split(mark.as_str());
    let parts = parts.filter_map(|part| part.trim_start_matches('\n').split_once("\n\n"));
    parts
        .filter(|(head, _)| header(head, "Content-Type").is_some_and(|kind| kind.starts_with(media_type)))
        .map(|(_, body)| body.trim_end().to_owned())
        .next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &str = "From: a@mail.example\r\nSubject: One\r\n two\r\nContent-Type: multipart/alternative;\r\n boundary=\"=_b\"\r\n\r\n\
        --=_b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nplain: text\r\n\r\n--=_b\r\n\
        Content-Type: text/html; charset=utf-8\r\n\r\n<p>rich</p>\r\n\r\n--=_b--\r\n";

    #[test]
    fn parts_are_found() {
        assert_eq!(html_part(MAIL).as_deref(), Some("<p>rich</p>"));
        assert_eq!(part(&MAIL.replace("\r\n", "\n"), "text/plain").as_deref(), Some("plain: text"));
        assert_eq!(html_part("no mail"), None);
    }

    #[test]
    fn the_head_is_read() {
        let shown = mail(MAIL, None).unwrap().0;
        assert!(shown.contains("One two") && shown.contains("a@mail.example"), "{shown}");
    }
}
