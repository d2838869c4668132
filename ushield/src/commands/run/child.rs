//! The command of a run. It gets the signals that we get, we end with its exit code, and it does not outlive us.

use std::{
    ffi::{OsStr, OsString},
    future::poll_fn,
    io,
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Command, ExitStatus},
    task::Poll,
};

use rustix::{
    process::{Pid, Signal, getpgrp, getpid, getppid, kill_process, set_parent_process_death_signal},
    stdio::stdin,
    termios::tcgetpgrp,
};
use terminal::{Context, Exit, Failure, signal::is_ignored};
use tokio::signal::unix::{self, SignalKind, signal};

use super::OURS;

/// As `timeout` of the GNU coreutils has them: the command was found and cannot be run; it was not found.
const CANNOT_RUN: u8 = 126;
const NOT_FOUND: u8 = 127;
/// The exit code for a command that a signal has ended is this number and the number of the signal.
const SIGNALLED: u8 = 128;

/// The signals that are passed on.
const PASSED: [(SignalKind, Signal); 6] = [
    (SignalKind::hangup(), Signal::HUP),
    (SignalKind::interrupt(), Signal::INT),
    (SignalKind::quit(), Signal::QUIT),
    (SignalKind::terminate(), Signal::TERM),
    (SignalKind::user_defined1(), Signal::USR1),
    (SignalKind::user_defined2(), Signal::USR2),
];

/// Signals that are caught, and passed on when there is a command. A signal that was ignored from the start stays ignored, so
/// that the command inherits that, as it would without us.
pub(super) struct Signals(Vec<(unix::Signal, Signal)>);

impl Signals {
    /// Begins to catch the signals. Must be called inside the runtime.
    pub(super) fn catch() -> Result<Self, Failure> {
        let wanted = PASSED.into_iter().filter(|(_, passed)| !is_ignored(*passed));
        let caught = wanted.map(|(kind, passed)| Ok((signal(kind)?, passed))).collect::<io::Result<_>>();
        caught.map(Self).what("signals cannot be watched")
    }

    pub(super) async fn next(&mut self) -> Signal {
        poll_fn(|context| {
            let came = |(caught, passed): &mut (unix::Signal, Signal)| {
                matches!(caught.poll_recv(context), Poll::Ready(Some(()))).then_some(*passed)
            };
            self.0.iter_mut().find_map(came).map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

/// The command, not yet started.
pub(super) fn command(program: &OsStr, arguments: &[OsString]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// Starts the command. This thread must live until the command has ended: the kernel kills the command when the thread ends.
pub(super) fn start(command: &mut Command) -> Result<Pid, Failure> {
    die_with_us(command);
    let child = command.spawn().map_err(|error| not_started(command.get_program(), &error))?;
    // The caller waits for several processes, and so needs the number.
    Ok(Pid::from_child(&child))
}

/// Why the command does not run.
pub(super) fn not_started(program: &OsStr, error: &io::Error) -> Failure {
    let name = program.to_string_lossy();
    let failure = Failure::new(format!("the command {name} could not be started")).because(error);
    match error.kind() {
        io::ErrorKind::NotFound => failure.exits(Exit::As(NOT_FOUND)),
        _ => failure.exits(Exit::As(CANNOT_RUN)),
    }
}

/// The command is killed when we are gone, even by SIGKILL (prctl(2), PR_SET_PDEATHSIG).
#[allow(unsafe_code)]
pub(super) fn die_with_us(command: &mut Command) {
    let us = getpid();
    let in_child = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // We may have ended before the line above.
        if getppid() == Some(us) { Ok(()) } else { Err(io::ErrorKind::NotConnected.into()) }
    };
    // SAFETY: between fork and exec only two system calls are made, and nothing is allocated.
    unsafe { command.pre_exec(in_child) };
}

/// Passes a signal on. Returns false where the terminal has sent it to the command already.
pub(super) fn pass(to: Option<Pid>, signal: Signal) -> bool {
    if typed(signal) {
        return false;
    }
    if let Some(pid) = to {
        // An error says that the command has just ended.
        let _ = kill_process(pid, signal);
    }
    true
}

/// Whether the signal asks for an end.
pub(super) fn ends(signal: Signal) -> bool {
    [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM].contains(&signal)
}

/// Whether the terminal has sent this signal to the command already. Ctrl-C and Ctrl-\ go to every process of the foreground
/// group, and a program may take two signals for something else than one.
fn typed(signal: Signal) -> bool {
    let foreground = || tcgetpgrp(stdin()).is_ok_and(|group| group == getpgrp());
    (signal == Signal::INT || signal == Signal::QUIT) && foreground()
}

/// The exit code that tells how the command has ended.
pub(super) fn code(status: ExitStatus) -> u8 {
    let narrow = |code: i32| u8::try_from(code & 0xFF).unwrap_or(OURS);
    match (status.code(), status.signal()) {
        (Some(code), _) => narrow(code),
        (None, Some(signal)) => SIGNALLED.wrapping_add(narrow(signal)),
        (None, None) => OURS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_the_commands() {
        for (raw, expected) in [(0, 0), (3 << 8, 3), (0xFF << 8, 255), (15, 143), (9, 137)] {
            assert_eq!(code(ExitStatus::from_raw(raw)), expected);
        }
    }
}
