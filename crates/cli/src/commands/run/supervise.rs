//! Running a command from its beginning to its end.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, IsTerminal, PipeReader, PipeWriter},
    os::fd::{AsFd, OwnedFd},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use rustix::process::{Pid, Signal as Number, kill_process};
use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{MissedTickBehavior, interval, sleep},
};

use super::{
    ended::Ended,
    pass::{Stream, is_drained},
    progress::Progress,
    signals::Signal,
    tail::Tail,
};

/// How often we look whether it is time for the line that shows progress. Signals are acted upon at once.
const LOOK: Duration = Duration::from_millis(250);

/// How often we look after the command without such a line: its end is announced, so this is a precaution.
const CALM_LOOK: Duration = Duration::from_secs(1);

/// How often we look whether all output has come through.
const DRAIN_LOOK: Duration = Duration::from_millis(5);

/// What happened between the beginning and the end.
#[derive(Debug)]
pub(super) struct Course {
    /// How it ended.
    pub(super) ended: Ended,
    /// When it began.
    pub(super) started_at: Timestamp,
    /// When it ended.
    pub(super) ended_at: Timestamp,
    /// How long it took, by a clock that nobody sets.
    pub(super) took: Duration,
    /// The last lines of its error output.
    pub(super) last_lines: String,
}

/// The outputs that pass through us.
#[derive(Debug, Default)]
struct Outputs {
    streams: Vec<Arc<Stream>>,
    tail: Arc<Mutex<Tail>>,
}

/// Runs a command. Standard input is its own. Standard output too, unless a line that shows progress could meet it on
/// the same terminal; error output passes through, since its last lines are wanted.
pub(super) async fn supervise(
    command: &[OsString],
    progress: &Arc<Progress>,
    signals: &mut UnboundedReceiver<Signal>,
) -> Course {
    let (started_at, began) = (Timestamp::now(), Instant::now());
    let mut outputs = Outputs::default();
    let program = command.first().map(OsString::as_os_str).unwrap_or_default();
    let ended = match start(command, progress, &mut outputs) {
        Ok(child) => end(child, progress, signals).await,
        Err(error) => Ended::not_started(program, &error),
    };
    let (ended_at, took) = (Timestamp::now(), began.elapsed());
    let last_lines = outputs.drained().await;
    Course { ended, started_at, ended_at, took, last_lines }
}

fn start(command: &[OsString], progress: &Arc<Progress>, outputs: &mut Outputs) -> io::Result<Child> {
    let (program, arguments) = command.split_first().ok_or(io::ErrorKind::NotFound)?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::inherit());
    // The copying threads stand before the command runs: where the system has none left, nothing is half done.
    command.stderr(outputs.pass(io::stderr().as_fd().try_clone_to_owned()?, progress, true)?);
    if progress.is_wanted() && io::stdout().is_terminal() {
        command.stdout(outputs.pass(io::stdout().as_fd().try_clone_to_owned()?, progress, false)?);
    }
    // Dropping the command closes our copies of the pipes' other ends.
    command.spawn()
}

impl Outputs {
    /// A pipe for the command, everything in which goes on to `to`.
    fn pass(&mut self, to: OwnedFd, progress: &Arc<Progress>, remembered: bool) -> io::Result<PipeWriter> {
        let (reader, writer): (PipeReader, PipeWriter) = io::pipe()?;
        let (stream, progress) = (Stream::new(), Arc::clone(progress));
        let tail = remembered.then(|| Arc::clone(&self.tail));
        self.streams.push(Arc::clone(&stream));
        let copy = move || stream.copy(reader, File::from(to), &progress, tail.as_deref());
        thread::Builder::new().name("output".into()).spawn(copy)?;
        Ok(writer)
    }

    /// Waits until what the command wrote has come through, but not for whatever it left running. Gives the last
    /// lines.
    async fn drained(&self) -> String {
        let ended = Instant::now();
        loop {
            let flows: Vec<_> = self.streams.iter().map(|stream| stream.flow()).collect();
            let now = Instant::now();
            if is_drained(now.saturating_duration_since(ended), &flows, now) {
                return self.tail.lock().unwrap_or_else(PoisonError::into_inner).text();
            }
            sleep(DRAIN_LOOK).await;
        }
    }
}

/// Waits for the end, and passes on what signals come meanwhile.
async fn end(mut child: Child, progress: &Progress, signals: &mut UnboundedReceiver<Signal>) -> Ended {
    let mut look = interval(if progress.is_wanted() { LOOK } else { CALM_LOOK });
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // Here alone the process is waited for, so that a signal can never go to another one with the same number.
        match child.try_wait() {
            Ok(None) => {}
            Ok(Some(status)) => return Ended::of(status),
            Err(error) => return Ended::NotRun(format!("its end was not seen: {error}")),
        }
        tokio::select! {
            Some(signal) = signals.recv() => {
                if let Signal::Sent(number) = signal
                    && let Some(number) = Number::from_named_raw(number)
                {
                    // Fails only where the command has ended or has become somebody else's.
                    let _ = kill_process(Pid::from_child(&child), number);
                }
            }
            _ = look.tick() => progress.tick(),
        }
    }
}
