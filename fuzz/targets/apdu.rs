//! Command and response APDUs, and the typed commands of both applets: what parses is encoded back to bytes that parse to
//! the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ushield_fuzz as _;
use wire::{
    apdu::{Command, Response},
    piv, shield,
};

fuzz_target!(|bytes: &[u8]| {
    let _ = Response::parse(bytes);
    let Ok(command) = Command::parse(bytes) else { return };
    let mut out = Vec::new();
    command.encode(&mut out).expect("what was parsed fits");
    assert_eq!(Command::parse(&out), Ok(command));
    if let Ok(typed) = piv::Command::parse(&command) {
        // Triple-DES has two names (SP 800-78-4, table 6-2), of which the newer one is printed.
        let older = (command.instruction, command.p1) == (piv::instruction::GENERAL_AUTHENTICATE, 0);
        let p1 = if older { piv::Algorithm::Tdes as u8 } else { command.p1 };
        agrees(Command { p1, ..command }, typed.apdu());
    }
    if let Ok(typed) = shield::Command::parse(&command) {
        agrees(command, typed.apdu());
    }
});

/// The typed command prints the bytes that it was parsed from. Le is the host's own matter, so it is taken over; the one
/// command that is about Le prints it.
fn agrees(parsed: Command<'_>, printed: Command<'_>) {
    assert!(printed.expected.is_none() || printed.expected == parsed.expected);
    let printed = Command { expected: parsed.expected, extended: parsed.extended, ..printed };
    let [mut from, mut to] = [Vec::new(), Vec::new()];
    parsed.encode(&mut from).expect("what was parsed fits");
    printed.encode(&mut to).expect("what was parsed fits");
    assert_eq!(from, to);
}
