//! The history: every delivery, with filters.

use axum::extract::{RawQuery, State};
use fanfare::{DeliveryFilter, DeliveryState, DeliveryView, TextSearch};
use jiff::Timestamp;
use maud::{Markup, html};
use uuid::Uuid;

use super::{
    Html, Visitor,
    frame::{Page, user_of},
    icons::{self, icon},
    live,
    parts::{self, Tone, state_badge, when},
    visitor::PageError,
};
use crate::{app::AppState, page::Stretch, routes::deliveries::LOOKED_THROUGH};

/// The filters as they stand in the address. What cannot be read filters nothing.
#[derive(Debug, Default)]
struct Wanted {
    state: String,
    channel_id: String,
    event_type: String,
    job_id: String,
    event_id: String,
    digest_id: String,
    test: String,
    q: String,
    cursor: String,
}

impl Wanted {
    fn read(query: Option<String>) -> Self {
        let mut wanted = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let place = match &*name {
                "state" => &mut wanted.state,
                "channel_id" => &mut wanted.channel_id,
                "event_type" => &mut wanted.event_type,
                "job_id" => &mut wanted.job_id,
                "event_id" => &mut wanted.event_id,
                "digest_id" => &mut wanted.digest_id,
                "test" => &mut wanted.test,
                "q" => &mut wanted.q,
                "cursor" => &mut wanted.cursor,
                _ => continue,
            };
            *place = value.into_owned();
        }
        wanted
    }

    fn filter(&self, visitor: &Visitor) -> DeliveryFilter {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        DeliveryFilter {
            state: DeliveryState::ALL.into_iter().find(|state| state.as_str() == self.state),
            channel_id: self.channel_id.parse().ok(),
            event_type: text(&self.event_type),
            job_id: self.job_id.parse().ok(),
            event_id: self.event_id.parse().ok(),
            digest_id: self.digest_id.parse().ok(),
            test: self.test.parse().ok(),
            text: text(self.q.trim()).map(|text| TextSearch { text, in_addresses: visitor.may_change }),
            since: None,
        }
    }

    /// The same filters further on in the list.
    fn at(&self, cursor: &str) -> String {
        let pairs = [
            ("state", &self.state),
            ("channel_id", &self.channel_id),
            ("event_type", &self.event_type),
            ("job_id", &self.job_id),
            ("event_id", &self.event_id),
            ("digest_id", &self.digest_id),
            ("test", &self.test),
            ("q", &self.q),
        ];
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs.iter().filter(|(_, value)| !value.is_empty()));
        format!("/history?{}", query.append_pair("cursor", cursor).finish())
    }

    fn is_filtering(&self) -> bool {
        let all = [
            &self.state,
            &self.channel_id,
            &self.event_type,
            &self.job_id,
            &self.event_id,
            &self.digest_id,
            &self.test,
            &self.q,
        ];
        all.iter().any(|v| !v.is_empty())
    }
}

pub(super) async fn list(
    State(app): State<AppState>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Html, PageError> {
    let wanted = Wanted::read(query);
    let cursor = Some(wanted.cursor.as_str()).filter(|cursor| !cursor.is_empty());
    let stretch = Stretch::new(Some(50), cursor).map_err(PageError)?;
    let (found, end) = app.engine.search(wanted.filter(&visitor), stretch.page(), LOOKED_THROUGH).await?;
    let (deliveries, next) = stretch.cut_until(found, |delivery| delivery.id.0, end.map(|end| end.0));
    let is_live = cursor.is_none();
    let filters = filters(&app, &wanted).await?;
    let page = Page {
        title: "History",
        lead: html! { "Every delivery of the last 90 days, newest first: what was sent, to whom, and what came back." },
        above: &[],
        action: html! {
            @if visitor.may_change {
                button.button.script-only type="button" data-call="POST /api/v1/deliveries/retry" data-body=(retry_body(&wanted)) data-done="{retried} tried again." data-confirm="Try everything again that failed?" data-confirm-detail="All failed deliveries that match the channel and event chosen below." { (icon("retry")) "Retry failed" }
            }
        },
    };
    let now = Timestamp::now();
    let content = html! {
        (filters)
        @if is_live { (live::mark()) }
        section.card #deliveries data-part aria-label="Deliveries" {
            @if deliveries.is_empty() && next.is_some() {
                div.empty { (icons::large("search")) h2 { "Nothing here" } p { "None of these 100,000 deliveries says this. There are older ones." } }
            } @else if deliveries.is_empty() {
                div.empty {
                    (icons::large("history"))
                    @if wanted.is_filtering() { h2 { "Nothing matches" } p { "No delivery fits all of these filters." } a.button href="/history" { "Show everything" } }
                    @else { h2 { "Nothing was sent yet" } p { "When an event is raised or a job runs, what becomes of it stands here." } a.button href="/explain" { "Who would hear of it?" } }
                }
            } @else {
                div.table-wrap { table.fold {
                    thead { tr { th { "State" } th { "Notification" } th { "Channel" } th { "When" } th.num { "Attempts" } } }
                    tbody { @for delivery in &deliveries { (row(delivery, now)) } }
                } }
            }
        }
        @if let Some(next) = next { p.row { a.button href=(wanted.at(&next)) { (if wanted.q.is_empty() { "Older" } else { "Search further back" }) } } }
    };
    let users = deliveries.iter().filter_map(|delivery| user_of(&delivery.target));
    Ok(page.with(&visitor, content).hiding(&visitor, users))
}

/// One line of the list.
pub(super) fn row(delivery: &DeliveryView, now: Timestamp) -> Markup {
    html! {
        tr.link id={ "delivery-" (delivery.id) } {
            td { (state_badge(delivery.state)) }
            td.wide {
                a.whole href={ "/history/" (delivery.id) } { (delivery.title) }
                @if delivery.test { " " (parts::badge(Tone::Info, "Test")) }
                @if let Some(digest) = delivery.digest { " " (parts::badge(Tone::Plain, &format!("Digest of {}", digest.count))) }
                @if delivery.possibly_duplicate { " " (parts::badge(Tone::Plain, "Perhaps twice")) }
                @if let Some(error) = &delivery.last_error { br; span.small.quiet { (error) } }
            }
            td { span.row { (icons::kind_mini(&delivery.kind)) (delivery.channel_name) } @if delivery.target != "channel" { span.small.quiet { (delivery.target.replace("user:", "user ")) } } }
            td { (when(delivery.created_at, now)) }
            td.num { (delivery.attempts) }
        }
    }
}

fn retry_body(wanted: &Wanted) -> String {
    let mut body = serde_json::json!({"state": "dead"});
    for (name, value) in [("channel_id", &wanted.channel_id), ("event_type", &wanted.event_type)] {
        if !value.is_empty() {
            body[name] = value.as_str().into();
        }
    }
    body.to_string()
}

async fn filters(app: &AppState, wanted: &Wanted) -> Result<Markup, PageError> {
    let jobs = app.engine.jobs().await?;
    let option =
        |value: &str, name: &str, chosen: &str| html! { option value=(value) selected[value == chosen] { (name) } };
    let states = [
        ("pending", "Waiting"),
        ("held", "Held"),
        ("delivered", "Delivered"),
        ("suppressed", "Suppressed"),
        ("dead", "Failed"),
    ];
    let is_one_event = wanted.event_id.parse::<Uuid>().is_ok();
    let is_one_digest = wanted.digest_id.parse::<Uuid>().is_ok();
    Ok(html! {
        form.card method="get" action="/history" role="search" {
            div.card-body.row {
                input.slim.search type="search" name="q" value=(wanted.q) aria-label="Search" placeholder="Search in titles, channels, failures" maxlength="200" autocomplete="off";
                select.slim name="state" aria-label="State" { (option("", "Any state", &wanted.state)) @for (value, name) in states { (option(value, name, &wanted.state)) } }
                select.slim name="channel_id" aria-label="Channel" { (option("", "Any channel", &wanted.channel_id)) @for channel in app.engine.channels() { (option(&channel.id.to_string(), &channel.name, &wanted.channel_id)) } }
                select.slim name="event_type" aria-label="Event" { (option("", "Any event", &wanted.event_type)) @for event in app.engine.catalog().iter() { (option(event.id.as_str(), &event.name, &wanted.event_type)) } }
                @if !jobs.is_empty() { select.slim name="job_id" aria-label="Job" { (option("", "Any job", &wanted.job_id)) @for job in &jobs { (option(&job.id.to_string(), &job.name, &wanted.job_id)) } } }
                select.slim name="test" aria-label="Tests" { (option("", "With tests", &wanted.test)) (option("false", "Without tests", &wanted.test)) (option("true", "Tests only", &wanted.test)) }
                @if is_one_event { input type="hidden" name="event_id" value=(wanted.event_id); span.badge.accent { "One event" } }
                @if is_one_digest { input type="hidden" name="digest_id" value=(wanted.digest_id); span.badge.accent { "One digest" } }
                button.button.slim { "Filter" }
                @if wanted.is_filtering() { a.button.plain.slim href="/history" { "Show everything" } }
            }
        }
    })
}
