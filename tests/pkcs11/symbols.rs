//! The library as a file: what it exports, and that a function of the same name in another library does not get in
//! between.

use std::{path::Path, process::Command};

use cryptoki_sys as ck;
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_LAZY};

use crate::{conformance, world};

/// The environment variable that tells a process to be the child of this test. In the child the PKCS#11 functions are
/// another library's.
const CHILD: &str = "USHIELD_TEST_OF_SYMBOLS";

/// Programs that bind functions by their names (JNA, ctypes) find each function that v2.40 lists. The function found is
/// the same as in the list.
pub fn every_function_is_exported() {
    // SAFETY: our library runs nothing when it is loaded.
    let library = unsafe { libloading::Library::new(world::library()) }.expect("the library");
    let list = world::functions();
    let names = conformance::functions();
    // v2.40 has 68 functions; the list holds a version and one pointer for each.
    assert_eq!(names.len(), 68);
    let words = size_of::<ck::CK_FUNCTION_LIST>() / size_of::<usize>();
    // SAFETY: the list has this many words, and all of them but the first are pointers.
    let pointers = unsafe { std::slice::from_raw_parts(list.cast::<usize>(), words) };
    for name in names {
        // SAFETY: only the address is looked at.
        let symbol = unsafe { library.get::<unsafe extern "C" fn()>(name.as_bytes()) };
        let address = *symbol.unwrap_or_else(|error| panic!("{name} is not exported: {error}")) as usize;
        assert!(pointers[1..].contains(&address), "{name}: the list has another");
    }
}

/// In a process the C_Initialize, C_GetInfo and C_Finalize of somebody else's library come first. Our list has our
/// functions all the same.
pub fn no_other_library_gets_in_between() {
    let folder = tempfile::tempdir().expect("a folder");
    let other = folder.path().join("libother.so");
    let source = folder.path().join("other.rs");
    let names = ["C_Initialize", "C_Finalize", "C_GetInfo", "C_GetFunctionList"];
    let functions = names.map(|name| {
        format!(
            "#[unsafe(no_mangle)] pub extern \"C\" fn {name}(_: *mut u8) -> std::ffi::c_ulong {{ 0x5EED }}\n"
        )
    });
    std::fs::write(&source, functions.concat()).expect("a file");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let made = Command::new(rustc)
        .args(["--edition", "2024", "--crate-type", "cdylib", "--crate-name", "other", "-o"])
        .args([&other, &source])
        .output()
        .expect("rustc, which built this test");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let child = Command::new(std::env::current_exe().expect("a path"))
        .args(["the_library", "--exact", "--nocapture"])
        .env(CHILD, &other)
        .output()
        .expect("this test");
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{said}{}", String::from_utf8_lossy(&child.stderr));
    assert!(said.contains("ours came to its own"), "{said}");
}

/// Does the child's part, and returns whether this process is the child.
pub fn is_child() -> bool {
    let Some(other) = std::env::var_os(CHILD) else { return false };
    in_a_crowd(Path::new(&other));
    true
}

fn in_a_crowd(other: &Path) {
    // SAFETY: the other library holds functions only, each of which returns a constant.
    let other = unsafe { Library::open(Some(other), RTLD_LAZY | RTLD_GLOBAL) }.expect("the other library");
    // SAFETY: the type is the one in the source that this test wrote above.
    let theirs = unsafe { other.get::<unsafe extern "C" fn(*mut u8) -> ck::CK_RV>(b"C_GetInfo\0") };
    // SAFETY: the function looks at no argument.
    assert_eq!(unsafe { theirs.expect("C_GetInfo")(std::ptr::null_mut()) }, 0x5EED);
    let call = crate::call::Call::new(world::functions());
    assert_eq!(call.call("C_GetInfo"), ck::CKR_CRYPTOKI_NOT_INITIALIZED);
    call.must("C_Initialize").must("C_GetInfo").must("C_Finalize");
    println!("ours came to its own");
}
