//! A server's memory is nobody else's: it holds tokens, and a PIN or a secret passes through it. For our programs only, never
//! in a library, whose process is somebody else's.

use std::hint::black_box;

use rustix::{
    mm::{MlockAllFlags, mlockall},
    process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit},
};

/// The switch for debuggers: whoever sets it may attach one, and gets core dumps.
pub(crate) const DEBUGGABLE: &str = "USHIELD_DEBUGGABLE";
/// More than the deepest call that has a secret on the stack, in bytes.
const DEPTH: usize = 512 << 10;

/// The limits as they were, for a command that we start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    core: Rlimit,
    lock: Rlimit,
}

/// Keeps other processes of the same user out of this one's memory, and its memory out of core dumps and, where the
/// system allows as much, out of swap. What the system does not allow is left: it is a second fence, not the first.
pub(crate) fn close() -> Limits {
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
    /// Gives a process its former limits back, after fork(2): two system calls and no more.
    pub(crate) fn restore(self) -> std::io::Result<()> {
        setrlimit(Resource::Core, self.core)?;
        Ok(setrlimit(Resource::Memlock, self.lock)?)
    }
}

/// Overwrites what calls that have returned left on the stack of this thread: secrets are wiped where they are kept, but a
/// compiler copies them when it moves them.
#[inline(never)]
pub(crate) fn scrub() {
    let mut stack = [0_u8; DEPTH];
    black_box(&mut stack);
}
