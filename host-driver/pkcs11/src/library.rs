//! What C_Initialize makes and C_Finalize ends: the slots, for this process only ([`card::fork`]). The functions of a child of
//! fork(2) answer CKR_CRYPTOKI_NOT_INITIALIZED until the child calls C_Initialize itself.

use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use card::{
    config::PaymentKey,
    fork::PerProcess,
    road::Selection,
    watch::{PERIOD, Tenant, Watch},
};
use cryptoki_sys as ck;

use crate::{
    ckr::{Ckr, Result},
    slot::{SLOT_BITS, Slot},
};

/// Most slots.
const MAX_SLOTS: usize = 1 << SLOT_BITS;

/// A mutex that lets one call in at a time, where the application wants that (5.4, CK_C_INITIALIZE_ARGS).
pub trait CallMutex: Send + Sync {
    /// Waits until no other call is in.
    ///
    /// # Errors
    /// CKR_GENERAL_ERROR.
    fn lock(&self) -> Result<()>;

    /// The call is over.
    fn unlock(&self);
}

/// One call that is in, until this is dropped.
pub struct Call<'a>(Option<&'a dyn CallMutex>);

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if let Some(mutex) = self.0 {
            mutex.unlock();
        }
    }
}

/// The library between C_Initialize and C_Finalize.
pub struct Library {
    mutex: Option<Box<dyn CallMutex>>,
    slots: Watch<Slot>,
    finished: AtomicBool,
}

/// The library of this process, while it is initialized.
static LIBRARY: PerProcess<Mutex<Option<Arc<Library>>>> = PerProcess::new();

/// C_Initialize.
///
/// # Errors
/// CKR_CRYPTOKI_ALREADY_INITIALIZED; CKR_FUNCTION_FAILED: the user's config file cannot be read.
pub fn initialize(mutex: Option<Box<dyn CallMutex>>) -> Result<()> {
    let mut library = lock(LIBRARY.get_or_make(Mutex::default))?;
    if library.is_some() {
        return Err(Ckr::CRYPTOKI_ALREADY_INITIALIZED);
    }
    let selection = Selection::from_environment()?;
    let payment_key = PaymentKey::chosen()?;
    let slots = Watch::new(selection, MAX_SLOTS, move |number| Slot::new(id(number), payment_key));
    *library = Some(Arc::new(Library { mutex, slots, finished: AtomicBool::new(false) }));
    Ok(())
}

/// C_Finalize. Calls that other threads are in end with the library that they began with; the tokens are let go with the last
/// of these calls.
///
/// # Errors
/// CKR_CRYPTOKI_NOT_INITIALIZED.
pub fn finalize() -> Result<()> {
    let state = LIBRARY.get().ok_or(Ckr::CRYPTOKI_NOT_INITIALIZED)?;
    let library = lock(state)?.take().ok_or(Ckr::CRYPTOKI_NOT_INITIALIZED)?;
    library.finished.store(true, Ordering::Release);
    Ok(())
}

/// The library of this process.
///
/// # Errors
/// CKR_CRYPTOKI_NOT_INITIALIZED.
pub fn current() -> Result<Arc<Library>> {
    let state = LIBRARY.get().ok_or(Ckr::CRYPTOKI_NOT_INITIALIZED)?;
    lock(state)?.clone().ok_or(Ckr::CRYPTOKI_NOT_INITIALIZED)
}

/// A lock whose holder panicked guards what nobody understands any more.
fn lock<T>(mutex: &Mutex<T>) -> Result<MutexGuard<'_, T>> {
    mutex.lock().map_err(|_| Ckr::GENERAL_ERROR)
}

/// The slotID of a place. There are at most [`MAX_SLOTS`] places, so that every number fits.
fn id(number: usize) -> ck::CK_SLOT_ID {
    ck::CK_SLOT_ID::try_from(number).unwrap_or(ck::CK_SLOT_ID::MAX)
}

fn number(id: ck::CK_SLOT_ID) -> usize {
    usize::try_from(id).unwrap_or(usize::MAX)
}

impl Library {
    /// Waits until this call may come in.
    ///
    /// # Errors
    /// CKR_GENERAL_ERROR.
    pub fn call(&self) -> Result<Call<'_>> {
        let mutex = self.mutex.as_deref();
        mutex.map_or(Ok(()), CallMutex::lock)?;
        Ok(Call(mutex))
    }

    /// The slot with this number.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID.
    pub fn slot<T>(&self, id: ck::CK_SLOT_ID, work: impl FnOnce(&mut Slot) -> Result<T>) -> Result<T> {
        self.slots.with(number(id), heeding_removal(work))
    }

    /// The same, once somebody has looked whether its token is there.
    ///
    /// # Errors
    /// As [`Self::slot`].
    pub fn slot_now<T>(&self, id: ck::CK_SLOT_ID, work: impl FnOnce(&mut Slot) -> Result<T>) -> Result<T> {
        self.slots.with_fresh(number(id), heeding_removal(work))
    }

    /// [`Self::slot`]. Where that finds no token, [`Self::slot_now`]: a token may just have come, by a new road.
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

    /// C_GetSlotList: the numbers. Only a caller that asks for their count makes the library look anew (5.5).
    ///
    /// # Errors
    /// None of its own.
    pub fn slot_list(&self, with_token: bool, anew: bool) -> Result<Vec<ck::CK_SLOT_ID>> {
        Ok(self.slots.numbers(with_token, anew)?.into_iter().map(id).collect())
    }

    /// C_WaitForSlotEvent, once: a slot where a token came or went. What is there from the start is no event (5.5).
    ///
    /// # Errors
    /// CKR_NO_EVENT; CKR_CRYPTOKI_NOT_INITIALIZED: C_Finalize was called meanwhile.
    pub fn event(&self) -> Result<ck::CK_SLOT_ID> {
        if self.finished.load(Ordering::Acquire) {
            return Err(Ckr::CRYPTOKI_NOT_INITIALIZED);
        }
        self.slots.event()?.map(id).ok_or(Ckr::NO_EVENT)
    }

    /// Between two looks of C_WaitForSlotEvent.
    pub fn pause() {
        thread::sleep(PERIOD);
    }
}

/// Does the work. When the work says that the token was removed, the token itself is asked.
fn heeding_removal<T>(work: impl FnOnce(&mut Slot) -> Result<T>) -> impl FnOnce(&mut Slot) -> Result<T> {
    move |slot| {
        let outcome = work(slot);
        if matches!(outcome, Err(Ckr::DEVICE_REMOVED)) {
            slot.look();
        }
        outcome
    }
}
