//! Session management (v2.40, 5.6; v3.0, 5.6.9 and 5.6.13).

use cryptoki_sys as ck;

use super::{not_offered, raw, with_library, with_session};
use crate::ckr::Ckr;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_OpenSession(
    slotID: ck::CK_SLOT_ID,
    flags: ck::CK_FLAGS,
    _pApplication: ck::CK_VOID_PTR,
    _Notify: ck::CK_NOTIFY,
    phSession: *mut ck::CK_SESSION_HANDLE,
) -> ck::CK_RV {
    with_library(|library| {
        let handle = library.slot_with_token(slotID, |slot| {
            // SAFETY: the caller's.
            unsafe { raw::check(phSession) }?;
            slot.open_session(flags)
        })?;
        // SAFETY: the caller's.
        unsafe { raw::put(phSession, handle) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_CloseSession(hSession: ck::CK_SESSION_HANDLE) -> ck::CK_RV {
    with_session(hSession, |slot| slot.close_session(hSession))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_CloseAllSessions(slotID: ck::CK_SLOT_ID) -> ck::CK_RV {
    with_library(|library| {
        library.slot(slotID, |slot| {
            slot.close_all_sessions();
            Ok(())
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetSessionInfo(
    hSession: ck::CK_SESSION_HANDLE,
    pInfo: *mut ck::CK_SESSION_INFO,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    with_session(hSession, |slot| unsafe { raw::put(pInfo, slot.session_info(hSession)?) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetOperationState(
    hSession: ck::CK_SESSION_HANDLE,
    _pOperationState: *mut ck::CK_BYTE,
    pulOperationStateLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    with_session(hSession, |slot| {
        slot.check_session(hSession)?;
        // SAFETY: the caller's.
        unsafe { raw::check(pulOperationStateLen) }?;
        slot.operation_state(hSession)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SetOperationState(
    hSession: ck::CK_SESSION_HANDLE,
    pOperationState: *mut ck::CK_BYTE,
    ulOperationStateLen: ck::CK_ULONG,
    _hEncryptionKey: ck::CK_OBJECT_HANDLE,
    _hAuthenticationKey: ck::CK_OBJECT_HANDLE,
) -> ck::CK_RV {
    not_offered(hSession, || {
        // SAFETY: the caller's. A state that C_GetOperationState gave is never empty.
        unsafe {
            raw::check(pOperationState)?;
            raw::items(pOperationState, ulOperationStateLen)?;
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_Login(
    hSession: ck::CK_SESSION_HANDLE,
    userType: ck::CK_USER_TYPE,
    pPin: *mut ck::CK_UTF8CHAR,
    ulPinLen: ck::CK_ULONG,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    with_session(hSession, |slot| slot.log_in(hSession, userType, unsafe { raw::pin(pPin, ulPinLen) }?))
}

/// The token has one user, who has no name. No other user can be logged in.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_LoginUser(
    hSession: ck::CK_SESSION_HANDLE,
    userType: ck::CK_USER_TYPE,
    pPin: *mut ck::CK_UTF8CHAR,
    ulPinLen: ck::CK_ULONG,
    _pUsername: *mut ck::CK_UTF8CHAR,
    ulUsernameLen: ck::CK_ULONG,
) -> ck::CK_RV {
    with_session(hSession, |slot| {
        slot.check_session(hSession)?;
        if ulUsernameLen != 0 {
            return Err(Ckr::FUNCTION_NOT_SUPPORTED);
        }
        // SAFETY: the caller's.
        slot.log_in(hSession, userType, unsafe { raw::pin(pPin, ulPinLen) }?)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_Logout(hSession: ck::CK_SESSION_HANDLE) -> ck::CK_RV {
    with_session(hSession, |slot| slot.log_out(hSession))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SessionCancel(hSession: ck::CK_SESSION_HANDLE, flags: ck::CK_FLAGS) -> ck::CK_RV {
    with_session(hSession, |slot| slot.cancel(hSession, flags))
}
