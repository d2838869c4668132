//! Tokens to measure: served in a process of their own, reached through `card`.

use std::{net::SocketAddr, path::Path, time::Duration};

use anyhow::Context;
use card::{Card, Error, Pipe, pipe::Interface, piv::Piv, usbip::Link};
use chacha20::{ChaCha20Rng, rand_core::SeedableRng};
use firmware::fixture::{Holder, SharedFlash as Flash};
use firmware::{
    Token,
    profile::Profile,
    seams::{Storage, StorageFault},
};
use host_driver::{
    Exporter, Listen,
    panel::{Habit, panel},
    raise_descriptor_limit,
    store::{FileStore, MemoryStore},
    usbip::Timing,
};
use ushield_tests::bench::{self, Bench, PIN};
use wire::{
    piv::{Algorithm, Slot},
    usb::Setup,
};

use crate::{
    line::Order,
    process::{announce, socket},
};

/// The length of an ordinary certificate, in bytes.
const CERTIFICATE: usize = 700;

/// Serves `tokens` tokens until the process ends: in memory, or one in a folder. Each has a key and a certificate. When
/// `stretching`, a PIN costs what a token whose state is kept pays for the PIN; otherwise a PIN costs nothing.
pub(crate) fn serve(tokens: u16, stretching: bool, folder: Option<&Path>) -> anyhow::Result<()> {
    raise_descriptor_limit();
    let profile = if stretching { Profile::standard() } else { bench::profile() };
    let template = template(&profile)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let _context = runtime.enter();
    let address: SocketAddr = ([127, 0, 0, 1], 0).into();
    let mut exporter = runtime.block_on(Exporter::start(Listen { address, ..Listen::default() }))?;
    exporter.listen_unix(&socket()?, Timing::STANDARD)?;
    match folder {
        Some(folder) => plug(&exporter, &profile, &template, FileStore::open(folder)?, 0)?,
        None => {
            for number in 0..tokens {
                plug(&exporter, &profile, &template, MemoryStore::default(), number)?;
            }
        }
    }
    drop(template);
    announce(exporter.local_addr())?;
    runtime.block_on(std::future::pending())
}

fn plug<S: Storage + Send + 'static>(
    exporter: &Exporter,
    profile: &Profile,
    template: &Flash,
    mut storage: S,
    number: u16,
) -> anyhow::Result<()> {
    copy(template, &mut storage).context("copying the token")?;
    let (screen, handle) = panel(Habit::Accept);
    let rng = ChaCha20Rng::seed_from_u64(number.into());
    let token = Token::open(profile.clone(), &bench::SECRET, storage, screen, rng);
    exporter.plug(token, Some(handle))?;
    Ok(())
}

fn copy(from: &impl Storage, to: &mut impl Storage) -> Result<(), StorageFault> {
    for name in from.names()? {
        if let Some(record) = from.load(name)? {
            to.save(name, &record)?;
        }
    }
    Ok(())
}

/// A token's flash with a key and a certificate in slot 9A.
fn template(profile: &Profile) -> anyhow::Result<Flash> {
    let (flash, holder) = (Flash::default(), Holder::default());
    bench::manufacture(profile.clone(), Some(PIN), &flash, &holder);
    let mut card = Bench::plug(bench::open(profile.clone(), &flash, &holder)).card()?;
    let mut piv = Piv::select(&mut card)?;
    piv.authenticate_management(Algorithm::Tdes, &MANAGEMENT_KEY)?;
    piv.generate(Slot::Authentication, Algorithm::P256)?;
    piv.put_certificate(Slot::Authentication, &[0x30; CERTIFICATE])?;
    Ok(flash)
}

/// The default management key, as stock tools expect it.
const MANAGEMENT_KEY: [u8; 24] = [
    1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, //
];

/// Imports the token and powers its card, in this order of URBs.
pub(crate) fn card(address: impl ToString, bus_id: &str, order: Order) -> Result<Card, Error> {
    let link = Link::import(&address.to_string(), bus_id)?;
    match order {
        Order::OneWrite => Card::open(link),
        Order::Serial => Card::open(Serial(link)),
    }
}

/// A link that waits for the answer to OUT before it asks for IN, as a kernel driver does.
struct Serial(Link);

impl Pipe for Serial {
    fn interface(&self) -> &Interface {
        self.0.interface()
    }

    fn control(&mut self, setup: Setup, data: &[u8]) -> Result<Vec<u8>, Error> {
        self.0.control(setup, data)
    }

    fn bulk_out(&mut self, data: &[u8]) -> Result<(), Error> {
        self.0.bulk_out(data)
    }

    fn bulk_in(&mut self, into: &mut Vec<u8>, max: usize, timeout: Duration) -> Result<(), Error> {
        self.0.bulk_in(into, max, timeout)
    }

    fn interrupt_in(&mut self, timeout: Duration) -> Result<Option<Vec<u8>>, Error> {
        self.0.interrupt_in(timeout)
    }
}
