//! USB chapter 9: setup packets and descriptors. Source: USB 2.0 specification, 9.3 to 9.6.

use alloc::vec::Vec;

use crate::Malformed;

/// The eight bytes that open a control transfer (USB 2.0, 9.3, table 9-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// bmRequestType: direction, type, recipient.
    pub request_type: u8,
    /// bRequest.
    pub request: u8,
    /// wValue.
    pub value: u16,
    /// wIndex.
    pub index: u16,
    /// wLength, in bytes.
    pub length: u16,
}

impl Setup {
    /// Reads the packet as it is on the bus (little-endian words).
    pub const fn parse(bytes: [u8; 8]) -> Self {
        let [request_type, request, v0, v1, i0, i1, l0, l1] = bytes;
        Self {
            request_type,
            request,
            value: u16::from_le_bytes([v0, v1]),
            index: u16::from_le_bytes([i0, i1]),
            length: u16::from_le_bytes([l0, l1]),
        }
    }

    /// The packet as it is on the bus.
    pub const fn bytes(self) -> [u8; 8] {
        let ([v0, v1], [i0, i1], [l0, l1]) =
            (self.value.to_le_bytes(), self.index.to_le_bytes(), self.length.to_le_bytes());
        [self.request_type, self.request, v0, v1, i0, i1, l0, l1]
    }

    /// Whether the data stage goes from the device to the host.
    pub const fn is_in(self) -> bool {
        self.request_type & 0x80 != 0
    }

    /// Standard, class or vendor (bmRequestType bits 6..5).
    pub const fn kind(self) -> RequestKind {
        match (self.request_type >> 5) & 3 {
            0 => RequestKind::Standard,
            1 => RequestKind::Class,
            2 => RequestKind::Vendor,
            _ => RequestKind::Reserved,
        }
    }

    /// Device, interface or endpoint (bmRequestType bits 4..0).
    pub const fn recipient(self) -> Recipient {
        match self.request_type & 0x1F {
            0 => Recipient::Device,
            1 => Recipient::Interface,
            2 => Recipient::Endpoint,
            _ => Recipient::Other,
        }
    }
}

/// Who defines a request (USB 2.0, table 9-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// USB itself.
    Standard,
    /// The device's class.
    Class,
    /// The vendor.
    Vendor,
    /// Not assigned.
    Reserved,
}

/// Whom a request addresses (USB 2.0, table 9-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// The device.
    Device,
    /// The interface in wIndex.
    Interface,
    /// The endpoint in wIndex.
    Endpoint,
    /// Anything else.
    Other,
}

/// bRequest of the standard requests (USB 2.0, table 9-4).
pub mod request {
    #![allow(missing_docs)]
    pub const GET_STATUS: u8 = 0;
    pub const CLEAR_FEATURE: u8 = 1;
    pub const SET_FEATURE: u8 = 3;
    pub const SET_ADDRESS: u8 = 5;
    pub const GET_DESCRIPTOR: u8 = 6;
    pub const SET_DESCRIPTOR: u8 = 7;
    pub const GET_CONFIGURATION: u8 = 8;
    pub const SET_CONFIGURATION: u8 = 9;
    pub const GET_INTERFACE: u8 = 10;
    pub const SET_INTERFACE: u8 = 11;
    pub const SYNCH_FRAME: u8 = 12;
}

/// Descriptor types (USB 2.0, table 9-5; CCID 1.1, 5.1 for 0x21).
pub mod descriptor {
    #![allow(missing_docs)]
    pub const DEVICE: u8 = 1;
    pub const CONFIGURATION: u8 = 2;
    pub const STRING: u8 = 3;
    pub const INTERFACE: u8 = 4;
    pub const ENDPOINT: u8 = 5;
    pub const DEVICE_QUALIFIER: u8 = 6;
    pub const CCID: u8 = 0x21;
}

/// Feature selectors (USB 2.0, table 9-6).
pub mod feature {
    #![allow(missing_docs)]
    pub const ENDPOINT_HALT: u16 = 0;
    pub const DEVICE_REMOTE_WAKEUP: u16 = 1;
}

/// LANGIDs of the strings we carry (USB-IF "Language Identifiers").
pub mod language {
    /// English (United States).
    pub const EN_US: u16 = 0x0409;
    /// Chinese (PRC).
    pub const ZH_CN: u16 = 0x0804;
}

/// Device descriptor (USB 2.0, table 9-8), 18 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceDescriptor {
    /// bcdUSB, 0x0200 for 2.0.
    pub usb: u16,
    /// bDeviceClass, bDeviceSubClass, bDeviceProtocol: zeros where the interface names its class.
    pub class: [u8; 3],
    /// bMaxPacketSize0, in bytes.
    pub max_packet: u8,
    /// idVendor.
    pub vendor: u16,
    /// idProduct.
    pub product: u16,
    /// bcdDevice.
    pub release: u16,
    /// iManufacturer, iProduct, iSerialNumber; 0 for none.
    pub strings: [u8; 3],
    /// bNumConfigurations.
    pub configurations: u8,
}

impl DeviceDescriptor {
    /// The descriptor as it is on the bus.
    pub const fn bytes(&self) -> [u8; 18] {
        let ([u0, u1], [v0, v1]) = (self.usb.to_le_bytes(), self.vendor.to_le_bytes());
        let ([p0, p1], [r0, r1]) = (self.product.to_le_bytes(), self.release.to_le_bytes());
        let ([c0, c1, c2], [s0, s1, s2]) = (self.class, self.strings);
        [
            18,
            descriptor::DEVICE,
            u0,
            u1,
            c0,
            c1,
            c2,
            self.max_packet,
            v0,
            v1,
            p0,
            p1,
            r0,
            r1,
            s0,
            s1,
            s2,
            self.configurations,
        ]
    }

    /// Reads a device descriptor.
    ///
    /// # Errors
    /// Another length or type.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        match *bytes {
            [
                18,
                descriptor::DEVICE,
                u0,
                u1,
                c0,
                c1,
                c2,
                max_packet,
                v0,
                v1,
                p0,
                p1,
                r0,
                r1,
                s0,
                s1,
                s2,
                n,
            ] => Ok(Self {
                usb: u16::from_le_bytes([u0, u1]),
                class: [c0, c1, c2],
                max_packet,
                vendor: u16::from_le_bytes([v0, v1]),
                product: u16::from_le_bytes([p0, p1]),
                release: u16::from_le_bytes([r0, r1]),
                strings: [s0, s1, s2],
                configurations: n,
            }),
            _ => Err(Malformed::new("device descriptor", "not 18 bytes of type 1")),
        }
    }
}

/// Interface descriptor (USB 2.0, table 9-12), 9 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceDescriptor {
    /// bInterfaceNumber.
    pub number: u8,
    /// bAlternateSetting.
    pub alternate: u8,
    /// bNumEndpoints.
    pub endpoints: u8,
    /// bInterfaceClass, bInterfaceSubClass, bInterfaceProtocol.
    pub class: [u8; 3],
    /// iInterface; 0 for none.
    pub string: u8,
}

impl InterfaceDescriptor {
    /// The descriptor as it is on the bus.
    pub const fn bytes(&self) -> [u8; 9] {
        let [c0, c1, c2] = self.class;
        [9, descriptor::INTERFACE, self.number, self.alternate, self.endpoints, c0, c1, c2, self.string]
    }
}

/// Endpoint descriptor (USB 2.0, table 9-13), 7 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndpointDescriptor {
    /// bEndpointAddress: number, and 0x80 for IN.
    pub address: u8,
    /// bmAttributes: 2 bulk, 3 interrupt.
    pub attributes: u8,
    /// wMaxPacketSize, in bytes.
    pub max_packet: u16,
    /// bInterval, in frames of 1 ms at full speed.
    pub interval: u8,
}

impl EndpointDescriptor {
    /// The descriptor as it is on the bus.
    pub const fn bytes(&self) -> [u8; 7] {
        let [m0, m1] = self.max_packet.to_le_bytes();
        [7, descriptor::ENDPOINT, self.address, self.attributes, m0, m1, self.interval]
    }
}

/// One descriptor inside a configuration: its type, and all its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor<'a> {
    /// bDescriptorType.
    pub kind: u8,
    /// All bytes, from bLength on.
    pub bytes: &'a [u8],
}

/// The descriptors of a configuration, in order (USB 2.0, 9.4.3). The list ends at the first malformed one.
pub fn descriptors(mut bytes: &[u8]) -> impl Iterator<Item = Descriptor<'_>> {
    core::iter::from_fn(move || {
        let length = usize::from(*bytes.first()?);
        let kind = *bytes.get(1)?;
        if length < 2 {
            return None;
        }
        let (one, rest) = bytes.split_at_checked(length)?;
        bytes = rest;
        Some(Descriptor { kind, bytes: one })
    })
}

/// Reads the endpoint descriptors of a configuration.
pub fn endpoints(configuration: &[u8]) -> impl Iterator<Item = EndpointDescriptor> + '_ {
    descriptors(configuration).filter_map(|descriptor| match *descriptor.bytes {
        [7, descriptor::ENDPOINT, address, attributes, m0, m1, interval] => Some(EndpointDescriptor {
            address,
            attributes,
            max_packet: u16::from_le_bytes([m0, m1]),
            interval,
        }),
        _ => None,
    })
}

/// A string descriptor (USB 2.0, 9.6.7): UTF-16LE, cut at 126 units so that bLength fits.
pub fn string_descriptor(text: &str) -> Vec<u8> {
    let units: Vec<u8> = text.encode_utf16().take(126).flat_map(u16::to_le_bytes).collect();
    let length = u8::try_from(units.len().saturating_add(2)).unwrap_or(u8::MAX);
    let mut out = Vec::with_capacity(usize::from(length));
    out.extend_from_slice(&[length, descriptor::STRING]);
    out.extend_from_slice(&units);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;

    #[test]
    fn setup_packet_of_the_specification() {
        // GET_DESCRIPTOR(device), 18 bytes: USB 2.0, 9.4.3.
        let setup = Setup::parse(hex!("80 06 0001 0000 1200"));
        assert_eq!((setup.request, setup.value, setup.length), (request::GET_DESCRIPTOR, 0x0100, 18));
        assert!(setup.is_in());
        assert_eq!((setup.kind(), setup.recipient()), (RequestKind::Standard, Recipient::Device));
        assert_eq!(setup.bytes(), hex!("80 06 0001 0000 1200"));
    }

    #[test]
    fn descriptors_of_a_broken_configuration_end_the_walk() {
        assert_eq!(descriptors(&hex!("0902 00")).count(), 0);
        assert_eq!(descriptors(&hex!("0005 07")).count(), 0);
        assert_eq!(descriptors(&hex!("0302 00 0705")).count(), 1);
    }

    #[test]
    fn strings_are_utf16() {
        assert_eq!(string_descriptor("U盾"), hex!("06 03 5500 FE76"));
        assert_eq!(string_descriptor(&"x".repeat(300)).len(), 254);
    }
}
