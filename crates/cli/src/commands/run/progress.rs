//! One line on a terminal that says that a silent command still runs, and which never mixes with its output.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::clean;

/// How long a command says nothing before the line appears.
const SILENCE: Duration = Duration::from_millis(1_500);

/// How often the line changes.
const TICK: Duration = Duration::from_millis(120);

/// The line, and the gate that all output passes which could meet it.
#[derive(Debug)]
pub(super) struct Progress {
    wanted: bool,
    job: String,
    began: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    bar: Option<ProgressBar>,
    last_output: Instant,
    at_line_start: bool,
}

impl Progress {
    /// The line for a run of this job, if it is `wanted`.
    pub(super) fn new(wanted: bool, job: &str) -> Self {
        let now = Instant::now();
        let state = State { bar: None, last_output: now, at_line_start: true };
        Self { wanted, job: clean(job), began: now, state: Mutex::new(state) }
    }

    /// Whether there can be a line at all.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Writes output with the line out of the way.
    pub(super) fn pass<T>(&self, bytes: &[u8], write: impl FnOnce(&[u8]) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.hide();
        let written = write(bytes);
        state.last_output = Instant::now();
        state.at_line_start = bytes.last().is_none_or(|byte| *byte == b'\n');
        written
    }

    /// Shows the line where it is time for it.
    pub(super) fn tick(&self) {
        // Where output waits to be written, there is no silence; and the caller has signals to look after.
        let Ok(mut state) = self.state.try_lock() else { return };
        if self.wanted && state.bar.is_none() && state.is_silent(Instant::now()) {
            let bar =
                ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_elapsed(self.began.elapsed());
            let style = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.set_message(self.job.clone());
            bar.enable_steady_tick(TICK);
            state.bar = Some(bar);
        }
    }

    /// Takes the line away. Says whether what comes next begins a line.
    pub(super) fn end(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.hide();
        state.at_line_start
    }
}

impl State {
    fn hide(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Whether the line can stand here. Behind half a line, such as a question, it would destroy that.
    fn is_silent(&self, now: Instant) -> bool {
        self.at_line_start && now.saturating_duration_since(self.last_output) >= SILENCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_waits_for_silence_at_the_start_of_a_line() {
        let progress = Progress::new(true, "nightly");
        let later = Instant::now() + SILENCE;
        let silent = |now| progress.state.lock().unwrap().is_silent(now);
        assert!(silent(later) && !silent(Instant::now()));
        progress.pass(b"Continue? ", |_| ());
        assert!(!silent(later + SILENCE) && !progress.end());
        progress.pass(b"y\n", |_| ());
        assert!(silent(later + SILENCE) && progress.end());
    }

    #[test]
    fn output_is_handed_on_as_it_is() {
        let progress = Progress::new(false, "nightly");
        let mut written = Vec::new();
        progress.pass(b"\xff\0", |bytes| written.extend_from_slice(bytes));
        assert_eq!(written, b"\xff\0");
    }
}
