//! The log, on standard error.

use std::io::{self, IsTerminal};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer, filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{config::LogFormat, output::colours_wanted};

/// Starts the log: our own targets at `level`, dependencies at info.
pub(crate) fn start(level: LevelFilter, format: LogFormat) {
    let log = match format {
        LogFormat::Text => {
            fmt::layer().with_writer(io::stderr).with_ansi(colours_wanted(io::stderr().is_terminal())).boxed()
        }
        LogFormat::Json => fmt::layer().json().with_writer(io::stderr).flatten_event(true).boxed(),
    };
    // Fails where a log runs already, which is then as good.
    let _ = tracing_subscriber::registry().with(log.with_filter(targets(level))).try_init();
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
