//! CCID messages of both directions, and the descriptors that precede them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ushield_fuzz as _;
use wire::{
    ccid::{ToHost, ToReader, length},
    usb::{DeviceDescriptor, descriptors, endpoints},
};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = ToReader::parse(bytes) {
        assert_eq!(length(bytes), Some(message.data.len()));
        let mut out = Vec::new();
        message.encode(&mut out);
        assert_eq!(out, bytes);
    }
    if let Ok(answer) = ToHost::parse(bytes) {
        let mut out = Vec::new();
        answer.encode(&mut out);
        assert_eq!(ToHost::parse(&out), Ok(answer));
    }
    if let Ok(device) = DeviceDescriptor::parse(bytes) {
        assert_eq!(device.bytes(), bytes);
    }
    let walked: usize = descriptors(bytes).map(|descriptor| descriptor.bytes.len()).sum();
    assert!(walked <= bytes.len());
    assert!(endpoints(bytes).count() <= bytes.len() / 7);
});
