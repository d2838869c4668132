//! The roads from a host to a token: the same stories run over each of them.

mod shared;

use std::time::{Duration, Instant};

use card::{Card, Error, Pipe, usbip::Link};
use firmware::{
    fixture::{Holder, SharedFlash as Flash},
    profile::Profile,
};
use host_driver::{BusId, Exporter, Listen, usbip::Timing};
use tokio::runtime::{Builder, Runtime};

use crate::bench::{self, Bench};

pub use shared::Shared;

/// The road that a story takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Road {
    /// The token's endpoints are called directly; time is simulated.
    InProcess,
    /// The exporter, TCP on the loopback, and the userspace client.
    UsbIp,
    /// The exporter, its Unix socket, and the userspace client.
    Unix,
    /// The same token behind the rootless reader: a socket, and a card that others share.
    Pcsc,
}

/// A token plugged in at the end of a road.
pub enum Plugged {
    /// On the bench.
    Bench(Box<Bench>),
    /// On the exporter's bus.
    Exported(Exported),
    /// On the exporter's bus, held by a reader.
    Shared(Shared),
}

/// An exporter with one token on its bus. Threads of its own serve it.
pub struct Exported {
    exporter: Option<Exporter>,
    bus_id: BusId,
    runtime: Runtime,
    _folder: tempfile::TempDir,
}

impl Plugged {
    /// Plugs in the token that the flash holds.
    pub fn new(road: Road, profile: Profile, flash: &Flash, holder: &Holder) -> Self {
        let token = bench::open(profile, flash, holder);
        match road {
            Road::InProcess => Self::Bench(Box::new(Bench::plug(token))),
            Road::UsbIp | Road::Unix | Road::Pcsc => {
                let runtime =
                    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
                let listen = Listen { address: ([127, 0, 0, 1], 0).into(), ..Listen::default() };
                let mut exporter = runtime.block_on(Exporter::start(listen)).expect("a free port");
                let folder = tempfile::tempdir().expect("a folder");
                let bus_id = {
                    let _context = runtime.enter();
                    if road == Road::Unix {
                        let socket = folder.path().join("3240.usbip");
                        exporter.listen_unix(&socket, Timing::STANDARD).expect("a free path");
                    }
                    exporter.plug(token, None).expect("room on the bus")
                };
                let exported = Exported { exporter: Some(exporter), bus_id, runtime, _folder: folder };
                match road {
                    Road::Pcsc => Self::Shared(Shared::new(exported)),
                    _ => Self::Exported(exported),
                }
            }
        }
    }

    /// Opens the card. A token whose former holder was just cut off may need a moment.
    ///
    /// # Errors
    /// The road's own.
    pub fn card(&self) -> Result<Card, Error> {
        match self {
            Self::Bench(bench) => bench.card(),
            Self::Exported(exported) => exported.card(),
            Self::Shared(shared) => shared.card(),
        }
    }

    /// The road itself, for a host that does what no [`Card`] does.
    ///
    /// # Errors
    /// The road's own.
    pub fn pipe(&self) -> Result<Box<dyn Pipe>, Error> {
        Ok(match self {
            Self::Bench(bench) => bench.clone() as Box<dyn Pipe>,
            Self::Exported(exported) => Box::new(exported.link()?),
            Self::Shared(_) => return Err(Error::Invalid("a PC/SC service shows no USB pipes")),
        })
    }

    /// Pulls the token out, whatever the token is doing.
    pub fn unplug(&self) {
        match self {
            Self::Bench(bench) => bench.unplug(),
            Self::Exported(exported) | Self::Shared(Shared { exported, .. }) => {
                let _context = exported.runtime.enter();
                exported.exporter().unplug(exported.bus_id).expect("it was plugged in");
            }
        }
    }

    /// Puts the same token back that was pulled out.
    pub fn plug_again(&self) {
        match self {
            Self::Bench(bench) => bench.plug_again(),
            Self::Exported(exported) | Self::Shared(Shared { exported, .. }) => {
                let _context = exported.runtime.enter();
                exported.exporter().plug_again(exported.bus_id).expect("it was pulled out");
            }
        }
    }
}

impl Exported {
    /// Where the exporter listens, on this road.
    pub fn address(&self) -> String {
        self.exporter().address()
    }

    fn exporter(&self) -> &Exporter {
        self.exporter.as_ref().expect("it lives as long as this")
    }

    fn card(&self) -> Result<Card, Error> {
        Card::open(self.link()?)
    }

    fn link(&self) -> Result<Link, Error> {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            match Link::import(&self.address(), &self.bus_id.to_string()) {
                Err(Error::Busy) if Instant::now() < end => std::thread::sleep(Duration::from_millis(10)),
                other => return other,
            }
        }
    }
}

impl Drop for Exported {
    fn drop(&mut self) {
        let _context = self.runtime.enter();
        drop(self.exporter.take());
    }
}
