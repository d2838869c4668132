//! A socket that listens: it decides which peers are served, and how many connections without a device there may be.

use std::{collections::VecDeque, future::Future, io, os::fd::OwnedFd, sync::Arc, time::Duration};

use peer::{Admission, Cidr, Peer, Refused};
use rustix::io::Errno;
use tokio::{
    task::{AbortHandle, JoinError, JoinSet},
    time::sleep,
};

use crate::{
    bus::{Bus, BusId},
    listener::{Accepted, Listener},
    session::Timing,
    session_thread::SessionThreads,
    usbip, usbredir,
};

/// Connections at a time that have not taken a device; they last [`Timing::greeting`] at most, and the oldest goes when there
/// are more.
const GREETINGS: usize = 1024;
/// So many connections that were ended may still hold memory, until their tasks are gone.
const LEAVING: usize = 16;
/// Connections at a time whose owner is looked for in the kernel's table.
const QUESTIONS: usize = 1024;
/// How long to wait when the system has no more descriptors or memory.
const PAUSE: Duration = Duration::from_millis(20);
/// A peer that has acknowledged nothing for so long has vanished.
const VANISHED: Duration = Duration::from_secs(45);

/// What is spoken on a socket that listens.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Protocol {
    /// USB/IP.
    UsbIp,
    /// usbredir. A guest gets this device, or else the first that is free.
    UsbRedir(Option<BusId>),
}

impl Protocol {
    /// The option that says where it listens.
    pub(crate) const fn option(self) -> &'static str {
        match self {
            Self::UsbIp => "--listen",
            Self::UsbRedir(_) => "--usbredir",
        }
    }
}

/// What all connections of a listening socket have in common.
pub(crate) struct Entrance {
    pub(crate) bus: Arc<Bus>,
    pub(crate) threads: Arc<SessionThreads>,
    /// Who may connect besides root and the own user on this machine.
    pub(crate) allow: Vec<Cidr>,
    pub(crate) timing: Timing,
    pub(crate) protocol: Protocol,
}

impl Entrance {
    /// Serves until the future is dropped; connections that have not taken a device end with it.
    ///
    /// A peer is admitted or refused in this task, so that a crowd which is refused costs neither tasks nor places.
    pub(crate) async fn open(self, listener: Listener) {
        let mut questions = JoinSet::new();
        let mut greetings = Greetings::default();
        let guests = Arc::default();
        loop {
            tokio::select! {
                accepted = listener.accept(&self.allow),
                    if questions.len() < QUESTIONS && greetings.tasks.len() < GREETINGS + LEAVING =>
                match accepted {
                    Ok(Some(Accepted { socket, peer, admission })) => match admission {
                        Admission::Decided(Ok(())) => self.begin(&mut greetings, socket, peer, &guests),
                        Admission::Decided(Err(refused)) => report(peer, &refused),
                        Admission::Open(question) => {
                            questions.spawn(async move { (socket, peer, question.answer().await) });
                        }
                    },
                    Ok(None) => {}
                    Err(error) => greetings.failed(&error).await,
                },
                Some(answered) = questions.join_next() => match answered {
                    Ok((socket, peer, Ok(()))) => self.begin(&mut greetings, socket, peer, &guests),
                    Ok((_, peer, Err(refused))) => report(peer, &refused),
                    Err(error) => failed(&error),
                },
                Some(ended) = greetings.tasks.join_next() => {
                    if let Err(error) = ended {
                        failed(&error);
                    }
                }
            }
        }
    }

    fn begin(&self, greetings: &mut Greetings, socket: OwnedFd, peer: Peer, guests: &Arc<usbredir::Guests>) {
        let prepared = match peer {
            Peer::Host(_) => prepare(&socket),
            // The end of a process ends its connections at once.
            Peer::Process(_) => Ok(()),
        };
        match prepared {
            Ok(()) => greetings.begin(self.serve(socket, peer, guests), peer),
            Err(error) => tracing::debug!(%peer, %error, "a connection broke"),
        }
    }

    /// Serves one connection until it has a device.
    fn serve(
        &self,
        socket: OwnedFd,
        peer: Peer,
        guests: &Arc<usbredir::Guests>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (bus, threads) = (Arc::clone(&self.bus), Arc::clone(&self.threads));
        let (timing, protocol, guests) = (self.timing, self.protocol, Arc::clone(guests));
        async move {
            match protocol {
                Protocol::UsbIp => usbip::serve(socket, peer, bus, threads, timing).await,
                Protocol::UsbRedir(wanted) => {
                    let place = usbredir::Place { bus, guests, timing, wanted };
                    usbredir::serve(socket, peer, threads, place).await;
                }
            }
        }
    }
}

fn report(peer: Peer, refused: &Refused) {
    tracing::warn!(%peer, "a connection was refused: {refused}");
}

fn failed(error: &JoinError) {
    // A connection that was closed for a newer one is in the log already.
    if !error.is_cancelled() {
        tracing::error!(%error, "a session failed");
    }
}

/// The connections that have not taken a device.
#[derive(Default)]
struct Greetings {
    tasks: JoinSet<()>,
    /// Oldest first; some may have ended.
    order: VecDeque<AbortHandle>,
}

impl Greetings {
    /// Begins a greeting. When there are too many, the oldest ends: a peer that opens connections and says nothing has the oldest
    /// ones, and does not keep others out.
    fn begin(&mut self, greeting: impl Future<Output = ()> + Send + 'static, peer: Peer) {
        if self.order.len() >= GREETINGS {
            self.order.retain(|greeting| !greeting.is_finished());
        }
        if self.order.len() >= GREETINGS {
            self.end_oldest();
            tracing::warn!(%peer, "{GREETINGS} connections have no device: the oldest was closed for a new one");
        }
        self.order.push_back(self.tasks.spawn(greeting));
    }

    fn end_oldest(&mut self) {
        if let Some(oldest) = self.order.pop_front() {
            oldest.abort();
        }
    }

    /// No connection was accepted.
    async fn failed(&mut self, error: &io::Error) {
        tracing::warn!(%error, "no connection accepted");
        let short = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
        if Errno::from_io_error(error).is_some_and(|error| short.contains(&error)) {
            self.order.retain(|greeting| !greeting.is_finished());
            self.end_oldest();
            sleep(PAUSE).await;
        }
    }
}

/// Sets the socket up so that replies leave at once, and that a peer which has vanished is noticed within a minute: then its
/// token is free again.
fn prepare(stream: &OwnedFd) -> io::Result<()> {
    use rustix::net::sockopt;
    sockopt::set_tcp_nodelay(stream, true)?;
    // While nothing is on its way: probes after 30 and 40 seconds, and at the next it has been silent for too long.
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, Duration::from_secs(30))?;
    sockopt::set_tcp_keepintvl(stream, Duration::from_secs(10))?;
    sockopt::set_tcp_keepcnt(stream, 2)?;
    // While a reply is on its way the kernel sends no probe: it repeats the reply, by default for a quarter of an hour
    // (RFC 5482; tcp(7), TCP_USER_TIMEOUT and tcp_retries2).
    sockopt::set_tcp_user_timeout(stream, u32::try_from(VANISHED.as_millis()).unwrap_or(u32::MAX))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::sockopt;

    #[tokio::test]
    async fn a_machine_that_vanishes_is_noticed_within_a_minute() {
        let listener = Listener::at(([127, 0, 0, 1], 0).into()).unwrap();
        let _peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let Accepted { socket: stream, .. } = listener.accept(&[]).await.unwrap().unwrap();
        prepare(&stream).unwrap();
        assert!(sockopt::tcp_nodelay(&stream).unwrap() && sockopt::socket_keepalive(&stream).unwrap());
        // A reply that is never acknowledged.
        let minute = Duration::from_secs(60);
        let unanswered = Duration::from_millis(sockopt::tcp_user_timeout(&stream).unwrap().into());
        assert!(!unanswered.is_zero() && unanswered < minute);
        // An idle connection: the first probe after that time at which the peer has been silent for too long.
        let [idle, interval] =
            [sockopt::tcp_keepidle(&stream).unwrap(), sockopt::tcp_keepintvl(&stream).unwrap()];
        let mut probe = idle + interval;
        while probe < unanswered {
            probe += interval;
        }
        assert!(probe < minute, "{probe:?}");
    }
}
