//! The environment, as far as it may be heeded.

use std::{env, ffi::OsString};

/// A variable. None is heeded where this process has rights that whoever started it has not (setuid, setgid, capabilities;
/// `secure_getenv` of the C library, which libpcsclite asks, too): a library of ours in such a program would write a trace
/// to a file of the caller's choice, or talk to a token of theirs.
pub(crate) fn variable(name: &str) -> Option<OsString> {
    if is_privileged() { None } else { env::var_os(name) }
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn is_privileged() -> bool {
    // SAFETY: it reads a number that the kernel gave this process when it began (getauxval(3)).
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

#[cfg(not(target_os = "linux"))]
const fn is_privileged() -> bool {
    false
}
