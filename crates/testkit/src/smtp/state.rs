//! What all connections of a mail server share.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError, atomic::AtomicUsize},
};

use tokio::sync::watch;

use super::{At, Mail, Say};

/// What a server offers and demands.
#[derive(Clone, Debug, Default)]
pub(super) struct Offer {
    pub(super) account: Option<(String, String)>,
    pub(super) mechanisms: String,
    pub(super) size: Option<usize>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) mails: Vec<Mail>,
    pub(super) commands: Vec<String>,
    pub(super) open: usize,
    pub(super) once: HashMap<At, VecDeque<Say>>,
    pub(super) always: HashMap<At, Say>,
    pub(super) refused: HashMap<String, String>,
    pub(super) greylisting: bool,
    pub(super) seen: HashSet<String>,
}

pub(super) struct Shared {
    pub(super) offer: Offer,
    pub(super) connections: AtomicUsize,
    pub(super) changed: watch::Sender<()>,
    pub(super) restarts: watch::Sender<u64>,
    state: Mutex<State>,
}

impl Shared {
    pub(super) fn new(offer: Offer) -> Self {
        Self {
            offer,
            connections: AtomicUsize::new(0),
            changed: watch::Sender::new(()),
            restarts: watch::Sender::new(0),
            state: Mutex::default(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.send_replace(());
    }

    /// What is to be said at this point instead of the usual.
    pub(super) fn scripted(&self, at: At) -> Option<Say> {
        let mut state = self.state();
        let once = state.once.get_mut(&at).and_then(VecDeque::pop_front);
        once.or_else(|| state.always.get(&at).cloned())
    }

    /// The answer to a recipient.
    pub(super) fn recipient(&self, address: &str) -> String {
        let mut state = self.state();
        let address = address.to_lowercase();
        if let Some(line) = state.refused.get(&address) {
            return line.clone();
        }
        if state.greylisting && state.seen.insert(address) {
            return "450 4.2.0 Greylisted, try again later".into();
        }
        "250 2.1.5 Ok".into()
    }
}
