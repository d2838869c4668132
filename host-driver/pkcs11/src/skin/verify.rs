//! Functions for verifying signatures and MACs (v2.40, 5.12).

use cryptoki_sys as ck;

use super::{begin, produce, raw, with_session};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_VerifyInit(
    hSession: ck::CK_SESSION_HANDLE,
    pMechanism: *mut ck::CK_MECHANISM,
    hKey: ck::CK_OBJECT_HANDLE,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    unsafe {
        begin(hSession, pMechanism, ck::CKF_VERIFY, |slot, mechanism| {
            slot.verify_init(hSession, mechanism, hKey)
        })
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_Verify(
    hSession: ck::CK_SESSION_HANDLE,
    pData: *mut ck::CK_BYTE,
    ulDataLen: ck::CK_ULONG,
    pSignature: *mut ck::CK_BYTE,
    ulSignatureLen: ck::CK_ULONG,
) -> ck::CK_RV {
    with_session(hSession, |slot| {
        // SAFETY: the caller's.
        let (data, signature) =
            unsafe { (raw::items(pData, ulDataLen), raw::items(pSignature, ulSignatureLen)) };
        slot.verify(hSession, data, signature)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_VerifyUpdate(
    hSession: ck::CK_SESSION_HANDLE,
    pPart: *mut ck::CK_BYTE,
    ulPartLen: ck::CK_ULONG,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    with_session(hSession, |slot| slot.verify_update(hSession, unsafe { raw::items(pPart, ulPartLen) }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_VerifyFinal(
    hSession: ck::CK_SESSION_HANDLE,
    pSignature: *mut ck::CK_BYTE,
    ulSignatureLen: ck::CK_ULONG,
) -> ck::CK_RV {
    with_session(hSession, |slot| {
        // SAFETY: the caller's.
        slot.verify_final(hSession, unsafe { raw::items(pSignature, ulSignatureLen) })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_VerifyRecoverInit(
    hSession: ck::CK_SESSION_HANDLE,
    pMechanism: *mut ck::CK_MECHANISM,
    hKey: ck::CK_OBJECT_HANDLE,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    unsafe {
        begin(hSession, pMechanism, ck::CKF_VERIFY_RECOVER, |slot, mechanism| {
            slot.verify_recover_init(hSession, mechanism, hKey)
        })
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_VerifyRecover(
    hSession: ck::CK_SESSION_HANDLE,
    pSignature: *mut ck::CK_BYTE,
    ulSignatureLen: ck::CK_ULONG,
    pData: *mut ck::CK_BYTE,
    pulDataLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    unsafe {
        let data = raw::items(pSignature, ulSignatureLen);
        produce(hSession, pData, pulDataLen, |slot, room| slot.verify_recover(hSession, data, room))
    }
}
