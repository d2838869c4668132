//! A server with one token, and what every plug of it owes: it answers or hangs up, and the token is free afterwards.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use firmware::{
    Factory, Token,
    fixture::{PIN, PUK, SECRET, profile, rng},
};
use host_driver::{
    Exporter, Listen, State,
    panel::{Habit, panel},
    store::MemoryStore,
};
use tokio::runtime::Runtime;

/// A token, shown over both plugs.
pub struct Server {
    exporter: Exporter,
    /// Where USB/IP is spoken.
    pub usbip: SocketAddr,
    /// Where usbredir is spoken.
    pub usbredir: SocketAddr,
    _runtime: Runtime,
}

impl Server {
    /// Plugs a new token in.
    pub fn start() -> Self {
        let runtime = Runtime::new().expect("threads");
        let listen = || Listen { address: ([127, 0, 0, 1], 0).into(), ..Listen::default() };
        let exporter = runtime.block_on(Exporter::start(listen())).expect("a free port");
        let factory = Factory { pin: Some(PIN.to_vec().into()), puk: PUK.to_vec().into(), label: String::new() };
        let (screen, handle) = panel(Habit::Accept);
        let store = MemoryStore::default();
        let token =
            Token::manufacture(profile(), &SECRET, store, screen, rng(1), &factory).expect("a new token");
        exporter.plug(token, Some(handle)).expect("room on the bus");
        let usbip = exporter.local_addr();
        let usbredir = runtime.block_on(exporter.listen_usbredir(listen(), None)).expect("a free port");
        Self { exporter, usbip, usbredir, _runtime: runtime }
    }

    /// Sends all, says that no more comes, and reads to the end.
    pub fn talk(&self, address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a time-out");
        let mut answers = Vec::new();
        // The server may hang up on nonsense before it has read all of it.
        if stream.write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write)).is_ok()
            && let Err(error) = stream.read_to_end(&mut answers)
        {
            let hung = matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut);
            assert!(!hung, "the server neither answers nor hangs up");
        }
        answers
    }

    /// The token is on the list again.
    pub fn is_free_again(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.exporter.list().iter().any(|entry| entry.state != State::Free) {
            assert!(Instant::now() < deadline, "the token is still held");
            std::thread::yield_now();
        }
    }
}
