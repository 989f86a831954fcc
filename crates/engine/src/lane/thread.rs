//! Where lanes run: one thread for all of them.

use std::{convert::Infallible, io};

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

/// A thread with a runtime of its own, as long as this is there. What is still under way then is given up.
///
/// Sending has nothing to say to whoever accepts: both speak with the writer. On threads that they share they only wait
/// for one another.
#[derive(Debug)]
pub(crate) struct LaneThread {
    runtime: Handle,
    _alive: oneshot::Sender<Infallible>,
}

impl LaneThread {
    /// Starts the thread.
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (alive, gone) = oneshot::channel::<Infallible>();
        let run = move || {
            let _ = runtime.block_on(gone);
            // A name that is being looked up would be waited for.
            runtime.shutdown_background();
        };
        std::thread::Builder::new().name("fanfare-lanes".into()).spawn(run)?;
        Ok(Self { runtime: handle, _alive: alive })
    }

    /// What lanes are started with.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }
}
