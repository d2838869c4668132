//! The environment, as far as it may be heeded.

use std::{env, ffi::OsString};

/// A variable. No variable is heeded in a process that has more rights than the user who started it (setuid, setgid,
/// capabilities): there a variable would let that user choose the file that a trace is written to, or the token that
/// is talked to. `secure_getenv` of the C library, which libpcsclite asks, has the same rule.
pub(crate) fn variable(name: &str) -> Option<OsString> {
    if is_privileged() { None } else { env::var_os(name) }
}

/// Whether this process has more rights than the user who started it.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
pub(crate) fn is_privileged() -> bool {
    // SAFETY: getauxval(3) reads a number that the kernel gave this process when the process began.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

#[cfg(not(target_os = "linux"))]
pub(crate) const fn is_privileged() -> bool {
    false
}
