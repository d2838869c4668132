//! Encryption and decryption functions (v2.40, 5.8 and 5.9), and the dual-purpose ones (5.13). Every function for
//! data in parts is a stub: RSA takes its data at once (Current Mechanisms v2.40, table 3).

use std::ptr;

use cryptoki_sys as ck;

use super::{begin, not_offered_part, produce, raw};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_EncryptInit(
    hSession: ck::CK_SESSION_HANDLE,
    pMechanism: *mut ck::CK_MECHANISM,
    hKey: ck::CK_OBJECT_HANDLE,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    unsafe {
        begin(hSession, pMechanism, ck::CKF_ENCRYPT, |slot, mechanism| {
            slot.encrypt_init(hSession, mechanism, hKey)
        })
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_Encrypt(
    hSession: ck::CK_SESSION_HANDLE,
    pData: *mut ck::CK_BYTE,
    ulDataLen: ck::CK_ULONG,
    pEncryptedData: *mut ck::CK_BYTE,
    pulEncryptedDataLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    unsafe {
        let data = raw::items(pData, ulDataLen);
        produce(hSession, pEncryptedData, pulEncryptedDataLen, |slot, room| {
            slot.encrypt(hSession, data, room)
        })
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_EncryptUpdate(
    hSession: ck::CK_SESSION_HANDLE,
    pPart: *mut ck::CK_BYTE,
    ulPartLen: ck::CK_ULONG,
    pEncryptedPart: *mut ck::CK_BYTE,
    pulEncryptedPartLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    unsafe { not_offered_part(hSession, pPart, ulPartLen, pEncryptedPart, pulEncryptedPartLen) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_EncryptFinal(
    hSession: ck::CK_SESSION_HANDLE,
    pLastEncryptedPart: *mut ck::CK_BYTE,
    pulLastEncryptedPartLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    unsafe { not_offered_part(hSession, ptr::null_mut(), 0, pLastEncryptedPart, pulLastEncryptedPartLen) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_DecryptInit(
    hSession: ck::CK_SESSION_HANDLE,
    pMechanism: *mut ck::CK_MECHANISM,
    hKey: ck::CK_OBJECT_HANDLE,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    unsafe {
        begin(hSession, pMechanism, ck::CKF_DECRYPT, |slot, mechanism| {
            slot.decrypt_init(hSession, mechanism, hKey)
        })
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_Decrypt(
    hSession: ck::CK_SESSION_HANDLE,
    pEncryptedData: *mut ck::CK_BYTE,
    ulEncryptedDataLen: ck::CK_ULONG,
    pData: *mut ck::CK_BYTE,
    pulDataLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    unsafe {
        let data = raw::items(pEncryptedData, ulEncryptedDataLen);
        produce(hSession, pData, pulDataLen, |slot, room| slot.decrypt(hSession, data, room))
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_DecryptUpdate(
    hSession: ck::CK_SESSION_HANDLE,
    pEncryptedPart: *mut ck::CK_BYTE,
    ulEncryptedPartLen: ck::CK_ULONG,
    pPart: *mut ck::CK_BYTE,
    pulPartLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    unsafe { not_offered_part(hSession, pEncryptedPart, ulEncryptedPartLen, pPart, pulPartLen) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_DecryptFinal(
    hSession: ck::CK_SESSION_HANDLE,
    pLastPart: *mut ck::CK_BYTE,
    pulLastPartLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    unsafe { not_offered_part(hSession, ptr::null_mut(), 0, pLastPart, pulLastPartLen) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_DigestEncryptUpdate(
    hSession: ck::CK_SESSION_HANDLE,
    pPart: *mut ck::CK_BYTE,
    ulPartLen: ck::CK_ULONG,
    pEncryptedPart: *mut ck::CK_BYTE,
    pulEncryptedPartLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    unsafe { not_offered_part(hSession, pPart, ulPartLen, pEncryptedPart, pulEncryptedPartLen) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_DecryptDigestUpdate(
    hSession: ck::CK_SESSION_HANDLE,
    pEncryptedPart: *mut ck::CK_BYTE,
    ulEncryptedPartLen: ck::CK_ULONG,
    pPart: *mut ck::CK_BYTE,
    pulPartLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    unsafe { not_offered_part(hSession, pEncryptedPart, ulEncryptedPartLen, pPart, pulPartLen) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SignEncryptUpdate(
    hSession: ck::CK_SESSION_HANDLE,
    pPart: *mut ck::CK_BYTE,
    ulPartLen: ck::CK_ULONG,
    pEncryptedPart: *mut ck::CK_BYTE,
    pulEncryptedPartLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    unsafe { not_offered_part(hSession, pPart, ulPartLen, pEncryptedPart, pulEncryptedPartLen) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_DecryptVerifyUpdate(
    hSession: ck::CK_SESSION_HANDLE,
    pEncryptedPart: *mut ck::CK_BYTE,
    ulEncryptedPartLen: ck::CK_ULONG,
    pPart: *mut ck::CK_BYTE,
    pulPartLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    unsafe { not_offered_part(hSession, pEncryptedPart, ulEncryptedPartLen, pPart, pulPartLen) }
}
