//! One connection: a greeting, in which devices are listed and one is taken, and then its transfers.
//!
//! The task of the session drives the device itself: bytes in, device, bytes out, with one read and one write for all
//! the messages that had arrived. Between them it waits for the peer, the device's bell and the device's clock.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use firmware::seams::Millis;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep_until, timeout_at},
};
use usbip::usbip_protocol::UsbIpCommand;
use wire::{usb::Setup, usbip::op_status};
use zeroize::{Zeroize, Zeroizing};

use super::{
    codec::{self, Frame, Stage, Violation},
    reply,
};
use crate::{
    bus::{self, Bus, BusId, Gone, Lease, State, Unavailable},
    shard::Shards,
    urb::{Device, Limits, Overrun, Queue, Transfer, Urb},
};

/// Room for what usually arrives at once; more is made as it arrives, and given back.
const ROOM: usize = 4 << 10;
/// Replies are written when they are this long, even if more messages wait.
const ENOUGH: usize = 256 << 10;

/// How long a session waits for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// From the connection to the import.
    pub greeting: Duration,
}

impl Timing {
    /// Ten seconds for a greeting.
    pub const STANDARD: Self = Self { greeting: Duration::from_secs(10) };
}

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("the peer hung up")]
    HungUp,
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
    #[error("the peer took too long to say what it wants")]
    Slow,
    #[error("the peer broke the protocol: {0}")]
    Violation(#[from] Violation),
    #[error("the peer broke the protocol: {0}")]
    Overrun(#[from] Overrun),
    #[error("the peer broke the protocol: a message for another device")]
    Elsewhere,
    #[error("the device was refused: {0}")]
    Refused(#[from] Unavailable),
    #[error("the device was pulled out")]
    Gone,
}

impl From<Gone> for End {
    fn from(Gone: Gone) -> Self {
        Self::Gone
    }
}

/// Serves one connection: its greeting here, and its transfers on a thread of `shards`. The device that it took is free
/// again when the session ends, however it does.
pub async fn serve(stream: TcpStream, peer: SocketAddr, bus: Arc<Bus>, shards: Arc<Shards>, timing: Timing) {
    let mut line = Line { stream, input: Zeroizing::default(), start: 0, output: Zeroizing::default() };
    let moved = match greet(&mut line, peer, bus, timing).await {
        Ok(attached) => transfer_to(&shards, line, peer, attached),
        Err(end) => return report(&end, peer, None),
    };
    if let Err(error) = moved {
        report(&error.into(), peer, None);
    }
}

/// Goes on with a session on a thread of its own.
fn transfer_to(shards: &Shards, line: Line, peer: SocketAddr, attached: Attached) -> io::Result<()> {
    let place = shards.place()?;
    let Line { stream, input, start, output } = line;
    let stream = stream.into_std()?;
    let bus_id = attached.lease.port().id();
    tracing::info!(%peer, %bus_id, "the device was taken");
    place.handle.clone().spawn(async move {
        let _place = place;
        let ended = match TcpStream::from_std(stream) {
            Ok(stream) => attached.run(&mut Line { stream, input, start, output }).await,
            Err(error) => Err(error.into()),
        };
        if let Err(end) = ended {
            report(&end, peer, Some(bus_id));
        }
    });
    Ok(())
}

fn report(end: &End, peer: SocketAddr, bus_id: Option<BusId>) {
    let bus_id = bus_id.map(tracing::field::display);
    match end {
        End::HungUp if bus_id.is_none() => tracing::debug!(%peer, "{end}"),
        End::HungUp | End::Gone | End::Refused(_) => tracing::info!(%peer, bus_id, "{end}"),
        _ => tracing::warn!(%peer, bus_id, "{end}"),
    }
}

/// The connection, with what was read and not yet used, and what is to be written. PINs pass here: what is done with
/// is wiped.
struct Line {
    stream: TcpStream,
    input: Zeroizing<Vec<u8>>,
    start: usize,
    output: Zeroizing<Vec<u8>>,
}

impl Line {
    fn unread(&self) -> &[u8] {
        &self.input[self.start..]
    }

    /// Makes room for a message of `length` bytes, but never much more than has arrived: a length is only a promise.
    fn make_room(&mut self, length: usize) {
        // What was carried out may have held a PIN: neither it nor what is moved to the front leaves a copy.
        let unread = self.input.len() - self.start;
        self.input.copy_within(self.start.., 0);
        self.input[unread..].zeroize();
        self.input.truncate(unread);
        self.start = 0;
        if self.input.is_empty() && self.input.capacity() > 4 * ROOM {
            *self.input = Vec::new();
        }
        let arrived = self.input.len();
        let more = length.saturating_sub(arrived).min(arrived).max(ROOM);
        if self.input.capacity() - arrived < more {
            let mut roomier = Zeroizing::new(Vec::with_capacity(arrived + more));
            roomier.extend_from_slice(&self.input);
            self.input = roomier;
        }
    }

    /// Reads once. Safe to drop while it waits.
    async fn read(&mut self) -> Result<(), End> {
        match self.stream.read_buf(&mut *self.input).await {
            Ok(0) => Err(End::HungUp),
            Ok(_) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes all replies, in one call if the peer's window lets it.
    async fn flush(&mut self) -> Result<(), End> {
        self.stream.write_all(&self.output).await?;
        self.output.as_mut_slice().zeroize();
        self.output.clear();
        if self.output.capacity() > 4 * ROOM {
            *self.output = Vec::new();
        }
        Ok(())
    }
}

/// Answers lists until a device is taken.
async fn greet(line: &mut Line, peer: SocketAddr, bus: Arc<Bus>, timing: Timing) -> Result<Attached, End> {
    let deadline = Instant::now() + timing.greeting;
    let greeting = async {
        loop {
            match codec::next(line.unread(), Stage::Greeting)? {
                Frame::Partial(length) => {
                    line.make_room(length);
                    line.read().await?;
                }
                Frame::Whole(command, length) => {
                    line.start += length;
                    if let UsbIpCommand::OpReqImport { busid, .. } = command {
                        return import(line, peer, &bus, &busid).await;
                    }
                    *line.output = reply::list(free(&bus).iter().map(|port| &**port));
                    line.flush().await?;
                }
            }
        }
    };
    timeout_at(deadline, greeting).await.unwrap_or(Err(End::Slow))
}

/// The devices that one may take: like Linux' usbipd, a list leaves out those that somebody holds.
fn free(bus: &Bus) -> Vec<Arc<bus::Port>> {
    let mut ports = bus.ports();
    ports.retain(|port| port.state() == State::Free);
    ports
}

async fn import(line: &mut Line, peer: SocketAddr, bus: &Arc<Bus>, name: &[u8; 32]) -> Result<Attached, End> {
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    let id = std::str::from_utf8(&name[..end]).ok().and_then(BusId::parse);
    let claimed = id.ok_or(Unavailable::Missing).and_then(|id| bus.claim(id, peer));
    *line.output = match &claimed {
        Ok(lease) => reply::imported(lease.port()),
        Err(Unavailable::Held) => reply::refused(op_status::UNAVAILABLE),
        Err(Unavailable::Missing | Unavailable::Full) => reply::refused(op_status::NO_DEVICE),
    };
    line.flush().await?;
    let lease = claimed?;
    let queue = Queue::new(lease.port().descriptors(), Limits::STANDARD);
    let device = lease.port().id().device();
    Ok(Attached { lease, queue, device, deadline: None })
}

/// A session that holds a device.
struct Attached {
    lease: Lease,
    queue: Queue,
    device: u32,
    /// When the device wants to be driven next.
    deadline: Option<Instant>,
}

/// Whether messages are left that could be carried out at once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    More,
}

impl Attached {
    /// Ends with the reason, never well.
    async fn run(mut self, line: &mut Line) -> Result<(), End> {
        loop {
            let left = self.turn(line)?;
            if !line.output.is_empty() {
                self.write(line).await?;
            }
            if left == Left::Nothing {
                self.wait(line).await?;
            }
        }
    }

    /// Carries out all whole messages, and gives the device its tick.
    fn turn(&mut self, line: &mut Line) -> Result<Left, End> {
        let Self { lease, queue, device: id, deadline } = self;
        let (left, next) = lease.drive(|device| {
            let left = carry_out(line, queue, device, *id)?;
            let now = bus::now();
            let next = device.tick(now);
            queue.poll(device, &mut |end| reply::submitted(&mut line.output, &end));
            Ok::<_, End>((left, next.map(|next| from_now(now, next))))
        })??;
        *deadline = next;
        Ok(left)
    }

    /// Waits for the peer, the bell or the clock.
    async fn wait(&mut self, line: &mut Line) -> Result<(), End> {
        let (lease, deadline) = (&self.lease, self.deadline);
        tokio::select! {
            biased;
            read = line.read() => read,
            () = lease.rung() => Ok(()),
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => Ok(()),
        }
    }

    /// Writes the replies. Meanwhile a bell or a tick is not lost, and an unplug is not held up by a peer that does
    /// not read.
    async fn write(&mut self, line: &mut Line) -> Result<(), End> {
        let mut writing = std::pin::pin!(line.flush());
        loop {
            let deadline = self.deadline;
            tokio::select! {
                biased;
                written = &mut writing => {
                    return written;
                }
                () = self.lease.rung() => {}
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {}
            }
            // What becomes ready waits in the device until there is room to write.
            self.deadline = self.lease.drive(|device| {
                let now = bus::now();
                device.tick(now).map(|next| from_now(now, next))
            })?;
        }
    }
}

/// Never less than a millisecond, so that a device cannot keep its session spinning.
fn from_now(now: Millis, next: Millis) -> Instant {
    Instant::now() + Duration::from_millis(next.0.saturating_sub(now.0).max(1))
}

/// Carries out the whole messages in the buffer until they end, or the replies are enough for one write.
fn carry_out(line: &mut Line, queue: &mut Queue, device: &mut dyn Device, id: u32) -> Result<Left, End> {
    while line.output.len() < ENOUGH {
        match codec::next(line.unread(), Stage::Attached)? {
            Frame::Partial(length) => {
                line.make_room(length);
                return Ok(Left::Nothing);
            }
            Frame::Whole(command, length) => {
                line.start += length;
                obey(command, queue, device, id, &mut line.output)?;
            }
        }
    }
    Ok(Left::More)
}

fn obey(
    command: UsbIpCommand,
    queue: &mut Queue,
    device: &mut dyn Device,
    id: u32,
    output: &mut Vec<u8>,
) -> Result<(), End> {
    match command {
        UsbIpCommand::UsbIpCmdSubmit { header, transfer_buffer_length, setup, data, .. } => {
            let data = Zeroizing::new(data);
            if header.devid != id {
                return Err(End::Elsewhere);
            }
            let max = transfer_buffer_length as usize;
            let transfer = transfer(header.ep as u8, header.direction == 1, Setup::parse(setup), &data, max);
            let urb = Urb { sequence: u64::from(header.seqnum), transfer };
            queue.submit(device, urb, &mut |end| reply::submitted(output, &end))?;
        }
        UsbIpCommand::UsbIpCmdUnlink { header, unlink_seqnum } => {
            if header.devid != id {
                return Err(End::Elsewhere);
            }
            let cancelled = queue.unlink(u64::from(unlink_seqnum));
            reply::unlinked(output, header.seqnum, cancelled);
        }
        // The codec knows the stage.
        UsbIpCommand::OpReqDevlist { .. } | UsbIpCommand::OpReqImport { .. } => {
            return Err(Violation::Code.into());
        }
    }
    Ok(())
}

fn transfer(endpoint: u8, is_in: bool, setup: Setup, data: &[u8], max: usize) -> Transfer<'_> {
    match (endpoint, is_in) {
        // The setup packet says the direction of the data stage. Where the message says another, the data stage has
        // no room, or its data is missing: both are told to the host by the queue.
        (0, true) => Transfer::Control { setup, data: &[], max },
        (0, false) => Transfer::Control { setup, data, max: 0 },
        (endpoint, true) => Transfer::In { endpoint, max },
        (endpoint, false) => Transfer::Out { endpoint, data },
    }
}
