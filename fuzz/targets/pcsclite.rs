//! What a PC/SC client may send to the reader, and what a PC/SC service may send to our client.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ushield_fuzz as _;
use wire::pcsclite::{
    Attribute, Connect, Establish, Header, MAX_ATR, MAX_BUFFER, ReaderEvents, Request, Transmit, Version,
    Wait, reader_name, reader_states,
};

/// Requests one after another, as a service reads them.
fn requests(mut bytes: &[u8]) {
    while let Some((head, rest)) = bytes.split_first_chunk() {
        let header = Header::parse(*head);
        let Ok(length) = header.body() else { return };
        let Some((body, rest)) = rest.split_at_checked(length) else { return };
        let request = Request::parse(header.command, body).expect("the header said so");
        let mut out = Vec::new();
        request.encode(&mut out);
        assert_eq!(out, bytes[..out.len()]);
        assert_eq!(request.command(), header.command);
        if let Request::GetAttribute(attribute) = &request {
            let _ = attribute.value();
        }
        if let Request::Connect(connect) = &request
            && let Ok(name) = std::str::from_utf8(connect.reader())
        {
            assert!(reader_name(name).starts_with(name.as_bytes()) || name.len() == 128);
        }
        if request.trailer() > MAX_BUFFER {
            return;
        }
        let Some((_, rest)) = rest.split_at_checked(request.trailer()) else { return };
        bytes = rest;
    }
}

fuzz_target!(|bytes: &[u8]| {
    requests(bytes);
    let _ = (Version::parse(bytes), Establish::parse(bytes), Connect::parse(bytes), Transmit::parse(bytes));
    let _ = (Wait::parse(bytes), ReaderEvents::parse(bytes));
    if let Ok(attribute) = Attribute::parse(bytes) {
        assert!(attribute.value().is_none_or(|value| value.len() <= attribute.value.len()));
    }
    if let Ok(states) = reader_states(bytes) {
        for state in states {
            assert!(state.atr().len() <= MAX_ATR);
            let _ = state.reader();
        }
    }
});
