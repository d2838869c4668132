//! The thread that writes a capture's file.
//!
//! The file may be a pipe, and whoever reads a pipe may stand still. So the file is written without blocking, and the thread waits
//! for room in the file and for the capture's end at the same time. At the end a pipe is made large enough for all that still waits: a
//! pipe keeps what was written, and the end needs no reader.

use std::{
    fs::File,
    io::{self, BufWriter, ErrorKind, Read, Write},
    os::fd::OwnedFd,
    path::Path,
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError, TryRecvError, channel},
    },
    thread,
    time::Duration,
};

use lock::lock;
use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, eventfd, poll},
    fs::{OFlags, fcntl_setfl},
    pipe::fcntl_setpipe_size,
};

use super::{Shared, WAITING, now, pcapng};

/// Sizes that a pipe may be given at the end, in bytes, the best first: room for all packets that can wait, or else what Linux lets every
/// user have (pipe(7), /proc/sys/fs/pipe-max-size).
pub(super) const SIZES: [usize; 2] = [(WAITING + 2) * (pcapng::SNAP_LENGTH + 256), 1 << 20];

/// The text of a capture that was given up.
const STANDS_STILL: &str =
    "the capture is not complete: its file takes no more. If it is a pipe, its reader stands still";

/// The writer's thread, as the capture's owner sees it.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    /// Wakes the thread while the thread waits for room.
    bell: File,
    /// What came of the file.
    done: Receiver<io::Result<()>>,
}

impl Writer {
    /// Begins the file, and the thread, which ends when the packets' senders are gone.
    pub(super) fn start(
        path: &Path,
        shared: Arc<Shared>,
        wanted: Receiver<Vec<u8>>,
        sizes: &'static [usize],
    ) -> io::Result<Self> {
        let mut file = file::begin(path)?;
        fcntl_setfl(&file, OFlags::NONBLOCK)?;
        // At once, so that a full disk is told to whoever asked for the capture.
        file.write_all(&pcapng::head())?;
        let bell: OwnedFd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let sink = Sink { file, bell: File::from(bell.try_clone()?), shared: Arc::clone(&shared), sizes };
        let (tell, done) = channel();
        let theirs = Arc::clone(&shared);
        thread::Builder::new().name("ushield-capture".into()).spawn(move || {
            let written = write(sink, &wanted, &theirs);
            if let Err(error) = &written {
                theirs.close();
                tracing::warn!(%error, "the capture has ended early: its file could not be written");
            }
            // Nobody listens any more where the capture was given up.
            let _ = tell.send(written);
        })?;
        Ok(Self { shared, bell: File::from(bell), done })
    }

    /// Waits until the file is complete: no packet comes any more.
    pub(super) fn finish(&self, patience: Duration) -> io::Result<()> {
        self.ring();
        match self.done.recv_timeout(patience) {
            Ok(written) => written,
            Err(RecvTimeoutError::Disconnected) => Err(io::Error::other("the capture's thread failed")),
            Err(RecvTimeoutError::Timeout) => {
                lock(&self.shared.tally).given_up = true;
                self.ring();
                Err(io::Error::new(ErrorKind::TimedOut, STANDS_STILL))
            }
        }
    }

    fn ring(&self) {
        // It fails where the counter is full: then the bell rings already.
        let _ = (&self.bell).write(&1_u64.to_ne_bytes());
    }
}

/// Writes packets as they come, and flushes whenever there are none.
fn write(sink: Sink, wanted: &Receiver<Vec<u8>>, shared: &Shared) -> io::Result<()> {
    let mut file = BufWriter::new(sink);
    let mut packet = wanted.recv();
    while let Ok(bytes) = packet {
        file.write_all(&bytes)?;
        packet = match wanted.try_recv() {
            Err(TryRecvError::Empty) => {
                file.flush()?;
                wanted.recv()
            }
            Err(TryRecvError::Disconnected) => Err(mpsc::RecvError),
            Ok(bytes) => Ok(bytes),
        };
    }
    let (taken, dropped) = {
        let tally = lock(&shared.tally);
        (tally.taken, tally.dropped)
    };
    file.write_all(&pcapng::tail(now(), taken + dropped, dropped))?;
    file.flush()
}

/// A file that takes no more at times.
struct Sink {
    file: File,
    bell: File,
    shared: Arc<Shared>,
    /// The sizes that a pipe may still be given.
    sizes: &'static [usize],
}

impl Sink {
    /// Waits for room in the file, or for the bell.
    fn wait(&mut self) -> io::Result<()> {
        let (over, given_up) = {
            let tally = lock(&self.shared.tally);
            (tally.packets.is_none(), tally.given_up)
        };
        if given_up {
            return Err(io::Error::new(ErrorKind::TimedOut, STANDS_STILL));
        }
        // No size is tried twice. What is no pipe has none.
        if over && let Some((size, rest)) = self.sizes.split_first() {
            self.sizes = if fcntl_setpipe_size(&self.file, *size).is_ok() { &[] } else { rest };
            return Ok(());
        }
        let mut both = [PollFd::new(&self.file, PollFlags::OUT), PollFd::new(&self.bell, PollFlags::IN)];
        match poll(&mut both, None) {
            Err(error) if error != rustix::io::Errno::INTR => return Err(error.into()),
            _ => {}
        }
        if both[1].revents().contains(PollFlags::IN) {
            let _ = self.bell.read(&mut [0; 8]);
        }
        Ok(())
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.file.write(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.wait()?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
