//! Command and response APDUs: what parses is encoded back to bytes that parse to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ushield_fuzz as _;
use wire::apdu::{Command, Response};

fuzz_target!(|bytes: &[u8]| {
    let _ = Response::parse(bytes);
    let Ok(command) = Command::parse(bytes) else { return };
    let mut out = Vec::new();
    command.encode(&mut out).expect("what was parsed fits");
    assert_eq!(Command::parse(&out), Ok(command));
});
