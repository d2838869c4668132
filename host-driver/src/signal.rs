//! Signals as whoever started us wants them.

use std::{mem::MaybeUninit, ptr};

use rustix::process::Signal;

/// Whether our starter had the signal ignored, as nohup(1) does with SIGHUP. Then it stays ignored: to catch it would be to
/// end with the terminal all the same.
#[allow(unsafe_code)]
pub(crate) fn is_ignored(signal: Signal) -> bool {
    let mut found = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action, sigaction(2) does nothing but fill in the present one; zero bytes are one, too.
    unsafe {
        libc::sigaction(signal.as_raw(), ptr::null(), found.as_mut_ptr()) == 0
            && found.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

/// Lets a program go on that uses its terminal from the background (`ushield up &`). Otherwise the kernel stops all of its
/// threads, those that serve among them; so a read fails (EIO), and a write is let through (termios(3), tty_ioctl(4)).
///
/// Only for programs that start no others: those would inherit it.
#[allow(unsafe_code)]
pub(crate) fn go_on_in_background() {
    for signal in [libc::SIGTTIN, libc::SIGTTOU] {
        // SAFETY: no code of ours runs when the signal comes.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}
