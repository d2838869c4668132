//! Another process, and its end.

use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::Path,
    time::{Duration, Instant},
};

use file::socket::Peer;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, pidfd_open},
};

/// A process that serves a socket.
pub(crate) struct Process {
    pid: Pid,
    /// Becomes readable at the end of the process (pidfd_open(2)); none on a kernel without it, or when the process is gone.
    end: Option<OwnedFd>,
}

impl Process {
    /// Whoever listens at the socket.
    ///
    /// # Errors
    /// Nobody does, or this process does not see the one that does.
    pub(crate) fn behind(socket: &Path) -> io::Result<Self> {
        let elsewhere =
            || io::Error::other("its process lives in another PID namespace, such as a container's");
        let number =
            Peer::of(&UnixStream::connect(socket)?)?.process.and_then(|number| i32::try_from(number).ok());
        let pid = number.and_then(Pid::from_raw).ok_or_else(elsewhere)?;
        Ok(Self { pid, end: pidfd_open(pid, PidfdFlags::empty()).ok() })
    }

    /// Its number.
    pub(crate) const fn pid(&self) -> Pid {
        self.pid
    }

    /// Waits until the process has ended, and with it its hold on files, locks and connections. False when it still runs then.
    pub(crate) fn has_ended_by(&self, end: Instant) -> bool {
        let Some(process) = &self.end else { return true };
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let mut ends = [PollFd::new(process, PollFlags::IN)];
            match poll(&mut ends, Some(&timespec(left))) {
                Ok(ready) => return ready > 0,
                // A signal, such as SIGCONT.
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return true,
            }
        }
    }
}

fn timespec(time: Duration) -> Timespec {
    time.try_into().unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 })
}
