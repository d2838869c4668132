//! Message digesting functions (v2.40, 5.10).

use cryptoki_sys as ck;

use super::{begin, produce, raw, with_session};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_DigestInit(
    hSession: ck::CK_SESSION_HANDLE,
    pMechanism: *mut ck::CK_MECHANISM,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    unsafe {
        begin(hSession, pMechanism, ck::CKF_DIGEST, |slot, mechanism| slot.digest_init(hSession, mechanism))
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_Digest(
    hSession: ck::CK_SESSION_HANDLE,
    pData: *mut ck::CK_BYTE,
    ulDataLen: ck::CK_ULONG,
    pDigest: *mut ck::CK_BYTE,
    pulDigestLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    unsafe {
        let data = raw::items(pData, ulDataLen);
        produce(hSession, pDigest, pulDigestLen, |slot, room| slot.digest(hSession, data, room))
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_DigestUpdate(
    hSession: ck::CK_SESSION_HANDLE,
    pPart: *mut ck::CK_BYTE,
    ulPartLen: ck::CK_ULONG,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    with_session(hSession, |slot| slot.digest_update(hSession, unsafe { raw::items(pPart, ulPartLen) }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_DigestKey(
    hSession: ck::CK_SESSION_HANDLE,
    hKey: ck::CK_OBJECT_HANDLE,
) -> ck::CK_RV {
    with_session(hSession, |slot| slot.digest_key(hSession, hKey))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_DigestFinal(
    hSession: ck::CK_SESSION_HANDLE,
    pDigest: *mut ck::CK_BYTE,
    pulDigestLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    unsafe { produce(hSession, pDigest, pulDigestLen, |slot, room| slot.digest_final(hSession, room)) }
}
