//! A capture: every transfer of every token, as a pcapng file that Wireshark dissects as USB and CCID.
//!
//! The queue of URBs, which USB/IP and usbredir share, reports each transfer to the capture. Secrets are blanked before
//! anything is stored ([`blank`]). A thread writes the file, and devices never wait for that thread: transfers that it cannot
//! take in time are counted and left out.

mod blank;
mod header;
mod usbmon;
mod pcapng;

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use blank::{Blank, Shown};
use lock::lock;
use rustix::fs::{OFlags, fcntl_setfl};

use crate::urb::{Tap, Transfer};

/// What stands for a byte that was blanked.
const BLANK: u8 = b'*';
/// Packets that may wait for the writer; each is at most [`pcapng::SNAP_LENGTH`] bytes.
const WAITING: usize = 256;
/// How long the end of a capture may take: whoever reads a pipe may stand still for ever.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks at the writer then.
const TICK: Duration = Duration::from_millis(1);

/// A capture under way. Dropping it ends it.
#[derive(Debug)]
pub struct Capture {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<io::Result<()>>>,
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
    packets: SyncSender<Message>,
    /// A packet is handed over and counted under this lock, so that whoever ends the capture finds the one with the other.
    tally: Mutex<Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    /// No more is wanted.
    over: bool,
    /// Packets that are in the file, or on their way to it.
    taken: u64,
    dropped: u64,
}

impl Shared {
    fn is_over(&self) -> bool {
        lock(&self.tally).over
    }

    /// Hands a packet to the writer, or leaves it out; nothing once the capture is over.
    fn put(&self, packet: Vec<u8>) {
        let mut tally = lock(&self.tally);
        if tally.over {
            return;
        }
        match self.packets.try_send(Message::Packet(packet)) {
            Ok(()) => tally.taken += 1,
            Err(_) => tally.dropped += 1,
        }
    }

    /// From here on nothing is put down: what was counted stays so.
    fn close(&self) {
        lock(&self.tally).over = true;
    }
}

#[derive(Debug)]
enum Message {
    Packet(Vec<u8>),
    End,
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
        let mut file = file::begin(path)?;
        // The writer may wait for whoever reads a pipe; the devices never wait for the writer.
        fcntl_setfl(&file, OFlags::empty())?;
        // At once, so that a full disk is told to whoever asked for the capture.
        file.write_all(&pcapng::head())?;
        let (packets, wanted) = sync_channel(WAITING);
        let shared = Arc::new(Shared { packets, tally: Mutex::default() });
        let theirs = Arc::clone(&shared);
        let writer = thread::Builder::new().name("ushield-capture".into()).spawn(move || {
            let written = write(file, &wanted, &theirs);
            if let Err(error) = &written {
                theirs.close();
                tracing::warn!(%error, "the capture has ended early: its file could not be written");
            }
            written
        })?;
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

    /// A writer that has not ended by then is left to itself: it ends with the process, or when its file is read.
    fn end_within(&mut self, patience: Duration) -> io::Result<()> {
        self.shared.close();
        let Some(writer) = self.writer.take() else { return Ok(()) };
        let deadline = Instant::now() + patience;
        let mut told = false;
        while !writer.is_finished() {
            // An error other than this says that the writer has ended already.
            told = told || !matches!(self.shared.packets.try_send(Message::End), Err(TrySendError::Full(_)));
            if Instant::now() >= deadline {
                let text = "the capture is not complete: its file takes no more. If it is a pipe, its reader stands still";
                tracing::warn!("{text}");
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            thread::sleep(TICK);
        }
        writer.join().unwrap_or_else(|_| Err(io::Error::other("the capture's thread failed")))
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        // Told to the log where it happened.
        let _ = self.end();
    }
}

/// Writes packets as they come, and flushes whenever there are none.
fn write(file: File, wanted: &Receiver<Message>, shared: &Shared) -> io::Result<()> {
    let mut file = BufWriter::new(file);
    let mut message = wanted.recv();
    while let Ok(Message::Packet(packet)) = message {
        file.write_all(&packet)?;
        message = match wanted.try_recv() {
            Err(TryRecvError::Empty) => {
                file.flush()?;
                wanted.recv()
            }
            Err(TryRecvError::Disconnected) => break,
            Ok(message) => Ok(message),
        };
    }
    let (taken, dropped) = {
        let tally = lock(&shared.tally);
        (tally.taken, tally.dropped)
    };
    file.write_all(&pcapng::tail(now(), taken + dropped, dropped))?;
    file.flush()
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
