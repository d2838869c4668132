//! One connection of a guest: both sides say hello, and then the guest has a device. When the device is pulled out, the guest
//! is told; when it is plugged in again, the guest sees it again on the same connection.

use std::{os::fd::OwnedFd, sync::Arc};

use peer::Peer;
use tokio::time::{Instant, timeout_at};
use wire::usbredir::{Capabilities, Hello, ToGuest, ToHost};

use super::{
    codec::{self, Frame, OURS, Violation},
    guest::Guest,
    waiting::Guests,
};
use crate::{
    bus::{Bus, BusId, Lease, State, Unavailable},
    connection::Connection,
    session::{self, Session, Timing},
    session_thread::{Company, SessionThreads},
};

type End = session::End<Violation>;

/// Who speaks, for the guest's log.
const VERSION: &[u8] = concat!("ushield ", env!("CARGO_PKG_VERSION")).as_bytes();

/// What all guests of a socket have in common.
pub(crate) struct Place {
    pub(crate) bus: Arc<Bus>,
    pub(crate) guests: Arc<Guests>,
    pub(crate) timing: Timing,
    /// The device that they get; none for the first that is free.
    pub(crate) wanted: Option<BusId>,
}

/// Serves one connection. It gets the device that is wanted, or else the first that is free, and waits while there is none.
/// The device is free again when the session ends, however it does.
pub(crate) async fn serve(socket: OwnedFd, peer: Peer, threads: Arc<SessionThreads>, place: Place) {
    let wanted = place.wanted;
    let mut redirection =
        Redirection { connection: Connection::new(socket), peer, place, agreed: Capabilities::NONE };
    let begun = async {
        let deadline = redirection.soon();
        timeout_at(deadline, redirection.greet()).await.unwrap_or(Err(End::Slow))?;
        redirection.claim(wanted).await
    };
    let lease = match begun.await {
        Ok(lease) => lease,
        Err(end) => return end.report(peer, None),
    };
    let Redirection { connection, place, agreed, .. } = redirection;
    let moved = session::move_to(&threads, move |company| async move {
        let bus_id = lease.port().id();
        let end = Redirection { connection, peer, place, agreed }.go_on(lease, company).await;
        end.report(peer, Some(bus_id));
    });
    if let Err(error) = moved {
        End::from(error).report(peer, None);
    }
}

struct Redirection {
    connection: Connection,
    peer: Peer,
    place: Place,
    agreed: Capabilities,
}

impl Redirection {
    /// The time until which a guest must have finished a step that it must not delay.
    fn soon(&self) -> Instant {
        Instant::now() + self.place.timing.greeting
    }

    /// Both sides say what they can do.
    async fn greet(&mut self) -> Result<(), End> {
        let hello = Hello { version: VERSION, capabilities: OURS };
        ToGuest::Hello(hello).encode(0, Capabilities::NONE, &mut self.connection.output);
        self.connection.flush().await?;
        loop {
            match codec::next(self.connection.unread(), Capabilities::NONE).map_err(End::Violation)? {
                Frame::Whole(_, ToHost::Hello(hello), length) => {
                    let version = String::from_utf8_lossy(hello.version);
                    tracing::debug!(peer = %self.peer, %version, capabilities = hello.capabilities.0, "hello");
                    self.agreed = OURS.common(hello.capabilities);
                    self.connection.take(length);
                    return Ok(());
                }
                Frame::Whole(..) => return Err(End::Violation(Violation::Hello)),
                Frame::Partial(length) => {
                    self.connection.make_room(length);
                    session::read(&mut self.connection).await?;
                }
            }
        }
    }

    /// Waits for a device, unless the device was taken off the bus for good.
    async fn claim(&mut self, wanted: Option<BusId>) -> Result<Lease, End> {
        let bus = Arc::clone(&self.place.bus);
        if let Some(lease) = free(&bus, wanted, self.peer) {
            return Ok(lease);
        }
        let guests = Arc::clone(&self.place.guests);
        let waiting = guests.enter();
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
                () = waiting.over() => return Err(End::Crowded),
                arrived = self.listen() => drop(arrived?),
            }
        }
    }

    /// Reads packets while the guest has no device. They are for a device that is gone, and nobody answers them. Returns at
    /// least once for each packet; the result says whether the guest has acknowledged that its device is gone.
    async fn listen(&mut self) -> Result<bool, End> {
        loop {
            match codec::next(self.connection.unread(), self.agreed).map_err(End::Violation)? {
                Frame::Whole(_, message, length) => {
                    let acknowledged = match message {
                        ToHost::Hello(_) => return Err(End::Violation(Violation::Hello)),
                        ToHost::FilterReject => return Err(End::Violation(Violation::Rejected)),
                        message => message == ToHost::DeviceDisconnectAck,
                    };
                    self.connection.take(length);
                    return Ok(acknowledged);
                }
                Frame::Partial(length) => {
                    self.connection.make_room(length);
                    session::read(&mut self.connection).await?;
                }
            }
        }
    }

    /// The guest has a device; when it is pulled out, the guest waits for the same one.
    async fn go_on(mut self, mut lease: Lease, company: Company) -> End {
        let mut has_spoken = false;
        loop {
            let bus_id = lease.port().id();
            tracing::info!(peer = %self.peer, %bus_id, "the device was taken");
            let guest = Guest::new(self.agreed, lease.port().descriptors(), &mut self.connection.output);
            let mut session = Session::new(lease, guest, self.place.timing, company.clone());
            if has_spoken {
                session.need_not_speak();
            }
            match session.run(&mut self.connection).await {
                End::Gone => {}
                end => return end,
            }
            // A guest that has used the device keeps it when it is plugged in again, however long the guest is silent.
            has_spoken = session.has_spoken();
            drop(session);
            tracing::info!(peer = %self.peer, %bus_id, "the device was pulled out");
            lease = match self.put_back(bus_id).await {
                Ok(lease) => lease,
                Err(end) => return end,
            };
        }
    }

    /// Tells the guest that its device is gone, and waits until it is back. A guest that is paused may take hours to
    /// acknowledge, and so has a place among those that wait.
    async fn put_back(&mut self, bus_id: BusId) -> Result<Lease, End> {
        ToGuest::DeviceDisconnect.encode(0, self.agreed, &mut self.connection.output);
        let guests = Arc::clone(&self.place.guests);
        let waiting = guests.enter();
        tokio::select! {
            told = self.tell_gone() => told?,
            () = waiting.over() => return Err(End::Crowded),
        }
        drop(waiting);
        self.claim(Some(bus_id)).await
    }

    async fn tell_gone(&mut self) -> Result<(), End> {
        self.connection.flush().await?;
        if self.agreed.has(Capabilities::DEVICE_DISCONNECT_ACK) { self.acknowledged().await } else { Ok(()) }
    }

    /// Waits until the guest acknowledges that the device is gone. Packets that come before that are for that device.
    async fn acknowledged(&mut self) -> Result<(), End> {
        while !self.listen().await? {}
        Ok(())
    }
}

/// Takes the device that is wanted, or the first one that nobody holds.
fn free(bus: &Arc<Bus>, wanted: Option<BusId>, peer: Peer) -> Option<Lease> {
    match wanted {
        Some(id) => bus.claim(id, peer).ok(),
        None => {
            // Asked for, one that is held is known to be wanted: its holder may have no use for it.
            let ports = bus.ports();
            let free = ports.iter().filter(|port| port.state() == State::Free);
            let held = ports.iter().filter(|port| matches!(port.state(), State::Held { .. }));
            free.chain(held).find_map(|port| bus.claim(port.id(), peer).ok())
        }
    }
}
