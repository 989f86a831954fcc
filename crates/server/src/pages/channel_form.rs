//! The form of a channel, made from its kind's schema.

use fanfare::{ChannelView, LaneSettings, core::Kind};
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::{
    parts,
    schema::{self, Field, Input},
};

/// The fields of a channel of this kind: its name, and its configuration as it stands.
pub(super) fn fields(kind: &Kind, channel: Option<&ChannelView>, may_change: bool) -> Markup {
    let config = channel.and_then(|channel| channel.config.as_object());
    html! {
        fieldset disabled[!may_change] {
            div.field {
                label for="name" { "Name" }
                input #name name="/name" required maxlength="200" autocomplete="off" value=[channel.map(|c| c.name.as_str())] placeholder=(format!("{} of the operations team", kind.name)) aria-describedby="name-help name-error";
                p.help #name-help { "What you call it: it stands in the settings, in jobs and in the history." }
                p.error #name-error {}
            }
            @for field in schema::fields(&kind.config_schema()) { (one(&field, config)) }
        }
    }
}

fn one(field: &Field, config: Option<&Map<String, Value>>) -> Markup {
    let id = format!("config-{}", field.name);
    let about = format!("{id}-help {id}-error");
    html! {
        div.field {
            @if !matches!(field.input, Input::Switch) {
                label for=(id) { (field.label) @if !field.required { " " span.optional { "optional" } } }
            }
            (control(field, &id, &about, config))
            p.help id={ (id) "-help" } {
                (parts::prose(&field.help))
                @if field.input == Input::Secret { " Stored encrypted, never shown again; " code { "$FANFARE_VAR_…" } " takes it from that variable of the server." }
            }
            p.error id={ (id) "-error" } {}
        }
    }
}

fn control(field: &Field, id: &str, about: &str, config: Option<&Map<String, Value>>) -> Markup {
    let name = format!("/config/{}", field.name);
    let optional = !field.required;
    let present = schema::value(field, config);
    let text = present.map(schema::text).unwrap_or_default();
    html! {
        @match &field.input {
            Input::Text => { input id=(id) name=(name) value=(text.replace('\n', " ")) required[field.required] data-optional[optional] autocomplete="off" spellcheck="false" aria-describedby=(about); }
            Input::Url => { input id=(id) name=(name) value=(text) inputmode="url" required[field.required] data-optional[optional] autocomplete="off" spellcheck="false" aria-describedby=(about); }
            Input::Long => { textarea.mono id=(id) name=(name) data-optional[optional] rows="6" spellcheck="false" aria-describedby=(about) { (text) } }
            Input::Lines => { textarea id=(id) name=(name) data-type="lines" required[field.required] rows="3" spellcheck="false" aria-describedby=(about) { (text) } }
            Input::Integer { min, max } => { input id=(id) name=(name) type="number" data-type="integer" value=(text) min=[*min] max=[*max] step="1" required[field.required] aria-describedby=(about); }
            Input::Switch => {
                div.row {
                    span.switch { input id=(id) name=(name) type="checkbox" role="switch" data-type="boolean" checked[present == Some(&Value::Bool(true))] aria-describedby=(about); span {} }
                    label for=(id) { (field.label) }
                }
            }
            Input::Choice(words) => {
                select id=(id) name=(name) aria-describedby=(about) {
                    @for (word, means) in words { option value=(word) selected[*word == text] { (word) @if !means.is_empty() { " – " (means.trim_end_matches('.')) } } }
                }
            }
            Input::Secret => (secret(field, id, &name, about, config.and_then(|config| config.get(&field.name)))),
            Input::Pairs => (pairs(id, &name, present.and_then(Value::as_object))),
        }
    }
}

/// A secret is written, never shown: one that is set stays until somebody replaces it.
fn secret(field: &Field, id: &str, name: &str, about: &str, stored: Option<&Value>) -> Markup {
    let variable = stored.filter(|value| value.is_object()).map(schema::text);
    let hidden = stored.and_then(Value::as_str).filter(|text| !text.is_empty());
    html! {
        @if let Some(hidden) = hidden {
            div.secret {
                span.badge.success { "Set" }
                code.grow { (hidden) }
                button.button.slim type="button" data-replace=(id) data-secret=(name) aria-label={ "Replace " (field.label) } { "Replace" }
            }
        }
        input id=(id) name=(name) data-type="secret" value=[variable] required[field.required] data-optional[!field.required] hidden[hidden.is_some()] disabled[hidden.is_some()] autocomplete="off" spellcheck="false" placeholder=[hidden.map(|_| "The new value")] aria-describedby=(about);
    }
}

fn pairs(id: &str, name: &str, present: Option<&Map<String, Value>>) -> Markup {
    let known =
        present.map(|pairs| pairs.keys().map(String::as_str).collect::<Vec<_>>().join("\n")).unwrap_or_default();
    html! {
        div.pairs id=(id) data-pairs=(name) data-known=(known) {
            @for (key, value) in present.into_iter().flatten() { (pair(key, &schema::text(value))) }
        }
        template { (pair("", "")) }
        div { button.button.slim type="button" data-add-pair { "Add one" } }
    }
}

fn pair(key: &str, value: &str) -> Markup {
    html! {
        div.pair {
            input value=(key) aria-label="Name" placeholder="Name" autocomplete="off" spellcheck="false";
            input value=(value) aria-label="Value" placeholder="Value" autocomplete="off" spellcheck="false";
            button.button.slim type="button" data-remove-pair aria-label="Remove" { "✕" }
        }
    }
}

/// How deliveries leave, for those who need to change it.
pub(super) fn lane(kind: &Kind, lane: LaneSettings, may_change: bool) -> Markup {
    let usual = &kind.lane;
    html! {
        fieldset disabled[!may_change] {
            div.fields-2 {
                (number("concurrency", "At once", "How many deliveries may be under way at the same time.", "integer", lane.concurrency.map(f64::from), usual.concurrency.to_string()))
                (number("rate", "A second", "How many leave in a second on average.", "number", lane.rate, usual.rate.map_or_else(|| "as fast as they come".into(), |rate| rate.to_string())))
                (number("burst", "Burst", "How many may leave at once before that counts.", "integer", lane.burst.map(f64::from), usual.burst.to_string()))
                (digest(lane.digest, usual.digest))
            }
        }
    }
}

/// Whether a storm is told as one.
fn digest(value: Option<bool>, usual: bool) -> Markup {
    let word = |on: bool| if on { "on" } else { "off" };
    html! {
        div.field {
            label for="digest" { "Digest" }
            select #digest name="/delivery/digest" data-type="yes-no" autocomplete="off" aria-describedby="digest-help digest-error" {
                option value="" selected[value.is_none()] { "As usual for this kind: " (word(usual)) }
                option value="true" selected[value == Some(true)] { "On: a storm is told as one" }
                option value="false" selected[value == Some(false)] { "Off: each is told by itself" }
            }
            p.help #digest-help { "When more than 20 of one event wait for a channel that is held back, they leave as one notification with true counts." }
            p.error #digest-error {}
        }
    }
}

fn number(id: &str, label: &str, help: &str, of: &str, value: Option<f64>, usual: String) -> Markup {
    let step = if of == "integer" { "1" } else { "any" };
    html! {
        div.field {
            label for=(id) { (label) }
            input id=(id) name={ "/delivery/" (id) } type="number" data-type=(of) min="0" step=(step) value=[value] placeholder=(usual) aria-describedby={ (id) "-help " (id) "-error" };
            p.help id={ (id) "-help" } { (help) " Usual for this kind: " (usual) "." }
            p.error id={ (id) "-error" } {}
        }
    }
}
