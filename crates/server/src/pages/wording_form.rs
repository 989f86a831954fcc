//! The form of an own wording: texts that are templates, facts, and what a text can name.

use fanfare::core::{
    EventType,
    catalog::{DataField, FieldKind, FieldWording, OwnText, OwnWording, When, Wording},
};
use maud::{Markup, html};

use super::icons::icon;

/// A form over a saved wording. Names of inputs are pointers into the document that is sent, so that what the API
/// refuses finds its place.
pub(super) struct Form<'a> {
    pub(super) event_type: &'a EventType,
    /// What is saved.
    pub(super) own: OwnWording,
    /// Where the wording stands in the document.
    pub(super) prefix: String,
    /// Whether the user whom the event is about can read something else.
    pub(super) takes_user: bool,
}

impl Form<'_> {
    /// The inputs.
    pub(super) fn fields(&self) -> Markup {
        let usual = &self.event_type.wording;
        let for_user = self.event_type.user_wording.as_ref().unwrap_or(usual);
        let user = self.own.user.clone().unwrap_or_default();
        html! {
            @if !usual.variants.is_empty() {
                p.help { "By itself, this event says different things on different data. A text of yours is said on all of them." }
            }
            (self.text(&self.prefix, "own", &self.own.text(), usual))
            @if self.takes_user {
                details.part open[!user.is_empty()] #user-text {
                    summary { "What the user reads " span.optional { "where it differs" } }
                    (self.text(&format!("{}/user", self.prefix), "user", &user, for_user))
                }
            }
        }
    }

    fn text(&self, at: &str, id: &str, own: &OwnText, usual: &Wording) -> Markup {
        html! {
            div.field {
                label for={ (id) "-title" } { "Title " span.optional { "its own where empty" } }
                input.mono id={ (id) "-title" } name={ (at) "/title" } value=[own.title.as_deref()] placeholder=(usual.title) data-optional data-template autocomplete="off" spellcheck="false" aria-describedby={ (id) "-title-error" };
                p.error id={ (id) "-title-error" } {}
            }
            div.field {
                label for={ (id) "-message" } { "Message " span.optional { "its own where empty" } }
                textarea.mono id={ (id) "-message" } name={ (at) "/message" } placeholder=(usual.message) data-optional data-template rows="5" spellcheck="false" aria-describedby={ (id) "-message-error" } { (own.message.as_deref().unwrap_or_default()) }
                p.error id={ (id) "-message-error" } {}
            }
            div.field {
                label.check { input type="checkbox" id={ (id) "-own-fields" } data-opens={ (id) "-fields" } checked[own.fields.is_some()] autocomplete="off"; span.grow { "Facts of its own, in place of all of the event's" } }
                div.facts-list id={ (id) "-fields" } hidden[own.fields.is_none()] data-list={ (at) "/fields" } {
                    div data-items { @for field in own.fields.as_ref().unwrap_or(&usual.fields) { (self.fact(field)) } }
                    template { (self.fact(&FieldWording { name: String::new(), value: String::new(), inline: true, when: None })) }
                    p.error data-list-error {}
                    div.row { button.button.slim.script-only type="button" data-add-item { (icon("plus")) "Add a fact" } }
                }
            }
        }
    }

    fn fact(&self, field: &FieldWording) -> Markup {
        let present = match &field.when {
            None => String::new(),
            Some(When::Present(name)) => name.clone(),
            Some(when) => serde_json::to_string(when).unwrap_or_default(),
        };
        let is_other = present.starts_with('{');
        html! {
            div.fact data-item role="group" aria-label="Fact" {
                input.mono.slim data-key="name" value=(field.name) aria-label="Name of the fact" placeholder="Name" data-template autocomplete="off" spellcheck="false";
                input.mono.slim data-key="value" value=(field.value) aria-label="Value of the fact" placeholder="{{name}}" data-template autocomplete="off" spellcheck="false";
                select.slim data-key="when" aria-label="Shown" autocomplete="off" {
                    option value="" selected[present.is_empty()] { "always" }
                    @for datum in self.event_type.fields.iter().filter(|datum| !datum.required || datum.name == present) {
                        option value=(datum.name) selected[datum.name == present] { "with " (datum.name) }
                    }
                    @if is_other { option value=(present) selected { "where " (present) } }
                }
                label.check { input type="checkbox" data-key="inline" checked[field.inline] autocomplete="off"; "beside" }
                button.button.slim.script-only type="button" data-remove-item aria-label="Remove the fact" { "✕" }
                p.error {}
            }
        }
    }

    /// What a text can name, and the example that the preview shows.
    pub(super) fn data(&self) -> Markup {
        html! {
            section.card aria-labelledby="data-title" {
                div.card-head { div { h2 #data-title { "What a text can name" } p { "Click one to put it where the cursor stands." } } }
                ul.lines {
                    @for datum in &self.event_type.fields { (named(&text_of(datum), &datum.description, !datum.required)) }
                    (named("{{date_time occurred_at}}", "When it happened", false))
                }
                div.card-body { p.help {
                    code { "{{#if error}}…{{else}}…{{/if}}" } " says something only where there is a datum; "
                    code { "{{default error \"none\"}}" } " says something else instead; "
                    code { "{{bytes size_bytes}}" } " and " code { "{{seconds duration_ms}}" } " write figures for people. Data are never read as templates."
                } }
            }
        }
    }
}

/// One thing that a text can name.
fn named(text: &str, about: &str, optional: bool) -> Markup {
    html! {
        li.row {
            button.chip.mono type="button" data-insert=(text) { (text) }
            span.small.quiet.grow { (super::frame::sentence(about)) @if optional { " May be missing." } }
        }
    }
}

/// How a text names a datum, as people would want to read it.
fn text_of(datum: &DataField) -> String {
    let name = &datum.name;
    let helper = match (&datum.kind, datum.unit.as_deref()) {
        (FieldKind::List(_), _) => return format!("{{{{#each {name}}}}}…{{{{/each}}}}"),
        (FieldKind::Timestamp, _) => "date_time ",
        (FieldKind::Boolean, _) => "yes_no ",
        (_, Some("bytes")) => "bytes ",
        (_, Some("milliseconds" | "ms")) => "seconds ",
        (_, Some("percent" | "%")) => "percent ",
        _ => "",
    };
    format!("{{{{{helper}{name}}}}}")
}
