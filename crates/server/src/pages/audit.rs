//! The audit: who changed what, and when; with filters that stay in the address, and as a file.

use axum::extract::{RawQuery, State};
use fanfare::Engine;
use jiff::{Span, Timestamp, civil::Date, tz::TimeZone};
use maud::{Markup, html};

use super::{
    Html,
    audit_words::{self, Difference},
    frame::Page,
    icons,
    parts::{self, Tone, when},
    visitor::{Administrator, PageError},
};
use crate::{
    accounts::{AuditFilter, Entry},
    app::AppState,
    page::Stretch,
};

/// The filters as they stand in the address. What cannot be read filters nothing.
#[derive(Debug, Default)]
struct Wanted {
    actor: String,
    action: String,
    object: String,
    from: String,
    to: String,
    cursor: String,
}

impl Wanted {
    fn read(query: Option<String>) -> Self {
        let mut wanted = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let place = match &*name {
                "actor" => &mut wanted.actor,
                "action" => &mut wanted.action,
                "object" => &mut wanted.object,
                "from" => &mut wanted.from,
                "to" => &mut wanted.to,
                "cursor" => &mut wanted.cursor,
                _ => continue,
            };
            *place = value.trim().to_owned();
        }
        wanted
    }

    fn filter(&self) -> AuditFilter {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        AuditFilter {
            actor: text(&self.actor),
            action: text(&self.action),
            object: text(&self.object),
            since: begin_of(&self.from, 0),
            until: begin_of(&self.to, 1),
        }
    }

    /// An address with these filters, and one more.
    fn address(&self, path: &str, times: [&str; 2], more: (&str, &str)) -> String {
        let filter = self.filter();
        let pairs = [
            ("actor", filter.actor),
            ("action", filter.action),
            ("object", filter.object),
            (times[0], if times[0] == "from" { some(&self.from) } else { filter.since.map(|at| at.to_string()) }),
            (times[1], if times[1] == "to" { some(&self.to) } else { filter.until.map(|at| at.to_string()) }),
            (more.0, some(more.1)),
        ];
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs.iter().filter_map(|(name, value)| Some((*name, value.as_ref()?))));
        format!("{path}?{}", query.finish())
    }

    fn is_filtering(&self) -> bool {
        [&self.actor, &self.action, &self.object, &self.from, &self.to].iter().any(|value| !value.is_empty())
    }
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

/// When a day begins (in UTC), or one some days later.
fn begin_of(day: &str, later: i64) -> Option<Timestamp> {
    let day = day.parse::<Date>().ok()?.checked_add(Span::new().try_days(later).ok()?).ok()?;
    Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

pub(super) async fn list(
    State(app): State<AppState>,
    Administrator(visitor): Administrator,
    RawQuery(query): RawQuery,
) -> Result<Html, PageError> {
    let wanted = Wanted::read(query);
    let cursor = Some(wanted.cursor.as_str()).filter(|cursor| !cursor.is_empty());
    let stretch = Stretch::new(Some(50), cursor).map_err(PageError)?;
    let found = app.accounts.audit_entries(&wanted.filter(), stretch.page()).await?;
    let (entries, next) = stretch.cut(found, |entry| entry.id);
    let file = |format| wanted.address("/api/v1/audit", ["since", "until"], ("format", format));
    let page = Page {
        title: "Audit",
        lead: html! { "Who changed what, and when, newest first. It is added to and never changed; secrets are not in it." },
        above: &[],
        action: html! {
            a.button href=(file("csv")) download="audit.csv" { (icons::icon("export")) "Download as CSV" }
            a.button href=(file("jsonl")) download="audit.jsonl" { "As JSON lines" }
        },
    };
    let now = Timestamp::now();
    let content = html! {
        (filters(&wanted))
        section.card #audit data-part aria-label="Entries" {
            @if entries.is_empty() {
                div.empty {
                    (icons::large("audit"))
                    @if wanted.is_filtering() { h2 { "Nothing matches" } p { "No entry fits all of these filters." } a.button href="/audit" { "Show everything" } }
                    @else { h2 { "Nothing was changed yet" } p { "Every change of channels, jobs, settings, accounts and tokens will stand here, with who made it, and every sign-in." } }
                }
            } @else {
                div.table-wrap { table.fold.audit {
                    thead { tr { th { "When" } th { "Who" } th { "What" } th { "Before and after" } } }
                    tbody { @for entry in &entries { (row(entry, &app.engine, now)) } }
                } }
            }
        }
        @if let Some(next) = next { p.row { a.button href=(wanted.address("/audit", ["from", "to"], ("cursor", &next))) { "Older" } } }
    };
    Ok(page.with(&visitor, content))
}

fn filters(wanted: &Wanted) -> Markup {
    html! {
        form.card method="get" action="/audit" role="search" {
            div.card-body.row {
                input.slim name="actor" value=(wanted.actor) aria-label="Who" placeholder="Who, such as user:ada@example.com" size="28" autocomplete="off" spellcheck="false";
                select.slim name="action" aria-label="What" {
                    option value="" { "Anything" }
                    @for (kind, name) in audit_words::KINDS { option value=(kind) selected[kind == wanted.action] { (name) } }
                    @if !wanted.action.is_empty() && !audit_words::KINDS.iter().any(|(kind, _)| *kind == wanted.action) { option value=(wanted.action) selected { (wanted.action) } }
                }
                label.row.small { "From" input.slim name="from" type="date" value=(wanted.from) title="From the beginning of this day (UTC)"; }
                label.row.small { "to" input.slim name="to" type="date" value=(wanted.to) title="Until the end of this day (UTC)"; }
                @if !wanted.object.is_empty() { input type="hidden" name="object" value=(wanted.object); span.badge.accent { "One thing: " (wanted.object) } }
                button.button.slim { "Filter" }
                @if wanted.is_filtering() { a.button.plain.slim href="/audit" { "Show everything" } }
            }
        }
    }
}

fn row(entry: &Entry, engine: &Engine, now: Timestamp) -> Markup {
    let alone = |name: &str, value: &str| {
        format!("/audit?{}", url::form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish())
    };
    let differences = audit_words::differences(entry.before.as_ref(), entry.after.as_ref());
    let (name, page) = audit_words::thing(entry, engine);
    html! {
        tr id={ "entry-" (entry.id) } data-action=(entry.action) data-object=(entry.object) {
            td { (when(entry.at, now)) }
            td.who-did { a href=(alone("actor", &entry.actor)) title="Everything that they did" { (entry.actor.strip_prefix("user:").unwrap_or(&entry.actor)) } @if let Some(address) = &entry.address { br; span.small.quiet { "from " (address) } } }
            td.wide.what-did {
                (parts::badge(tone(&entry.action), audit_words::action(&entry.action)))
                @if let Some(name) = name { " " @match page { Some(page) => { a href=(page) { (name) } } None => (name) } }
                br; a.small.quiet href=(alone("object", &entry.object)) title=(entry.object) { "All that was done to it" }
            }
            td.wide {
                @match differences.as_slice() {
                    [] => { span.quiet { "–" } }
                    all => { details { summary.small { (counted(all.len())) } (table(all)) } }
                }
            }
        }
    }
}

fn tone(action: &str) -> Tone {
    match action.rsplit('.').next() {
        Some("create") => Tone::Success,
        Some("delete" | "refuse") => Tone::Failure,
        _ => Tone::Plain,
    }
}

fn counted(number: usize) -> String {
    match number {
        1 => "1 value".into(),
        number => format!("{number} values"),
    }
}

fn table(differences: &[Difference]) -> Markup {
    html! {
        div.table-wrap tabindex="0" { table.differences {
            thead { tr { th { "Value" } th { "Before" } th { "After" } } }
            tbody {
                @for difference in differences { tr {
                    th scope="row" { code { (difference.place) } }
                    td { @match &difference.before { Some(text) => { del { (text) } } None => { span.quiet { "–" } } } }
                    td { @match &difference.after { Some(text) => { ins { (text) } } None => { span.quiet { "–" } } } }
                } }
            }
        } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_whole_days() {
        let wanted = Wanted::read(Some("from=2026-03-28&to=2026-03-29&action=channel&actor=&cursor=abc".into()));
        let filter = wanted.filter();
        assert_eq!(filter.since, Some("2026-03-28T00:00:00Z".parse().unwrap()));
        assert_eq!(filter.until, Some("2026-03-30T00:00:00Z".parse().unwrap()));
        assert_eq!((filter.actor, filter.action.as_deref()), (None, Some("channel")));
        assert_eq!(
            wanted.address("/audit", ["from", "to"], ("cursor", "x")),
            "/audit?action=channel&from=2026-03-28&to=2026-03-29&cursor=x"
        );
        assert_eq!(
            wanted.address("/api/v1/audit", ["since", "until"], ("format", "csv")),
            "/api/v1/audit?action=channel&since=2026-03-28T00%3A00%3A00Z&until=2026-03-30T00%3A00%3A00Z&format=csv"
        );
    }

    #[test]
    fn a_day_that_is_none_filters_nothing() {
        assert_eq!(begin_of("29.3.2026", 0), None);
        assert_eq!(begin_of("", 1), None);
        assert_eq!(begin_of("9999-12-31", 1), None);
    }
}
