//! An honest host at its work, and new hosts that only want to see the list.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use card::{Card, piv::Piv, usbip::Link};
use wire::{
    piv::{Algorithm, Slot},
    usbip::request_list,
};

use crate::{Fault, server::PIN};

/// The honest host's token.
const TOKEN: &str = "1-1";
/// The pause between two new hosts.
const PAUSE: Duration = Duration::from_millis(20);
/// The pause after the process beside the hosts is changed.
const SETTLING: Duration = Duration::from_millis(30);
/// The longest time that is waited for a host. A host that was not served by then counts as served after this time.
const HOPELESS: Duration = Duration::from_secs(20);

/// What was measured.
#[derive(Default)]
pub struct Measured {
    /// How many signatures were made.
    pub signatures: u64,
    /// The time in which they were made.
    pub time: Duration,
    /// How long each new host took to have the list.
    pub served: Vec<Duration>,
}

impl Measured {
    /// Signatures a second.
    pub fn rate(&self) -> f64 {
        self.signatures as f64 / self.time.as_secs_f64()
    }

    pub fn add(&mut self, other: Self) {
        self.signatures += other.signatures;
        self.time += other.time;
        self.served.extend(other.served);
    }
}

/// A host that signs without pause, and one new host after the other.
pub struct Honest {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    over: AtomicBool,
    signatures: AtomicU64,
    served: Mutex<Vec<Duration>>,
    fault: Mutex<Option<String>>,
}

impl Honest {
    /// Takes the token, makes a key on it, and begins.
    pub fn begin(address: &str) -> Result<Self, Fault> {
        let mut card = Card::open(Link::import(address, TOKEN)?)?;
        let mut piv = Piv::select(&mut card)?;
        piv.authenticate_management(Algorithm::Tdes, &[1, 2, 3, 4, 5, 6, 7, 8].repeat(3))?;
        piv.generate(Slot::Authentication, Algorithm::P256)?;
        piv.verify(PIN)?;
        let shared = Arc::<Shared>::default();
        let (signer, guest) = (Arc::clone(&shared), Arc::clone(&shared));
        let address = address.to_owned();
        let threads = vec![
            thread::Builder::new().spawn(move || sign(card, &signer))?,
            thread::Builder::new().spawn(move || newcomers(&address, &guest))?,
        ];
        Ok(Self { shared, threads })
    }

    /// What the hosts do in this time. The time begins only when nothing changes any more.
    pub fn measure(&self, time: Duration) -> Result<Measured, Fault> {
        thread::sleep(SETTLING);
        let served =
            || std::mem::take(&mut *self.shared.served.lock().unwrap_or_else(PoisonError::into_inner));
        drop(served());
        let (begun, before) = (Instant::now(), self.shared.signatures.load(Ordering::Relaxed));
        thread::sleep(time);
        let signatures = self.shared.signatures.load(Ordering::Relaxed) - before;
        let time = begun.elapsed();
        match self.shared.fault.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(fault) => Err(fault.into()),
            None => Ok(Measured { signatures, time, served: served() }),
        }
    }
}

impl Drop for Honest {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn sign(mut card: Card, shared: &Shared) {
    let signed = (|| {
        let mut piv = Piv::select(&mut card)?;
        piv.verify(PIN)?;
        while !shared.over.load(Ordering::Relaxed) {
            piv.sign(Slot::Authentication, Algorithm::P256, &[0x5A; 32])?;
            shared.signatures.fetch_add(1, Ordering::Relaxed);
        }
        Ok::<_, card::Error>(())
    })();
    if let Err(error) = signed {
        *shared.fault.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(format!("the honest host: {error}"));
    }
}

fn newcomers(address: &str, shared: &Shared) {
    while !shared.over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let took = if list(address).is_ok() { begun.elapsed() } else { HOPELESS };
        shared.served.lock().unwrap_or_else(PoisonError::into_inner).push(took);
        thread::sleep(PAUSE);
    }
}

fn list(address: &str) -> Result<(), Fault> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(HOPELESS))?;
    stream.write_all(&request_list())?;
    stream.read_exact(&mut [0; 12])?;
    Ok(())
}
