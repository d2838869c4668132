//! What a USB/IP server may send to our client.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ushield_fuzz as _;
use wire::usbip::{
    DEVICE, Device, Return, URB_HEADER, parse_import_header, parse_list_header, request_import,
};

fuzz_target!(|bytes: &[u8]| {
    if let Some((head, rest)) = bytes.split_first_chunk() {
        let _ = (parse_list_header(*head), parse_import_header(*head));
        if let Some((device, _)) = rest.split_first_chunk::<DEVICE>()
            && let Ok(device) = Device::parse(device)
        {
            assert!(device.bus_id.len() <= 32 && device.path.len() <= 256);
            let _ = (device.id(), device.interfaces(), request_import(&device.bus_id));
        }
    }
    if let Some((head, _)) = bytes.split_first_chunk::<URB_HEADER>() {
        let _ = Return::parse(head);
    }
});
