//! Slot and token management (v2.40, 5.5).

use cryptoki_sys as ck;

use super::{raw, run, with_library, with_session};
use crate::{
    ckr::Ckr,
    library::{self, Library},
    mechanism::{TABLE, row},
};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetSlotList(
    tokenPresent: ck::CK_BBOOL,
    pSlotList: *mut ck::CK_SLOT_ID,
    pulCount: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    with_library(|library| {
        // SAFETY: the caller's.
        unsafe { raw::check(pulCount) }?;
        let list = library.slot_list(tokenPresent != ck::CK_FALSE, pSlotList.is_null())?;
        // SAFETY: the caller's.
        unsafe { raw::fill(&list, pSlotList, pulCount) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetSlotInfo(slotID: ck::CK_SLOT_ID, pInfo: *mut ck::CK_SLOT_INFO) -> ck::CK_RV {
    with_library(|library| {
        let info = library.slot_now(slotID, |slot| Ok(slot.slot_info()))?;
        // SAFETY: the caller's.
        unsafe { raw::put(pInfo, info) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetTokenInfo(slotID: ck::CK_SLOT_ID, pInfo: *mut ck::CK_TOKEN_INFO) -> ck::CK_RV {
    with_library(|library| {
        let info = library.slot_with_token(slotID, |slot| {
            // SAFETY: the caller's.
            unsafe { raw::check(pInfo) }?;
            slot.token_info()
        })?;
        // SAFETY: the caller's.
        unsafe { raw::put(pInfo, info) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_WaitForSlotEvent(
    flags: ck::CK_FLAGS,
    pSlot: *mut ck::CK_SLOT_ID,
    pReserved: ck::CK_VOID_PTR,
) -> ck::CK_RV {
    run(|| {
        let library = library::current()?;
        // SAFETY: the caller's.
        unsafe { raw::check(pSlot) }?;
        if !pReserved.is_null() {
            return Err(Ckr::ARGUMENTS_BAD);
        }
        loop {
            // Each look is a call of its own: other calls must get in between, C_Finalize above all, which ends the waiting.
            let call = library.call()?;
            let event = library.event();
            drop(call);
            match event {
                Err(Ckr::NO_EVENT) if flags & ck::CKF_DONT_BLOCK == 0 => Library::pause(),
                // SAFETY: seen above.
                other => return unsafe { raw::put(pSlot, other?) },
            }
        }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetMechanismList(
    slotID: ck::CK_SLOT_ID,
    pMechanismList: *mut ck::CK_MECHANISM_TYPE,
    pulCount: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    with_library(|library| {
        library.slot(slotID, |slot| slot.check_token())?;
        let list: Vec<_> = TABLE.iter().map(|(kind, ..)| *kind).collect();
        // SAFETY: the caller's.
        unsafe { raw::fill(&list, pMechanismList, pulCount) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetMechanismInfo(
    slotID: ck::CK_SLOT_ID,
    r#type: ck::CK_MECHANISM_TYPE,
    pInfo: *mut ck::CK_MECHANISM_INFO,
) -> ck::CK_RV {
    with_library(|library| {
        library.slot(slotID, |slot| slot.check_token())?;
        let (_, (least, most), flags) = *row(r#type)?;
        let info = ck::CK_MECHANISM_INFO { ulMinKeySize: least, ulMaxKeySize: most, flags };
        // SAFETY: the caller's.
        unsafe { raw::put(pInfo, info) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_InitToken(
    slotID: ck::CK_SLOT_ID,
    pPin: *mut ck::CK_UTF8CHAR,
    ulPinLen: ck::CK_ULONG,
    pLabel: *mut ck::CK_UTF8CHAR,
) -> ck::CK_RV {
    with_library(|library| {
        library.slot_with_token(slotID, |slot| {
            slot.check_token()?;
            // SAFETY: the caller's; a label has 32 bytes (5.5).
            let (pin, label) = unsafe { (raw::pin(pPin, ulPinLen)?, raw::items(pLabel, 32)?) };
            slot.init_token(pin.ok_or(Ckr::ARGUMENTS_BAD)?, label)
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_InitPIN(
    hSession: ck::CK_SESSION_HANDLE,
    pPin: *mut ck::CK_UTF8CHAR,
    ulPinLen: ck::CK_ULONG,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    with_session(hSession, |slot| slot.init_pin(hSession, unsafe { raw::pin(pPin, ulPinLen) }?))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SetPIN(
    hSession: ck::CK_SESSION_HANDLE,
    pOldPin: *mut ck::CK_UTF8CHAR,
    ulOldLen: ck::CK_ULONG,
    pNewPin: *mut ck::CK_UTF8CHAR,
    ulNewLen: ck::CK_ULONG,
) -> ck::CK_RV {
    with_session(hSession, |slot| {
        // SAFETY: the caller's.
        let (old, new) = unsafe { (raw::pin(pOldPin, ulOldLen)?, raw::pin(pNewPin, ulNewLen)?) };
        slot.set_pin(hSession, old, new)
    })
}
