//! Tokens on an exporter, and a reader service that shows them.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use firmware::fixture::{Holder, SharedFlash as Flash};
use host_driver::{BusId, Exporter, Listen};
use reader::{Config, Service, StartError};
use tokio::runtime::{Builder, Runtime};
use ushield_tests::bench::{self, PIN};

/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(120);

pub struct World {
    // The order of the fields matters: the reader service lets its tokens go before the server ends.
    service: Option<Service>,
    exporter: Option<Exporter>,
    runtime: Runtime,
    pub folder: tempfile::TempDir,
}

impl World {
    /// This many tokens, and no reader service yet.
    pub fn without_reader(tokens: usize) -> (Self, Vec<BusId>) {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listen = Listen { address: ([127, 0, 0, 1], 0).into(), ..Listen::default() };
        let exporter = runtime.block_on(Exporter::start(listen)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let world = Self { service: None, exporter: Some(exporter), runtime, folder };
        let ids = (0..tokens).map(|_| world.plug()).collect();
        (world, ids)
    }

    /// This many tokens behind a reader service.
    pub fn new(tokens: usize) -> Self {
        let (mut world, _) = Self::without_reader(tokens);
        world.start().unwrap();
        world
    }

    pub fn start(&mut self) -> Result<(), StartError> {
        self.service = Some(Service::start(self.config())?);
        Ok(())
    }

    pub fn config(&self) -> Config {
        Config {
            socket: self.folder.path().join("pcscd.comm"),
            usbip: Some(self.exporter().local_addr().to_string()),
            ..Config::default()
        }
    }

    /// Plugs in another token with [`PIN`].
    pub fn plug(&self) -> BusId {
        let token = bench::manufacture(bench::profile(), Some(PIN), &Flash::default(), &Holder::default());
        let _context = self.runtime.enter();
        self.exporter().plug(token, None).unwrap()
    }

    pub fn unplug(&self, bus_id: BusId) {
        let _context = self.runtime.enter();
        self.exporter().unplug(bus_id).unwrap();
    }

    /// Pulls a token out, and waits until its host knows. From here on every question finds the token gone.
    pub fn pull_out(&self, bus_id: BusId) {
        self.unplug(bus_id);
        self.runtime.block_on(self.exporter().bus().let_go(bus_id));
    }

    pub fn plug_again(&self, bus_id: BusId) {
        let _context = self.runtime.enter();
        self.exporter().plug_again(bus_id).unwrap();
    }

    fn exporter(&self) -> &Exporter {
        self.exporter.as_ref().unwrap()
    }

    pub fn service(&self) -> &Service {
        self.service.as_ref().unwrap()
    }

    pub fn stop(&mut self) {
        self.service.take().unwrap().shutdown();
    }

    pub fn socket(&self) -> &Path {
        self.service().socket()
    }

    /// The name of the one reader.
    pub fn reader(&self) -> String {
        let [one] = self.service().readers().try_into().unwrap();
        one
    }

    /// Waits until so many tokens are held by no host: a server hears only some time after its host has gone that the line is closed.
    pub fn until_free(&self, tokens: usize) {
        let address = self.exporter().local_addr().to_string();
        eventually("the tokens are free", || {
            card::usbip::list(&address).is_ok_and(|free| free.len() == tokens)
        });
    }

    /// Waits until there are this many readers.
    pub fn until(&self, readers: usize) {
        eventually("the readers", || self.service().readers().len() == readers);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        drop(self.service.take());
        let _context = self.runtime.enter();
        drop(self.exporter.take());
    }
}

/// Looks again and again until the condition is so.
pub fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "never: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
