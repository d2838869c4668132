//! An honest host at its work, and new hosts that only want to see the list.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use card::{Card, piv::Piv, usbip::Link};
use wire::{
    piv::{Algorithm, Slot},
    usbip::request_list,
};

use crate::{Fault, server::PIN};

/// The honest host's token.
pub const TOKEN: &str = "1-1";
/// Between two new hosts.
const PAUSE: Duration = Duration::from_millis(20);
/// A host that is not served for so long is told as served then.
const HOPELESS: Duration = Duration::from_secs(20);

/// What was measured.
pub struct Measured {
    /// Signatures a second.
    pub rate: f64,
    /// How long each new host took to have the list.
    pub served: Vec<Duration>,
}

/// A host that signs.
pub struct Client(Card);

impl Client {
    /// Takes the token, and makes a key on it.
    pub fn open(address: &str, token: &str) -> Result<Self, Fault> {
        let mut card = Card::open(Link::import(address, token)?)?;
        let mut piv = Piv::select(&mut card)?;
        piv.authenticate_management(Algorithm::Tdes, &[1, 2, 3, 4, 5, 6, 7, 8].repeat(3))?;
        piv.generate(Slot::Authentication, Algorithm::P256)?;
        piv.verify(PIN)?;
        Ok(Self(card))
    }
}

/// Signs for this long, while new hosts come.
pub fn measure(client: &mut Client, address: &str, time: Duration) -> Result<Measured, Fault> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let newcomers = scope.spawn(|| newcomers(address, &over));
        let mut piv = Piv::select(&mut client.0)?;
        piv.verify(PIN)?;
        let (begun, mut signatures) = (Instant::now(), 0_u32);
        let signed = loop {
            if begun.elapsed() >= time {
                break Ok(());
            }
            match piv.sign(Slot::Authentication, Algorithm::P256, &[0x5A; 32]) {
                Ok(_) => signatures += 1,
                Err(error) => break Err(error),
            }
        };
        let rate = f64::from(signatures) / begun.elapsed().as_secs_f64();
        over.store(true, Ordering::Relaxed);
        let served = newcomers.join().map_err(|_| "the new hosts are lost")??;
        signed?;
        Ok(Measured { rate, served })
    })
}

fn newcomers(address: &str, over: &AtomicBool) -> Result<Vec<Duration>, Fault> {
    let mut served = Vec::new();
    while !over.load(Ordering::Relaxed) || served.is_empty() {
        let begun = Instant::now();
        let took = if list(address).is_ok() { begun.elapsed() } else { HOPELESS };
        served.push(took);
        thread::sleep(PAUSE);
    }
    Ok(served)
}

fn list(address: &str) -> Result<(), Fault> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(HOPELESS))?;
    stream.write_all(&request_list())?;
    stream.read_exact(&mut [0; 12])?;
    Ok(())
}
