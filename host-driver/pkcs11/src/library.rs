//! What C_Initialize makes and C_Finalize ends: the slots, for this process only.
//!
//! A child of fork(2) has a copy of our memory and of our sockets, and neither is its own: the parent talks to the
//! token on the same connection. So each process has a state of its own, with a mark that no child has. What a child
//! inherited it never touches, drops or closes: its functions say CKR_CRYPTOKI_NOT_INITIALIZED until it initializes
//! anew, and no lock that another thread of the parent held at the fork is ever waited for.

use std::{
    ptr,
    sync::{
        Arc, Mutex, MutexGuard, TryLockError,
        atomic::{AtomicBool, AtomicPtr, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use card::{
    config::PaymentKey,
    road::{self, Road, Selection},
    usbip,
};
use cryptoki_sys as ck;

use crate::{
    ckr::{Ckr, Result},
    fork::Mark,
    slot::{SLOT_BITS, Slot},
};

/// Most slots.
const MAX_SLOTS: usize = 1 << SLOT_BITS;
/// How long the first look waits for a token on a server that lists none.
const GRACE: Duration = Duration::from_millis(500);
/// Between two tries.
const GRACE_PAUSE: Duration = Duration::from_millis(5);
/// How often C_WaitForSlotEvent looks.
const PERIOD: Duration = Duration::from_millis(100);

/// What lets one call in at a time, where the application wants that.
pub trait Turns: Send + Sync {
    /// Waits for a turn.
    ///
    /// # Errors
    /// CKR_GENERAL_ERROR.
    fn begin(&self) -> Result<()>;

    /// The turn is over.
    fn end(&self);
}

/// One call's turn, until it is dropped.
pub struct Turn<'a>(Option<&'a dyn Turns>);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(turns) = self.0 {
            turns.end();
        }
    }
}

/// The library between C_Initialize and C_Finalize.
pub struct Library {
    turns: Option<Box<dyn Turns>>,
    selection: Selection,
    payment_key: PaymentKey,
    slots: Mutex<Vec<Arc<Mutex<Slot>>>>,
    /// Held while somebody looks which tokens there are.
    looking: Mutex<()>,
    finished: AtomicBool,
}

/// One process's state.
struct Process {
    mark: Mark,
    library: Mutex<Option<Arc<Library>>>,
}

/// The state of the process that last initialized. It is never freed: a child of another fork may still read its mark.
static PROCESS: AtomicPtr<Process> = AtomicPtr::new(ptr::null_mut());

impl Process {
    /// This process's, if it ever initialized.
    fn this() -> Option<&'static Self> {
        let process = PROCESS.load(Ordering::Acquire);
        // SAFETY: it is null, or came from Box::leak in `start` and is never freed.
        #[expect(unsafe_code, reason = "a lock-free cell: no std type may be read in a child of a fork")]
        let process = unsafe { process.as_ref() }?;
        process.mark.is_of_this_process().then_some(process)
    }

    /// This process's, made if there is none.
    fn start() -> &'static Self {
        loop {
            if let Some(process) = Self::this() {
                return process;
            }
            let former = PROCESS.load(Ordering::Acquire);
            let fresh = Box::into_raw(Box::new(Self { mark: Mark::new(), library: Mutex::new(None) }));
            // Of two threads one wins, and the other takes what it finds; its own few bytes stay where they are.
            let _ = PROCESS.compare_exchange(former, fresh, Ordering::AcqRel, Ordering::Acquire);
        }
    }
}

/// C_Initialize.
///
/// # Errors
/// CKR_CRYPTOKI_ALREADY_INITIALIZED; CKR_FUNCTION_FAILED: the user's config file cannot be read.
pub fn initialize(turns: Option<Box<dyn Turns>>) -> Result<()> {
    let mut library = lock(&Process::start().library)?;
    if library.is_some() {
        return Err(Ckr::CRYPTOKI_ALREADY_INITIALIZED);
    }
    *library = Some(Arc::new(Library {
        turns,
        selection: Selection::from_environment()?,
        payment_key: PaymentKey::chosen()?,
        slots: Mutex::new(Vec::new()),
        looking: Mutex::new(()),
        finished: AtomicBool::new(false),
    }));
    Ok(())
}

/// C_Finalize. Calls that other threads are in end with what they began with; the tokens are let go with the last.
///
/// # Errors
/// CKR_CRYPTOKI_NOT_INITIALIZED.
pub fn finalize() -> Result<()> {
    let process = Process::this().ok_or(Ckr::CRYPTOKI_NOT_INITIALIZED)?;
    let library = lock(&process.library)?.take().ok_or(Ckr::CRYPTOKI_NOT_INITIALIZED)?;
    library.finished.store(true, Ordering::Release);
    Ok(())
}

/// The library of this process.
///
/// # Errors
/// CKR_CRYPTOKI_NOT_INITIALIZED.
pub fn current() -> Result<Arc<Library>> {
    let process = Process::this().ok_or(Ckr::CRYPTOKI_NOT_INITIALIZED)?;
    lock(&process.library)?.clone().ok_or(Ckr::CRYPTOKI_NOT_INITIALIZED)
}

/// A lock whose holder panicked guards what nobody understands any more.
fn lock<T>(mutex: &Mutex<T>) -> Result<MutexGuard<'_, T>> {
    mutex.lock().map_err(|_| Ckr::GENERAL_ERROR)
}

impl Library {
    /// Waits for a turn.
    ///
    /// # Errors
    /// CKR_GENERAL_ERROR.
    pub fn turn(&self) -> Result<Turn<'_>> {
        let turns = self.turns.as_deref();
        turns.map_or(Ok(()), Turns::begin)?;
        Ok(Turn(turns))
    }

    /// The slots, looked for if that was never done: at least one, so that there is something to wait for a token in.
    fn slots(&self) -> Result<Vec<Arc<Mutex<Slot>>>> {
        self.first_look()?;
        Ok(lock(&self.slots)?.clone())
    }

    /// Looks for tokens if nobody has yet, and says whether nobody had. What is there from the start is no event (5.5).
    fn first_look(&self) -> Result<bool> {
        if !lock(&self.slots)?.is_empty() {
            return Ok(false);
        }
        let end = Instant::now() + GRACE;
        self.look()?;
        // Who was just before us, this process too, has let its token go, which is back on the list in a moment.
        while Instant::now() < end && !self.is_any_present()? && self.is_served() {
            thread::sleep(GRACE_PAUSE);
            self.look()?;
        }
        for slot in lock(&self.slots)?.iter() {
            lock(slot)?.take_change();
        }
        Ok(true)
    }

    fn is_any_present(&self) -> Result<bool> {
        let slots = lock(&self.slots)?.clone();
        slots.iter().try_fold(false, |any, slot| Ok(any || lock(slot)?.is_present()))
    }

    /// Whether there is a USB/IP server, with free tokens or without.
    fn is_served(&self) -> bool {
        let named = self.selection.usbip.as_deref().unwrap_or(road::DEFAULT_ADDRESS);
        let address = named.split_once('/').map_or(named, |(address, _)| address);
        usbip::list(address).is_ok()
    }

    /// Looks which tokens there are. A slot keeps its number and its road; a token by a new road gets an empty slot that
    /// never had one, else a new slot.
    ///
    /// A USB/IP server does not list a token that is held: of those that we hold, the token itself is asked.
    fn look(&self) -> Result<()> {
        let _one_at_a_time = lock(&self.looking)?;
        let mut found: Vec<Road> =
            road::discover(&self.selection).unwrap_or_default().into_iter().map(|found| found.road).collect();
        let known = lock(&self.slots)?.clone();
        for slot in &known {
            let mut slot = match slot.try_lock() {
                Ok(slot) => slot,
                // Somebody is just using its token: it is there, whether it is listed or not.
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Poisoned(_)) => return Err(Ckr::GENERAL_ERROR),
            };
            let listed = found.iter().position(|road| Some(road) == slot.road());
            match (listed.map(|at| found.remove(at)), slot.look()) {
                (Some(road), None | Some(false)) => slot.plugged_in(road),
                (None, None) if slot.is_present() && !slot.is_settling() => slot.pulled_out(),
                _ => {}
            }
        }
        for road in found {
            self.seat(&known, road)?;
        }
        let mut slots = lock(&self.slots)?;
        if slots.is_empty() {
            self.add(&mut slots);
        }
        Ok(())
    }

    /// Gives a token by a new road a slot.
    fn seat(&self, known: &[Arc<Mutex<Slot>>], road: Road) -> Result<()> {
        // One that is in use just now may have this very road.
        if known.iter().any(|slot| matches!(slot.try_lock(), Err(TryLockError::WouldBlock))) {
            for slot in known {
                if lock(slot)?.road() == Some(&road) {
                    return Ok(());
                }
            }
        }
        for slot in known {
            let mut slot = lock(slot)?;
            if slot.road().is_none_or(|former| is_replugged(former, &road, &slot)) {
                slot.plugged_in(road);
                return Ok(());
            }
        }
        if let Some(slot) = self.add(&mut *lock(&self.slots)?) {
            lock(&slot)?.plugged_in(road);
        }
        Ok(())
    }

    /// One slot more, if there may be one.
    fn add(&self, slots: &mut Vec<Arc<Mutex<Slot>>>) -> Option<Arc<Mutex<Slot>>> {
        if slots.len() >= MAX_SLOTS {
            return None;
        }
        let number = ck::CK_SLOT_ID::try_from(slots.len()).ok()?;
        let slot = Arc::new(Mutex::new(Slot::new(number, self.payment_key)));
        slots.push(slot.clone());
        Some(slot)
    }

    /// The slot with this number.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID.
    pub fn slot<T>(&self, id: ck::CK_SLOT_ID, work: impl FnOnce(&mut Slot) -> Result<T>) -> Result<T> {
        let slots = self.slots()?;
        let slot = usize::try_from(id).ok().and_then(|id| slots.get(id)).ok_or(Ckr::SLOT_ID_INVALID)?;
        let mut slot = lock(slot)?;
        let outcome = work(&mut slot);
        if matches!(outcome, Err(Ckr::DEVICE_REMOVED)) {
            slot.look();
        }
        outcome
    }

    /// The same, once we have looked whether its token is there.
    ///
    /// # Errors
    /// As [`Self::slot`].
    pub fn slot_now<T>(&self, id: ck::CK_SLOT_ID, work: impl FnOnce(&mut Slot) -> Result<T>) -> Result<T> {
        if !self.first_look()? {
            self.slot(id, |_| Ok(()))?;
            self.look()?;
        }
        self.slot(id, work)
    }

    /// [`Self::slot`]; where that finds no token, once more after we have looked for one: it may just have come, by a new
    /// road.
    ///
    /// # Errors
    /// As [`Self::slot`].
    pub fn slot_with_token<T>(
        &self,
        id: ck::CK_SLOT_ID,
        mut work: impl FnMut(&mut Slot) -> Result<T>,
    ) -> Result<T> {
        match self.slot(id, &mut work) {
            Err(Ckr::TOKEN_NOT_PRESENT) => self.slot_now(id, work),
            other => other,
        }
    }

    /// The slot of a session.
    ///
    /// # Errors
    /// CKR_SESSION_HANDLE_INVALID.
    pub fn session<T>(
        &self,
        handle: ck::CK_SESSION_HANDLE,
        work: impl FnOnce(&mut Slot) -> Result<T>,
    ) -> Result<T> {
        let id = handle & ((1 << SLOT_BITS) - 1);
        self.slot(id, work).map_err(|ckr| match ckr {
            Ckr::SLOT_ID_INVALID => Ckr::SESSION_HANDLE_INVALID,
            ckr => ckr,
        })
    }

    /// C_GetSlotList: the numbers. Only who asks for their count makes us look anew (5.5).
    ///
    /// # Errors
    /// None of its own.
    pub fn slot_list(&self, with_token: bool, anew: bool) -> Result<Vec<ck::CK_SLOT_ID>> {
        if !self.first_look()? && anew {
            self.look()?;
        }
        let mut ids = Vec::new();
        for (id, slot) in (0..).zip(self.slots()?) {
            if !with_token || lock(&slot)?.is_present() {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    /// C_WaitForSlotEvent, once: a slot where a token came or went.
    ///
    /// # Errors
    /// CKR_NO_EVENT; CKR_CRYPTOKI_NOT_INITIALIZED: C_Finalize was called meanwhile.
    pub fn event(&self) -> Result<ck::CK_SLOT_ID> {
        if self.finished.load(Ordering::Acquire) {
            return Err(Ckr::CRYPTOKI_NOT_INITIALIZED);
        }
        if !self.first_look()? {
            self.look()?;
        }
        let slots = self.slots()?;
        let changed =
            (0..).zip(slots).find(|(_, slot)| slot.try_lock().is_ok_and(|mut slot| slot.take_change()));
        changed.map(|(id, _)| id).ok_or(Ckr::NO_EVENT)
    }

    /// Between two looks of C_WaitForSlotEvent.
    pub fn pause() {
        thread::sleep(PERIOD);
    }
}

/// Whether it is the same token in another place: on USB a device has a new address each time it is plugged in.
fn is_replugged(former: &Road, road: &Road, slot: &Slot) -> bool {
    !slot.is_present() && matches!((former, road), (Road::Usb { .. }, Road::Usb { .. }))
}
