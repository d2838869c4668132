//! The descriptors: USB 2.0, 9.6, with the class's own between them.

use alloc::vec::Vec;

use wire::usb::{
    DeviceDescriptor, EndpointDescriptor, InterfaceDescriptor, descriptor, language, string_descriptor,
};

use crate::{ccid, profile::Profile};

/// bConfigurationValue of the one configuration.
pub(crate) const CONFIGURATION: u8 = 1;
/// bEndpointAddress of the endpoints (CCID 1.1, 4.2: command, response, events).
pub(crate) const BULK_OUT: u8 = 0x01;
pub(crate) const BULK_IN: u8 = 0x82;
pub(crate) const INTERRUPT_IN: u8 = 0x83;

/// Indices of the strings.
const MANUFACTURER: u8 = 1;
const PRODUCT: u8 = 2;
const SERIAL: u8 = 3;

/// bmAttributes of the transfer types (USB 2.0, table 9-13).
const BULK: u8 = 2;
const INTERRUPT: u8 = 3;

/// What the descriptors are made from.
#[derive(Clone, Copy)]
pub(crate) struct About<'a> {
    /// The brand.
    pub(crate) profile: &'a Profile,
    /// The serial number, the same in every language.
    pub(crate) serial: &'a str,
}

impl About<'_> {
    /// GET_DESCRIPTOR (USB 2.0, 9.4.3): device, configuration or string. The rest of the configuration cannot be
    /// asked for by itself, and a device that knows no high speed has no qualifier (9.6.2).
    pub(super) fn descriptor(self, kind: u8, index: u8, language: u16) -> Option<Vec<u8>> {
        match (kind, index, language) {
            (descriptor::DEVICE, 0, 0) => Some(device(self.profile).bytes().to_vec()),
            (descriptor::CONFIGURATION, 0, 0) => Some(configuration()),
            (descriptor::STRING, 0, _) => Some(languages()),
            (descriptor::STRING, index, language::EN_US) => self.string(index, |[english, _]| english),
            (descriptor::STRING, index, language::ZH_CN) => self.string(index, |[_, chinese]| chinese),
            _ => None,
        }
    }

    fn string<T>(self, index: u8, choose: T) -> Option<Vec<u8>>
    where
        T: Fn(&[alloc::string::String; 2]) -> &alloc::string::String,
    {
        match index {
            MANUFACTURER => Some(string_descriptor(choose(&self.profile.brand.manufacturer))),
            PRODUCT => Some(string_descriptor(choose(&self.profile.brand.product))),
            SERIAL => Some(string_descriptor(self.serial)),
            _ => None,
        }
    }
}

/// String descriptor zero: the languages (USB 2.0, table 9-15).
fn languages() -> Vec<u8> {
    let mut out = alloc::vec![6, descriptor::STRING];
    out.extend_from_slice(&language::EN_US.to_le_bytes());
    out.extend_from_slice(&language::ZH_CN.to_le_bytes());
    out
}

/// The device descriptor. The class is the interface's (CCID 1.1, 4.1).
pub(crate) const fn device(profile: &Profile) -> DeviceDescriptor {
    let (vendor, product) = profile.brand.usb;
    DeviceDescriptor {
        usb: 0x0200,
        class: [0, 0, 0],
        max_packet: ccid::PACKET as u8,
        vendor,
        product,
        release: profile.brand.release,
        strings: [MANUFACTURER, PRODUCT, SERIAL],
        configurations: 1,
    }
}

/// The configuration with its interface, class and endpoint descriptors (USB 2.0, 9.4.3; CCID 1.1, 4.2 to 5.1).
/// The class descriptor stands directly behind the interface's: libccid looks for it there.
pub(crate) fn configuration() -> Vec<u8> {
    let interface =
        InterfaceDescriptor { number: 0, alternate: 0, endpoints: 3, class: [0x0B, 0, 0], string: 0 };
    let bulk =
        |address| EndpointDescriptor { address, attributes: BULK, max_packet: ccid::PACKET, interval: 0 };
    // A card event may wait 32 ms; its message has two bytes.
    let events =
        EndpointDescriptor { address: INTERRUPT_IN, attributes: INTERRUPT, max_packet: 8, interval: 32 };
    let mut body = interface.bytes().to_vec();
    body.extend_from_slice(&ccid::class_descriptor().bytes());
    for endpoint in [bulk(BULK_OUT), bulk(BULK_IN), events] {
        body.extend_from_slice(&endpoint.bytes());
    }
    let [low, high] = u16::try_from(body.len().saturating_add(9)).unwrap_or(u16::MAX).to_le_bytes();
    // Powered by the bus (bit 7 is always set), no remote wakeup, 100 mA in units of 2 mA.
    let mut out = alloc::vec![9, descriptor::CONFIGURATION, low, high, 1, CONFIGURATION, 0, 0x80, 50];
    out.append(&mut body);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;
    use wire::usb::{descriptors, endpoints};

    /// What `lsusb -v` and libccid look at: the order, the lengths, the class descriptor's fields.
    #[test]
    fn configuration_as_stock_drivers_read_it() {
        let bytes = configuration();
        let expected = hex!(
            "09 02 5D00 01 01 00 80 32" // 93 bytes, configuration 1, powered by the bus
            "09 04 00 00 03 0B 00 00 00" // interface 0: CCID, three endpoints
            "36 21 1001 00 07 02000000" // CCID 1.10, one slot, every voltage, T=1
            "A00F0000 A00F0000 01 002A0000 002A0000 01" // 4 MHz, 10,752 bit/s
            "FE000000 00000000 00000000 7E040400 0A0C0000" // IFSD 254, extended APDU, 3082 bytes
            "00 00 0000 00 01"
            "07 05 01 02 4000 00"
            "07 05 82 02 4000 00"
            "07 05 83 03 0800 20"
        );
        assert_eq!(bytes, expected);
        let kinds: Vec<u8> = descriptors(&bytes).map(|found| found.kind).collect();
        assert_eq!(kinds, [2, 4, 0x21, 5, 5, 5]);
        assert_eq!(endpoints(&bytes).map(|found| found.address).collect::<Vec<_>>(), [0x01, 0x82, 0x83]);
    }

    #[test]
    fn device_descriptor() {
        assert_eq!(
            device(&Profile::standard()).bytes(),
            hex!("1201 0002 000000 40 3C16 0704 0001 01 02 03 01")
        );
    }
}
