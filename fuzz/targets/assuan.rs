//! What a pinentry answers, and what it is asked.
#![no_main]

use libfuzzer_sys::fuzz_target;
use terminal::assuan::{LONGEST, Reply, reply, request};
use ushield_fuzz as _;

fuzz_target!(|bytes: &[u8]| {
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Reply::Data(data) = reply(line) {
            assert!(data.len() <= line.len() && data.capacity() <= line.len(), "the buffer grew");
        }
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let line = request("SETDESC", text);
    assert!(line.len() <= LONGEST && std::str::from_utf8(&line).is_ok());
    let Some((b'\n', argument)) = line.split_last() else { panic!("a line ends") };
    assert!(!argument.iter().any(|byte| byte.is_ascii_control()), "one request in one line");
    // What is read back is the text, or its beginning.
    let data = [b"D ", argument.strip_prefix(b"SETDESC ").unwrap_or_default()].concat();
    let Reply::Data(read) = reply(&data) else { panic!("data") };
    assert!(bytes.starts_with(&read) && (read.len() == bytes.len() || line.len() > LONGEST - 8));
});
