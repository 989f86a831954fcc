//! The message for readers who want text alone; it says the same as the other form.

use super::content::Content;

/// The whole text.
pub(super) fn render(content: &Content) -> String {
    let mut out = format!("[{}] {}\n", content.badge.word, content.title);
    if !content.message.is_empty() {
        out.push_str(&format!("\n{}\n", content.message));
    }
    if !content.fields.is_empty() || content.left_out > 0 {
        out.push('\n');
    }
    for field in &content.fields {
        // Further lines are set in, so that no value can look like another field.
        let value = match field.value.contains('\n') {
            true => format!("\n    {}", field.value.replace('\n', "\n    ")),
            false => format!(" {}", field.value),
        };
        out.push_str(&format!("{}:{value}\n", field.name));
    }
    if let Some(more) = content.more() {
        out.push_str(&format!("{more}\n"));
    }
    if let Some(link) = &content.link {
        out.push_str(&format!("\nView details: {link}\n"));
    }
    out.push_str(&format!("\n{}\n", content.footer));
    out
}
