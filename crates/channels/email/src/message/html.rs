//! The message as HTML: tables and inline styles, because that is what mail programs understand; nothing is loaded
//! from anywhere, and nothing in it runs.

use fanfare_core::{Field, text::web_address};

use super::{badge::Badge, content::Content};

const SANS: &str = "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";
const MONO: &str = "ui-monospace,SFMono-Regular,Menlo,Consolas,'Liberation Mono',monospace";

/// Long words break rather than widen the page.
const BREAK: &str = "word-break:break-word;overflow-wrap:anywhere";

/// The whole document.
pub(super) fn render(content: &Content) -> String {
    let mut body = String::new();
    body.push_str(&head(content));
    if !content.fields.is_empty() || content.left_out > 0 {
        body.push_str(&table(content));
    }
    if let Some(link) = &content.link {
        body.push_str(&button(link));
    }
    page(content, &body)
}

fn page(content: &Content, body: &str) -> String {
    let Badge { accent, .. } = &content.badge;
    let (title, footer, bar) = (escape(&content.title), escape(&content.footer), accent.bar);
    let (ground, letters) = accent.dark;
    format!(
        r##"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<meta name="x-apple-disable-message-reformatting">
<meta name="format-detection" content="telephone=no,date=no,address=no,email=no,url=no">
<title>{title}</title>
<style>
:root{{color-scheme:light dark;supported-color-schemes:light dark}}
@media (max-width:480px){{
.outer{{padding:12px 8px!important}}
.inner{{padding-left:20px!important;padding-right:20px!important}}
}}
@media (prefers-color-scheme:dark){{
.page{{background-color:#0e1116!important}}
.card{{background-color:#181c23!important;border-color:#2d333d!important}}
.ink{{color:#eceef2!important}}
.text{{color:#cdd2da!important}}
.soft{{color:#98a1b0!important}}
.rule{{border-top-color:#2d333d!important}}
.box{{background-color:#11151b!important;border-color:#2d333d!important;color:#dfe3e9!important}}
.badge{{background-color:{ground}!important;color:{letters}!important}}
.go{{background-color:#eceef2!important}}
.go a{{color:#14171c!important}}
.link{{color:#8ab4f8!important}}
}}
</style>
</head>
<body class="page" style="margin:0;padding:0;background-color:#f3f4f6;-webkit-text-size-adjust:100%">
<table role="presentation" class="page" width="100%" cellpadding="0" cellspacing="0" border="0" bgcolor="#f3f4f6" style="background-color:#f3f4f6">
<tr><td class="outer" align="center" style="padding:32px 16px">
<!--[if mso]><table role="presentation" width="600" cellpadding="0" cellspacing="0" border="0"><tr><td><![endif]-->
<table role="presentation" class="card" width="100%" cellpadding="0" cellspacing="0" border="0" bgcolor="#ffffff" style="max-width:600px;background-color:#ffffff;border:1px solid #e3e6ea;border-radius:12px;border-collapse:separate;text-align:left">
<tr><td height="5" bgcolor="{bar}" style="height:5px;line-height:5px;font-size:0;background-color:{bar};border-radius:11px 11px 0 0">&nbsp;</td></tr>
{body}<tr><td style="height:28px;line-height:28px;font-size:0">&nbsp;</td></tr>
</table>
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="max-width:600px">
<tr><td class="soft" align="center" style="padding:18px 24px 0;font-family:{SANS};font-size:12px;line-height:18px;color:#6b7280;{BREAK}">{footer}</td></tr>
</table>
<!--[if mso]></td></tr></table><![endif]-->
</td></tr>
</table>
</body>
</html>
"##
    )
}

/// Badge, title and message.
fn head(content: &Content) -> String {
    let Badge { word, accent } = &content.badge;
    let (ground, letters) = accent.light;
    let (word, title) = (escape(word), escape(&content.title));
    let mut out = format!(
        r##"<tr><td class="inner" style="padding:26px 32px 0;font-family:{SANS}">
<span class="badge" style="display:inline-block;padding:4px 11px;border-radius:999px;background-color:{ground};color:{letters};font-size:12px;line-height:16px;font-weight:600;{BREAK}">{word}</span>
<h1 class="ink" dir="auto" style="margin:14px 0 0;font-size:21px;line-height:28px;font-weight:600;color:#14171c;{BREAK}">{title}</h1>
"##
    );
    if !content.message.is_empty() {
        let message = escape_lines(&content.message);
        out.push_str(&format!(
            r##"<div class="text" dir="auto" style="margin:10px 0 0;font-size:15px;line-height:23px;color:#3a414c;white-space:pre-wrap;{BREAK}">{message}</div>
"##
        ));
    }
    out.push_str("</td></tr>\n");
    out
}

fn table(content: &Content) -> String {
    let mut out = String::from(
        r##"<tr><td class="inner" style="padding:22px 32px 0">
<table width="100%" cellpadding="0" cellspacing="0" border="0" style="border-collapse:collapse">
"##,
    );
    for field in &content.fields {
        out.push_str(&if field.inline { row(field) } else { wide(field) });
    }
    if let Some(more) = content.more() {
        out.push_str(&format!(
            r##"<tr><td class="rule soft" colspan="2" style="padding:10px 0;border-top:1px solid #e8eaee;font-family:{SANS};font-size:13px;line-height:20px;color:#6b7280">{}</td></tr>
"##,
            escape(&more)
        ));
    }
    out.push_str("</table>\n</td></tr>\n");
    out
}

/// Name and value beside one another.
fn row(field: &Field) -> String {
    let (name, value) = (escape(&field.name), value(&field.value));
    format!(
        r##"<tr><td class="rule soft" dir="auto" width="34%" valign="top" style="padding:10px 14px 10px 0;border-top:1px solid #e8eaee;font-family:{SANS};font-size:13px;line-height:20px;color:#6b7280;{BREAK}">{name}</td><td class="rule ink" dir="auto" valign="top" style="padding:10px 0;border-top:1px solid #e8eaee;font-family:{SANS};font-size:14px;line-height:20px;color:#14171c;white-space:pre-wrap;{BREAK}">{value}</td></tr>
"##
    )
}

/// The value below the name. Several lines are most likely a program's output, whose columns should stay in line.
fn wide(field: &Field) -> String {
    let (name, value) = (escape(&field.name), value(&field.value));
    let font = match field.value.contains('\n') {
        true => format!("font-family:{MONO};font-size:13px;line-height:20px"),
        false => format!("font-family:{SANS};font-size:14px;line-height:20px"),
    };
    format!(
        r##"<tr><td class="rule" colspan="2" style="padding:10px 0 12px;border-top:1px solid #e8eaee">
<div class="soft" dir="auto" style="font-family:{SANS};font-size:13px;line-height:20px;color:#6b7280;{BREAK}">{name}</div>
<div class="box" dir="auto" style="margin-top:6px;padding:10px 12px;border:1px solid #e8eaee;border-radius:8px;background-color:#f8f9fb;{font};color:#14171c;white-space:pre-wrap;{BREAK}">{value}</div>
</td></tr>
"##
    )
}

fn button(link: &str) -> String {
    let link = escape(link);
    format!(
        r##"<tr><td class="inner" style="padding:24px 32px 0">
<table role="presentation" cellpadding="0" cellspacing="0" border="0"><tr><td class="go" bgcolor="#14171c" style="border-radius:8px;background-color:#14171c"><a href="{link}" style="display:inline-block;padding:11px 20px;font-family:{SANS};font-size:14px;line-height:20px;font-weight:600;color:#ffffff;text-decoration:none;border-radius:8px">View details</a></td></tr></table>
</td></tr>
"##
    )
}

/// A value as text; as a link if it is an address and nothing else.
fn value(text: &str) -> String {
    let escaped = escape_lines(text);
    match web_address(text) {
        Some(address) if !text.contains(char::is_whitespace) => {
            format!(r##"<a class="link" href="{}" style="color:#1d4ed8">{escaped}</a>"##, escape(&address))
        }
        _ => escaped,
    }
}

fn escape_lines(text: &str) -> String {
    escape(text).replace('\n', "<br>")
}

/// For text and for quoted attributes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
