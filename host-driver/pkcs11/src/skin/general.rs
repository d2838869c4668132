//! General-purpose functions (v2.40, 5.4), but for the function lists.

use cryptoki_sys as ck;

use super::{mutex, raw, run, with_library};
use crate::{
    ckr::Ckr,
    library,
    slot::{MANUFACTURER, VERSION, field},
};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_Initialize(pInitArgs: ck::CK_VOID_PTR) -> ck::CK_RV {
    run(|| {
        let arguments = pInitArgs.cast::<ck::CK_C_INITIALIZE_ARGS>();
        let mutex = if arguments.is_null() {
            None
        } else {
            // SAFETY: the caller's.
            let [arguments] = (unsafe { raw::items(arguments, 1) })? else { return Err(Ckr::ARGUMENTS_BAD) };
            // pReserved is for later versions. CKF_LIBRARY_CANT_CREATE_OS_THREADS changes nothing: the library
            // creates no threads.
            if !arguments.pReserved.is_null() {
                return Err(Ckr::ARGUMENTS_BAD);
            }
            mutex::wanted(arguments)?
        };
        library::initialize(mutex)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_Finalize(pReserved: ck::CK_VOID_PTR) -> ck::CK_RV {
    run(|| {
        library::current()?;
        if !pReserved.is_null() {
            return Err(Ckr::ARGUMENTS_BAD);
        }
        library::finalize()
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetInfo(pInfo: *mut ck::CK_INFO) -> ck::CK_RV {
    let info = ck::CK_INFO {
        cryptokiVersion: ck::CK_VERSION { major: 2, minor: 40 },
        manufacturerID: field(MANUFACTURER),
        flags: 0,
        libraryDescription: field("U-shield PKCS#11"),
        libraryVersion: VERSION,
    };
    // SAFETY: the caller's.
    with_library(|_| unsafe { raw::put(pInfo, info) })
}
