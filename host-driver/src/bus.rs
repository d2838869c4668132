//! The bus: the devices that are plugged, and who holds each.
//!
//! Each device has two locks. The *slot* guards the device itself, for the time of one batch of transfers. The *status* says
//! who holds the device; it is never locked while the device works, so that a busy device delays neither a list of devices
//! nor another device.

use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Instant,
};

use card::lock::lock;
use firmware::{Memory, seams::Millis};
use tokio::sync::Notify;

use crate::{
    capture::Capture,
    labour::{Lanes, Turns},
    panel::Handle,
    urb::{Descriptors, Device, Tap, Work},
};

/// All devices are on bus 1; the second number is the device's.
const BUS: u32 = 1;

/// The moment that [`Millis`] count from.
static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The present time, as devices count it.
pub fn now() -> Millis {
    Millis(u64::try_from(EPOCH.elapsed().as_millis()).unwrap_or(u64::MAX))
}

/// The name of a device on the bus, such as `1-1`, and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BusId(u16);

impl BusId {
    /// Reads `1-N`.
    pub fn parse(text: &str) -> Option<Self> {
        let number = text.strip_prefix("1-")?;
        let id = Self(number.parse().ok()?);
        // A name has one spelling: `1-+1` and `1-01` are no names.
        (id.to_string() == text && id.0 != 0).then_some(id)
    }

    /// busnum and devnum.
    pub fn number(self) -> [u32; 2] {
        [BUS, u32::from(self.0)]
    }

    /// The number that URB messages carry.
    pub fn device(self) -> u32 {
        BUS << 16 | u32::from(self.0)
    }
}

impl fmt::Display for BusId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{BUS}-{}", self.0)
    }
}

/// Where a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Plugged, and nobody holds it.
    Free,
    /// A host holds it.
    Held {
        /// The host's address.
        peer: SocketAddr,
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
}

#[derive(Debug, Default)]
struct Ports {
    by_id: BTreeMap<BusId, Arc<Port>>,
    last: u16,
}

/// One device's place on the bus.
pub struct Port {
    id: BusId,
    descriptors: Descriptors,
    bell: Arc<Notify>,
    /// Notified when a host asks for the device while another host holds it.
    sought: Notify,
    panel: Option<Handle>,
    status: Mutex<Status>,
    slot: Mutex<Slot>,
    /// How many leases are not dropped yet. Some of them may be over.
    leases: AtomicUsize,
    turns: Turns,
}

#[derive(Clone, Copy, Debug)]
struct Status {
    state: State,
    /// The lease that [`State::Held`] speaks of.
    lease: u64,
    /// Another host asked for the device during this lease.
    wanted: bool,
}

impl Status {
    /// Nobody holds the device.
    const fn of(state: State) -> Self {
        Self { state, lease: 0, wanted: false }
    }
}

struct Slot {
    device: Option<Box<dyn Device>>,
    /// The lease that may drive the device; 0 when its power is off.
    lease: u64,
    /// A [`Work`] of this device is under way, perhaps one given out under an earlier lease.
    working: bool,
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Port").field("id", &self.id).field("state", &self.state()).finish_non_exhaustive()
    }
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
        let port = Port {
            id,
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
        *lock(&port.status) = Status::of(State::Unplugged);
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
    pub fn claim(self: &Arc<Self>, id: BusId, peer: SocketAddr) -> Result<Lease, Unavailable> {
        static LEASES: AtomicU64 = AtomicU64::new(1);
        let port = self.port(id).ok_or(Unavailable::Missing)?;
        let lease = LEASES.fetch_add(1, Ordering::Relaxed);
        port.take(lease, peer)?;
        let [_, number] = port.id.number();
        let tap = lock(&self.capture).as_ref().map(|capture| capture.tap(number));
        port.leases.fetch_add(1, Ordering::SeqCst);
        // From here on the device is given back when the lease is dropped.
        let lease = Lease { bus: Arc::clone(self), port, number: lease, tap };
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

    fn take(&self, lease: u64, peer: SocketAddr) -> Result<(), Unavailable> {
        let mut status = lock(&self.status);
        match status.state {
            State::Free => *status = Status { state: State::Held { peer }, lease, wanted: false },
            State::Held { .. } => {
                status.wanted = true;
                self.sought.notify_one();
                return Err(Unavailable::Held);
            }
            State::Unplugged => return Err(Unavailable::Missing),
        }
        Ok(())
    }

    fn power_on(&self, lease: u64) -> Result<(), Unavailable> {
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
    fn power_off(&self, only: Option<u64>) -> bool {
        let mut slot = lock(&self.slot);
        if slot.lease == 0 || only.is_some_and(|lease| lease != slot.lease) {
            return true;
        }
        slot.lease = 0;
        let Some(device) = &mut slot.device else { return true };
        catch_unwind(AssertUnwindSafe(|| device.unplug())).is_ok()
    }
}

/// The lease is over: the device was pulled out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// A host's hold on a device. Dropping it switches the device off and frees it, in that order.
pub struct Lease {
    bus: Arc<Bus>,
    port: Arc<Port>,
    number: u64,
    /// What reports this host's transfers to the capture that ran when the device was taken.
    tap: Option<Box<dyn Tap>>,
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

    /// Takes what reports this host's transfers to a capture; `None` where there is no capture.
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
struct Running {
    port: Arc<Port>,
    lease: u64,
    done: bool,
}

impl Running {
    /// Does the work, unless its host went while it waited. Returns whether the work was done.
    fn run(mut self, work: Work, memory: &mut Memory) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::urb::fake::Echo;

    fn bus() -> (Arc<Bus>, BusId) {
        let bus = Arc::new(Bus::default());
        let id = bus.plug(Box::new(Echo::default()), None).unwrap();
        (bus, id)
    }

    const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9);

    #[test]
    fn a_name_has_one_spelling() {
        assert_eq!(BusId::parse("1-7"), Some(BusId(7)));
        for name in ["1-0", "1-07", "1-+7", "2-7", "1-65536", "1-", "17", " 1-7"] {
            assert_eq!(BusId::parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_number_is_not_used_again_before_its_turn() {
        let (bus, first) = bus();
        bus.remove(first).unwrap();
        let second = bus.plug(Box::new(Echo::default()), None).unwrap();
        assert_ne!(first, second);
        lock(&bus.ports).last = u16::MAX;
        assert_eq!(bus.plug(Box::new(Echo::default()), None), Ok(first));
        let third = bus.plug(Box::new(Echo::default()), None).unwrap();
        assert_eq!(third, BusId(3));
    }

    #[test]
    fn one_lease_at_a_time_and_an_old_one_drives_nothing() {
        let (bus, id) = bus();
        let lease = bus.claim(id, PEER).unwrap();
        assert_eq!(bus.claim(id, PEER).unwrap_err(), Unavailable::Held);
        assert_eq!(bus.port(id).unwrap().state(), State::Held { peer: PEER });
        bus.unplug(id).unwrap();
        assert_eq!(lease.drive(|_| ()), Err(Gone));
        assert_eq!(bus.claim(id, PEER).unwrap_err(), Unavailable::Missing);
        bus.plug_again(id).unwrap();
        let next = bus.claim(id, PEER).unwrap();
        drop(lease);
        assert_eq!(next.drive(|_| ()), Ok(()));
        drop(next);
        assert_eq!(bus.port(id).unwrap().state(), State::Free);
    }

    #[tokio::test]
    async fn the_outcome_of_a_job_is_for_the_lease_that_gave_it_out() {
        let (bus, id) = bus();
        let read = |device: &mut dyn Device| device.bulk_in(2, 64).unwrap();
        let lease = bus.claim(id, PEER).unwrap();
        lease.drive(|device| device.bulk_out(1, b"work").unwrap()).unwrap();
        drop(lease);
        let lease = bus.claim(id, PEER).unwrap();
        // The first job ends, and brings nothing.
        while lock(&lease.port.slot).working {
            lease.rung().await;
        }
        assert_eq!(lease.drive(read), Ok(None));
        lease.drive(|device| device.bulk_out(1, b"work").unwrap()).unwrap();
        while lock(&lease.port.slot).working {
            lease.rung().await;
        }
        assert_eq!(lease.drive(read), Ok(Some(b"worked".to_vec())));
    }

    /// A job whose host went while it waited is not computed, and says so: its device had no turn.
    #[test]
    fn nobody_computes_for_a_host_that_went() {
        let (bus, id) = bus();
        let lease = bus.claim(id, PEER).unwrap();
        for lasts in [true, false] {
            let job = Running { port: Arc::clone(&lease.port), lease: lease.number, done: false };
            let (does, did) = std::sync::mpsc::channel();
            let run = Box::new(move |_: &mut Memory| -> crate::urb::Done {
                does.send(()).unwrap();
                Box::new("worked")
            });
            if !lasts {
                bus.unplug(id).unwrap();
            }
            let work = Work { kind: crate::urb::Labour::KeyMaking, run };
            assert_eq!(job.run(work, &mut Memory::default()), lasts);
            assert_eq!(did.recv().is_ok(), lasts);
        }
    }

    #[tokio::test]
    async fn changes_are_told() {
        let (bus, id) = bus();
        let mut changed = std::pin::pin!(bus.changed());
        changed.as_mut().enable();
        let lease = bus.claim(id, PEER).unwrap();
        changed.as_mut().await;
        changed.set(bus.changed());
        changed.as_mut().enable();
        drop(lease);
        changed.await;
    }
}
