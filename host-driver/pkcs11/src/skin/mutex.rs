//! The application's own mutexes (5.4, C_Initialize). The library's locks are those of the operating system. For an
//! application that wants its own mutexes to be used, and no others, one of the application's mutexes is held around
//! each call: then the library's own locks never block.

use std::ptr;

use cryptoki_sys as ck;

use crate::{
    ckr::{Ckr, Result},
    library::CallMutex,
};

/// A mutex that the application made, and the application's functions for it.
struct Application {
    mutex: ck::CK_VOID_PTR,
    lock: unsafe extern "C" fn(ck::CK_VOID_PTR) -> ck::CK_RV,
    unlock: unsafe extern "C" fn(ck::CK_VOID_PTR) -> ck::CK_RV,
    destroy: unsafe extern "C" fn(ck::CK_VOID_PTR) -> ck::CK_RV,
}

// SAFETY: an application that hands over mutex functions hands them to all its threads (5.4).
unsafe impl Send for Application {}
// SAFETY: the same; the functions are only called.
unsafe impl Sync for Application {}

impl CallMutex for Application {
    fn lock(&self) -> Result<()> {
        // SAFETY: the mutex is one that CreateMutex made (3.7, CK_LOCKMUTEX).
        let locked = unsafe { (self.lock)(self.mutex) };
        if locked == ck::CKR_OK { Ok(()) } else { Err(Ckr::GENERAL_ERROR) }
    }

    fn unlock(&self) {
        // SAFETY: as in `lock`; this call holds the mutex. Nothing could be done about a failure.
        let _ = unsafe { (self.unlock)(self.mutex) };
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        // SAFETY: as in `lock`; nobody holds the mutex any more.
        let _ = unsafe { (self.destroy)(self.mutex) };
    }
}

/// One of the application's mutexes, if these arguments want the application's mutexes to be used.
///
/// # Errors
/// CKR_ARGUMENTS_BAD: some of the four functions are there and some not; CKR_CANT_LOCK: the application made no
/// mutex.
pub fn wanted(arguments: &ck::CK_C_INITIALIZE_ARGS) -> Result<Option<Box<dyn CallMutex>>> {
    let ck::CK_C_INITIALIZE_ARGS { CreateMutex, DestroyMutex, LockMutex, UnlockMutex, flags, .. } =
        *arguments;
    match (CreateMutex, DestroyMutex, LockMutex, UnlockMutex) {
        (None, None, None, None) => Ok(None),
        (Some(_), Some(_), Some(_), Some(_)) if flags & ck::CKF_OS_LOCKING_OK != 0 => Ok(None),
        (Some(create), Some(destroy), Some(lock), Some(unlock)) => {
            let mut mutex = ptr::null_mut();
            // SAFETY: the application's function, called as 3.7 (CK_CREATEMUTEX) says.
            match unsafe { create(&raw mut mutex) } {
                ck::CKR_OK => Ok(Some(Box::new(Application { mutex, lock, unlock, destroy }))),
                _ => Err(Ckr::CANT_LOCK),
            }
        }
        _ => Err(Ckr::ARGUMENTS_BAD),
    }
}
