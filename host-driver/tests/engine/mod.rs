//! Parts that the tests of the exporter share: a server, a device that obeys commands, and a client of raw bytes.

// Each test program uses its own part of this module.
#![allow(dead_code, unreachable_pub)]

pub mod client;
pub mod device;
pub mod guest;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use host_driver::{BusId, Exporter, Listen, State, usbip::Timing};
use tokio::runtime::Runtime;

use client::Client;
use device::{Fake, Told};

/// Whether this program's tests go over the Unix socket: `unix.rs` runs those of other programs again.
pub const UNIX: bool = matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"unix");

/// Where a server is to be connected to.
#[derive(Clone, Debug)]
pub enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// An exporter with a runtime of its own, so that tests are plain and blocking, as clients are.
pub struct Server {
    pub exporter: Exporter,
    pub runtime: Runtime,
    folder: tempfile::TempDir,
}

impl Server {
    pub fn start() -> Self {
        Self::with(Timing::STANDARD)
    }

    pub fn with(timing: Timing) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let listen = Listen { address, timing, ..Listen::default() };
        let mut exporter = runtime.block_on(Exporter::start(listen)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        if UNIX {
            let _context = runtime.enter();
            exporter.listen_unix(&folder.path().join("s"), timing).unwrap();
        }
        Self { exporter, runtime, folder }
    }

    pub fn place(&self) -> Place {
        if UNIX { Place::Unix(self.folder.path().join("s")) } else { Place::Tcp(self.exporter.local_addr()) }
    }

    /// Plugs in a device that obeys commands.
    pub fn plug(&self) -> (BusId, Arc<Told>) {
        let (fake, told) = Fake::new();
        (self.exporter.plug(fake, None).unwrap(), told)
    }

    /// Listens for QEMU guests.
    pub fn usbredir(&self, wanted: Option<BusId>) -> SocketAddr {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let listen = Listen { address, timing: Timing::STANDARD, ..Listen::default() };
        self.runtime.block_on(self.exporter.listen_usbredir(listen, wanted)).unwrap()
    }

    pub fn connect(&self) -> Client {
        Client::connect(&self.place())
    }

    /// Connects, and takes the device.
    pub fn take(&self, id: BusId) -> Client {
        let mut client = self.connect();
        assert_eq!(client.import(id), Ok(()));
        client
    }

    /// Waits until the device is free.
    pub fn wait_free(&self, id: BusId) {
        eventually("the device is free", || self.exporter.bus().port(id).unwrap().state() == State::Free);
    }
}

/// Waits for a state that must come.
pub fn eventually(what: &str, mut come: impl FnMut() -> bool) {
    // The time is long enough for a machine that is busy with other things. Only a state that never comes takes it all.
    // it.
    let end = Instant::now() + Duration::from_secs(60);
    while !come() {
        assert!(Instant::now() < end, "did not come: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
