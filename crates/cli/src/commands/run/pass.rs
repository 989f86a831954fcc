//! Handing a command's output on, byte for byte and at once.

use std::{
    fs::File,
    io::{self, Read, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, poll};

use super::{progress::Progress, tail::Tail};

/// When a command has ended, what it started may still hold its output. So long it may be silent.
const QUIET: Duration = Duration::from_millis(500);

/// So long it may go on writing.
const CHATTER: Duration = Duration::from_secs(5);

/// Whoever reads our output and takes this long for one piece decides the pace, as it would without us.
const STUCK: Duration = Duration::from_millis(200);

/// One output of the command, on its way.
#[derive(Debug)]
pub(super) struct Stream(Mutex<Flow>);

/// How an output flows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flow {
    /// Whether its end has been seen.
    ended: bool,
    /// When something last came or went.
    moved: Instant,
    /// Since when a piece is being written.
    writing: Option<Instant>,
}

impl Stream {
    /// A stream of which nothing has come yet.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Flow { ended: false, moved: Instant::now(), writing: None })))
    }

    /// How it flows now.
    pub(super) fn flow(&self) -> Flow {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Flow> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writes(&self, writing: bool) {
        let mut flow = self.lock();
        flow.moved = Instant::now();
        flow.writing = writing.then_some(flow.moved);
    }

    /// Copies until the end of `from`. What goes through is remembered in `tail`, and then an output that nobody
    /// takes any more is still read, since its words are wanted; without one, the command learns that nobody reads.
    pub(super) fn copy(&self, mut from: impl Read, mut to: File, progress: &Progress, tail: Option<&Mutex<Tail>>) {
        let mut buffer = vec![0; 64 * 1024];
        let mut taken = true;
        loop {
            let bytes = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => &buffer[..n],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            if let Some(tail) = tail {
                tail.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
            }
            if taken {
                self.writes(true);
                taken = progress.pass(bytes, |bytes| write_all(&mut to, bytes)).is_ok();
            }
            self.writes(false);
            if !taken && tail.is_none() {
                break;
            }
        }
        self.lock().ended = true;
    }
}

/// Whether the outputs of a command that ended this long ago need no more waiting for.
pub(super) fn is_drained(ended_for: Duration, flows: &[Flow], now: Instant) -> bool {
    let left = || flows.iter().filter(|flow| !flow.ended);
    let since = |time: Instant| now.saturating_duration_since(time);
    if left().any(|flow| flow.writing.is_some_and(|began| since(began) >= STUCK)) {
        return false;
    }
    ended_for >= CHATTER || left().all(|flow| flow.writing.is_none() && since(flow.moved).min(ended_for) >= QUIET)
}

/// As the library's, also where whoever shares the file with us has made it non-blocking.
fn write_all(to: &mut File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => bytes = &bytes[n..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                match poll(&mut [PollFd::new(to, PollFlags::OUT)], None) {
                    Ok(_) | Err(rustix::io::Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Seek};

    use super::*;

    #[test]
    fn every_byte_goes_through_and_is_remembered() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|i| (i * 7 % 251) as u8).collect();
        let (mut file, tail, stream) = (tempfile::tempfile().unwrap(), Mutex::new(Tail::default()), Stream::new());
        let input = [bytes.as_slice(), b"\nlast words\n"].concat();
        stream.copy(Cursor::new(&input), file.try_clone().unwrap(), &Progress::new(false, "job"), Some(&tail));
        let mut written = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut written).unwrap();
        assert!(written == input && stream.flow().ended);
        assert!(tail.lock().unwrap().text().ends_with("\nlast words"));
    }

    #[test]
    fn output_that_nobody_takes_is_still_remembered() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let (tail, stream) = (Mutex::new(Tail::default()), Stream::new());
        let to = File::from(std::os::fd::OwnedFd::from(writer));
        stream.copy(Cursor::new(b"words"), to, &Progress::new(false, "job"), Some(&tail));
        assert_eq!(tail.lock().unwrap().text(), "words");
    }

    #[test]
    fn a_full_pipe_that_does_not_block_is_waited_for() {
        let (mut reader, writer) = io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        let copying = std::thread::spawn(move || {
            let to = File::from(std::os::fd::OwnedFd::from(writer));
            Stream::new().copy(Cursor::new(vec![7; 300_000]), to, &Progress::new(false, "job"), None);
        });
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        copying.join().unwrap();
        assert!(read == vec![7; 300_000]);
    }

    #[test]
    fn waiting_for_output_ends() {
        let now = Instant::now() + Duration::from_secs(100);
        let ago = |millis| now.checked_sub(Duration::from_millis(millis)).unwrap();
        let check = |ended: bool, moved: u64, writing: Option<u64>, ended_for: u64, expected: bool| {
            let flow = Flow { ended, moved: ago(moved), writing: writing.map(ago) };
            let drained = is_drained(Duration::from_millis(ended_for), &[flow], now);
            assert_eq!(drained, expected, "{ended} {moved} {writing:?} {ended_for}");
        };
        check(true, 0, None, 0, true);
        // Somebody holds it and is silent.
        check(false, 9_000, None, 100, false);
        check(false, 400, None, 4_000, false);
        check(false, 600, None, 600, true);
        // Somebody goes on writing.
        check(false, 10, None, 4_900, false);
        check(false, 10, Some(10), 5_100, true);
        // Whoever reads takes their time.
        check(false, 60_000, Some(60_000), 60_000, false);
        // Both have to be through.
        let through = Flow { ended: true, moved: now, writing: None };
        let flows = [through, Flow { ended: false, ..through }];
        assert!(!is_drained(Duration::ZERO, &flows, now));
    }
}
