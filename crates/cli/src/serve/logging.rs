//! The log, on standard error.

use std::io::{self, IsTerminal};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer, Registry, filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use super::lines::{Escaping, Lines};
use crate::{config::LogFormat, output::colours_wanted};

/// Something that hears what is logged.
pub(super) type Listener = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts the log: our own targets at `level`, dependencies at info. Whatever the level is, `others` hear what they want.
pub(crate) fn start(level: LevelFilter, format: LogFormat, others: impl IntoIterator<Item = Listener>) {
    let log = match format {
        LogFormat::Text => {
            let coloured = colours_wanted(io::stderr().is_terminal());
            let escaping = if coloured { Escaping::Coloured } else { Escaping::Text };
            fmt::layer().with_writer(move || Lines { to: io::stderr(), escaping }).with_ansi(coloured).boxed()
        }
        LogFormat::Json => {
            let lines = || Lines { to: io::stderr(), escaping: Escaping::Json };
            fmt::layer().json().with_writer(lines).flatten_event(true).boxed()
        }
    };
    // Fails where a log runs already, which is then as good.
    let log: Listener = log.with_filter(targets(level)).boxed();
    let listeners: Vec<Listener> = std::iter::once(log).chain(others).collect();
    let _ = tracing_subscriber::registry().with(listeners).try_init();
}

fn targets(level: LevelFilter) -> Targets {
    // The names of our crates all begin like this. The migrator tells at info that it found nothing to do.
    Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target("sea_orm_migration", LevelFilter::WARN)
        .with_target("fanfare", level)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn the_level_is_that_of_our_own_targets() {
        let debug = targets(LevelFilter::DEBUG);
        assert!(debug.would_enable("fanfare_engine::writer", &Level::DEBUG));
        assert!(!debug.would_enable("hyper", &Level::DEBUG));
        assert!(debug.would_enable("hyper", &Level::INFO));
        let off = targets(LevelFilter::OFF);
        assert!(!off.would_enable("fanfare_server", &Level::ERROR));
        assert!(off.would_enable("hyper", &Level::INFO));
    }
}
