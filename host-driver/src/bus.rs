//! The bus: the devices that are plugged, and who holds each.
//!
//! Each device has two locks. The *slot* guards the device itself, for the time of one batch of transfers. The *status* says
//! who holds the device; it is never locked while the device works, so that a busy device delays neither a list of devices
//! nor another device.

mod lease;
mod port;
mod id;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    time::Instant,
};

use firmware::seams::Millis;
use lock::lock;
use peer::Peer;
use tokio::sync::Notify;

pub use id::BusId;
pub use lease::{Gone, Lease};
pub use port::Port;

use crate::{
    capture::Capture,
    journal::{Event, Journal, Witness},
    labour::{Lanes, Turns},
    panel::Handle,
    urb::{Both, Device},
};
use port::{Slot, Status};

/// The moment that [`Millis`] count from.
static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The present time, as devices count it.
pub fn now() -> Millis {
    Millis(u64::try_from(EPOCH.elapsed().as_millis()).unwrap_or(u64::MAX))
}

/// Where a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Plugged, and nobody holds it.
    Free,
    /// A host holds it.
    Held {
        /// The host.
        peer: Peer,
    },
    /// Pulled out; [`Bus::plug_again`] puts it back.
    Unplugged,
}

/// Why a device was not handed out, or not moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// There is no such device, or it is unplugged.
    #[error("no such device")]
    Missing,
    /// Somebody holds it.
    #[error("another host holds the device")]
    Held,
    /// 65,535 devices are plugged.
    #[error("the bus is full")]
    Full,
}

/// The devices.
#[derive(Debug, Default)]
pub struct Bus {
    ports: Mutex<Ports>,
    /// Notified when a device comes, goes, is taken or is given back.
    changed: Notify,
    /// The capture that sees the transfers of devices which are taken from now on.
    capture: Mutex<Option<Capture>>,
    /// The long computations of the devices.
    lanes: Lanes,
    /// Who is told what happens to the devices.
    journal: Arc<Journal>,
}

#[derive(Debug, Default)]
struct Ports {
    by_id: BTreeMap<BusId, Arc<Port>>,
    last: u16,
}

impl Bus {
    /// Plugs a device in, with the handle of its panel when it has one: whoever drives the device looks at it again
    /// when a button is pressed.
    ///
    /// # Errors
    /// The bus is full.
    pub fn plug(&self, device: Box<dyn Device>, panel: Option<Handle>) -> Result<BusId, Unavailable> {
        let descriptors = device.descriptors();
        let bell = panel.as_ref().map(Handle::bell).unwrap_or_default();
        let mut ports = lock(&self.ports);
        let id = ports.next_id().ok_or(Unavailable::Full)?;
        let witness = Witness::new(Arc::clone(&self.journal), id.to_string().into());
        if let Some(panel) = &panel {
            panel.tell(witness.clone());
        }
        let port = Port {
            id,
            witness: witness.clone(),
            tries: AtomicU32::new(u32::from_ne_bytes(device.tries())),
            descriptors,
            bell,
            sought: Notify::new(),
            panel,
            status: Mutex::new(Status::of(State::Free)),
            slot: Mutex::new(Slot { device: Some(device), lease: 0, working: false }),
            leases: AtomicUsize::new(0),
            turns: Turns::default(),
        };
        ports.by_id.insert(id, Arc::new(port));
        drop(ports);
        witness.tell(|| Event::Plugged);
        self.changed.notify_waiters();
        Ok(id)
    }

    /// Pulls a device out: its power is off when this returns, and its host sees it go.
    ///
    /// # Errors
    /// There is no such device, or it is out already.
    pub fn unplug(&self, id: BusId) -> Result<(), Unavailable> {
        let port = self.port(id).ok_or(Unavailable::Missing)?;
        {
            let mut status = lock(&port.status);
            if status.state == State::Unplugged {
                return Err(Unavailable::Missing);
            }
            *status = Status::of(State::Unplugged);
            // Under the lock, so that what happens to a device is told in its order.
            port.witness.tell(|| Event::Unplugged);
        }
        port.power_off(None);
        port.bell.notify_one();
        self.changed.notify_waiters();
        Ok(())
    }

    /// Puts a device back that [`Self::unplug`] pulled out.
    ///
    /// # Errors
    /// There is no such device, or it is not out.
    pub fn plug_again(&self, id: BusId) -> Result<(), Unavailable> {
        let port = self.port(id).ok_or(Unavailable::Missing)?;
        {
            let mut status = lock(&port.status);
            if status.state != State::Unplugged {
                return Err(Unavailable::Held);
            }
            status.state = State::Free;
            port.witness.tell(|| Event::Plugged);
        }
        self.changed.notify_waiters();
        Ok(())
    }

    /// Takes a device off the bus for good; its host sees it go.
    ///
    /// # Errors
    /// There is no such device.
    pub fn remove(&self, id: BusId) -> Result<Box<dyn Device>, Unavailable> {
        let port = lock(&self.ports).by_id.remove(&id).ok_or(Unavailable::Missing)?;
        {
            let mut status = lock(&port.status);
            *status = Status::of(State::Unplugged);
            port.witness.tell(|| Event::Unplugged);
        }
        port.power_off(None);
        let device = lock(&port.slot).device.take();
        port.bell.notify_one();
        self.changed.notify_waiters();
        device.ok_or(Unavailable::Missing)
    }

    /// Takes a device for a host: its power is on until the lease is dropped.
    ///
    /// # Errors
    /// It is not there, or somebody holds it.
    pub fn claim(self: &Arc<Self>, id: BusId, peer: Peer) -> Result<Lease, Unavailable> {
        static LEASES: AtomicU64 = AtomicU64::new(1);
        let port = self.port(id).ok_or(Unavailable::Missing)?;
        let lease = LEASES.fetch_add(1, Ordering::Relaxed);
        port.take(lease, peer)?;
        let [_, number] = port.id.number();
        let journal = port.witness.tap();
        let tap = match lock(&self.capture).as_ref() {
            Some(capture) => Box::new(Both(journal, capture.tap(number))),
            None => journal,
        };
        port.leases.fetch_add(1, Ordering::SeqCst);
        // From here on the device is given back when the lease is dropped.
        let lease = Lease { bus: Arc::clone(self), port, number: lease, tap: Some(tap) };
        lease.port.power_on(lease.number)?;
        self.changed.notify_waiters();
        Ok(lease)
    }

    /// Captures what hosts do with devices that they take from now on, or nothing more. Returns what looked on until now.
    pub fn set_capture(&self, capture: Option<Capture>) -> Option<Capture> {
        std::mem::replace(&mut *lock(&self.capture), capture)
    }

    /// Returns when no host holds the device, and every host that had it has been told that it went.
    pub async fn let_go(&self, id: BusId) {
        loop {
            let changed = self.changed();
            if self.port(id).is_none_or(|port| port.leases.load(Ordering::SeqCst) == 0) {
                return;
            }
            changed.await;
        }
    }

    /// What happens to the devices, for whoever listens.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// A port, by name.
    pub fn port(&self, id: BusId) -> Option<Arc<Port>> {
        lock(&self.ports).by_id.get(&id).cloned()
    }

    /// All ports, in order.
    pub fn ports(&self) -> Vec<Arc<Port>> {
        lock(&self.ports).by_id.values().cloned().collect()
    }

    /// Returns when a device comes, goes, is taken or is given back. Ask for it before looking at the state.
    pub fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }
}

impl Ports {
    /// The next free number. A number is used again only after all others, so that no host attaches another device than it means.
    fn next_id(&mut self) -> Option<BusId> {
        let after = (self.last..u16::MAX).map(|last| last + 1);
        let number = after.chain(1..=self.last).find(|number| !self.by_id.contains_key(&BusId(*number)))?;
        self.last = number;
        Some(BusId(number))
    }
}

#[cfg(test)]
mod tests;
