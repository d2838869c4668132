//! Parallel function management (v2.40, 5.16): no function runs in parallel any more, and the standard says what to
//! answer.

use cryptoki_sys as ck;

use super::with_session;
use crate::ckr::Ckr;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionStatus(hSession: ck::CK_SESSION_HANDLE) -> ck::CK_RV {
    with_session(hSession, |slot| {
        slot.check_session(hSession)?;
        Err(Ckr::FUNCTION_NOT_PARALLEL)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_CancelFunction(hSession: ck::CK_SESSION_HANDLE) -> ck::CK_RV {
    with_session(hSession, |slot| {
        slot.check_session(hSession)?;
        Err(Ckr::FUNCTION_NOT_PARALLEL)
    })
}
