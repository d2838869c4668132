//! The function lists (v2.40, 5.4, C_GetFunctionList; v3.0, 5.4, C_GetInterfaceList and C_GetInterface). Every
//! function in the lists is exported by its name, too: programs that bind functions one by one (JNA, ctypes) never
//! ask for a list.

use std::ptr;

use cryptoki_sys as ck;

use super::{
    crypt, digest, general, key, message, object, parallel, random, raw, run, session, sign, slot, verify,
};
use crate::ckr::Ckr;

/// Both lists begin with the same functions.
macro_rules! list {
    ($list:ident { $($version:tt)* } $($more:tt)*) => {
        ck::$list {
            version: ck::CK_VERSION { $($version)* },
            C_Initialize: Some(general::C_Initialize),
            C_Finalize: Some(general::C_Finalize),
            C_GetInfo: Some(general::C_GetInfo),
            C_GetFunctionList: Some(C_GetFunctionList),
            C_GetSlotList: Some(slot::C_GetSlotList),
            C_GetSlotInfo: Some(slot::C_GetSlotInfo),
            C_GetTokenInfo: Some(slot::C_GetTokenInfo),
            C_GetMechanismList: Some(slot::C_GetMechanismList),
            C_GetMechanismInfo: Some(slot::C_GetMechanismInfo),
            C_InitToken: Some(slot::C_InitToken),
            C_InitPIN: Some(slot::C_InitPIN),
            C_SetPIN: Some(slot::C_SetPIN),
            C_OpenSession: Some(session::C_OpenSession),
            C_CloseSession: Some(session::C_CloseSession),
            C_CloseAllSessions: Some(session::C_CloseAllSessions),
            C_GetSessionInfo: Some(session::C_GetSessionInfo),
            C_GetOperationState: Some(session::C_GetOperationState),
            C_SetOperationState: Some(session::C_SetOperationState),
            C_Login: Some(session::C_Login),
            C_Logout: Some(session::C_Logout),
            C_CreateObject: Some(object::C_CreateObject),
            C_CopyObject: Some(object::C_CopyObject),
            C_DestroyObject: Some(object::C_DestroyObject),
            C_GetObjectSize: Some(object::C_GetObjectSize),
            C_GetAttributeValue: Some(object::C_GetAttributeValue),
            C_SetAttributeValue: Some(object::C_SetAttributeValue),
            C_FindObjectsInit: Some(object::C_FindObjectsInit),
            C_FindObjects: Some(object::C_FindObjects),
            C_FindObjectsFinal: Some(object::C_FindObjectsFinal),
            C_EncryptInit: Some(crypt::C_EncryptInit),
            C_Encrypt: Some(crypt::C_Encrypt),
            C_EncryptUpdate: Some(crypt::C_EncryptUpdate),
            C_EncryptFinal: Some(crypt::C_EncryptFinal),
            C_DecryptInit: Some(crypt::C_DecryptInit),
            C_Decrypt: Some(crypt::C_Decrypt),
            C_DecryptUpdate: Some(crypt::C_DecryptUpdate),
            C_DecryptFinal: Some(crypt::C_DecryptFinal),
            C_DigestInit: Some(digest::C_DigestInit),
            C_Digest: Some(digest::C_Digest),
            C_DigestUpdate: Some(digest::C_DigestUpdate),
            C_DigestKey: Some(digest::C_DigestKey),
            C_DigestFinal: Some(digest::C_DigestFinal),
            C_SignInit: Some(sign::C_SignInit),
            C_Sign: Some(sign::C_Sign),
            C_SignUpdate: Some(sign::C_SignUpdate),
            C_SignFinal: Some(sign::C_SignFinal),
            C_SignRecoverInit: Some(sign::C_SignRecoverInit),
            C_SignRecover: Some(sign::C_SignRecover),
            C_VerifyInit: Some(verify::C_VerifyInit),
            C_Verify: Some(verify::C_Verify),
            C_VerifyUpdate: Some(verify::C_VerifyUpdate),
            C_VerifyFinal: Some(verify::C_VerifyFinal),
            C_VerifyRecoverInit: Some(verify::C_VerifyRecoverInit),
            C_VerifyRecover: Some(verify::C_VerifyRecover),
            C_DigestEncryptUpdate: Some(crypt::C_DigestEncryptUpdate),
            C_DecryptDigestUpdate: Some(crypt::C_DecryptDigestUpdate),
            C_SignEncryptUpdate: Some(crypt::C_SignEncryptUpdate),
            C_DecryptVerifyUpdate: Some(crypt::C_DecryptVerifyUpdate),
            C_GenerateKey: Some(key::C_GenerateKey),
            C_GenerateKeyPair: Some(key::C_GenerateKeyPair),
            C_WrapKey: Some(key::C_WrapKey),
            C_UnwrapKey: Some(key::C_UnwrapKey),
            C_DeriveKey: Some(key::C_DeriveKey),
            C_SeedRandom: Some(random::C_SeedRandom),
            C_GenerateRandom: Some(random::C_GenerateRandom),
            C_GetFunctionStatus: Some(parallel::C_GetFunctionStatus),
            C_CancelFunction: Some(parallel::C_CancelFunction),
            C_WaitForSlotEvent: Some(slot::C_WaitForSlotEvent),
            $($more)*
        }
    };
}

static LIST: ck::CK_FUNCTION_LIST = list!(CK_FUNCTION_LIST { major: 2, minor: 40 });

static LIST_3_0: ck::CK_FUNCTION_LIST_3_0 = list!(CK_FUNCTION_LIST_3_0 { major: 3, minor: 0 }
    C_GetInterfaceList: Some(C_GetInterfaceList),
    C_GetInterface: Some(C_GetInterface),
    C_LoginUser: Some(session::C_LoginUser),
    C_SessionCancel: Some(session::C_SessionCancel),
    C_MessageEncryptInit: Some(message::C_MessageEncryptInit),
    C_EncryptMessage: Some(message::C_EncryptMessage),
    C_EncryptMessageBegin: Some(message::C_EncryptMessageBegin),
    C_EncryptMessageNext: Some(message::C_EncryptMessageNext),
    C_MessageEncryptFinal: Some(message::C_MessageEncryptFinal),
    C_MessageDecryptInit: Some(message::C_MessageDecryptInit),
    C_DecryptMessage: Some(message::C_DecryptMessage),
    C_DecryptMessageBegin: Some(message::C_DecryptMessageBegin),
    C_DecryptMessageNext: Some(message::C_DecryptMessageNext),
    C_MessageDecryptFinal: Some(message::C_MessageDecryptFinal),
    C_MessageSignInit: Some(message::C_MessageSignInit),
    C_SignMessage: Some(message::C_SignMessage),
    C_SignMessageBegin: Some(message::C_SignMessageBegin),
    C_SignMessageNext: Some(message::C_SignMessageNext),
    C_MessageSignFinal: Some(message::C_MessageSignFinal),
    C_MessageVerifyInit: Some(message::C_MessageVerifyInit),
    C_VerifyMessage: Some(message::C_VerifyMessage),
    C_VerifyMessageBegin: Some(message::C_VerifyMessageBegin),
    C_VerifyMessageNext: Some(message::C_VerifyMessageNext),
    C_MessageVerifyFinal: Some(message::C_MessageVerifyFinal),
);

/// The name that the standard gives its own interface.
const NAME: &[u8] = b"PKCS 11\0";

/// A table of pointers to the statics above, which never change.
struct Interfaces([ck::CK_INTERFACE; 2]);

// SAFETY: the statics that the pointers lead to are constant.
unsafe impl Sync for Interfaces {}

const fn interface<T>(list: &'static T) -> ck::CK_INTERFACE {
    ck::CK_INTERFACE {
        pInterfaceName: NAME.as_ptr().cast_mut(),
        pFunctionList: ptr::from_ref(list).cast_mut().cast(),
        flags: ck::CKF_INTERFACE_FORK_SAFE,
    }
}

/// The newest interface comes first, because the first is the default.
static INTERFACES: Interfaces = Interfaces([interface(&LIST_3_0), interface(&LIST)]);

const VERSIONS: [ck::CK_VERSION; 2] = [LIST_3_0.version, LIST.version];

/// All functions of v2.40 (5.4).
///
/// # Safety
/// The pointer is null or good for one pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionList(ppFunctionList: *mut *mut ck::CK_FUNCTION_LIST) -> ck::CK_RV {
    // SAFETY: the caller's.
    run(|| unsafe { raw::put(ppFunctionList, ptr::from_ref(&LIST).cast_mut()) })
}

/// The interfaces (v3.0, 5.4.5).
///
/// # Safety
/// `pulCount` is null or good for one number, and `pInterfacesList` null or good for so many interfaces.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetInterfaceList(
    pInterfacesList: *mut ck::CK_INTERFACE,
    pulCount: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    run(|| unsafe { raw::fill(&INTERFACES.0, pInterfacesList, pulCount) })
}

/// One interface, by name, version and flags, each of which may be left out (v3.0, 5.4.6).
///
/// # Safety
/// `pInterfaceName` is null or ends with a zero, `pVersion` null or a version, `ppInterface` null or good for one pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetInterface(
    pInterfaceName: *mut ck::CK_UTF8CHAR,
    pVersion: *mut ck::CK_VERSION,
    ppInterface: *mut *mut ck::CK_INTERFACE,
    flags: ck::CK_FLAGS,
) -> ck::CK_RV {
    run(|| {
        // SAFETY: the caller's.
        unsafe { raw::check(ppInterface) }?;
        // SAFETY: the caller vouches for bytes up to a zero. No byte is read behind the first one that differs from
        // `NAME`, which ends with a zero.
        let named = pInterfaceName.is_null()
            || (0..NAME.len()).all(|at| unsafe { *pInterfaceName.add(at) } == NAME[at]);
        // SAFETY: the caller's.
        let version = (!pVersion.is_null()).then(|| unsafe { ptr::read_unaligned(pVersion) });
        let fits = |at: &usize| {
            let of = VERSIONS[*at];
            named
                && version.is_none_or(|wanted| (wanted.major, wanted.minor) == (of.major, of.minor))
                && flags & !INTERFACES.0[*at].flags == 0
        };
        let at = (0..VERSIONS.len()).find(fits).ok_or(Ckr::FUNCTION_FAILED)?;
        // SAFETY: seen above.
        unsafe { raw::put(ppInterface, ptr::from_ref(&INTERFACES.0[at]).cast_mut()) }
    })
}
