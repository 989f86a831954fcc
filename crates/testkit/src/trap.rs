//! A listener where nobody should come.

use std::{
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// Counts who connects, and closes without a word. Ends when it is dropped.
#[derive(Debug)]
pub struct Trap {
    address: SocketAddr,
    count: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
}

impl Trap {
    /// One on every address of this machine, IPv4 and IPv6, on one free port.
    pub fn everywhere() -> Self {
        // Without IPv6 on the machine, IPv4 is everywhere.
        let listener = TcpListener::bind("[::]:0").or_else(|_| TcpListener::bind("0.0.0.0:0"));
        Self::with(listener.unwrap())
    }

    /// One on this address; port 0 is a free one.
    pub fn on(address: &str) -> Self {
        Self::with(TcpListener::bind(address).unwrap())
    }

    fn with(listener: TcpListener) -> Self {
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let (count, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (counting, ending) = (count.clone(), ended.clone());
        thread::spawn(move || {
            while !ending.load(Ordering::Acquire) {
                match listener.accept() {
                    Ok(_) => drop(counting.fetch_add(1, Ordering::AcqRel)),
                    Err(_) => thread::sleep(Duration::from_millis(2)),
                }
            }
        });
        Self { address, count, ended }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many connections were made, after making one that shows that earlier ones have been counted.
    pub fn count(&self) -> usize {
        let before = self.count.load(Ordering::Acquire);
        let ip = if self.address.ip().is_unspecified() { [127, 0, 0, 1].into() } else { self.address.ip() };
        // Connections are accepted in their order, so this one comes last.
        drop(std::net::TcpStream::connect(SocketAddr::new(ip, self.port())).unwrap());
        for _ in 0..5_000 {
            let now = self.count.load(Ordering::Acquire);
            if now > before {
                // Others may be on their way at the same moment; only ours is known.
                return self.count.fetch_sub(1, Ordering::AcqRel) - 1;
            }
            thread::sleep(Duration::from_millis(2));
        }
        panic!("the trap accepts nothing");
    }
}

impl Drop for Trap {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
    }
}
