//! Merges SQLite's write-ahead log into the file, beside the writer: who merges it after a commit, as SQLite does by
//! itself, keeps everybody waiting for some thousand pages.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use rusqlite::Connection;

use crate::StoreError;

/// After how many transactions the log is merged. Each has written its own page of every index; merged less often, such
/// a page goes into the file once for all of them. Under load, these are some 4,000 pages.
const EVERY: u32 = 256;

/// A thread with a connection of its own that merges what the writer has written.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    thread: Option<JoinHandle<()>>,
    wake: Option<SyncSender<()>>,
    has_merged: Arc<AtomicBool>,
    transactions: u32,
}

impl Checkpointer {
    /// Starts it for a file that exists and is in WAL mode.
    pub(crate) fn start(file: &Path, busy: Duration) -> Result<Self, StoreError> {
        let connection = Connection::open(file)?;
        connection.busy_timeout(busy)?;
        // The log is on disk before the file changes, and the file before the log begins anew.
        connection.pragma_update(None, "synchronous", "FULL")?;
        let (wake, woken) = sync_channel(1);
        let has_merged = Arc::<AtomicBool>::default();
        let merged = has_merged.clone();
        let work = move || {
            while woken.recv().is_ok() {
                merge(&connection);
                merged.store(true, Ordering::Release);
            }
        };
        let thread =
            std::thread::Builder::new().name("fanfare-merge".into()).spawn(work).map_err(StoreError::Thread)?;
        Ok(Self { thread: Some(thread), wake: Some(wake), has_merged, transactions: 0 })
    }

    /// Hears of a transaction of this connection that has been committed.
    pub(crate) fn committed(&mut self, connection: &Connection) {
        // What was written while the thread worked is left. With it, all is merged, and the log begins anew; otherwise
        // it would grow for as long as there is no pause.
        if self.has_merged.swap(false, Ordering::Acquire) {
            merge(connection);
        }
        self.transactions += 1;
        if self.transactions >= EVERY
            && let Some(wake) = &self.wake
            && !matches!(wake.try_send(()), Err(TrySendError::Full(())))
        {
            self.transactions = 0;
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        drop(self.wake.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Merges as much as nobody reads or writes. Where that fails, the log goes on, and SQLite tries again by itself when it
/// is long.
fn merge(connection: &Connection) {
    if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(())) {
        tracing::debug!(%error, "the write-ahead log was not merged");
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Read};

    use super::*;

    /// What a log is called; another one after it has begun anew.
    fn salt(log: &Path) -> [u8; 8] {
        let mut header = [0; 24];
        File::open(log).unwrap().read_exact(&mut header).unwrap();
        header[16..].try_into().unwrap()
    }

    #[test]
    fn the_log_begins_anew_while_transactions_go_on() {
        let dir = tempfile::tempdir().unwrap();
        let (file, log) = (dir.path().join("x.db"), dir.path().join("x.db-wal"));
        let connection = Connection::open(&file).unwrap();
        let prepare = "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (a);";
        connection.execute_batch(prepare).unwrap();
        let mut checkpointer = Checkpointer::start(&file, Duration::ZERO).unwrap();
        let (mut known, mut begun, mut rows) = (salt(&log), 0, 0);
        while begun < 3 {
            connection.execute("INSERT INTO t VALUES (zeroblob(2000))", ()).unwrap();
            checkpointer.committed(&connection);
            rows += 1;
            let now = salt(&log);
            begun += u32::from(now != known);
            known = now;
            assert!(rows < 100 * EVERY, "the log grows and grows");
        }
        let count = |connection: &Connection| -> u32 {
            connection.query_row("SELECT COUNT(*) FROM t", (), |row| row.get(0)).unwrap()
        };
        assert_eq!(count(&connection), rows);
        drop((checkpointer, connection));
        assert!(!log.exists(), "the thread has let go of it");
        assert_eq!(count(&Connection::open(&file).unwrap()), rows);
    }
}
