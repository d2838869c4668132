//! A device's place on the bus: the device behind its lock, and who holds it.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
};

use lock::lock;
use peer::Peer;
use tokio::sync::Notify;

use super::{State, Unavailable, id::BusId};
use crate::{
    journal::{Event, Witness},
    labour::Turns,
    panel::Handle,
    urb::{Descriptors, Device},
};

/// One device's place on the bus.
pub struct Port {
    pub(super) id: BusId,
    pub(super) descriptors: Descriptors,
    pub(super) bell: Arc<Notify>,
    /// Notified when a host asks for the device while another host holds it.
    pub(super) sought: Notify,
    pub(super) panel: Option<Handle>,
    pub(super) status: Mutex<Status>,
    pub(super) slot: Mutex<Slot>,
    /// How many leases are not dropped yet. Some of them may be over.
    pub(super) leases: AtomicUsize,
    pub(super) turns: Turns,
    /// Who is told what happens to this device.
    pub(super) witness: Witness,
    /// The four bytes of [`Device::tries`], as they were last.
    pub(super) tries: AtomicU32,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Status {
    pub(super) state: State,
    /// The lease that [`State::Held`] speaks of.
    pub(super) lease: u64,
    /// Another host asked for the device during this lease.
    pub(super) wanted: bool,
}

impl Status {
    /// Nobody holds the device.
    pub(super) const fn of(state: State) -> Self {
        Self { state, lease: 0, wanted: false }
    }
}

pub(super) struct Slot {
    pub(super) device: Option<Box<dyn Device>>,
    /// The lease that may drive the device; 0 when its power is off.
    pub(super) lease: u64,
    /// A [`Work`] of this device is under way, perhaps one given out under an earlier lease.
    pub(super) working: bool,
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Port").field("id", &self.id).field("state", &self.state()).finish_non_exhaustive()
    }
}

impl Port {
    /// The device's name.
    pub const fn id(&self) -> BusId {
        self.id
    }

    /// What the device tells about itself.
    pub const fn descriptors(&self) -> &Descriptors {
        &self.descriptors
    }

    /// The device's screen and buttons.
    pub const fn panel(&self) -> Option<&Handle> {
        self.panel.as_ref()
    }

    /// Where the device is.
    pub fn state(&self) -> State {
        lock(&self.status).state
    }

    /// Tries left, PIN then PUK, and the most of each, as they were when the device was driven last; zeros where it has none.
    pub fn tries(&self) -> [u8; 4] {
        self.tries.load(Ordering::Relaxed).to_ne_bytes()
    }

    /// The device was driven, and has so many tries now. The caller holds the device's lock, so that changes are told in order.
    pub(super) fn set_tries(&self, tries: [u8; 4]) {
        if self.tries() != tries {
            self.tries.store(u32::from_ne_bytes(tries), Ordering::Relaxed);
            self.witness.tell(|| Event::Tries(tries));
        }
    }

    pub(super) fn take(&self, lease: u64, peer: Peer) -> Result<(), Unavailable> {
        let mut status = lock(&self.status);
        match status.state {
            State::Free => {
                *status = Status { state: State::Held { peer }, lease, wanted: false };
                self.witness.tell(|| Event::Attached { host: peer.to_string() });
            }
            State::Held { .. } => {
                status.wanted = true;
                self.sought.notify_one();
                return Err(Unavailable::Held);
            }
            State::Unplugged => return Err(Unavailable::Missing),
        }
        Ok(())
    }

    pub(super) fn power_on(&self, lease: u64) -> Result<(), Unavailable> {
        let mut slot = lock(&self.slot);
        // The device may have been pulled out since it was taken.
        if lock(&self.status).lease != lease {
            return Err(Unavailable::Missing);
        }
        slot.device.as_mut().ok_or(Unavailable::Missing)?.attach();
        slot.lease = lease;
        Ok(())
    }

    /// Switches the device off. With `only`, nothing happens unless that lease drives the device. Returns whether the device is
    /// sound: a device that panics is not.
    pub(super) fn power_off(&self, only: Option<u64>) -> bool {
        let mut slot = lock(&self.slot);
        if slot.lease == 0 || only.is_some_and(|lease| lease != slot.lease) {
            return true;
        }
        slot.lease = 0;
        let Some(device) = &mut slot.device else { return true };
        let off = catch_unwind(AssertUnwindSafe(|| {
            device.unplug();
            device.tries()
        }));
        // A try that was paid for a PIN which was never looked at is gone.
        if let Ok(tries) = &off {
            self.set_tries(*tries);
        }
        off.is_ok()
    }
}
