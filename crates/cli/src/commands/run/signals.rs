//! The signals that reach us while a command runs.

use std::{fs, io, thread};

use signal_hook::{
    consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2},
    iterator::{SignalsInfo, exfiltrator::WithOrigin},
    low_level::siginfo::Cause,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What is passed on to the command.
const PASSED: [i32; 6] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2];

/// A signal that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// A process of ours may have ended.
    Child,
    /// Somebody sent this one to us alone.
    Sent(i32),
    /// The terminal sent it to all processes of its foreground, the command among them.
    Shared(i32),
}

impl Signal {
    /// `leads`: whether we lead the session, as a shell does for what is typed into it.
    fn of(signal: i32, cause: Cause, leads: bool) -> Self {
        match (signal, cause) {
            (SIGCHLD, _) => Self::Child,
            // A terminal that goes away tells the leader alone; the others hear of it when the leader ends.
            (SIGHUP, _) if leads => Self::Sent(signal),
            // The kernel sends by itself only what a terminal makes: Ctrl-C, Ctrl-\ and its own end.
            (signal, Cause::Kernel) => Self::Shared(signal),
            (signal, _) => Self::Sent(signal),
        }
    }

    /// Whether it asks us to come to an end.
    pub(super) fn ends(self) -> bool {
        matches!(self, Self::Sent(signal) | Self::Shared(signal) if !matches!(signal, SIGUSR1 | SIGUSR2))
    }
}

/// Catches signals from now on. What was ignored before stays so, for us and for the command, as `nohup` wants it.
pub(super) fn catch() -> io::Result<UnboundedReceiver<Signal>> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let wanted = PASSED.into_iter().filter(|signal| !is_ignored(*signal, &status)).chain([SIGCHLD]);
    let signals = SignalsInfo::<WithOrigin>::new(wanted)?;
    let leads = leads_its_session(&status);
    let (sender, receiver) = unbounded_channel();
    thread::Builder::new().name("signals".into()).spawn(move || forward(signals, leads, &sender))?;
    Ok(receiver)
}

fn forward(mut signals: SignalsInfo<WithOrigin>, leads: bool, sender: &UnboundedSender<Signal>) {
    for origin in signals.forever() {
        if sender.send(Signal::of(origin.signal, origin.cause, leads)).is_err() {
            break;
        }
    }
}

/// Whether a process ignores a signal, as Linux tells it in `/proc/PID/status`.
fn is_ignored(signal: i32, status: &str) -> bool {
    let mask = value("SigIgn:", status).and_then(|mask| u64::from_str_radix(mask, 16).ok()).unwrap_or(0);
    u32::try_from(signal - 1).ok().and_then(|bit| mask.checked_shr(bit)).is_some_and(|mask| mask & 1 == 1)
}

/// Whether a process leads its session. Not asked of `getsid`, which answers 0 where the leader is outside of our
/// container: no number of a process, and one that bindings do not expect.
fn leads_its_session(status: &str) -> bool {
    value("NSsid:", status).is_some_and(|session| value("NSpid:", status) == Some(session))
}

fn value<'a>(name: &str, status: &'a str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_leader_of_a_session_is_recognised_in_containers_too() {
        assert!(leads_its_session("Pid:\t4711\nNSpid:\t4711\nNSsid:\t4711\n"));
        assert!(!leads_its_session("Pid:\t4712\nNSpid:\t4712\nNSsid:\t4711\n"));
        assert!(leads_its_session("NSpid:\t4711\t1\nNSsid:\t4711\t1\n"));
        // As in `docker exec`: the leader is outside.
        assert!(!leads_its_session("NSpid:\t7\nNSsid:\t0\n"));
        assert!(!leads_its_session(""));
    }

    #[test]
    fn ignored_signals_are_recognised() {
        // As under nohup.
        let status = "Name:\tx\nSigBlk:\t0000000000000002\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000000\n";
        assert!(is_ignored(SIGHUP, status));
        assert!(!is_ignored(SIGINT, status));
        assert!(!is_ignored(SIGTERM, status));
        assert!(!is_ignored(SIGHUP, ""));
    }

    #[test]
    fn what_the_terminal_sends_to_everybody_is_not_passed_on() {
        use signal_hook::low_level::siginfo::Sent;
        let by_process = Cause::Sent(Sent::User);
        for leads in [false, true] {
            assert_eq!(Signal::of(SIGINT, Cause::Kernel, leads), Signal::Shared(SIGINT));
            assert_eq!(Signal::of(SIGINT, by_process, leads), Signal::Sent(SIGINT));
            assert_eq!(Signal::of(SIGHUP, by_process, leads), Signal::Sent(SIGHUP));
            assert_eq!(Signal::of(SIGCHLD, Cause::Kernel, leads), Signal::Child);
        }
        assert_eq!(Signal::of(SIGHUP, Cause::Kernel, false), Signal::Shared(SIGHUP));
        assert_eq!(Signal::of(SIGHUP, Cause::Kernel, true), Signal::Sent(SIGHUP));
    }

    #[test]
    fn some_signals_ask_for_the_end() {
        assert!(Signal::Sent(SIGTERM).ends() && Signal::Shared(SIGINT).ends());
        assert!(!Signal::Sent(SIGUSR1).ends() && !Signal::Child.ends());
    }
}
