//! Closes a server's memory to other processes: the memory holds tokens, and PINs and secrets pass through it. Only a
//! program may do this to its own process; a library that others load must not.

use std::hint::black_box;

use rustix::{
    mm::{MlockAllFlags, mlockall},
    process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit},
};

/// The variable that leaves the memory open: a debugger may attach, and core dumps are written.
pub const DEBUGGABLE: &str = "USHIELD_DEBUGGABLE";
/// Bytes of stack that are overwritten: more than the deepest call that has a secret on the stack.
const DEPTH: usize = 512 << 10;

/// The limits of the process before [`close`]. A command that we start gets them back.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    core: Rlimit,
    lock: Rlimit,
}

/// Keeps other processes of the same user out of this process's memory, and the memory out of core dumps and, where the
/// system allows that, out of swap. A refusal of the system is no error: this fence is the second one, not the first.
pub fn close() -> Limits {
    let limits = Limits { core: getrlimit(Resource::Core), lock: getrlimit(Resource::Memlock) };
    if std::env::var_os(DEBUGGABLE).is_some_and(|value| !value.is_empty() && value != "0") {
        return limits;
    }
    // prctl(2), PR_SET_DUMPABLE: neither ptrace(2) nor /proc/PID/mem, whose files are root's then (proc(5)).
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    // The kernel writes no core of such a process; the limit says so to whoever looks.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), ..limits.core });
    // Only without a limit: with one, an allocation would fail as soon as it is reached.
    let unlimited = Rlimit { current: None, maximum: None };
    if setrlimit(Resource::Memlock, unlimited).is_ok() {
        let _ = mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT);
    }
    limits
}

impl Limits {
    /// Gives a process the former limits back. It may be called between fork(2) and exec(2): it makes two system calls.
    ///
    /// # Errors
    /// The system refuses.
    pub fn restore(self) -> std::io::Result<()> {
        setrlimit(Resource::Core, self.core)?;
        Ok(setrlimit(Resource::Memlock, self.lock)?)
    }
}

/// Overwrites the part of this thread's stack that calls have used which have returned. Secrets are wiped where they are
/// kept, but a compiler copies a value when it moves the value.
#[inline(never)]
pub fn scrub() {
    let mut stack = [0_u8; DEPTH];
    black_box(&mut stack);
}
