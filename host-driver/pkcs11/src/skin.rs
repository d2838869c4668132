//! What C sees: functions with the standard's names and types, which check pointers, call the safe Rust below, and
//! turn what comes back into a CK_RV. No panic crosses into C: a panic becomes CKR_GENERAL_ERROR. All unsafe code of
//! this crate is here.
//!
//! The order of checks is the same everywhere: initialized, session, state of the session's operation, arguments.

#![allow(unsafe_code, reason = "the C interface")]
#![allow(non_snake_case, reason = "the standard's names")]
// The standard gives each function its contract: a pointer is null, or good for as many items as the length beside it
// says (5, 3.6).
#![allow(clippy::missing_safety_doc, reason = "the standard's")]

// The order is the law: a module uses only modules listed below it.
mod list;
mod general;
mod slot;
mod session;
mod object;
mod crypt;
mod digest;
mod sign;
mod verify;
mod key;
mod random;
mod parallel;
mod message;
mod mutex;
mod raw;

use std::panic::{AssertUnwindSafe, catch_unwind};

use cryptoki_sys as ck;

use crate::{
    ckr::{Ckr, Result},
    library::{self, Library},
    mechanism::Mechanism,
    operation::{Output, Room},
    slot::Slot,
};

pub use list::{C_GetFunctionList, C_GetInterface, C_GetInterfaceList};

/// Runs the safe part of a function.
fn run(work: impl FnOnce() -> Result<()>) -> ck::CK_RV {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => ck::CKR_OK,
        Ok(Err(Ckr(number))) => number,
        Err(_) => ck::CKR_GENERAL_ERROR,
    }
}

/// Runs a function that needs the library initialized.
fn with_library(work: impl FnOnce(&Library) -> Result<()>) -> ck::CK_RV {
    run(|| {
        let library = library::current()?;
        let _call = library.call()?;
        work(&library)
    })
}

/// Runs a function of a session.
fn with_session(handle: ck::CK_SESSION_HANDLE, work: impl FnOnce(&mut Slot) -> Result<()>) -> ck::CK_RV {
    with_library(|library| library.session(handle, work))
}

/// Runs a function that begins an operation. Without a mechanism the function ends the operation that is active
/// (v3.0, 5.8.1 and its kin). v2.40 does not say what a missing mechanism means.
///
/// # Safety
/// As in `raw`.
unsafe fn begin(
    handle: ck::CK_SESSION_HANDLE,
    mechanism: *const ck::CK_MECHANISM,
    operation: ck::CK_FLAGS,
    work: impl FnOnce(&mut Slot, &Mechanism) -> Result<()>,
) -> ck::CK_RV {
    with_session(handle, |slot| {
        slot.check_session(handle)?;
        if mechanism.is_null() && slot.is_active(handle, operation)? {
            return slot.cancel(handle, operation);
        }
        // SAFETY: the caller's.
        work(slot, &unsafe { raw::mechanism(mechanism) }?)
    })
}

/// Runs a function of a session that brings forth bytes (5.2).
///
/// # Safety
/// As in `raw`.
unsafe fn produce(
    handle: ck::CK_SESSION_HANDLE,
    buffer: *mut ck::CK_BYTE,
    length: *mut ck::CK_ULONG,
    work: impl FnOnce(&mut Slot, Result<Room>) -> Result<Output>,
) -> ck::CK_RV {
    with_session(handle, |slot| {
        // SAFETY: the caller's.
        unsafe { raw::output(&work(slot, raw::room(buffer, length))?, buffer, length) }
    })
}

/// A function that is not offered (5.1.6: a stub). The session must be open and the arguments must be right all the
/// same: a wrong pointer is told here as everywhere.
fn not_offered(handle: ck::CK_SESSION_HANDLE, arguments: impl FnOnce() -> Result<()>) -> ck::CK_RV {
    with_session(handle, |slot| {
        slot.check_session(handle)?;
        arguments()?;
        Err(Ckr::FUNCTION_NOT_SUPPORTED)
    })
}

/// [`not_offered`], for a function that takes bytes and brings forth bytes.
///
/// # Safety
/// As in `raw`.
unsafe fn not_offered_part(
    handle: ck::CK_SESSION_HANDLE,
    part: *mut ck::CK_BYTE,
    length: ck::CK_ULONG,
    output: *mut ck::CK_BYTE,
    output_length: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    not_offered(handle, || {
        // SAFETY: the caller's.
        unsafe {
            raw::items(part, length)?;
            raw::room(output, output_length)?;
        }
        Ok(())
    })
}
