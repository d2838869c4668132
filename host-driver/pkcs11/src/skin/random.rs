//! Random number generation functions (v2.40, 5.15).

use cryptoki_sys as ck;

use super::{raw, with_session};
use crate::ckr::Ckr;

/// Most bytes that are fetched before they are handed to the caller. A caller may name any length, and a buffer that
/// no memory holds would end the process.
const AT_ONCE: usize = 1 << 16;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SeedRandom(
    hSession: ck::CK_SESSION_HANDLE,
    pSeed: *mut ck::CK_BYTE,
    ulSeedLen: ck::CK_ULONG,
) -> ck::CK_RV {
    // SAFETY: the caller's.
    with_session(hSession, |slot| slot.seed_random(hSession, unsafe { raw::items(pSeed, ulSeedLen) }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GenerateRandom(
    hSession: ck::CK_SESSION_HANDLE,
    pRandomData: *mut ck::CK_BYTE,
    ulRandomLen: ck::CK_ULONG,
) -> ck::CK_RV {
    with_session(hSession, |slot| {
        slot.check_session(hSession)?;
        if ulRandomLen == 0 {
            return Ok(());
        }
        // SAFETY: the caller's.
        unsafe { raw::check(pRandomData) }?;
        let length = usize::try_from(ulRandomLen).map_err(|_| Ckr::ARGUMENTS_BAD)?;
        isize::try_from(length).map_err(|_| Ckr::ARGUMENTS_BAD)?;
        for at in (0..length).step_by(AT_ONCE) {
            let random = slot.random(hSession, AT_ONCE.min(length - at))?;
            // SAFETY: pRandomData is good for ulRandomLen bytes, and does not overlap `random`.
            unsafe { std::ptr::copy_nonoverlapping(random.as_ptr(), pRandomData.add(at), random.len()) };
        }
        Ok(())
    })
}
