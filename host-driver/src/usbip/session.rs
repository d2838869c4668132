//! One connection: a greeting, in which devices are listed and one is taken, and then its transfers.

use std::{os::fd::OwnedFd, sync::Arc};

use peer::Peer;
use tokio::time::{Instant, timeout_at};
use usbip::usbip_protocol::UsbIpCommand;
use wire::{usb::Setup, usbip::op_status};
use zeroize::Zeroizing;

use super::{
    codec::{self, Frame, Stage, Violation},
    reply,
};
use crate::{
    bus::{self, Bus, BusId, Lease, State, Unavailable},
    connection::Connection,
    session::{self, PeerProtocol, Session, Step, Timing},
    session_thread::SessionThreads,
    urb::{Device, Queue, Request, Urb},
};

type End = session::End<Violation>;

/// Serves one connection: its greeting here, and its transfers on a thread of `threads`. The device that it took is free
/// again when the session ends, however it does.
pub async fn serve(socket: OwnedFd, peer: Peer, bus: Arc<Bus>, threads: Arc<SessionThreads>, timing: Timing) {
    let mut connection = Connection::new(socket);
    let lease = match greet(&mut connection, peer, bus, timing).await {
        Ok(lease) => lease,
        Err(end) => return end.report(peer, None),
    };
    let bus_id = lease.port().id();
    tracing::info!(%peer, %bus_id, "the device was taken");
    let moved = session::move_to(&threads, move |company| async move {
        let mut session = Session::new(lease, Imported { device: bus_id.device() }, timing, company);
        let end = session.run(&mut connection).await;
        end.report(peer, Some(bus_id));
        if matches!(end, End::Gone) {
            // With the lease still in hand: whoever pulled the device out may wait until its host knows.
            connection.hang_up().await;
        }
        drop(session);
    });
    if let Err(error) = moved {
        End::from(error).report(peer, None);
    }
}

/// Answers lists until a device is taken.
async fn greet(connection: &mut Connection, peer: Peer, bus: Arc<Bus>, timing: Timing) -> Result<Lease, End> {
    let deadline = Instant::now() + timing.greeting;
    let greeting = async {
        loop {
            match codec::next(connection.unread(), Stage::Greeting).map_err(End::Violation)? {
                Frame::Partial(length) => {
                    connection.make_room(length);
                    session::read(connection).await?;
                }
                Frame::Whole(command, length) => {
                    connection.take(length);
                    if let UsbIpCommand::OpReqImport { busid, .. } = command {
                        return import(connection, peer, &bus, &busid).await;
                    }
                    let list = reply::list(free(&bus).iter().map(|port| &**port));
                    connection.tell(&list).await?;
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

async fn import(
    connection: &mut Connection,
    peer: Peer,
    bus: &Arc<Bus>,
    name: &[u8; 32],
) -> Result<Lease, End> {
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    let id = std::str::from_utf8(&name[..end]).ok().and_then(BusId::parse);
    let claimed = id.ok_or(Unavailable::Missing).and_then(|id| bus.claim(id, peer));
    *connection.output = match &claimed {
        Ok(lease) => reply::imported(lease.port()),
        // As Linux' usbipd says of a device that it exports already: wait, or look for who holds it.
        Err(Unavailable::Held) => reply::refused(op_status::BUSY),
        Err(Unavailable::Missing | Unavailable::Full) => reply::refused(op_status::NO_DEVICE),
    };
    connection.flush().await?;
    claimed.map_err(End::Refused)
}

/// USB/IP after the import.
struct Imported {
    /// The number that the peer must name.
    device: u32,
}

impl PeerProtocol for Imported {
    type Violation = Violation;

    fn obey(
        &mut self,
        input: &[u8],
        queue: &mut Queue,
        device: &mut dyn Device,
        output: &mut Vec<u8>,
    ) -> Result<Step, Violation> {
        let (command, length) = match codec::next(input, Stage::Attached)? {
            Frame::Whole(command, length) => (command, length),
            Frame::Partial(length) => return Ok(Step::Wants(length)),
        };
        match command {
            UsbIpCommand::UsbIpCmdSubmit { header, transfer_buffer_length, setup, data, .. } => {
                let data = Zeroizing::new(data);
                self.is_meant(header.devid)?;
                let max = transfer_buffer_length as usize;
                let request =
                    request(header.ep as u8, header.direction == 1, Setup::parse(setup), &data, max);
                let urb = Urb { sequence: u64::from(header.seqnum), request };
                queue.submit(device, urb, &mut |end| reply::submitted(output, &end))?;
            }
            UsbIpCommand::UsbIpCmdUnlink { header, unlink_seqnum } => {
                self.is_meant(header.devid)?;
                let cancelled = queue.unlink(u64::from(unlink_seqnum));
                reply::unlinked(output, header.seqnum, cancelled);
            }
            // The codec knows the stage.
            UsbIpCommand::OpReqDevlist { .. } | UsbIpCommand::OpReqImport { .. } => {
                return Err(Violation::Code);
            }
        }
        Ok(Step::Took(length))
    }

    fn poll(
        &mut self,
        queue: &mut Queue,
        device: &mut dyn Device,
        output: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        queue.poll(device, &mut |end| reply::submitted(output, &end));
        Ok(())
    }
}

impl Imported {
    fn is_meant(&self, device: u32) -> Result<(), Violation> {
        if device == self.device { Ok(()) } else { Err(Violation::Elsewhere) }
    }
}

fn request(endpoint: u8, is_in: bool, setup: Setup, data: &[u8], max: usize) -> Request<'_> {
    match (endpoint, is_in) {
        // The setup packet says the direction of the data stage. Where the message says another, the data stage has
        // no room, or its data is missing: both are told to the host by the queue.
        (0, true) => Request::Control { setup, data: &[], max },
        (0, false) => Request::Control { setup, data, max: 0 },
        (endpoint, true) => Request::In { endpoint, max },
        (endpoint, false) => Request::Out { endpoint, data },
    }
}
