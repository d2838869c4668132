//! The tokens of the soak. All of them have the same key and are on one server. A reader service stands before the
//! server where processes share the tokens.

use card::shield::Shield;
use firmware::fixture::{Holder, SharedFlash as Flash};
use firmware::seams::Storage as _;
use host_driver::{BusId, Exporter, Listen};
use reader::{Access, Config, Service};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use ushield_tests::bench::{self, Bench, PIN};
use wire::{
    algorithm::KeyAlgorithm,
    piv::{Algorithm, PublicKey},
    shield::{Name, NewKey, Place},
};

/// The key's label.
pub const LABEL: &str = "soak";

/// Tokens on a server.
pub struct Tokens {
    point: Vec<u8>,
    bus_ids: Vec<BusId>,
    exporter: Option<Exporter>,
    runtime: Runtime,
    reader: Option<(Service, TempDir)>,
}

impl Tokens {
    /// This many tokens, with a reader service if processes share them.
    pub fn new(count: usize, shared: bool) -> Self {
        let (flash, point) = furnish();
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
        let listen = Listen { address: ([127, 0, 0, 1], 0).into(), ..Listen::default() };
        let exporter = runtime.block_on(Exporter::start(listen)).expect("a free port");
        let bus_ids = {
            let _context = runtime.enter();
            let plug = |_| {
                let token = bench::open(bench::profile(), &flash.copy(), &Holder::default());
                exporter.plug(token, None).expect("room on the bus")
            };
            (0..count).map(plug).collect()
        };
        let mut tokens = Self { point, bus_ids, exporter: Some(exporter), runtime, reader: None };
        if shared {
            let folder = tempfile::tempdir().expect("a folder");
            let config = Config {
                socket: folder.path().join("pcscd.comm"),
                access: Access::Owner,
                usbip: Some(tokens.exporter().local_addr().to_string()),
                ..Config::default()
            };
            tokens.reader = Some((Service::start(config).expect("a reader"), folder));
        }
        tokens
    }

    /// How many tokens there are.
    pub fn count(&self) -> usize {
        self.bus_ids.len()
    }

    /// The point of the key that the tokens share.
    pub fn point(&self) -> &[u8] {
        &self.point
    }

    /// The environment by which a worker finds the tokens.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        match &self.reader {
            Some((reader, _)) => vec![("PCSCLITE_CSOCK_NAME", reader.socket().display().to_string())],
            None => vec![(card::road::ENVIRONMENT, self.exporter().local_addr().to_string())],
        }
    }

    /// Pulls a token out, whatever it does at that moment.
    pub fn unplug(&self, which: usize) {
        let _context = self.runtime.enter();
        self.exporter().unplug(self.bus_ids[which]).expect("it was plugged in");
    }

    /// Puts a token back.
    pub fn plug(&self, which: usize) {
        let _context = self.runtime.enter();
        self.exporter().plug_again(self.bus_ids[which]).expect("it was pulled out");
    }

    fn exporter(&self) -> &Exporter {
        self.exporter.as_ref().expect("it lives as long as this")
    }
}

impl Drop for Tokens {
    fn drop(&mut self) {
        if let Some((reader, _folder)) = self.reader.take() {
            reader.shutdown();
        }
        let _context = self.runtime.enter();
        drop(self.exporter.take());
    }
}

/// A token with a P-256 key, and the key's point.
fn furnish() -> (Flash, Vec<u8>) {
    let flash = Flash::default();
    let token = bench::manufacture(bench::profile(), Some(PIN), &flash, &Holder::default());
    let bench = Bench::plug(token);
    let mut card = bench.card().expect("a card");
    let mut shield = Shield::select(&mut card).expect("our applet");
    shield.verify(PIN).expect("the PIN");
    let name = Name { label: LABEL.into(), id: vec![0x50, 0x01], notes: vec![] };
    let key = NewKey { algorithm: Algorithm::P256, pin: None, uses: None, name };
    let (_, template) = shield.create_key(Place::Any, &key).expect("a key");
    let Ok(PublicKey::Point { point, .. }) = PublicKey::parse(KeyAlgorithm::P256, &template) else {
        panic!("no point")
    };
    let point = point.to_vec();
    drop((card, bench));
    assert!(!flash.names().expect("a flash").is_empty());
    (flash, point)
}
