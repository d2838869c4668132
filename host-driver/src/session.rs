//! A session: a peer that holds a device, over whatever protocol its plug speaks.
//!
//! The task of the session drives the device itself: bytes in, device, bytes out, with one read and one write for all
//! the messages that had arrived. Between them it waits for the peer, the device's bell and the device's clock.

use std::{error::Error, future::Future, io, net::SocketAddr, time::Duration};

use firmware::seams::Millis;
use tokio::time::{Instant, sleep_until};

use crate::{
    bus::{self, BusId, Gone, Lease, Unavailable},
    line::Line,
    shard::Shards,
    urb::{Device, Limits, Queue},
};

/// Replies are written when they are this long, even if more messages wait.
const ENOUGH: usize = 256 << 10;

/// How long a session waits for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// From the connection to the last word of its greeting.
    pub greeting: Duration,
    /// For the first word of a peer that has taken a device, when another wants the device.
    pub silence: Duration,
}

impl Timing {
    /// Ten seconds for a greeting, a minute for the first word after it.
    pub const STANDARD: Self = Self { greeting: Duration::from_secs(10), silence: Duration::from_secs(60) };
}

/// A plug's protocol, once a device is the peer's.
pub(crate) trait Protocol: Send {
    /// How a peer can break it.
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

/// What became of the first message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It took that many bytes.
    Took(usize),
    /// It is not whole: it will be this long, in bytes, as far as one can tell.
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
    /// Tells the log: what happens every day in a low voice.
    pub(crate) fn report(&self, peer: SocketAddr, bus_id: Option<BusId>) {
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

/// Reads once; an orderly end is an end.
pub(crate) async fn read<V>(line: &mut Line) -> Result<(), End<V>> {
    match line.read().await {
        Ok(0) => Err(End::HungUp),
        Ok(_) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Goes on with a session on a thread of its own.
pub(crate) fn move_to<F>(
    shards: &Shards,
    line: Line,
    go_on: impl FnOnce(io::Result<Line>) -> F + Send + 'static,
) -> io::Result<()>
where
    F: Future<Output = ()> + Send,
{
    let place = shards.place()?;
    let line = line.rest()?;
    place.handle.clone().spawn(async move {
        let _place = place;
        go_on(line.wake()).await;
    });
    Ok(())
}

/// A device in the hands of a peer.
pub(crate) struct Session<P> {
    /// Before the lease, and so dropped before it: whoever looks on has seen how the last transfers ended once the device
    /// is free.
    queue: Queue,
    lease: Lease,
    protocol: P,
    /// When the device wants to be driven next.
    deadline: Option<Instant>,
    /// Until when the peer need not say anything, if it has said nothing yet.
    silent: Option<Instant>,
}

/// Whether something is left that could be done at once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    More,
}

impl<P: Protocol> Session<P> {
    /// Power is on, nothing has been said.
    pub(crate) fn new(mut lease: Lease, protocol: P, timing: Timing) -> Self {
        let queue = Queue::new(lease.port().descriptors(), Limits::STANDARD).tapped(lease.tap());
        let silent = Some(Instant::now() + timing.silence);
        Self { queue, lease, protocol, deadline: None, silent }
    }

    /// Whether the peer has said anything.
    pub(crate) const fn has_spoken(&self) -> bool {
        self.silent.is_none()
    }

    /// The peer has used this device before: it keeps it, however long it is silent.
    pub(crate) const fn need_not_speak(&mut self) {
        self.silent = None;
    }

    /// Ends with the reason, never well.
    pub(crate) async fn run(&mut self, line: &mut Line) -> End<P::Violation> {
        loop {
            if let Err(end) = self.round(line).await {
                return end;
            }
        }
    }

    async fn round(&mut self, line: &mut Line) -> Result<(), End<P::Violation>> {
        let mut left = self.turn(line)?;
        if !line.output.is_empty() && self.write(line).await? == Left::More {
            left = Left::More;
        }
        if left == Left::Nothing { self.wait(line).await } else { Ok(()) }
    }

    /// Carries out all whole messages, and gives the device its tick.
    fn turn(&mut self, line: &mut Line) -> Result<Left, End<P::Violation>> {
        let Self { lease, queue, protocol, deadline, silent } = self;
        if !line.unread().is_empty() {
            *silent = None;
        }
        let (left, next) = lease.drive(|device| {
            let left = carry_out(line, protocol, queue, device)?;
            let now = bus::now();
            let next = device.tick(now);
            protocol.poll(queue, device, &mut line.output).map_err(End::Violation)?;
            Ok::<_, End<P::Violation>>((left, next.map(|next| from_now(now, next))))
        })??;
        *deadline = next;
        Ok(left)
    }

    /// Waits for the peer, the bell or the clock.
    async fn wait(&mut self, line: &mut Line) -> Result<(), End<P::Violation>> {
        let (lease, deadline, silent) = (&self.lease, self.deadline, self.silent);
        tokio::select! {
            biased;
            read = read(line) => read,
            () = lease.rung() => Ok(()),
            // Who has begun to use its device keeps it, however long it is silent then: a machine at rest says nothing.
            () = unused(lease, silent.unwrap_or_else(Instant::now)), if silent.is_some() => Err(End::Idle),
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => Ok(()),
        }
    }

    /// Writes the replies. Meanwhile a bell or a tick is not lost (there is more to do then), and an unplug is not held up
    /// by a peer that does not read.
    async fn write(&mut self, line: &mut Line) -> Result<Left, End<P::Violation>> {
        let mut writing = std::pin::pin!(line.flush());
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
            // What becomes ready waits in the device until there is room to write, and is asked for then.
            left = Left::More;
            self.deadline = self.lease.drive(|device| {
                let now = bus::now();
                device.tick(now).map(|next| from_now(now, next))
            })?;
        }
    }
}

/// Returns when nothing had to be said any more, and somebody else wants the device.
async fn unused(lease: &Lease, silent: Instant) {
    sleep_until(silent).await;
    lease.wanted().await;
}

/// Never less than a millisecond, so that a device cannot keep its session spinning.
fn from_now(now: Millis, next: Millis) -> Instant {
    Instant::now() + Duration::from_millis(next.0.saturating_sub(now.0).max(1))
}

/// Carries out the whole messages in the buffer until they end, or the replies are enough for one write.
fn carry_out<P: Protocol>(
    line: &mut Line,
    protocol: &mut P,
    queue: &mut Queue,
    device: &mut dyn Device,
) -> Result<Left, End<P::Violation>> {
    while line.output.len() < ENOUGH {
        let (input, output) = line.ends();
        match protocol.obey(input, queue, device, output).map_err(End::Violation)? {
            Step::Took(length) => line.take(length),
            Step::Wants(length) => {
                line.make_room(length);
                return Ok(Left::Nothing);
            }
        }
    }
    Ok(Left::More)
}
