//! The judge that nobody here wrote.

use std::process::Command;

/// Runs openssl and gives what it said on both streams.
///
/// # Panics
/// It is missing, or it refused.
pub(crate) fn run(arguments: &[&str]) -> String {
    let (good, said) = try_run(arguments);
    assert!(good, "openssl {} refused:\n{said}", arguments.join(" "));
    said
}

/// Runs openssl: whether it accepted, and what it said.
///
/// # Panics
/// It is missing.
pub(crate) fn try_run(arguments: &[&str]) -> (bool, String) {
    let output = Command::new("openssl")
        .args(arguments)
        .output()
        .unwrap_or_else(|fault| panic!("openssl does not run ({fault}): install the package `openssl`"));
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}
