//! The message functions of v3.0 (5.9, 5.11, 5.14, 5.16): no mechanism of the library has messages, and each function
//! is a stub.

use cryptoki_sys as ck;

use super::{not_offered, raw};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_MessageEncryptInit(
    hSession: ck::CK_SESSION_HANDLE,
    _pMechanism: *mut ck::CK_MECHANISM,
    _hKey: ck::CK_OBJECT_HANDLE,
) -> ck::CK_RV {
    not_offered(hSession, || Ok(()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_EncryptMessage(
    hSession: ck::CK_SESSION_HANDLE,
    pParameter: ck::CK_VOID_PTR,
    ulParameterLen: ck::CK_ULONG,
    pAssociatedData: *mut ck::CK_BYTE,
    ulAssociatedDataLen: ck::CK_ULONG,
    pPlaintext: *mut ck::CK_BYTE,
    ulPlaintextLen: ck::CK_ULONG,
    pCiphertext: *mut ck::CK_BYTE,
    pulCiphertextLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    not_offered(hSession, || {
        // SAFETY: the caller's.
        unsafe {
            raw::items(pParameter.cast::<u8>(), ulParameterLen)?;
            raw::items(pAssociatedData, ulAssociatedDataLen)?;
            raw::items(pPlaintext, ulPlaintextLen)?;
            raw::room(pCiphertext, pulCiphertextLen)?;
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_EncryptMessageBegin(
    hSession: ck::CK_SESSION_HANDLE,
    pParameter: ck::CK_VOID_PTR,
    ulParameterLen: ck::CK_ULONG,
    pAssociatedData: *mut ck::CK_BYTE,
    ulAssociatedDataLen: ck::CK_ULONG,
) -> ck::CK_RV {
    not_offered(hSession, || {
        // SAFETY: the caller's.
        unsafe {
            raw::items(pParameter.cast::<u8>(), ulParameterLen)?;
            raw::items(pAssociatedData, ulAssociatedDataLen)?;
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_EncryptMessageNext(
    hSession: ck::CK_SESSION_HANDLE,
    pParameter: ck::CK_VOID_PTR,
    ulParameterLen: ck::CK_ULONG,
    pPlaintext: *mut ck::CK_BYTE,
    ulPlaintextLen: ck::CK_ULONG,
    pCiphertext: *mut ck::CK_BYTE,
    pulCiphertextLen: *mut ck::CK_ULONG,
    _flags: ck::CK_FLAGS,
) -> ck::CK_RV {
    not_offered(hSession, || {
        // SAFETY: the caller's.
        unsafe {
            raw::items(pParameter.cast::<u8>(), ulParameterLen)?;
            raw::items(pPlaintext, ulPlaintextLen)?;
            raw::room(pCiphertext, pulCiphertextLen)?;
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_MessageEncryptFinal(hSession: ck::CK_SESSION_HANDLE) -> ck::CK_RV {
    not_offered(hSession, || Ok(()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_MessageDecryptInit(
    hSession: ck::CK_SESSION_HANDLE,
    _pMechanism: *mut ck::CK_MECHANISM,
    _hKey: ck::CK_OBJECT_HANDLE,
) -> ck::CK_RV {
    not_offered(hSession, || Ok(()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_DecryptMessage(
    hSession: ck::CK_SESSION_HANDLE,
    pParameter: ck::CK_VOID_PTR,
    ulParameterLen: ck::CK_ULONG,
    pAssociatedData: *mut ck::CK_BYTE,
    ulAssociatedDataLen: ck::CK_ULONG,
    pCiphertext: *mut ck::CK_BYTE,
    ulCiphertextLen: ck::CK_ULONG,
    pPlaintext: *mut ck::CK_BYTE,
    pulPlaintextLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    not_offered(hSession, || {
        // SAFETY: the caller's.
        unsafe {
            raw::items(pParameter.cast::<u8>(), ulParameterLen)?;
            raw::items(pAssociatedData, ulAssociatedDataLen)?;
            raw::items(pCiphertext, ulCiphertextLen)?;
            raw::room(pPlaintext, pulPlaintextLen)?;
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_DecryptMessageBegin(
    hSession: ck::CK_SESSION_HANDLE,
    pParameter: ck::CK_VOID_PTR,
    ulParameterLen: ck::CK_ULONG,
    pAssociatedData: *mut ck::CK_BYTE,
    ulAssociatedDataLen: ck::CK_ULONG,
) -> ck::CK_RV {
    not_offered(hSession, || {
        // SAFETY: the caller's.
        unsafe {
            raw::items(pParameter.cast::<u8>(), ulParameterLen)?;
            raw::items(pAssociatedData, ulAssociatedDataLen)?;
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_DecryptMessageNext(
    hSession: ck::CK_SESSION_HANDLE,
    pParameter: ck::CK_VOID_PTR,
    ulParameterLen: ck::CK_ULONG,
    pCiphertext: *mut ck::CK_BYTE,
    ulCiphertextLen: ck::CK_ULONG,
    pPlaintext: *mut ck::CK_BYTE,
    pulPlaintextLen: *mut ck::CK_ULONG,
    _flags: ck::CK_FLAGS,
) -> ck::CK_RV {
    not_offered(hSession, || {
        // SAFETY: the caller's.
        unsafe {
            raw::items(pParameter.cast::<u8>(), ulParameterLen)?;
            raw::items(pCiphertext, ulCiphertextLen)?;
            raw::room(pPlaintext, pulPlaintextLen)?;
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_MessageDecryptFinal(hSession: ck::CK_SESSION_HANDLE) -> ck::CK_RV {
    not_offered(hSession, || Ok(()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_MessageSignInit(
    hSession: ck::CK_SESSION_HANDLE,
    _pMechanism: *mut ck::CK_MECHANISM,
    _hKey: ck::CK_OBJECT_HANDLE,
) -> ck::CK_RV {
    not_offered(hSession, || Ok(()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SignMessage(
    hSession: ck::CK_SESSION_HANDLE,
    pParameter: ck::CK_VOID_PTR,
    ulParameterLen: ck::CK_ULONG,
    pData: *mut ck::CK_BYTE,
    ulDataLen: ck::CK_ULONG,
    pSignature: *mut ck::CK_BYTE,
    pulSignatureLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    not_offered(hSession, || {
        // SAFETY: the caller's.
        unsafe {
            raw::items(pParameter.cast::<u8>(), ulParameterLen)?;
            raw::items(pData, ulDataLen)?;
            raw::room(pSignature, pulSignatureLen)?;
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SignMessageBegin(
    hSession: ck::CK_SESSION_HANDLE,
    pParameter: ck::CK_VOID_PTR,
    ulParameterLen: ck::CK_ULONG,
) -> ck::CK_RV {
    not_offered(hSession, || {
        // SAFETY: the caller's.
        unsafe {
            raw::items(pParameter.cast::<u8>(), ulParameterLen)?;
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SignMessageNext(
    hSession: ck::CK_SESSION_HANDLE,
    pParameter: ck::CK_VOID_PTR,
    ulParameterLen: ck::CK_ULONG,
    pData: *mut ck::CK_BYTE,
    ulDataLen: ck::CK_ULONG,
    _pSignature: *mut ck::CK_BYTE,
    _pulSignatureLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    not_offered(hSession, || {
        // SAFETY: the caller's. Without a place for the length the part is not the last one (v3.0, 5.14.4).
        unsafe {
            raw::items(pParameter.cast::<u8>(), ulParameterLen)?;
            raw::items(pData, ulDataLen)?;
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_MessageSignFinal(hSession: ck::CK_SESSION_HANDLE) -> ck::CK_RV {
    not_offered(hSession, || Ok(()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_MessageVerifyInit(
    hSession: ck::CK_SESSION_HANDLE,
    _pMechanism: *mut ck::CK_MECHANISM,
    _hKey: ck::CK_OBJECT_HANDLE,
) -> ck::CK_RV {
    not_offered(hSession, || Ok(()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_VerifyMessage(
    hSession: ck::CK_SESSION_HANDLE,
    pParameter: ck::CK_VOID_PTR,
    ulParameterLen: ck::CK_ULONG,
    pData: *mut ck::CK_BYTE,
    ulDataLen: ck::CK_ULONG,
    pSignature: *mut ck::CK_BYTE,
    ulSignatureLen: ck::CK_ULONG,
) -> ck::CK_RV {
    not_offered(hSession, || {
        // SAFETY: the caller's.
        unsafe {
            raw::items(pParameter.cast::<u8>(), ulParameterLen)?;
            raw::items(pData, ulDataLen)?;
            raw::items(pSignature, ulSignatureLen)?;
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_VerifyMessageBegin(
    hSession: ck::CK_SESSION_HANDLE,
    pParameter: ck::CK_VOID_PTR,
    ulParameterLen: ck::CK_ULONG,
) -> ck::CK_RV {
    not_offered(hSession, || {
        // SAFETY: the caller's.
        unsafe {
            raw::items(pParameter.cast::<u8>(), ulParameterLen)?;
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_VerifyMessageNext(
    hSession: ck::CK_SESSION_HANDLE,
    pParameter: ck::CK_VOID_PTR,
    ulParameterLen: ck::CK_ULONG,
    pData: *mut ck::CK_BYTE,
    ulDataLen: ck::CK_ULONG,
    pSignature: *mut ck::CK_BYTE,
    ulSignatureLen: ck::CK_ULONG,
) -> ck::CK_RV {
    not_offered(hSession, || {
        // SAFETY: the caller's.
        unsafe {
            raw::items(pParameter.cast::<u8>(), ulParameterLen)?;
            raw::items(pData, ulDataLen)?;
            raw::items(pSignature, ulSignatureLen)?;
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_MessageVerifyFinal(hSession: ck::CK_SESSION_HANDLE) -> ck::CK_RV {
    not_offered(hSession, || Ok(()))
}
