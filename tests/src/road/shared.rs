//! The PC/SC road: an exported token in a reader's slot.

use std::{
    thread,
    time::{Duration, Instant},
};

use card::{Card, Error, road};
use reader::{Config, Service};

use super::Exported;

/// How long a token may take to be shown.
const PATIENCE: Duration = Duration::from_secs(60);

/// A token that a reader service holds.
pub struct Shared {
    // The order of the fields counts: the service lets the token go before the server ends.
    service: Option<Service>,
    pub(super) exported: Exported,
    _folder: tempfile::TempDir,
}

impl Shared {
    pub(super) fn new(exported: Exported) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("pcscd.comm");
        let config = Config { socket, usbip: Some(exported.address()), ..Config::default() };
        let service = Service::start(config).expect("a reader");
        Self { service: Some(service), exported, _folder: folder }
    }

    /// Connects to the card. A token that was just plugged in may need a moment to be shown.
    pub(super) fn card(&self) -> Result<Card, Error> {
        let socket = self.service.as_ref().map(|service| service.socket().to_owned());
        let selection = road::Selection { pcsc: socket, ..road::Selection::default() };
        let end = Instant::now() + PATIENCE;
        loop {
            match road::open(&selection) {
                Err(Error::NotFound(_)) if Instant::now() < end => thread::sleep(Duration::from_millis(10)),
                other => return other,
            }
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        drop(self.service.take());
    }
}
