//! Messages of the server.

use usbip::usbip_protocol::{
    OP_REP_DEVLIST, OP_REP_IMPORT, USBIP_RET_SUBMIT, USBIP_RET_UNLINK, USBIP_VERSION,
};
use wire::usbip::{op_status, urb_status};

use crate::{
    bus::{BusId, Port},
    urb::{Completion, Descriptors, Status},
};

/// USB full speed, as `enum usb_device_speed` of Linux has it.
const FULL_SPEED: u32 = 2;

/// OP_REP_DEVLIST: each device with its interfaces.
pub(super) fn list<'a>(ports: impl ExactSizeIterator<Item = &'a Port>) -> Vec<u8> {
    let mut out = Vec::with_capacity(12 + ports.len() * 324);
    operation(&mut out, OP_REP_DEVLIST, op_status::OK);
    out.extend(u32::try_from(ports.len()).unwrap_or(u32::MAX).to_be_bytes());
    for port in ports {
        device(&mut out, port.id(), port.descriptors());
        for class in port.descriptors().interfaces().take(255) {
            out.extend(class);
            out.push(0);
        }
    }
    out
}

/// OP_REP_IMPORT of a device that is now the peer's.
pub(super) fn imported(port: &Port) -> Vec<u8> {
    let mut out = Vec::with_capacity(320);
    operation(&mut out, OP_REP_IMPORT, op_status::OK);
    device(&mut out, port.id(), port.descriptors());
    out
}

/// OP_REP_IMPORT that says no: one of [`op_status`].
pub(super) fn refused(status: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(8);
    operation(&mut out, OP_REP_IMPORT, status);
    out
}

fn operation(out: &mut Vec<u8>, code: u16, status: u32) {
    out.extend(USBIP_VERSION.to_be_bytes());
    out.extend(code.to_be_bytes());
    out.extend(status.to_be_bytes());
}

/// `struct usbip_usb_device`: 312 bytes.
fn device(out: &mut Vec<u8>, id: BusId, descriptors: &Descriptors) {
    padded(out, &format!("/ushield/{id}"), 256);
    padded(out, &id.to_string(), 32);
    for number in id.number() {
        out.extend(number.to_be_bytes());
    }
    out.extend(FULL_SPEED.to_be_bytes());
    let device = &descriptors.device;
    for word in [device.vendor, device.product, device.release] {
        out.extend(word.to_be_bytes());
    }
    out.extend(device.class);
    let interfaces = u8::try_from(descriptors.interfaces().count()).unwrap_or(u8::MAX);
    out.extend([descriptors.configuration_value(), device.configurations, interfaces]);
}

fn padded(out: &mut Vec<u8>, text: &str, length: usize) {
    let end = out.len() + length;
    out.extend(text.bytes().take(length - 1));
    out.resize(end, 0);
}

/// USBIP_RET_SUBMIT, with its data when there is some.
pub(super) fn submitted(out: &mut Vec<u8>, done: &Completion) {
    let status = match done.status {
        Status::Ok => urb_status::OK,
        Status::Stall => urb_status::EPIPE,
        Status::Overflow => urb_status::EOVERFLOW,
    };
    // devid, direction and ep of a reply are zero; so are start_frame, number_of_packets, error_count and the setup.
    let length = u32::try_from(done.length).unwrap_or(u32::MAX);
    header(out, u32::from(USBIP_RET_SUBMIT), done.sequence, status, length);
    out.extend_from_slice(&done.data);
}

/// USBIP_RET_UNLINK.
pub(super) fn unlinked(out: &mut Vec<u8>, sequence: u32, cancelled: bool) {
    let status = if cancelled { urb_status::ECONNRESET } else { urb_status::OK };
    header(out, u32::from(USBIP_RET_UNLINK), u64::from(sequence), status, 0);
}

fn header(out: &mut Vec<u8>, command: u32, sequence: u64, status: i32, length: u32) {
    let mut header = [0; 48];
    header[..4].copy_from_slice(&command.to_be_bytes());
    // A number is what the peer sent: 32 bits.
    header[4..8].copy_from_slice(&(sequence as u32).to_be_bytes());
    header[20..24].copy_from_slice(&status.to_be_bytes());
    header[24..28].copy_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&header);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{bus::Bus, urb::fake::Echo};
    use std::sync::Arc;
    use wire::usbip::{Device, Return, parse_list_header};

    #[test]
    fn a_list_tells_each_device_with_its_interfaces() {
        let bus = Arc::new(Bus::default());
        let ids = [(); 2].map(|()| bus.plug(Box::new(Echo::default()), None).unwrap());
        let ports = bus.ports();
        let list = list(ports.iter().map(|port| &**port));
        let (head, rest) = list.split_first_chunk::<8>().unwrap();
        assert_eq!(parse_list_header(*head), Ok(0));
        assert_eq!(rest[..4], [0, 0, 0, 2]);
        for (record, id) in rest[4..].chunks_exact(316).zip(ids) {
            let found = Device::parse(record[..312].try_into().unwrap()).unwrap();
            assert_eq!((found.bus_id, found.number), (id.to_string(), id.number()));
            assert_eq!((found.vendor, found.product, found.release), (0x163C, 0x0407, 0x0100));
            assert_eq!((found.speed, found.counts), (2, [1, 1, 1]));
            assert_eq!(record[312..], [11, 0, 0, 0]);
        }
        assert_eq!(rest.len(), 4 + 2 * 316);
    }

    #[test]
    fn ends_become_errnos() {
        let end = |status| Completion { sequence: 9, status, length: 0, data: vec![] };
        for (status, errno) in [(Status::Ok, 0), (Status::Stall, -32), (Status::Overflow, -75)] {
            let mut out = Vec::new();
            submitted(&mut out, &end(status));
            let parsed = Return::parse(out.first_chunk().unwrap());
            assert_eq!(parsed, Ok(Return::Submit { sequence: 9, status: errno, length: 0 }));
        }
        for (cancelled, errno) in [(true, -104), (false, 0)] {
            let mut out = Vec::new();
            unlinked(&mut out, 9, cancelled);
            let parsed = Return::parse(out.first_chunk().unwrap());
            assert_eq!(parsed, Ok(Return::Unlink { sequence: 9, status: errno }));
        }
    }
}
