//! One connection: hellos, and then a device for as long as there is one. A device that is pulled out is told to the
//! guest, and shown again on the same connection when it is put back.

use std::{net::SocketAddr, sync::Arc};

use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};
use wire::usbredir::{Capabilities, Hello, ToGuest, ToHost};

use super::{
    codec::{self, Frame, OURS, Violation},
    guest::Guest,
};
use crate::{
    bus::{Bus, BusId, Lease, State, Unavailable},
    line::Line,
    session::{self, Session, Timing},
    shard::Shards,
};

type End = session::End<Violation>;

/// Who speaks, for the guest's log.
const VERSION: &[u8] = concat!("ushield ", env!("CARGO_PKG_VERSION")).as_bytes();

/// Serves one connection. It gets the device `wanted`, or else the first that is free, and waits while there is none.
/// The device is free again when the session ends, however it does.
pub async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    bus: Arc<Bus>,
    shards: Arc<Shards>,
    timing: Timing,
    wanted: Option<BusId>,
) {
    let mut connection = Connection { line: Line::new(stream), peer, bus, agreed: Capabilities::NONE };
    let begun = async {
        let deadline = Instant::now() + timing.greeting;
        timeout_at(deadline, connection.greet()).await.unwrap_or(Err(End::Slow))?;
        connection.claim(wanted).await
    };
    let lease = match begun.await {
        Ok(lease) => lease,
        Err(end) => return end.report(peer, None),
    };
    let Connection { line, bus, agreed, .. } = connection;
    let moved = session::move_to(&shards, line, move |line| async move {
        let bus_id = lease.port().id();
        let end = match line {
            Ok(line) => Connection { line, peer, bus, agreed }.go_on(lease).await,
            Err(error) => error.into(),
        };
        end.report(peer, Some(bus_id));
    });
    if let Err(error) = moved {
        End::from(error).report(peer, None);
    }
}

struct Connection {
    line: Line,
    peer: SocketAddr,
    bus: Arc<Bus>,
    agreed: Capabilities,
}

impl Connection {
    /// Both sides say what they can do.
    async fn greet(&mut self) -> Result<(), End> {
        let hello = Hello { version: VERSION, capabilities: OURS };
        ToGuest::Hello(hello).encode(0, Capabilities::NONE, &mut self.line.output);
        self.line.flush().await?;
        loop {
            match codec::next(self.line.unread(), Capabilities::NONE).map_err(End::Violation)? {
                Frame::Whole(_, ToHost::Hello(hello), length) => {
                    let version = String::from_utf8_lossy(hello.version);
                    tracing::debug!(peer = %self.peer, %version, capabilities = hello.capabilities.0, "hello");
                    self.agreed = OURS.common(hello.capabilities);
                    self.line.take(length);
                    return Ok(());
                }
                Frame::Whole(..) => return Err(End::Violation(Violation::Hello)),
                Frame::Partial(length) => {
                    self.line.make_room(length);
                    session::read(&mut self.line).await?;
                }
            }
        }
    }

    /// Waits for a device. One that was taken off the bus for good is not waited for.
    async fn claim(&mut self, wanted: Option<BusId>) -> Result<Lease, End> {
        let bus = Arc::clone(&self.bus);
        loop {
            let changed = bus.changed();
            if let Some(id) = wanted.filter(|id| bus.port(*id).is_none()) {
                tracing::debug!(peer = %self.peer, bus_id = %id, "there is no such device, and will be none");
                return Err(End::Refused(Unavailable::Missing));
            }
            if let Some(lease) = free(&bus, wanted, self.peer) {
                return Ok(lease);
            }
            tokio::select! {
                () = changed => {}
                arrived = self.listen() => drop(arrived?),
            }
        }
    }

    /// Reads packets while the guest has no device: they are for one that is gone, and nobody answers them. Returns at
    /// least once a packet; says whether the guest acknowledged that its device is gone.
    async fn listen(&mut self) -> Result<bool, End> {
        loop {
            match codec::next(self.line.unread(), self.agreed).map_err(End::Violation)? {
                Frame::Whole(_, message, length) => {
                    let acknowledged = match message {
                        ToHost::Hello(_) => return Err(End::Violation(Violation::Hello)),
                        ToHost::FilterReject => return Err(End::Violation(Violation::Rejected)),
                        message => message == ToHost::DeviceDisconnectAck,
                    };
                    self.line.take(length);
                    return Ok(acknowledged);
                }
                Frame::Partial(length) => {
                    self.line.make_room(length);
                    session::read(&mut self.line).await?;
                }
            }
        }
    }

    /// The guest has a device; when it is pulled out, the guest waits for the same one.
    async fn go_on(mut self, mut lease: Lease) -> End {
        loop {
            let bus_id = lease.port().id();
            tracing::info!(peer = %self.peer, %bus_id, "the device was taken");
            let guest = Guest::new(self.agreed, lease.port().descriptors(), &mut self.line.output);
            match Session::new(lease, guest).run(&mut self.line).await {
                End::Gone => {}
                end => return end,
            }
            tracing::info!(peer = %self.peer, %bus_id, "the device was pulled out");
            lease = match self.put_back(bus_id).await {
                Ok(lease) => lease,
                Err(end) => return end,
            };
        }
    }

    /// Tells the guest that its device is gone, and waits until it is back.
    async fn put_back(&mut self, bus_id: BusId) -> Result<Lease, End> {
        ToGuest::DeviceDisconnect.encode(0, self.agreed, &mut self.line.output);
        self.line.flush().await?;
        if self.agreed.has(Capabilities::DEVICE_DISCONNECT_ACK) {
            // Until then, what comes is meant for the device that is gone.
            while !self.listen().await? {}
        }
        self.claim(Some(bus_id)).await
    }
}

/// Takes the device that is wanted, or the first one that nobody holds.
fn free(bus: &Arc<Bus>, wanted: Option<BusId>, peer: SocketAddr) -> Option<Lease> {
    match wanted {
        Some(id) => bus.claim(id, peer).ok(),
        None => {
            let ports = bus.ports();
            let mut free = ports.iter().filter(|port| port.state() == State::Free);
            free.find_map(|port| bus.claim(port.id(), peer).ok())
        }
    }
}
