//! Encryption and decryption functions (v2.40, 5.8 and 5.9), and the dual-purpose ones (5.13). Everything that takes
//! parts of a ciphertext is a stub: RSA has none (Current Mechanisms v2.40, table 3).

use cryptoki_sys as ck;

use super::{begin, not_offered, produce, raw};

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

pub unsafe extern "C" fn C_EncryptUpdate(
    hSession: ck::CK_SESSION_HANDLE,
    _pPart: *mut ck::CK_BYTE,
    _ulPartLen: ck::CK_ULONG,
    _pEncryptedPart: *mut ck::CK_BYTE,
    _pulEncryptedPartLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    not_offered(hSession)
}

pub unsafe extern "C" fn C_EncryptFinal(
    hSession: ck::CK_SESSION_HANDLE,
    _pLastEncryptedPart: *mut ck::CK_BYTE,
    _pulLastEncryptedPartLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    not_offered(hSession)
}

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

pub unsafe extern "C" fn C_DecryptUpdate(
    hSession: ck::CK_SESSION_HANDLE,
    _pEncryptedPart: *mut ck::CK_BYTE,
    _ulEncryptedPartLen: ck::CK_ULONG,
    _pPart: *mut ck::CK_BYTE,
    _pulPartLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    not_offered(hSession)
}

pub unsafe extern "C" fn C_DecryptFinal(
    hSession: ck::CK_SESSION_HANDLE,
    _pLastPart: *mut ck::CK_BYTE,
    _pulLastPartLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    not_offered(hSession)
}

pub unsafe extern "C" fn C_DigestEncryptUpdate(
    hSession: ck::CK_SESSION_HANDLE,
    _pPart: *mut ck::CK_BYTE,
    _ulPartLen: ck::CK_ULONG,
    _pEncryptedPart: *mut ck::CK_BYTE,
    _pulEncryptedPartLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    not_offered(hSession)
}

pub unsafe extern "C" fn C_DecryptDigestUpdate(
    hSession: ck::CK_SESSION_HANDLE,
    _pEncryptedPart: *mut ck::CK_BYTE,
    _ulEncryptedPartLen: ck::CK_ULONG,
    _pPart: *mut ck::CK_BYTE,
    _pulPartLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    not_offered(hSession)
}

pub unsafe extern "C" fn C_SignEncryptUpdate(
    hSession: ck::CK_SESSION_HANDLE,
    _pPart: *mut ck::CK_BYTE,
    _ulPartLen: ck::CK_ULONG,
    _pEncryptedPart: *mut ck::CK_BYTE,
    _pulEncryptedPartLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    not_offered(hSession)
}

pub unsafe extern "C" fn C_DecryptVerifyUpdate(
    hSession: ck::CK_SESSION_HANDLE,
    _pEncryptedPart: *mut ck::CK_BYTE,
    _ulEncryptedPartLen: ck::CK_ULONG,
    _pPart: *mut ck::CK_BYTE,
    _pulPartLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    not_offered(hSession)
}
