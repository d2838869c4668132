//! The command of a run: its signals are ours, its exit code is ours, and it does not outlive us.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::process::ExitStatusExt,
    process::ExitStatus,
};

use rustix::process::{Pid, Signal, getpgrp, getpid, getppid, kill_process, set_parent_process_death_signal};
use tokio::{
    process::{Child, Command},
    signal::unix::{self, SignalKind, signal},
};

use super::OURS;
use crate::{
    failure::{Context, Exit, Failure},
    memory::Limits,
};

/// As `timeout` of the GNU coreutils has them: the command was found and cannot be run; it was not found.
const CANNOT_RUN: u8 = 126;
const NOT_FOUND: u8 = 127;
/// A command that a signal ended: this and the signal's number.
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

/// Signals that were caught, until there is a command to pass them to.
pub(super) struct Signals([(unix::Signal, Signal); 6]);

impl Signals {
    /// Catches them from now on. Needs the runtime.
    pub(super) fn catch() -> Result<Self, Failure> {
        let watch = |(kind, passed)| signal(kind).map(|caught| (caught, passed));
        let [a, b, c, d, e, f] = PASSED.map(watch);
        let caught = (|| Ok::<_, io::Error>([a?, b?, c?, d?, e?, f?]))();
        caught.map(Self).what("signals cannot be watched")
    }

    async fn next(&mut self) -> Signal {
        let [a, b, c, d, e, f] = &mut self.0;
        tokio::select! {
            _ = a.0.recv() => a.1,
            _ = b.0.recv() => b.1,
            _ = c.0.recv() => c.1,
            _ = d.0.recv() => d.1,
            _ = e.0.recv() => e.1,
            _ = f.0.recv() => f.1,
        }
    }
}

/// Starts the command. This thread must live until it ends: the kernel kills the command when the thread is gone.
pub(super) fn start(
    program: &OsStr,
    arguments: &[OsString],
    environment: impl IntoIterator<Item = (&'static str, Option<OsString>)>,
    limits: Limits,
) -> Result<Child, Failure> {
    let mut command = Command::new(program);
    command.args(arguments);
    for (name, value) in environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    die_with_us(&mut command, limits);
    command.spawn().map_err(|error| {
        let name = program.to_string_lossy();
        let failure = Failure::new(format!("the command {name} could not be started")).because(&error);
        match error.kind() {
            io::ErrorKind::NotFound => failure.exits(Exit::As(NOT_FOUND)),
            _ => failure.exits(Exit::As(CANNOT_RUN)),
        }
    })
}

/// The command is killed when we are gone, even by SIGKILL (prctl(2), PR_SET_PDEATHSIG). It has the limits that we were started
/// with, and may dump core and be traced again: execve(2) ends what we asked of the kernel for ourselves.
#[allow(unsafe_code)]
fn die_with_us(command: &mut Command, limits: Limits) {
    let us = getpid();
    let in_child = move || {
        limits.restore()?;
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // We may have died before that line.
        if getppid() == Some(us) { Ok(()) } else { Err(io::ErrorKind::NotConnected.into()) }
    };
    // SAFETY: between fork and exec only four system calls are made, and nothing is allocated.
    unsafe { command.pre_exec(in_child) };
}

/// Waits for the command, passing on what signals come.
pub(super) async fn wait(child: &mut Child, signals: &mut Signals) -> Result<ExitStatus, Failure> {
    loop {
        let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let passed = tokio::select! {
            ended = child.wait() => return ended.what("the command is lost").map_err(|f| f.exits(Exit::As(OURS))),
            passed = signals.next() => passed,
        };
        if let (Some(pid), false) = (pid, typed(passed)) {
            // It may have ended just now.
            let _ = kill_process(pid, passed);
        }
    }
}

/// Whether the terminal has sent the command this signal already: Ctrl-C and Ctrl-\ go to all of the foreground group, and
/// twice is another thing than once.
fn typed(signal: Signal) -> bool {
    let foreground =
        || rustix::termios::tcgetpgrp(rustix::stdio::stdin()).is_ok_and(|group| group == getpgrp());
    (signal == Signal::INT || signal == Signal::QUIT) && foreground()
}

/// The exit code of a command that ended so.
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
