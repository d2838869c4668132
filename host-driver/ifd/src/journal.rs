//! The driver's log.

use std::panic::catch_unwind;

/// Writes a line on pcscd's standard error, which is pcscd's journal. A log that cannot be written stops no reader.
pub(crate) fn say(what: &str) {
    let line = format!("ifd_ushield: {}", wire::display::printed(what));
    // eprintln! and not a handle of standard error, because a test's harness keeps what eprintln! writes with the test. eprintln!
    // panics where nothing can be written.
    let _ = catch_unwind(|| eprintln!("{line}"));
}
