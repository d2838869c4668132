//! Signals that a program takes otherwise than the system does: the limit of a file's size, and the terminal's signals.

#[cfg(unix)]
use std::{mem::MaybeUninit, os::unix::process::CommandExt, process::Command, ptr};

#[cfg(unix)]
use rustix::{
    process::{Signal, getpgrp},
    stdio::stdin,
    termios::tcgetpgrp,
};

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
        // SAFETY: this puts back the action that there was before.
        unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    }
}

/// Other systems have no such signal.
#[cfg(not(unix))]
pub fn outlive_file_limit() {}

/// Whether the process that started this program had it ignore the signal, as nohup(1) does with SIGHUP. Such a signal stays
/// ignored: a program that caught SIGHUP would end with its terminal, which nohup was to prevent.
#[cfg(unix)]
#[allow(unsafe_code)]
pub fn is_ignored(signal: Signal) -> bool {
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
/// Programs that this one starts inherit it, where [`stop_in_background`] does not keep them from it.
#[cfg(unix)]
#[allow(unsafe_code)]
pub fn go_on_in_background() {
    for signal in OF_BACKGROUND {
        // SAFETY: no code of ours runs when the signal comes.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// What the kernel sends to a program that uses its terminal from the background.
#[cfg(unix)]
const OF_BACKGROUND: [libc::c_int; 2] = [libc::SIGTTIN, libc::SIGTTOU];

/// Has a program that is started by this command stop where it uses its terminal from the background, as programs do by themselves, although
/// this program goes on ([`go_on_in_background`]).
#[cfg(unix)]
#[allow(unsafe_code)]
pub fn stop_in_background(command: &mut Command) {
    let as_by_default = || {
        for signal in OF_BACKGROUND {
            // SAFETY: no code of ours runs when the signal comes.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
        Ok(())
    };
    // SAFETY: signal(2) may be called between fork and exec (signal-safety(7)), and nothing else happens there.
    unsafe { command.pre_exec(as_by_default) };
}

/// Whether this program is in the background of the terminal at standard input: what is typed there is for another program.
#[cfg(unix)]
pub fn is_in_background() -> bool {
    // A terminal that does not control this program has no background.
    tcgetpgrp(stdin()).is_ok_and(|foreground| foreground != getpgrp())
}
