//! Key management functions (v2.40, 5.14).

use cryptoki_sys as ck;

use super::{produce, raw, with_session};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GenerateKey(
    hSession: ck::CK_SESSION_HANDLE,
    pMechanism: *mut ck::CK_MECHANISM,
    pTemplate: *mut ck::CK_ATTRIBUTE,
    ulCount: ck::CK_ULONG,
    phKey: *mut ck::CK_OBJECT_HANDLE,
) -> ck::CK_RV {
    with_session(hSession, |slot| {
        slot.check_session(hSession)?;
        // SAFETY: the caller's.
        unsafe {
            raw::check(phKey)?;
            let (mechanism, template) = (raw::mechanism(pMechanism)?, raw::template(pTemplate, ulCount)?);
            raw::put(phKey, slot.generate_key(hSession, &mechanism, template)?)
        }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GenerateKeyPair(
    hSession: ck::CK_SESSION_HANDLE,
    pMechanism: *mut ck::CK_MECHANISM,
    pPublicKeyTemplate: *mut ck::CK_ATTRIBUTE,
    ulPublicKeyAttributeCount: ck::CK_ULONG,
    pPrivateKeyTemplate: *mut ck::CK_ATTRIBUTE,
    ulPrivateKeyAttributeCount: ck::CK_ULONG,
    phPublicKey: *mut ck::CK_OBJECT_HANDLE,
    phPrivateKey: *mut ck::CK_OBJECT_HANDLE,
) -> ck::CK_RV {
    with_session(hSession, |slot| {
        slot.check_session(hSession)?;
        // SAFETY: the caller's.
        unsafe {
            raw::check(phPublicKey)?;
            raw::check(phPrivateKey)?;
            let mechanism = raw::mechanism(pMechanism)?;
            let public = raw::template(pPublicKeyTemplate, ulPublicKeyAttributeCount)?;
            let private = raw::template(pPrivateKeyTemplate, ulPrivateKeyAttributeCount)?;
            let (public, private) = slot.generate_key_pair(hSession, &mechanism, public, private)?;
            raw::put(phPublicKey, public)?;
            raw::put(phPrivateKey, private)
        }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_WrapKey(
    hSession: ck::CK_SESSION_HANDLE,
    pMechanism: *mut ck::CK_MECHANISM,
    hWrappingKey: ck::CK_OBJECT_HANDLE,
    hKey: ck::CK_OBJECT_HANDLE,
    pWrappedKey: *mut ck::CK_BYTE,
    pulWrappedKeyLen: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    unsafe {
        produce(hSession, pWrappedKey, pulWrappedKeyLen, |slot, room| {
            slot.check_session(hSession)?;
            slot.wrap(hSession, &raw::mechanism(pMechanism)?, hWrappingKey, hKey, room)
        })
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_UnwrapKey(
    hSession: ck::CK_SESSION_HANDLE,
    pMechanism: *mut ck::CK_MECHANISM,
    hUnwrappingKey: ck::CK_OBJECT_HANDLE,
    pWrappedKey: *mut ck::CK_BYTE,
    ulWrappedKeyLen: ck::CK_ULONG,
    pTemplate: *mut ck::CK_ATTRIBUTE,
    ulAttributeCount: ck::CK_ULONG,
    phKey: *mut ck::CK_OBJECT_HANDLE,
) -> ck::CK_RV {
    with_session(hSession, |slot| {
        slot.check_session(hSession)?;
        // SAFETY: the caller's.
        unsafe {
            raw::check(phKey)?;
            let (mechanism, template) =
                (raw::mechanism(pMechanism)?, raw::template(pTemplate, ulAttributeCount)?);
            let wrapped = raw::items(pWrappedKey, ulWrappedKeyLen);
            raw::put(phKey, slot.unwrap(hSession, &mechanism, hUnwrappingKey, wrapped, template)?)
        }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_DeriveKey(
    hSession: ck::CK_SESSION_HANDLE,
    pMechanism: *mut ck::CK_MECHANISM,
    hBaseKey: ck::CK_OBJECT_HANDLE,
    pTemplate: *mut ck::CK_ATTRIBUTE,
    ulAttributeCount: ck::CK_ULONG,
    phKey: *mut ck::CK_OBJECT_HANDLE,
) -> ck::CK_RV {
    with_session(hSession, |slot| {
        slot.check_session(hSession)?;
        // SAFETY: the caller's.
        unsafe {
            raw::check(phKey)?;
            let (mechanism, template) =
                (raw::mechanism(pMechanism)?, raw::template(pTemplate, ulAttributeCount)?);
            raw::put(phKey, slot.derive(hSession, &mechanism, hBaseKey, template)?)
        }
    })
}
