//! The message functions of v3.0 (5.9, 5.11, 5.14, 5.16): no mechanism here has messages, and each is a stub.

use cryptoki_sys as ck;

use super::not_offered;

pub unsafe extern "C" fn C_MessageEncryptInit(
    hSession: ck::CK_SESSION_HANDLE,
    _pMechanism: *mut ck::CK_MECHANISM,
    _hKey: ck::CK_OBJECT_HANDLE,
) -> ck::CK_RV {
    not_offered(hSession)
}

pub unsafe extern "C" fn C_EncryptMessage(
    hSession: ck::CK_SESSION_HANDLE,
    _pParameter: ck::CK_VOID_PTR,
    _ulParameterLen: ck::CK_ULONG,
    _pAssociatedData: *mut ck::CK_BYTE,
    _ulAssociatedDataLen: ck::CK_ULONG,
    _pPlaintext: *mut ck::CK_BYTE,
    _ulPlaintextLen: ck::CK_ULONG,
    _pCiphertext: *mut ck::CK_BYTE,
    _pulCiphertextLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    not_offered(hSession)
}

pub unsafe extern "C" fn C_EncryptMessageBegin(
    hSession: ck::CK_SESSION_HANDLE,
    _pParameter: ck::CK_VOID_PTR,
    _ulParameterLen: ck::CK_ULONG,
    _pAssociatedData: *mut ck::CK_BYTE,
    _ulAssociatedDataLen: ck::CK_ULONG,
) -> ck::CK_RV {
    not_offered(hSession)
}

pub unsafe extern "C" fn C_EncryptMessageNext(
    hSession: ck::CK_SESSION_HANDLE,
    _pParameter: ck::CK_VOID_PTR,
    _ulParameterLen: ck::CK_ULONG,
    _pPlaintext: *mut ck::CK_BYTE,
    _ulPlaintextLen: ck::CK_ULONG,
    _pCiphertext: *mut ck::CK_BYTE,
    _pulCiphertextLen: *mut ck::CK_ULONG,
    _flags: ck::CK_FLAGS,
) -> ck::CK_RV {
    not_offered(hSession)
}

pub unsafe extern "C" fn C_MessageEncryptFinal(hSession: ck::CK_SESSION_HANDLE) -> ck::CK_RV {
    not_offered(hSession)
}

pub unsafe extern "C" fn C_MessageDecryptInit(
    hSession: ck::CK_SESSION_HANDLE,
    _pMechanism: *mut ck::CK_MECHANISM,
    _hKey: ck::CK_OBJECT_HANDLE,
) -> ck::CK_RV {
    not_offered(hSession)
}

pub unsafe extern "C" fn C_DecryptMessage(
    hSession: ck::CK_SESSION_HANDLE,
    _pParameter: ck::CK_VOID_PTR,
    _ulParameterLen: ck::CK_ULONG,
    _pAssociatedData: *mut ck::CK_BYTE,
    _ulAssociatedDataLen: ck::CK_ULONG,
    _pCiphertext: *mut ck::CK_BYTE,
    _ulCiphertextLen: ck::CK_ULONG,
    _pPlaintext: *mut ck::CK_BYTE,
    _pulPlaintextLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    not_offered(hSession)
}

pub unsafe extern "C" fn C_DecryptMessageBegin(
    hSession: ck::CK_SESSION_HANDLE,
    _pParameter: ck::CK_VOID_PTR,
    _ulParameterLen: ck::CK_ULONG,
    _pAssociatedData: *mut ck::CK_BYTE,
    _ulAssociatedDataLen: ck::CK_ULONG,
) -> ck::CK_RV {
    not_offered(hSession)
}

pub unsafe extern "C" fn C_DecryptMessageNext(
    hSession: ck::CK_SESSION_HANDLE,
    _pParameter: ck::CK_VOID_PTR,
    _ulParameterLen: ck::CK_ULONG,
    _pCiphertext: *mut ck::CK_BYTE,
    _ulCiphertextLen: ck::CK_ULONG,
    _pPlaintext: *mut ck::CK_BYTE,
    _pulPlaintextLen: *mut ck::CK_ULONG,
    _flags: ck::CK_FLAGS,
) -> ck::CK_RV {
    not_offered(hSession)
}

pub unsafe extern "C" fn C_MessageDecryptFinal(hSession: ck::CK_SESSION_HANDLE) -> ck::CK_RV {
    not_offered(hSession)
}

pub unsafe extern "C" fn C_MessageSignInit(
    hSession: ck::CK_SESSION_HANDLE,
    _pMechanism: *mut ck::CK_MECHANISM,
    _hKey: ck::CK_OBJECT_HANDLE,
) -> ck::CK_RV {
    not_offered(hSession)
}

pub unsafe extern "C" fn C_SignMessage(
    hSession: ck::CK_SESSION_HANDLE,
    _pParameter: ck::CK_VOID_PTR,
    _ulParameterLen: ck::CK_ULONG,
    _pData: *mut ck::CK_BYTE,
    _ulDataLen: ck::CK_ULONG,
    _pSignature: *mut ck::CK_BYTE,
    _pulSignatureLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    not_offered(hSession)
}

pub unsafe extern "C" fn C_SignMessageBegin(
    hSession: ck::CK_SESSION_HANDLE,
    _pParameter: ck::CK_VOID_PTR,
    _ulParameterLen: ck::CK_ULONG,
) -> ck::CK_RV {
    not_offered(hSession)
}

pub unsafe extern "C" fn C_SignMessageNext(
    hSession: ck::CK_SESSION_HANDLE,
    _pParameter: ck::CK_VOID_PTR,
    _ulParameterLen: ck::CK_ULONG,
    _pData: *mut ck::CK_BYTE,
    _ulDataLen: ck::CK_ULONG,
    _pSignature: *mut ck::CK_BYTE,
    _pulSignatureLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    not_offered(hSession)
}

pub unsafe extern "C" fn C_MessageSignFinal(hSession: ck::CK_SESSION_HANDLE) -> ck::CK_RV {
    not_offered(hSession)
}

pub unsafe extern "C" fn C_MessageVerifyInit(
    hSession: ck::CK_SESSION_HANDLE,
    _pMechanism: *mut ck::CK_MECHANISM,
    _hKey: ck::CK_OBJECT_HANDLE,
) -> ck::CK_RV {
    not_offered(hSession)
}

pub unsafe extern "C" fn C_VerifyMessage(
    hSession: ck::CK_SESSION_HANDLE,
    _pParameter: ck::CK_VOID_PTR,
    _ulParameterLen: ck::CK_ULONG,
    _pData: *mut ck::CK_BYTE,
    _ulDataLen: ck::CK_ULONG,
    _pSignature: *mut ck::CK_BYTE,
    _ulSignatureLen: ck::CK_ULONG,
) -> ck::CK_RV {
    not_offered(hSession)
}

pub unsafe extern "C" fn C_VerifyMessageBegin(
    hSession: ck::CK_SESSION_HANDLE,
    _pParameter: ck::CK_VOID_PTR,
    _ulParameterLen: ck::CK_ULONG,
) -> ck::CK_RV {
    not_offered(hSession)
}

pub unsafe extern "C" fn C_VerifyMessageNext(
    hSession: ck::CK_SESSION_HANDLE,
    _pParameter: ck::CK_VOID_PTR,
    _ulParameterLen: ck::CK_ULONG,
    _pData: *mut ck::CK_BYTE,
    _ulDataLen: ck::CK_ULONG,
    _pSignature: *mut ck::CK_BYTE,
    _ulSignatureLen: ck::CK_ULONG,
) -> ck::CK_RV {
    not_offered(hSession)
}

pub unsafe extern "C" fn C_MessageVerifyFinal(hSession: ck::CK_SESSION_HANDLE) -> ck::CK_RV {
    not_offered(hSession)
}
