//! Signing and MACing functions (v2.40, 5.11).

use cryptoki_sys as ck;

use super::{begin, produce, raw, with_session};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SignInit(
    hSession: ck::CK_SESSION_HANDLE,
    pMechanism: *mut ck::CK_MECHANISM,
    hKey: ck::CK_OBJECT_HANDLE,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    unsafe {
        begin(hSession, pMechanism, ck::CKF_SIGN, |slot, mechanism| slot.sign_init(hSession, mechanism, hKey))
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_Sign(
    hSession: ck::CK_SESSION_HANDLE,
    pData: *mut ck::CK_BYTE,
    ulDataLen: ck::CK_ULONG,
    pSignature: *mut ck::CK_BYTE,
    pulSignatureLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    unsafe {
        let data = raw::items(pData, ulDataLen);
        produce(hSession, pSignature, pulSignatureLen, |slot, room| slot.sign(hSession, data, room))
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SignUpdate(
    hSession: ck::CK_SESSION_HANDLE,
    pPart: *mut ck::CK_BYTE,
    ulPartLen: ck::CK_ULONG,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    with_session(hSession, |slot| slot.sign_update(hSession, unsafe { raw::items(pPart, ulPartLen) }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SignFinal(
    hSession: ck::CK_SESSION_HANDLE,
    pSignature: *mut ck::CK_BYTE,
    pulSignatureLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    unsafe { produce(hSession, pSignature, pulSignatureLen, |slot, room| slot.sign_final(hSession, room)) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SignRecoverInit(
    hSession: ck::CK_SESSION_HANDLE,
    pMechanism: *mut ck::CK_MECHANISM,
    hKey: ck::CK_OBJECT_HANDLE,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    unsafe {
        begin(hSession, pMechanism, ck::CKF_SIGN_RECOVER, |slot, mechanism| {
            slot.sign_recover_init(hSession, mechanism, hKey)
        })
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SignRecover(
    hSession: ck::CK_SESSION_HANDLE,
    pData: *mut ck::CK_BYTE,
    ulDataLen: ck::CK_ULONG,
    pSignature: *mut ck::CK_BYTE,
    pulSignatureLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    unsafe {
        let data = raw::items(pData, ulDataLen);
        produce(hSession, pSignature, pulSignatureLen, |slot, room| slot.sign_recover(hSession, data, room))
    }
}
