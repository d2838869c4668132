//! A host's hold on a device.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
};

use firmware::Memory;
use lock::lock;

use super::{
    Bus, State,
    port::{Port, Status},
};
use crate::{
    journal::Event,
    urb::{Device, Tap, Work},
};

/// The lease is over: the device was pulled out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// A host's hold on a device. Dropping it switches the device off and frees it, in that order.
pub struct Lease {
    pub(super) bus: Arc<Bus>,
    pub(super) port: Arc<Port>,
    pub(super) number: u64,
    /// What reports this host's transfers to the journal, and to the capture that ran when the device was taken.
    pub(super) tap: Option<Box<dyn Tap>>,
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("port", &self.port)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl Lease {
    /// The device's place.
    pub fn port(&self) -> &Port {
        &self.port
    }

    /// Takes what reports this host's transfers; `None` where it was taken before.
    pub(crate) fn tap(&mut self) -> Option<Box<dyn Tap>> {
        self.tap.take()
    }

    /// Returns when the device should be driven again: a button, the end of a job, or an unplug.
    pub async fn rung(&self) {
        self.port.bell.notified().await;
    }

    /// Returns once somebody else has asked for the device during this lease.
    pub(crate) async fn wanted(&self) {
        while !lock(&self.port.status).wanted {
            self.port.sought.notified().await;
        }
    }

    /// Whether a long computation of the device is under way.
    pub(crate) fn is_working(&self) -> bool {
        lock(&self.port.slot).working
    }

    /// Drives the device. While `turn` runs, nobody else reaches the device. A job that the device gives out afterwards is queued.
    ///
    /// # Errors
    /// The device was pulled out.
    pub fn drive<T>(&self, turn: impl FnOnce(&mut dyn Device) -> T) -> Result<T, Gone> {
        let mut guard = lock(&self.port.slot);
        let slot = &mut *guard;
        let device = slot.device.as_mut().filter(|_| slot.lease == self.number).ok_or(Gone)?;
        let outcome = turn(device.as_mut());
        // A device has one job at a time, so that a host which comes and goes cannot pile jobs up.
        let work = if slot.working { None } else { device.job() };
        slot.working |= work.is_some();
        // A try is paid before the PIN is looked at (firmware/src/pin.rs), and given back where the PIN is right. Only what is left
        // in the end is told.
        if !slot.working {
            self.port.set_tries(device.tries());
        }
        drop(guard);
        if let Some(work) = work {
            let job = Running { port: Arc::clone(&self.port), lease: self.number, done: false };
            self.bus.lanes.queue(work.kind, &self.port.turns, move |memory| job.run(work, memory));
        }
        Ok(outcome)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let sound = self.port.power_off(Some(self.number));
        let mut status = lock(&self.port.status);
        if status.lease == self.number {
            let state = if sound { State::Free } else { State::Unplugged };
            *status = Status::of(state);
            self.port.witness.tell(|| if sound { Event::Released } else { Event::Unplugged });
        }
        drop(status);
        if !sound {
            tracing::error!(bus_id = %self.port.id, "the device failed at power-off and was taken off the list");
        }
        self.port.leases.fetch_sub(1, Ordering::SeqCst);
        self.bus.changed.notify_waiters();
    }
}

/// A job under way. When it ends without an outcome, because it panicked, the device is switched off.
pub(super) struct Running {
    pub(super) port: Arc<Port>,
    pub(super) lease: u64,
    pub(super) done: bool,
}

impl Running {
    /// Does the work, unless its host went while it waited. Returns whether the work was done.
    pub(super) fn run(mut self, work: Work, memory: &mut Memory) -> bool {
        let wanted = lock(&self.port.slot).lease == self.lease;
        if wanted {
            let done = (work.run)(memory);
            let mut slot = lock(&self.port.slot);
            if slot.lease == self.lease
                && let Some(device) = &mut slot.device
            {
                device.finish(done);
            }
        }
        self.done = true;
        wanted
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.done {
            self.port.power_off(Some(self.lease));
        }
        lock(&self.port.slot).working = false;
        self.port.bell.notify_one();
    }
}
