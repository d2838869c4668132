//! Object management (v2.40, 5.7).

use cryptoki_sys as ck;

use super::{raw, with_session};
use crate::ckr::{Ckr, Result};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_CreateObject(
    hSession: ck::CK_SESSION_HANDLE,
    pTemplate: *mut ck::CK_ATTRIBUTE,
    ulCount: ck::CK_ULONG,
    phObject: *mut ck::CK_OBJECT_HANDLE,
) -> ck::CK_RV {
    with_session(hSession, |slot| {
        slot.check_session(hSession)?;
        // SAFETY: the caller's.
        unsafe {
            raw::check(phObject)?;
            raw::put(phObject, slot.create(hSession, raw::template(pTemplate, ulCount)?)?)
        }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_CopyObject(
    hSession: ck::CK_SESSION_HANDLE,
    hObject: ck::CK_OBJECT_HANDLE,
    pTemplate: *mut ck::CK_ATTRIBUTE,
    ulCount: ck::CK_ULONG,
    phNewObject: *mut ck::CK_OBJECT_HANDLE,
) -> ck::CK_RV {
    with_session(hSession, |slot| {
        slot.check_session(hSession)?;
        // SAFETY: the caller's.
        unsafe {
            raw::check(phNewObject)?;
            raw::put(phNewObject, slot.copy(hSession, hObject, raw::template(pTemplate, ulCount)?)?)
        }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_DestroyObject(
    hSession: ck::CK_SESSION_HANDLE,
    hObject: ck::CK_OBJECT_HANDLE,
) -> ck::CK_RV {
    with_session(hSession, |slot| slot.destroy(hSession, hObject))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetObjectSize(
    hSession: ck::CK_SESSION_HANDLE,
    hObject: ck::CK_OBJECT_HANDLE,
    pulSize: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    with_session(hSession, |slot| unsafe { raw::put(pulSize, slot.object_size(hSession, hObject)?) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetAttributeValue(
    hSession: ck::CK_SESSION_HANDLE,
    hObject: ck::CK_OBJECT_HANDLE,
    pTemplate: *mut ck::CK_ATTRIBUTE,
    ulCount: ck::CK_ULONG,
) -> ck::CK_RV {
    with_session(hSession, |slot| {
        slot.check_session(hSession)?;
        // SAFETY: the caller's.
        let kinds: Vec<_> = unsafe { raw::items(pTemplate, ulCount) }?.iter().map(|one| one.type_).collect();
        let values = slot.values(hSession, hObject, &kinds)?;
        if values.is_empty() {
            return Ok(());
        }
        // SAFETY: the caller's. Nobody else has this memory while the call lasts, and `kinds` copied what it read.
        let template = unsafe { std::slice::from_raw_parts_mut(pTemplate, kinds.len()) };
        // Every attribute is answered. Of several errors one is told (5.7).
        let mut outcome = Ok(());
        for (attribute, value) in template.iter_mut().zip(&values) {
            let value = value.as_ref().map(|value| value.as_slice()).map_err(|ckr| *ckr);
            // SAFETY: pValue is null, or good for ulValueLen bytes.
            if let Err(ckr) = unsafe { answer(attribute, value) } {
                attribute.ulValueLen = ck::CK_UNAVAILABLE_INFORMATION;
                outcome = Err(ckr);
            }
        }
        outcome
    })
}

/// Answers one attribute of C_GetAttributeValue, by the five cases of 5.7.
unsafe fn answer(attribute: &mut ck::CK_ATTRIBUTE, value: Result<&[u8]>) -> Result<()> {
    let value = value?;
    let length = ck::CK_ULONG::try_from(value.len()).map_err(|_| Ckr::HOST_MEMORY)?;
    if !attribute.pValue.is_null() {
        if attribute.ulValueLen < length {
            return Err(Ckr::BUFFER_TOO_SMALL);
        }
        // SAFETY: there is room, and the value does not overlap the caller's memory.
        unsafe { std::ptr::copy_nonoverlapping(value.as_ptr(), attribute.pValue.cast::<u8>(), value.len()) };
    }
    attribute.ulValueLen = length;
    Ok(())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SetAttributeValue(
    hSession: ck::CK_SESSION_HANDLE,
    hObject: ck::CK_OBJECT_HANDLE,
    pTemplate: *mut ck::CK_ATTRIBUTE,
    ulCount: ck::CK_ULONG,
) -> ck::CK_RV {
    with_session(hSession, |slot| {
        slot.check_session(hSession)?;
        // SAFETY: the caller's.
        slot.set_values(hSession, hObject, unsafe { raw::template(pTemplate, ulCount) }?)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_FindObjectsInit(
    hSession: ck::CK_SESSION_HANDLE,
    pTemplate: *mut ck::CK_ATTRIBUTE,
    ulCount: ck::CK_ULONG,
) -> ck::CK_RV {
    with_session(hSession, |slot| {
        slot.check_session(hSession)?;
        // SAFETY: the caller's.
        slot.find_init(hSession, unsafe { raw::template(pTemplate, ulCount) }?)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_FindObjects(
    hSession: ck::CK_SESSION_HANDLE,
    phObject: *mut ck::CK_OBJECT_HANDLE,
    ulMaxObjectCount: ck::CK_ULONG,
    pulObjectCount: *mut ck::CK_ULONG,
) -> ck::CK_RV {
    with_session(hSession, |slot| {
        slot.check_session(hSession)?;
        // SAFETY: the caller's.
        unsafe { raw::check(pulObjectCount) }?;
        if ulMaxObjectCount != 0 {
            // SAFETY: the caller's.
            unsafe { raw::check(phObject) }?;
        }
        let found = slot.find(hSession, usize::try_from(ulMaxObjectCount).unwrap_or(usize::MAX))?;
        // SAFETY: the handles are no more than ulMaxObjectCount, for which phObject is good.
        unsafe { std::ptr::copy_nonoverlapping(found.as_ptr(), phObject, found.len()) };
        // SAFETY: the caller's.
        unsafe {
            raw::put(pulObjectCount, ck::CK_ULONG::try_from(found.len()).map_err(|_| Ckr::HOST_MEMORY)?)
        }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_FindObjectsFinal(hSession: ck::CK_SESSION_HANDLE) -> ck::CK_RV {
    with_session(hSession, |slot| slot.find_final(hSession))
}
