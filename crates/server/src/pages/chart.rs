//! Bars by hour, drawn on the server, with the same figures as a table for those who do not see them.

use fanfare::HourCount;
use jiff::Timestamp;
use maud::{Markup, html};

/// What became of the deliveries that were accepted in one hour.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hour {
    /// When the hour began.
    pub(super) began: Timestamp,
    pub(super) delivered: i64,
    pub(super) waiting: i64,
    pub(super) failed: i64,
}

/// How many hours are shown.
const HOURS: i64 = 24;
/// Milliseconds of an hour.
const HOUR: i64 = 3_600_000;

/// The last 24 hours, oldest first, from what the ledger counted.
pub(super) fn hours(counted: Vec<HourCount>, now: Timestamp) -> Vec<Hour> {
    let last = now.as_millisecond().div_euclid(HOUR);
    let began = |hour: i64| Timestamp::from_millisecond(hour * HOUR).unwrap_or(now);
    let empty = |hour| Hour { began: began(hour), delivered: 0, waiting: 0, failed: 0 };
    let mut hours: Vec<_> = (last - HOURS + 1..=last).map(empty).collect();
    for HourCount { hour, delivered, waiting, failed } in counted {
        let place = usize::try_from(hour - (last - HOURS + 1)).ok();
        if let Some(place) = place.and_then(|i| hours.get_mut(i)) {
            *place = Hour { began: place.began, delivered, waiting, failed };
        }
    }
    hours
}

/// What the colours mean.
pub(super) fn key() -> Markup {
    html! {
        div.key aria-hidden="true" { span { i.success {} "Delivered" } span { i.waiting {} "Waiting" } span { i.failure {} "Failed" } }
    }
}

const WIDTH: i64 = 960;
const HEIGHT: i64 = 150;

/// The bars: of all hours, and, for a narrow screen, of the later half of them.
pub(super) fn bars(hours: &[Hour]) -> Markup {
    html! {
        svg.chart.all viewBox={ "0 -22 " (WIDTH) " " (HEIGHT + 46) } role="img" aria-label="Deliveries by hour; the table below has the figures" { (drawn(hours, WIDTH)) }
        svg.chart.few viewBox={ "0 -26 " (WIDTH / 2) " " (HEIGHT + 54) } role="img" aria-label="Deliveries by hour; the table below has the figures" { (drawn(&hours[hours.len() / 2..], WIDTH / 2)) }
        details.small { summary.quiet { "The figures" } div.table-wrap { table {
            thead { tr { th { "Hour" span data-zone { " · UTC" } } th.num { "Delivered" } th.num { "Waiting" } th.num { "Failed" } } }
            tbody { @for hour in hours { tr { td { span data-hour=(hour.began) data-day { (hour.began.strftime("%Y-%m-%d %H:00").to_string()) } } td.num { (hour.delivered) } td.num { (hour.waiting) } td.num { (hour.failed) } } } }
        } } }
    }
}

fn drawn(hours: &[Hour], width: i64) -> Markup {
    let most = hours.iter().map(|hour| hour.delivered + hour.waiting + hour.failed).max().unwrap_or(0);
    let step = WIDTH / HOURS;
    html! {
        @for (i, hour) in (0..).zip(hours) {
            @let parts = [("success", hour.delivered), ("waiting", hour.waiting), ("failure", hour.failed)];
            g data-hour-title=(hour.began) {
                title { (hour.began.strftime("%H:00 UTC").to_string()) ": " (hour.delivered) " delivered, " (hour.waiting) " waiting, " (hour.failed) " failed" }
                rect.none x=(i * step + 4) y=(HEIGHT - 2) width=(step - 8) height="2" {}
                @for (name, from, height) in stacked(&parts, most.max(1)) {
                    rect.(name) x=(i * step + 4) y=(HEIGHT - from - height) width=(step - 8) height=(height) {}
                }
            }
            @if i % 4 == 0 { text x=(i * step + 4) y=(HEIGHT + 19) data-hour=(hour.began) { (hour.began.strftime("%H:00").to_string()) } }
        }
        text x=(width - 4) y="-10" text-anchor="end" { "most in an hour: " (most) tspan data-zone { " · UTC" } }
    }
}

/// Where each part of a bar begins and how high it is; what is there at all can be seen.
fn stacked<'a>(parts: &[(&'a str, i64)], most: i64) -> Vec<(&'a str, i64, i64)> {
    let mut from = 0;
    let mut stack = Vec::new();
    for (name, count) in parts.iter().filter(|(_, count)| *count > 0) {
        let height = (count * (HEIGHT - 8) / most).max(3);
        stack.push((*name, from, height));
        from += height;
    }
    stack
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_without_deliveries_are_there_too() {
        let now: Timestamp = "2026-03-29T12:30:00Z".parse().unwrap();
        let this = now.as_millisecond() / HOUR;
        let count = |hour, delivered, waiting, failed| HourCount { hour, delivered, waiting, failed };
        let counted = vec![count(this, 5, 0, 2), count(this - 23, 0, 1, 0), count(this - 24, 9, 0, 0)];
        let hours = hours(counted, now);
        assert_eq!(hours.len(), 24);
        assert_eq!((hours[23].delivered, hours[23].failed, hours[0].waiting), (5, 2, 1));
        assert_eq!(hours.iter().map(|hour| hour.delivered).sum::<i64>(), 5);
        assert_eq!(hours[23].began, "2026-03-29T12:00:00Z".parse().unwrap());
    }

    #[test]
    fn one_among_many_can_be_seen() {
        assert_eq!(stacked(&[("a", 1_000), ("b", 0), ("c", 1)], 1_001), [("a", 0, 141), ("c", 141, 3)]);
    }
}
