//! The limit of a file's size (`ulimit -f`).

/// Lets a write that meets the limit fail (EFBIG) and be reported. The system's own way is to kill the process, in the middle
/// of whatever it was doing (SIGXFSZ, setrlimit(2)). Programs that this one starts are not touched: a signal that is caught is
/// the system's again after exec, and one that is ignored stays so.
#[cfg(unix)]
#[allow(unsafe_code)]
pub fn outlive_file_limit() {
    extern "C" fn nothing(_: libc::c_int) {}
    let handler: extern "C" fn(libc::c_int) = nothing;
    // SAFETY: the handler does nothing, which is safe at any moment (signal-safety(7)).
    let former = unsafe { libc::signal(libc::SIGXFSZ, handler as libc::sighandler_t) };
    if former == libc::SIG_IGN {
        // SAFETY: as it was.
        unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    }
}

/// Other systems have no such signal.
#[cfg(not(unix))]
pub fn outlive_file_limit() {}
