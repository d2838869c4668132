//! A session: the time in which a peer holds a device. USB/IP and usbredir share it: each is a [`PeerProtocol`].
//!
//! The session's task drives the device itself: it reads once, lets the device answer every message that has arrived, and
//! writes all replies at once. Then the task waits for the peer, for the device's bell, or for the device's clock.

use std::{error::Error, future::Future, io, time::Duration};

use firmware::seams::Millis;
use peer::Peer;
use tokio::time::{Instant, sleep_until};

use crate::{
    bus::{self, BusId, Gone, Lease, Unavailable},
    connection::Connection,
    session_thread::{Company, SessionThreads},
    urb::{Device, Limits, Queue},
};

/// Replies of so many bytes are written at once, even if more messages wait.
const ENOUGH: usize = 256 << 10;

/// So many rounds a session goes on before it lets the thread's runtime look around.
const STREAK: usize = 32;

/// How long a peer may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// From the connection to the end of the greeting.
    pub greeting: Duration,
    /// From the end of the greeting to the peer's first message, where another peer wants the device too.
    pub silence: Duration,
}

impl Timing {
    /// Ten seconds for the greeting, and a minute for the first message after it.
    pub const STANDARD: Self = Self { greeting: Duration::from_secs(10), silence: Duration::from_secs(60) };
}

/// What a peer that has taken a device speaks.
pub(crate) trait PeerProtocol: Send {
    /// How a peer can break the protocol.
    type Violation: Error + Send;

    /// Carries out the first message of `input`; replies go to `output`.
    ///
    /// # Errors
    /// The peer breaks the protocol; nothing that follows can be trusted.
    fn obey(
        &mut self,
        input: &[u8],
        queue: &mut Queue,
        device: &mut dyn Device,
        output: &mut Vec<u8>,
    ) -> Result<Step, Self::Violation>;

    /// Offers the waiting transfers to the device, and tells of those that end.
    ///
    /// # Errors
    /// As for [`Self::obey`].
    fn poll(
        &mut self,
        queue: &mut Queue,
        device: &mut dyn Device,
        output: &mut Vec<u8>,
    ) -> Result<(), Self::Violation>;
}

/// What became of the first message of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The message was carried out; it had so many bytes.
    Took(usize),
    /// The message is not whole yet: as far as its header tells, it will have so many bytes.
    Wants(usize),
}

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum End<V> {
    #[error("the peer hung up")]
    HungUp,
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
    #[error("the peer took too long to say what it wants")]
    Slow,
    #[error("the peer took the device and did nothing with it, and another wants it")]
    Idle,
    #[error("too many wait for a device, and this peer waited longest")]
    Crowded,
    #[error("the connection was closed: {0}")]
    Violation(V),
    #[error("the device was refused: {0}")]
    Refused(Unavailable),
    #[error("the device was pulled out")]
    Gone,
}

impl<V> From<Gone> for End<V> {
    fn from(Gone: Gone) -> Self {
        Self::Gone
    }
}

impl<V: std::fmt::Display> End<V> {
    /// Writes the end to the log. What happens every day has a lower level than what a person should see.
    pub(crate) fn report(&self, peer: Peer, bus_id: Option<BusId>) {
        let bus_id_shown = bus_id.map(tracing::field::display);
        match self {
            Self::HungUp if bus_id.is_none() => tracing::debug!(%peer, "{self}"),
            Self::HungUp | Self::Gone | Self::Refused(_) => {
                tracing::info!(%peer, bus_id = bus_id_shown, "{self}");
            }
            _ => tracing::warn!(%peer, bus_id = bus_id_shown, "{self}"),
        }
    }
}

/// Reads once. A peer that closes the connection in order ends the session, too.
pub(crate) async fn read<V>(connection: &mut Connection) -> Result<(), End<V>> {
    match connection.read().await {
        Ok(0) => Err(End::HungUp),
        Ok(_) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Goes on with a session on a thread of sessions.
pub(crate) fn move_to<F>(
    threads: &SessionThreads,
    go_on: impl FnOnce(Company) -> F + Send + 'static,
) -> io::Result<()>
where
    F: Future<Output = ()> + Send,
{
    let place = threads.place()?;
    place.handle.clone().spawn(async move {
        let company = place.company();
        let _place = place;
        go_on(company).await;
    });
    Ok(())
}

/// A device in the hands of a peer.
pub(crate) struct Session<P> {
    /// The queue stands before the lease, so that it is dropped first: when the device is free for others, a capture has
    /// already seen how the last transfers ended.
    queue: Queue,
    lease: Lease,
    protocol: P,
    company: Company,
    /// The time at which the device wants its next tick.
    deadline: Option<Instant>,
    /// Until this time the peer may be silent; `None` once it has spoken.
    silent: Option<Instant>,
}

/// Whether the next round has something to do without waiting.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    More,
}

impl<P: PeerProtocol> Session<P> {
    /// A session at its beginning: the device has power, and the peer has said nothing.
    pub(crate) fn new(mut lease: Lease, protocol: P, timing: Timing, company: Company) -> Self {
        let queue = Queue::new(lease.port().descriptors(), Limits::STANDARD).tapped(lease.tap());
        let silent = Some(Instant::now() + timing.silence);
        Self { queue, lease, protocol, company, deadline: None, silent }
    }

    /// Whether the peer has said anything.
    pub(crate) const fn has_spoken(&self) -> bool {
        self.silent.is_none()
    }

    /// Lets the peer be silent for as long as it likes: it has used this device before.
    pub(crate) const fn need_not_speak(&mut self) {
        self.silent = None;
    }

    /// Runs until the session is over; returns why it ended.
    pub(crate) async fn run(&mut self, connection: &mut Connection) -> End<P::Violation> {
        if let Err(error) = connection.prepare_to_linger() {
            return error.into();
        }
        loop {
            for _ in 0..STREAK {
                if let Err(end) = self.round(connection).await {
                    return end;
                }
            }
            // A peer that never pauses must not keep the thread from its other sessions, nor from its end.
            tokio::task::yield_now().await;
        }
    }

    async fn round(&mut self, connection: &mut Connection) -> Result<(), End<P::Violation>> {
        let mut left = self.turn(connection)?;
        if !connection.output.is_empty() && self.write(connection).await? == Left::More {
            left = Left::More;
        }
        if left == Left::Nothing { self.wait(connection).await } else { Ok(()) }
    }

    /// Carries out all whole messages, and tells the device what time it is.
    fn turn(&mut self, connection: &mut Connection) -> Result<Left, End<P::Violation>> {
        let Self { lease, queue, protocol, deadline, silent, company: _ } = self;
        if !connection.unread().is_empty() {
            *silent = None;
        }
        let (left, next) = lease.drive(|device| {
            let left = carry_out(connection, protocol, queue, device)?;
            let now = bus::now();
            let next = device.tick(now);
            protocol.poll(queue, device, &mut connection.output).map_err(End::Violation)?;
            Ok::<_, End<P::Violation>>((left, next.map(|next| from_now(now, next))))
        })??;
        *deadline = next;
        Ok(left)
    }

    /// Waits for the peer, for the device's bell, or for the device's clock.
    async fn wait(&mut self, connection: &mut Connection) -> Result<(), End<P::Violation>> {
        if self.is_at_rest()
            && let Some(read) = connection.linger()?
        {
            return if read == 0 { Err(End::HungUp) } else { Ok(()) };
        }
        let (lease, deadline, silent) = (&self.lease, self.deadline, self.silent);
        tokio::select! {
            biased;
            read = read(connection) => read,
            () = lease.rung() => Ok(()),
            // Only before the first message: a peer that uses its device keeps it, because a machine at rest is silent.
            () = unused(lease, silent.unwrap_or_else(Instant::now)), if silent.is_some() => Err(End::Idle),
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => Ok(()),
        }
    }

    /// Whether nothing but the peer is waited for, and nobody else needs the thread: no clock, no computation, no page on a
    /// screen. Whoever pulls the device out meanwhile waits for a few milliseconds.
    fn is_at_rest(&self) -> bool {
        self.deadline.is_none() && self.silent.is_none() && self.company.is_none() && !self.lease.is_working()
    }

    /// Writes the replies. A bell or a tick that comes meanwhile is not lost: [`Left::More`] tells of it. An unplug takes effect
    /// even if the peer does not read.
    async fn write(&mut self, connection: &mut Connection) -> Result<Left, End<P::Violation>> {
        let mut writing = std::pin::pin!(connection.flush());
        let mut left = Left::Nothing;
        loop {
            let deadline = self.deadline;
            tokio::select! {
                biased;
                written = &mut writing => {
                    written?;
                    return Ok(left);
                }
                () = self.lease.rung() => {}
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {}
            }
            // Data that becomes ready stays in the device until the replies are written; the next round asks for it.
            left = Left::More;
            self.deadline = self.lease.drive(|device| {
                let now = bus::now();
                device.tick(now).map(|next| from_now(now, next))
            })?;
        }
    }
}

/// Returns when the peer's time of silence is over and another peer wants the device.
async fn unused(lease: &Lease, silent: Instant) {
    sleep_until(silent).await;
    lease.wanted().await;
}

/// The time of the next tick: at least a millisecond from now, so that a device cannot keep its session spinning.
fn from_now(now: Millis, next: Millis) -> Instant {
    Instant::now() + Duration::from_millis(next.0.saturating_sub(now.0).max(1))
}

/// Carries out the whole messages that have arrived, until none is left or the replies are enough for one write.
fn carry_out<P: PeerProtocol>(
    connection: &mut Connection,
    protocol: &mut P,
    queue: &mut Queue,
    device: &mut dyn Device,
) -> Result<Left, End<P::Violation>> {
    while connection.output.len() < ENOUGH {
        let (input, output) = connection.ends();
        match protocol.obey(input, queue, device, output).map_err(End::Violation)? {
            Step::Took(length) => connection.take(length),
            Step::Wants(length) => {
                connection.make_room(length);
                return Ok(Left::Nothing);
            }
        }
    }
    Ok(Left::More)
}
