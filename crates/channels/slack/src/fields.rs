//! The fields of a notification as sections: two columns, wide ones by themselves, and one text for what is too many.

use fanfare_core::{Field, text};

use crate::{
    markup::{self, Text, escape, is_formatting},
    message::Block,
};

/// Fields of one section, at most.
const IN_SECTION: usize = 10;
/// A text among the fields of a section, at most.
const COLUMN: usize = 2_000;
/// The text of a section, at most.
const SECTION: usize = 3_000;
/// Sections that fields may take: with everything else an attachment stays below 20 blocks.
const SECTIONS: usize = 12;
/// All of these sections together. Slack refuses messages of about 12,000 characters, containers counted, as a whole.
const ROOM: usize = 4_500;
/// What must be left for one more field to be shown in full form.
const LEAST: usize = 200;
/// The name of a field.
const NAME: usize = 150;
/// The text into which fields are folded that have no section, and the parts of one of its lines.
const FOLDED: usize = 1_500;
const FOLDED_NAME: usize = 80;
const FOLDED_VALUE: usize = 200;

/// All fields, in their order.
pub(crate) fn sections(fields: &[Field]) -> Vec<Block> {
    let mut sections: Vec<Block> = Vec::new();
    let mut left = ROOM;
    for (i, field) in fields.iter().enumerate() {
        let full = sections.len() == SECTIONS;
        let open = match sections.last_mut() {
            Some(Block::Section { fields, .. }) if field.inline && (1..IN_SECTION).contains(&fields.len()) => {
                Some(fields)
            }
            _ => None,
        };
        if left < LEAST || open.is_none() && full {
            sections.push(folded(&fields[i..]));
            break;
        }
        let text = written(field, left.min(if field.inline { COLUMN } else { SECTION }));
        left -= text.length().min(left);
        match open {
            Some(open) => open.push(text),
            None if field.inline => sections.push(Block::columns(text)),
            None => sections.push(Block::section(text)),
        }
    }
    sections
}

/// A bold name above its value; plain text where either would be formatted.
fn written(field: &Field, limit: usize) -> Text {
    let name = markup::shorten(&text::line(&field.name), NAME).into_owned();
    let value = value(field);
    if text::is_blank(&name) {
        return Text::plain(&markup::shorten(&value, limit));
    }
    let value = markup::shorten(&value, limit - markup::length(&name) - "**:\n".len()).into_owned();
    if is_formatting(&name) || is_formatting(&value) {
        return Text::plain(&format!("{name}:\n{value}"));
    }
    Text::formatted(format!("*{}:*\n{}", escape(&name), escape(&value)))
}

fn value(field: &Field) -> String {
    let value = text::lines(&field.value);
    if text::is_blank(&value) { "-".to_owned() } else { value }
}

/// One line for each field, and the number of those that there was no room for.
fn folded(fields: &[Field]) -> Block {
    let mut out = String::new();
    let mut kept = 0;
    for field in fields {
        let (name, value) = (text::line(&field.name), text::line(&value(field)));
        let (name, value) = (markup::shorten(&name, FOLDED_NAME), markup::shorten(&value, FOLDED_VALUE));
        let line = if text::is_blank(&name) { format!("{value}\n") } else { format!("{name}: {value}\n") };
        if markup::length(&out) + markup::length(&line) > FOLDED {
            break;
        }
        out.push_str(&line);
        kept += 1;
    }
    match fields.len() - kept {
        0 => {}
        1 => out.push_str("… (+1 field)"),
        missing => out.push_str(&format!("… (+{missing} fields)")),
    }
    Block::section(Text::plain(out.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn field(name: &str, value: &str, inline: bool) -> Field {
        Field { name: name.into(), value: value.into(), inline }
    }

    fn written(fields: &[Field]) -> Value {
        serde_json::to_value(sections(fields)).unwrap()
    }

    #[test]
    fn narrow_fields_share_sections_and_wide_ones_do_not() {
        let mut fields: Vec<_> = (1..=11).map(|i| field(&format!("N{i}"), "v", true)).collect();
        fields.insert(2, field("Wide", "*w* <x>", false));
        let sections = written(&fields);
        let counts: Vec<_> =
            sections.as_array().unwrap().iter().map(|s| s["fields"].as_array().map(Vec::len)).collect();
        assert_eq!(counts, [Some(2), None, Some(9)]);
        assert_eq!(sections[0]["fields"][1], json!({"type": "mrkdwn", "text": "*N2:*\nv", "verbatim": true}));
        assert_eq!(sections[1]["text"], json!({"type": "plain_text", "text": "Wide:\n*w* &lt;x&gt;", "emoji": false}));
    }

    #[test]
    fn ten_fields_fill_a_section() {
        let fields: Vec<_> = (0..21).map(|_| field("n", "v", true)).collect();
        let counts: Vec<_> = sections(&fields)
            .iter()
            .map(|block| match block {
                Block::Section { fields, .. } => fields.len(),
                _ => 0,
            })
            .collect();
        assert_eq!(counts, [10, 10, 1]);
    }

    #[test]
    fn what_is_too_many_becomes_lines_and_then_a_number() {
        let fields: Vec<_> = (1..=40).map(|i| field(&format!("N{i}"), &"v".repeat(100), false)).collect();
        let sections = written(&fields);
        let sections = sections.as_array().unwrap();
        assert_eq!(sections.len(), SECTIONS + 1);
        let last = sections[SECTIONS]["text"]["text"].as_str().unwrap();
        assert!(last.starts_with("N13: vvv"), "{last}");
        assert!(last.ends_with("\n… (+14 fields)"), "{last}");
    }

    #[test]
    fn what_is_empty_is_said() {
        let sections = written(&[field("Size", "\0 ", true), field(" ", "alone", true)]);
        assert_eq!(sections[0]["fields"][0]["text"], "*Size:*\n-");
        assert_eq!(sections[0]["fields"][1]["text"], "alone");
    }
}
