//! What the process measures of itself.

use std::{error::Error, time::Duration};

use fanfare_server::Measures;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder};

/// Bounds of histograms of seconds: from half a millisecond to half a minute.
const SECONDS: [f64; 15] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Bounds of histograms of numbers.
const NUMBERS: [f64; 11] = [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1_024.0];

/// How often what was recorded is summed up, so that it takes no room.
const SUM_UP: Duration = Duration::from_secs(5);

/// Measures from now on, for the whole process.
pub(super) fn start() -> Result<Measures, Box<dyn Error>> {
    let recorder = builder()?;
    let handle = recorder.install_recorder()?;
    let summed = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(SUM_UP).await;
            summed.run_upkeep();
        }
    });
    Ok(Measures::new(move || handle.render()))
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Full("fanfare_commit_events".into()), &NUMBERS)?
        .set_buckets_for_metric(Matcher::Full("fanfare_commit_outcomes".into()), &NUMBERS)
}
