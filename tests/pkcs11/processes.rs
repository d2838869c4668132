//! Children of the process that uses the library.

use cryptoki_sys as ck;
use firmware::fixture::SharedFlash as Flash;

use crate::{
    call::Call,
    story::{signature, verifies},
    world::World,
};

/// Runs all of them.
pub fn all(flash: &Flash) {
    a_child_starts_afresh(flash);
    a_child_with_its_parents_number_is_a_child();
}

/// 5.4: a child of fork is an application of its own. The connection belongs to the parent, and the child must not close that
/// connection.
fn a_child_starts_afresh(flash: &Flash) {
    let world = World::initialized(flash);
    let user = world.user();
    // SAFETY: the child calls the library and ends; it returns from nothing and drops nothing.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let uninitialized = user.call("C_GetInfo") == ck::CKR_CRYPTOKI_NOT_INITIALIZED
            && user.call("C_GetSessionInfo") == ck::CKR_CRYPTOKI_NOT_INITIALIZED;
        let afresh = user.call("C_Initialize") == ck::CKR_OK
            && user.call("C_GetSlotList") == ck::CKR_OK
            && user.call("C_GetSessionInfo") == ck::CKR_SESSION_HANDLE_INVALID
            && user.call("C_Finalize") == ck::CKR_OK;
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(i32::from(!(uninitialized && afresh))) };
    }
    let mut status = 0;
    // SAFETY: our own child.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "the child: {status:#x}");
    verifies(&world, &user, "ec", &signature(&world, &user, "ec"));
}

/// In a new PID namespace a child may have the same number as its parent: here each is the first process of its namespace. A raw
/// clone runs no handler of pthread_atfork either.
fn a_child_with_its_parents_number_is_a_child() {
    let call = Call::new(crate::world::functions());
    let namespace = libc::CLONE_NEWPID | libc::CLONE_NEWUSER;
    let in_a_child = child(namespace, || {
        let own = std::process::id();
        let initialized = call.call("C_Initialize") == ck::CKR_OK && call.call("C_GetInfo") == ck::CKR_OK;
        let grandchild = child(libc::CLONE_NEWPID, || {
            std::process::id() == own
                && call.call("C_GetInfo") == ck::CKR_CRYPTOKI_NOT_INITIALIZED
                && call.call("C_Initialize") == ck::CKR_OK
                && call.call("C_GetInfo") == ck::CKR_OK
        });
        own == 1 && initialized && grandchild == Some(true) && call.call("C_GetInfo") == ck::CKR_OK
    });
    match in_a_child {
        Some(right) => assert!(right, "a child with its parent's number is taken for its parent"),
        None => println!("no namespaces here: {}", std::io::Error::last_os_error()),
    }
    // The same without a namespace, which every machine allows. Only the raw clone of the above remains.
    let afresh =
        child(0, || call.call("C_Initialize") == ck::CKR_OK && call.call("C_Finalize") == ck::CKR_OK);
    assert_eq!(afresh, Some(true));
}

/// Whether the work in a child, made by clone(2) with these flags, came out right; `None` where there is no such child.
fn child(flags: i32, work: impl FnOnce() -> bool) -> Option<bool> {
    let flags = libc::c_long::from(flags | libc::SIGCHLD);
    // SAFETY: as fork(2): nothing is shared, and the child ends below.
    let id = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    if id == 0 {
        let right = work();
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(i32::from(!right)) };
    }
    let id = libc::pid_t::try_from(id).ok().filter(|id| *id > 0)?;
    let mut status = 0;
    // SAFETY: our own child.
    assert_eq!(unsafe { libc::waitpid(id, &raw mut status, 0) }, id);
    Some(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0)
}
