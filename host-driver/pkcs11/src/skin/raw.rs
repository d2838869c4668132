//! Pointers: what comes from C is checked and read here, what goes to C is written here.
//!
//! Each function's safety contract is the standard's own: a pointer is null, or good for as many items as the length
//! beside it says, for as long as the call takes.

use std::{ptr, slice};

use cryptoki_sys as ck;
use zeroize::Zeroizing;

use crate::{
    attribute::{AttributeType, Value},
    ckr::{Ckr, Result},
    hash::Hash,
    mechanism::{Ecdh, Mechanism, Parameter},
    operation::{Output, Room},
    padding::{Oaep, Pss},
};

/// Most attributes of a template.
const MAX_ATTRIBUTES: ck::CK_ULONG = 1024;
/// Most bytes of one value, and of a mechanism's parameter.
const MAX_VALUE: ck::CK_ULONG = 1 << 20;

/// The items at a pointer; no items where the length is 0, whatever the pointer is.
///
/// # Errors
/// CKR_ARGUMENTS_BAD: the pointer is missing or not aligned, or the length is more than any memory holds.
pub unsafe fn items<'a, T>(pointer: *const T, length: ck::CK_ULONG) -> Result<&'a [T]> {
    let length = usize::try_from(length).map_err(|_| Ckr::ARGUMENTS_BAD)?;
    if length == 0 {
        return Ok(&[]);
    }
    let fits = length.checked_mul(size_of::<T>()).is_some_and(|bytes| isize::try_from(bytes).is_ok());
    if pointer.is_null() || !fits || !pointer.is_aligned() {
        return Err(Ckr::ARGUMENTS_BAD);
    }
    // SAFETY: not null, aligned, of a size that fits; the caller vouches for the rest.
    Ok(unsafe { slice::from_raw_parts(pointer, length) })
}

/// A PIN: `None` where C gave no pointer.
pub unsafe fn pin<'a>(pointer: *const ck::CK_UTF8CHAR, length: ck::CK_ULONG) -> Result<Option<&'a [u8]>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's.
    unsafe { items(pointer, length) }.map(Some)
}

/// Writes a value to where C wants it.
///
/// # Errors
/// CKR_ARGUMENTS_BAD: there is no place.
pub unsafe fn put<T>(place: *mut T, value: T) -> Result<()> {
    // SAFETY: the caller's.
    unsafe { check(place) }?;
    // SAFETY: not null and aligned; the caller vouches for the rest.
    unsafe { ptr::write(place, value) };
    Ok(())
}

/// That there is a place to write to. This is asked before anything is done.
///
/// # Errors
/// CKR_ARGUMENTS_BAD.
pub unsafe fn check<T>(place: *mut T) -> Result<()> {
    if place.is_null() || !place.is_aligned() { Err(Ckr::ARGUMENTS_BAD) } else { Ok(()) }
}

/// How much room there is for a result (5.2).
///
/// # Errors
/// CKR_ARGUMENTS_BAD: there is no place for the result's length.
pub unsafe fn room<T>(buffer: *mut T, length: *mut ck::CK_ULONG) -> Result<Room> {
    // SAFETY: the caller's.
    unsafe { check(length) }?;
    if buffer.is_null() {
        return Ok(Room::Ask);
    }
    // SAFETY: not null and aligned.
    let room = unsafe { ptr::read(length) };
    Ok(Room::Bytes(usize::try_from(room).unwrap_or(usize::MAX)))
}

/// Writes a result (5.2): always its length, and its bytes if there is room for them.
///
/// # Errors
/// CKR_BUFFER_TOO_SMALL.
pub unsafe fn output(output: &Output, buffer: *mut ck::CK_BYTE, length: *mut ck::CK_ULONG) -> Result<()> {
    match output {
        Output::Needs(needs) => {
            // SAFETY: the caller's.
            unsafe { put(length, ck::CK_ULONG::try_from(*needs).map_err(|_| Ckr::HOST_MEMORY)?) }?;
            if buffer.is_null() { Ok(()) } else { Err(Ckr::BUFFER_TOO_SMALL) }
        }
        // SAFETY: the caller's; that there is room was seen before the bytes were made.
        Output::Bytes(bytes) => unsafe { fill(bytes, buffer, length) },
    }
}

/// Writes a list of which the caller may ask the length first (5.2).
///
/// # Errors
/// CKR_ARGUMENTS_BAD, CKR_BUFFER_TOO_SMALL.
pub unsafe fn fill<T: Copy>(list: &[T], buffer: *mut T, length: *mut ck::CK_ULONG) -> Result<()> {
    // SAFETY: the caller's.
    let room = unsafe { room(buffer, length) }?;
    // SAFETY: `room` saw the place.
    unsafe { put(length, ck::CK_ULONG::try_from(list.len()).map_err(|_| Ckr::HOST_MEMORY)?) }?;
    match room {
        Room::Ask => Ok(()),
        Room::Bytes(room) if room < list.len() => Err(Ckr::BUFFER_TOO_SMALL),
        Room::Bytes(_) if !buffer.is_aligned() => Err(Ckr::ARGUMENTS_BAD),
        Room::Bytes(_) => {
            // SAFETY: the buffer has room for as many items as the caller said, and the list has no more. The list is
            // this library's memory, and does not overlap the buffer.
            unsafe { ptr::copy_nonoverlapping(list.as_ptr(), buffer, list.len()) };
            Ok(())
        }
    }
}

/// A copy of a template, whose values may be secret.
///
/// # Errors
/// CKR_ARGUMENTS_BAD, CKR_ATTRIBUTE_VALUE_INVALID: a value without a pointer, or of more than a megabyte.
pub unsafe fn template(
    pointer: *const ck::CK_ATTRIBUTE,
    count: ck::CK_ULONG,
) -> Result<Vec<(AttributeType, Value)>> {
    if count > MAX_ATTRIBUTES {
        return Err(Ckr::ARGUMENTS_BAD);
    }
    // SAFETY: the caller's.
    let attributes = unsafe { items(pointer, count) }?;
    let copy = |attribute: &ck::CK_ATTRIBUTE| {
        if attribute.ulValueLen > MAX_VALUE {
            return Err(Ckr::ATTRIBUTE_VALUE_INVALID);
        }
        // SAFETY: pValue is good for ulValueLen bytes (3.3, CK_ATTRIBUTE).
        let value = unsafe { items(attribute.pValue.cast::<u8>(), attribute.ulValueLen) };
        let value = value.map_err(|_| Ckr::ATTRIBUTE_VALUE_INVALID)?;
        Ok((attribute.type_, Zeroizing::new(value.to_vec())))
    };
    attributes.iter().map(copy).collect()
}

/// A mechanism, its parameter read.
///
/// # Errors
/// CKR_ARGUMENTS_BAD.
pub unsafe fn mechanism(pointer: *const ck::CK_MECHANISM) -> Result<Mechanism> {
    // SAFETY: the caller's.
    let [mechanism] = (unsafe { items(pointer, 1) })? else { return Err(Ckr::ARGUMENTS_BAD) };
    // SAFETY: pParameter is good for ulParameterLen bytes (3.5, CK_MECHANISM).
    let parameter = unsafe { parameter(mechanism) };
    Ok(Mechanism { kind: mechanism.mechanism, parameter })
}

unsafe fn parameter(mechanism: &ck::CK_MECHANISM) -> Parameter {
    let (pointer, length) = (mechanism.pParameter, mechanism.ulParameterLen);
    if length == 0 {
        return Parameter::None;
    }
    // SAFETY: the caller's. Each structure is read only if the parameter has the structure's length.
    let read = unsafe {
        match mechanism.mechanism {
            ck::CKM_RSA_PKCS_PSS
            | ck::CKM_SHA1_RSA_PKCS_PSS
            | ck::CKM_SHA224_RSA_PKCS_PSS
            | ck::CKM_SHA256_RSA_PKCS_PSS
            | ck::CKM_SHA384_RSA_PKCS_PSS
            | ck::CKM_SHA512_RSA_PKCS_PSS => structure(pointer, length).and_then(pss).map(Parameter::Pss),
            ck::CKM_RSA_PKCS_OAEP => {
                structure(pointer, length).and_then(|found| oaep(found)).map(Parameter::Oaep)
            }
            ck::CKM_ECDH1_DERIVE => {
                structure(pointer, length).and_then(|found| ecdh(found)).map(Parameter::Ecdh)
            }
            _ => None,
        }
    };
    read.unwrap_or(Parameter::Wrong)
}

/// A structure of just this length.
unsafe fn structure<T: Copy>(pointer: ck::CK_VOID_PTR, length: ck::CK_ULONG) -> Option<T> {
    let right = usize::try_from(length) == Ok(size_of::<T>());
    // SAFETY: the pointer is not null, and what it leads to is as long as the structure. It need not be aligned.
    (right && !pointer.is_null()).then(|| unsafe { ptr::read_unaligned(pointer.cast::<T>()) })
}

fn pss(found: ck::CK_RSA_PKCS_PSS_PARAMS) -> Option<Pss> {
    Some(Pss {
        hash: Hash::by_mechanism(found.hashAlg)?,
        mgf: Hash::by_mgf(found.mgf)?,
        // Whether the modulus has room for the salt is told when the key is known.
        salt: usize::try_from(found.sLen).ok().filter(|salt| *salt <= 512)?,
    })
}

unsafe fn oaep(found: ck::CK_RSA_PKCS_OAEP_PARAMS) -> Option<Oaep> {
    // There is an encoding parameter, or none at all, which some programs write as source 0.
    if found.source != ck::CKZ_DATA_SPECIFIED && (found.source != 0 || found.ulSourceDataLen != 0) {
        return None;
    }
    // SAFETY: pSourceData is good for ulSourceDataLen bytes (Current Mechanisms, 2.1.7).
    let label = unsafe { bounded(found.pSourceData.cast(), found.ulSourceDataLen) }?;
    Some(Oaep { hash: Hash::by_mechanism(found.hashAlg)?, mgf: Hash::by_mgf(found.mgf)?, label })
}

unsafe fn ecdh(found: ck::CK_ECDH1_DERIVE_PARAMS) -> Option<Ecdh> {
    let kdf = match found.kdf {
        ck::CKD_NULL => None,
        kdf => Some(Hash::by_kdf(kdf)?),
    };
    // SAFETY: each pointer is good for the length beside it (Current Mechanisms, 2.3.7).
    let (shared, point) = unsafe {
        (
            bounded(found.pSharedData, found.ulSharedDataLen)?,
            bounded(found.pPublicData, found.ulPublicDataLen)?,
        )
    };
    // Without a derivation function there must be no shared data (2.3.7).
    (kdf.is_some() || shared.is_empty()).then_some(Ecdh { kdf, shared, point })
}

unsafe fn bounded(pointer: *const u8, length: ck::CK_ULONG) -> Option<Vec<u8>> {
    if length > MAX_VALUE {
        return None;
    }
    // SAFETY: the caller's.
    unsafe { items(pointer, length) }.ok().map(<[u8]>::to_vec)
}
