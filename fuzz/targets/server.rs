//! Any bytes to the USB/IP server, over TCP: it neither dies nor hangs, its answers fit what was asked, and the token is
//! back on the list when the connection is over.
//!
//! The first byte says whether an honest import goes first.
#![no_main]

use std::{
    collections::HashMap,
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::OnceLock,
    time::{Duration, Instant},
};

use chacha20::{ChaCha20Rng, rand_core::SeedableRng};
use firmware::{Factory, Token};
use host_driver::{
    Exporter, Listen, State,
    panel::{Habit, panel},
    store::MemoryStore,
};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::Runtime;
use ushield_fuzz::{
    enrolled::{PIN, PUK},
    host::{SECRET, profile},
};
use wire::usbip::{DEVICE, OP_HEADER, Return, URB_HEADER, parse_import_header, request_import};

fuzz_target!(|input: &[u8]| {
    let Some((first, rest)) = input.split_first() else { return };
    let import = first & 1 == 1;
    let server = SERVER.get_or_init(Server::start);
    let answers = server.talk(import, rest);
    if import {
        check(&answers, rest);
    }
    server.is_free_again();
});

static SERVER: OnceLock<Server> = OnceLock::new();

struct Server {
    exporter: Exporter,
    address: SocketAddr,
    _runtime: Runtime,
}

impl Server {
    fn start() -> Self {
        let runtime = Runtime::new().expect("threads");
        let _context = runtime.enter();
        let address: SocketAddr = ([127, 0, 0, 1], 0).into();
        let listen = Listen { address, ..Listen::default() };
        let exporter = runtime.block_on(Exporter::start(listen)).expect("a free port");
        let factory = Factory { pin: Some(PIN.to_vec().into()), puk: PUK.to_vec().into() };
        let (screen, handle) = panel(Habit::Accept);
        let (store, rng) = (MemoryStore::default(), ChaCha20Rng::from_seed([1; 32]));
        let token =
            Token::manufacture(profile(), &SECRET, store, screen, rng, &factory).expect("a new token");
        exporter.plug(token, Some(handle)).expect("room on the bus");
        let address = exporter.local_addr();
        drop(_context);
        Self { exporter, address, _runtime: runtime }
    }

    /// Sends all, says that no more comes, and reads to the end.
    fn talk(&self, import: bool, bytes: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a time-out");
        let mut out = if import { request_import("1-1").expect("short") } else { Vec::new() };
        out.extend_from_slice(bytes);
        let mut answers = Vec::new();
        // The server may hang up on nonsense before it has read all of it.
        if stream.write_all(&out).and_then(|()| stream.shutdown(Shutdown::Write)).is_ok()
            && let Err(error) = stream.read_to_end(&mut answers)
        {
            let hung = matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut);
            assert!(!hung, "the server neither answers nor hangs up");
        }
        answers
    }

    fn is_free_again(&self) {
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.exporter.list().iter().any(|entry| entry.state != State::Free) {
            assert!(Instant::now() < deadline, "the token is still held");
            std::thread::yield_now();
        }
    }
}

/// The answers to an import and what followed: each is to a URB that was sent, and brings no more than it asked for.
fn check(answers: &[u8], sent: &[u8]) {
    let Some((head, rest)) = answers.split_first_chunk::<OP_HEADER>() else { return };
    assert_eq!(parse_import_header(*head), Ok(0), "nobody else holds the token");
    let Some((_, mut rest)) = rest.split_first_chunk::<DEVICE>() else { return };
    let Some(asked) = asked(sent) else { return };
    while let Some((head, after)) = rest.split_first_chunk::<URB_HEADER>() {
        rest = after;
        let Return::Submit { sequence, length, .. } = Return::parse(head).expect("an answer") else {
            continue;
        };
        let (is_in, most) = asked.get(&sequence).copied().expect("to a URB that was sent");
        assert!(length <= most, "{length} bytes for {most}");
        if is_in {
            // What the connection's end cut off is no answer.
            let Some(after) = after.get(length as usize..) else { return };
            rest = after;
        }
    }
}

/// Direction and length of each URB, by its sequence number; `None` when two share one, for then nobody can tell.
fn asked(mut sent: &[u8]) -> Option<HashMap<u32, (bool, u32)>> {
    let mut asked = HashMap::new();
    while let Some((head, after)) = sent.split_first_chunk::<URB_HEADER>() {
        let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        sent = after;
        if word(0) != 1 {
            continue;
        }
        let (is_in, length) = (word(12) == 1, word(24));
        if asked.insert(word(4), (is_in, length)).is_some() {
            return None;
        }
        if !is_in {
            sent = after.get(length as usize..).unwrap_or_default();
        }
    }
    Some(asked)
}
