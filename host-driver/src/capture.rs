//! A capture: every transfer of every token, as a pcapng file that Wireshark dissects as USB and CCID.
//!
//! The queue of URBs, which USB/IP and usbredir share, reports each transfer to the capture. Secrets are blanked before
//! anything is stored ([`blank`]). A thread writes the file, and devices never wait for that thread: transfers that it cannot
//! take in time are counted and left out.

mod blank;
mod header;
mod writer;
mod usbmon;
mod pcapng;

use std::{
    io,
    path::Path,
    sync::{
        Arc, Mutex,
        mpsc::{SyncSender, sync_channel},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use blank::Shown;
use lock::lock;
use writer::{SIZES, Writer};

pub(crate) use blank::Blank;

use crate::urb::{Tap, Transfer};

/// What stands for a byte that was blanked.
pub(crate) const BLANK: u8 = b'*';
/// Packets that may wait for the writer; each is at most [`pcapng::SNAP_LENGTH`] bytes.
const WAITING: usize = 256;
/// How long the end of a capture may take where the file does not take all that waits: a pipe that could not be made larger, whose
/// reader stands still.
const PATIENCE: Duration = Duration::from_secs(5);

/// A capture under way. Dropping it ends it.
#[derive(Debug)]
pub struct Capture {
    shared: Arc<Shared>,
    writer: Option<Writer>,
}

/// What came of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Packets in the file.
    pub packets: u64,
    /// Packets that the writer could not take.
    pub dropped: u64,
}

#[derive(Debug)]
struct Shared {
    /// A packet is handed over and counted under this lock, so that whoever ends the capture finds the one with the other.
    tally: Mutex<Tally>,
}

#[derive(Debug)]
struct Tally {
    /// The way to the writer; `None` once no more is wanted. The writer ends when the way is gone and what it held is written.
    packets: Option<SyncSender<Vec<u8>>>,
    /// The writer need not go on.
    given_up: bool,
    /// Packets that are in the file, or on their way to it.
    taken: u64,
    dropped: u64,
}

impl Shared {
    fn is_over(&self) -> bool {
        lock(&self.tally).packets.is_none()
    }

    /// Hands a packet to the writer, or leaves it out; nothing once the capture is over.
    fn put(&self, packet: Vec<u8>) {
        let mut tally = lock(&self.tally);
        let Some(packets) = &tally.packets else { return };
        match packets.try_send(packet) {
            Ok(()) => tally.taken += 1,
            Err(_) => tally.dropped += 1,
        }
    }

    /// From here on nothing is put down: what was counted stays so.
    fn close(&self) {
        drop(lock(&self.tally).packets.take());
    }
}

/// The place on a bus that a capture tells: Linux' buses have 127 devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    bus: u16,
    device: u8,
}

impl Place {
    fn of(number: u32) -> Self {
        let at = number.saturating_sub(1);
        let bus = u16::try_from(at / 127 + 1).unwrap_or(u16::MAX);
        Self { bus, device: u8::try_from(at % 127 + 1).unwrap_or(u8::MAX) }
    }
}

impl Capture {
    /// Begins a file that only its owner reads; what was in it is gone.
    ///
    /// # Errors
    /// It cannot be written, is a link, or is another user's.
    pub fn start(path: &Path) -> io::Result<Self> {
        Self::start_with(path, &SIZES)
    }

    fn start_with(path: &Path, sizes: &'static [usize]) -> io::Result<Self> {
        let (packets, wanted) = sync_channel(WAITING);
        let tally = Tally { packets: Some(packets), given_up: false, taken: 0, dropped: 0 };
        let shared = Arc::new(Shared { tally: Mutex::new(tally) });
        let writer = Writer::start(path, Arc::clone(&shared), wanted, sizes)?;
        Ok(Self { shared, writer: Some(writer) })
    }

    /// Somebody to look on while a host has the device with this number.
    pub(crate) fn tap(&self, number: u32) -> Box<dyn Tap> {
        let shared = Arc::clone(&self.shared);
        Box::new(Onlooker { shared, place: Place::of(number), blank: Blank::default() })
    }

    /// Ends the capture: all of it is in the file.
    ///
    /// # Errors
    /// Some of it could not be written.
    pub fn stop(mut self) -> io::Result<Summary> {
        self.end()?;
        let tally = lock(&self.shared.tally);
        Ok(Summary { packets: tally.taken, dropped: tally.dropped })
    }

    fn end(&mut self) -> io::Result<()> {
        self.end_within(PATIENCE)
    }

    /// Waits for as long as the file takes no more, and no longer than this.
    fn end_within(&mut self, patience: Duration) -> io::Result<()> {
        self.shared.close();
        self.writer.take().map_or(Ok(()), |writer| writer.finish(patience))
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        // Told to the log where it happened.
        let _ = self.end();
    }
}

/// Microseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Looks on while one host has one device.
struct Onlooker {
    shared: Arc<Shared>,
    place: Place,
    blank: Blank,
}

impl Tap for Onlooker {
    fn see(&mut self, transfer: &Transfer<'_>) {
        if self.shared.is_over() {
            return;
        }
        let Shown { setup, mut data, blanked } = self.blank.shown(transfer);
        let length = 64 + data.len();
        data.truncate(pcapng::SNAP_LENGTH - 64);
        let time = now();
        let mut packet = usbmon::header(self.place, transfer, setup, time, data.len()).to_vec();
        packet.append(&mut data);
        let comment = blanked.then_some("secret bytes are blanked with *");
        self.shared.put(pcapng::packet(time, &packet, length, comment));
    }
}

#[cfg(test)]
mod tests;
