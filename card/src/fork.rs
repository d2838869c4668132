//! A value for each process, in a library that may be loaded into a program that forks.
//!
//! A child of fork(2) has a copy of its parent's memory and of its parent's sockets, and owns neither: the parent talks to the
//! token on the same connection. So each process has a value of its own, with a mark that no child has. A child never
//! touches, drops or closes what its parent made, and never waits for a lock that another thread of the parent held at the
//! fork.

mod mark;

use std::{
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

use mark::Mark;

/// One value for each process, made when the process first asks for it and never freed: a child of another fork may still read
/// its mark. It belongs into a `static`.
pub struct PerProcess<T: 'static> {
    made: AtomicPtr<Made<T>>,
}

struct Made<T> {
    mark: Mark,
    value: T,
}

impl<T: Send + Sync + 'static> PerProcess<T> {
    /// No process has a value yet.
    pub const fn new() -> Self {
        Self { made: AtomicPtr::new(ptr::null_mut()) }
    }

    /// This process's value, if this process ever made one.
    pub fn get(&self) -> Option<&'static T> {
        let made = self.made.load(Ordering::Acquire);
        // SAFETY: the pointer is null, or came from Box::into_raw in `get_or_make` and is never freed.
        #[expect(unsafe_code, reason = "a lock-free cell: no std type may be read in a child of a fork")]
        let made: &'static Made<T> = unsafe { made.as_ref() }?;
        made.mark.is_of_this_process().then_some(&made.value)
    }

    /// This process's value, made if there is none.
    pub fn get_or_make(&self, make: impl Fn() -> T) -> &'static T {
        loop {
            if let Some(value) = self.get() {
                return value;
            }
            let former = self.made.load(Ordering::Acquire);
            let fresh = Box::into_raw(Box::new(Made { mark: Mark::new(), value: make() }));
            // Of two threads one wins, and the other takes the winner's value. The loser's few bytes stay where they are.
            let _ = self.made.compare_exchange(former, fresh, Ordering::AcqRel, Ordering::Acquire);
        }
    }
}

impl<T: Send + Sync + 'static> Default for PerProcess<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::atomic::AtomicU32, thread};

    #[test]
    fn all_threads_of_a_process_have_one_value() {
        static CELL: PerProcess<AtomicU32> = PerProcess::new();
        assert!(CELL.get().is_none());
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| CELL.get_or_make(AtomicU32::default).fetch_add(1, Ordering::Relaxed));
            }
        });
        assert_eq!(CELL.get().unwrap().load(Ordering::Relaxed), 8);
    }

    /// The child only reads memory and leaves at once: it may not allocate, lock or panic.
    #[cfg(target_os = "linux")]
    #[test]
    #[expect(unsafe_code, reason = "fork(2)")]
    fn a_child_has_no_value_and_its_parent_keeps_the_parents() {
        static CELL: PerProcess<u8> = PerProcess::new();
        assert_eq!(*CELL.get_or_make(|| 7), 7);
        // SAFETY: the child calls nothing but `get`, getpid(2) and _exit(2).
        let child = unsafe { libc::fork() };
        if child == 0 {
            let code = if CELL.get().is_none() { 0 } else { 1 };
            // SAFETY: it never returns.
            unsafe { libc::_exit(code) };
        }
        assert!(child > 0, "fork");
        let mut status = -1;
        // SAFETY: the status is ours, and the child too.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(status, 0, "the child sees its parent's value");
        assert_eq!(CELL.get(), Some(&7));
    }
}
