//! Small drawings of our own, always beside a word. They take the colour of their text.

use maud::{Markup, PreEscaped, html};

/// The drawing of this name.
pub(super) fn icon(name: &str) -> Markup {
    drawing(name, 18)
}

/// The drawing of this name, larger.
pub(super) fn large(name: &str) -> Markup {
    drawing(name, 36)
}

/// The sign of a kind of channel, in its frame.
pub(super) fn kind(kind: &str) -> Markup {
    html! { span.kind aria-hidden="true" { (drawing(kind, 18)) } }
}

/// The sign of a kind of channel, small.
pub(super) fn kind_mini(kind: &str) -> Markup {
    html! { span.kind.mini aria-hidden="true" { (drawing(kind, 13)) } }
}

fn drawing(name: &str, size: u8) -> Markup {
    html! {
        svg width=(size) height=(size) viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false" {
            (PreEscaped(shape(name)))
        }
    }
}

fn shape(name: &str) -> &'static str {
    match name {
        "brand" => {
            r#"<path d="M4 10v4.500h3.500L15 19V5.500L7.500 10zM18 9a4.500 4.500 0 0 1 0 6.500M20.500 6.500a8 8 0 0 1 0 11.500"/>"#
        }
        "overview" => r#"<path d="M3 13h4l3-8 4 14 3-6h4"/>"#,
        "channels" => r#"<path d="M21 3 10 14M21 3l-7 18-4-7-7-4z"/>"#,
        "jobs" => {
            r#"<rect x="3" y="5" width="18" height="16" rx="2"/><path d="M8 3v4M16 3v4M3 10h18M8.500 15.500l2.500 2.500 4.500-5"/>"#
        }
        "bell" => r#"<path d="M6 16V11a6 6 0 0 1 12 0v5l2 2H4zM10 21h4"/>"#,
        "history" => r#"<path d="M3 12a9 9 0 1 0 3-6.700L3 8M3 3v5h5M12 7.500V12l3.500 2"/>"#,
        "ask" => {
            r#"<path d="M12 3a9 9 0 0 0-7.700 13.700L3 21l4.500-1.200A9 9 0 1 0 12 3zM9.700 9.500a2.400 2.400 0 1 1 3.500 2.100c-.8.500-1.200 1-1.200 1.900M12 16.500v.01"/>"#
        }
        "settings" => {
            r#"<path d="M4 7h9M17 7h3M4 17h3M11 17h9"/><circle cx="15" cy="7" r="2"/><circle cx="9" cy="17" r="2"/>"#
        }
        "accounts" => {
            r#"<circle cx="9" cy="8" r="3.500"/><path d="M2.500 20c.5-4 3-6 6.500-6s6 2 6.500 6M16 4.800a3.500 3.500 0 0 1 0 6.500M18.500 14.500c1.800.8 2.800 2.800 3 5.500"/>"#
        }
        "key" => r#"<circle cx="8" cy="15" r="4"/><path d="M11 12 20 3M17 6l2.500 2.500M14 9l2 2"/>"#,
        "audit" => r#"<path d="M6 3h9l4 4v14H6zM15 3v4h4M9 12h7M9 16h5"/>"#,
        "export" => r#"<path d="M12 3v12M7.500 10.500 12 15l4.500-4.500M4 19h16"/>"#,
        "network" => {
            r#"<circle cx="12" cy="12" r="9"/><path d="M3 12h18M12 3c3 3 3.500 6 3.500 9s-.5 6-3.500 9c-3-3-3.500-6-3.500-9S9 6 12 3z"/>"#
        }
        "edit" => r#"<path d="M4 20h4L19 9l-4-4L4 16zM13 7l4 4"/>"#,
        "import" => r#"<path d="M12 15V3M7.500 7.500 12 3l4.500 4.500M4 19h16"/>"#,
        "search" => r#"<circle cx="11" cy="11" r="6.500"/><path d="m16 16 4.500 4.500"/>"#,
        "menu" => r#"<path d="M4 7h16M4 12h16M4 17h16"/>"#,
        "sun" => {
            r#"<circle cx="12" cy="12" r="4"/><path d="M12 2.500v2M12 19.500v2M2.500 12h2M19.500 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M18.700 5.300l-1.400 1.400M6.700 17.300l-1.400 1.400"/>"#
        }
        "moon" => r#"<path d="M20 14.500A8.500 8.500 0 0 1 9.500 4 8.500 8.500 0 1 0 20 14.500z"/>"#,
        "screen" => r#"<rect x="3" y="4" width="18" height="13" rx="2"/><path d="M8 21h8"/>"#,
        "plus" => r#"<path d="M12 5v14M5 12h14"/>"#,
        "check" => r#"<path d="m5 12.500 4.500 4.500L19 7.500"/>"#,
        "cross" => r#"<path d="M6 6l12 12M18 6 6 18"/>"#,
        "clock" => r#"<circle cx="12" cy="12" r="8.500"/><path d="M12 7.500V12l3 2"/>"#,
        "pause" => r#"<path d="M9 6v12M15 6v12"/>"#,
        "minus" => r#"<path d="M5 12h14"/>"#,
        "warning" => r#"<path d="M12 3.500 22 20H2zM12 10v4.500M12 17.200v.01"/>"#,
        "info" => r#"<circle cx="12" cy="12" r="9"/><path d="M12 11v5.500M12 7.600v.01"/>"#,
        "send" => r#"<path d="M4 12h14M13 6.500 18.500 12 13 17.500"/>"#,
        "retry" => r#"<path d="M20 12a8 8 0 1 1-2.500-5.800L20 8.500M20 4v4.500h-4.500"/>"#,
        "email" => r#"<rect x="3" y="5" width="18" height="14" rx="2"/><path d="m3.500 7 8.500 6 8.500-6"/>"#,
        "webhook" => {
            r#"<path d="M9.500 14.500a4 4 0 0 0 5.700 0l3.300-3.300a4 4 0 0 0-5.700-5.700L11.500 6.800M14.500 9.500a4 4 0 0 0-5.700 0l-3.300 3.300a4 4 0 0 0 5.700 5.700l1.300-1.300"/>"#
        }
        "discord" => {
            r#"<path d="M8 6c2.600-.8 5.400-.8 8 0 2 3 3 7 2.800 11-1.200.9-2.500 1.500-3.800 1.800l-1-2c-1.300.3-2.700.3-4 0l-1 2c-1.300-.3-2.600-.9-3.800-1.800C5 13 6 9 8 6zM9.500 12.500v.5M14.500 12.500v.5"/>"#
        }
        "slack" => r#"<path d="M9 4v16M15 4v16M4 9h16M4 15h16"/>"#,
        "teams" => {
            r#"<rect x="3" y="6" width="12" height="12" rx="2"/><path d="M6.500 9.500h5M9 9.500v5.500M18 10.500h3v5a3 3 0 0 1-3 3"/><circle cx="18.500" cy="6.500" r="1.800"/>"#
        }
        "telegram" => r#"<path d="M21 4 3 11l5.500 2.200L17 7.500l-6.500 7.200V20l3-3.500 4.500 3.500z"/>"#,
        "gotify" => r#"<path d="M18.500 8A7.500 7.500 0 1 0 19.500 13H13"/>"#,
        "ntfy" => r#"<path d="M4 5h16v12H9l-5 3.500zM8 9l3 2.200L8 13.500M13 13.500h3.500"/>"#,
        "twilio" => {
            r#"<rect x="7" y="2.500" width="10" height="19" rx="2"/><path d="M11 18.500h2M10 7.500h4M10 11h4"/>"#
        }
        _ => r#"<circle cx="12" cy="12" r="4"/>"#,
    }
}
