//! The USB pipes of one token, by whatever way they are carried.

use std::time::Duration;

use wire::{
    ccid,
    usb::{self, DeviceDescriptor, Setup, descriptor, feature, language, request},
};
use zeroize::Zeroizing;

use crate::error::Error;

/// bInterfaceClass of a smart card reader (CCID 1.1, 4.3).
pub const SMART_CARD: u8 = 0x0B;
/// Most bytes of a configuration that is read. A token's configuration has about a hundred.
pub(crate) const MAX_CONFIGURATION: u16 = 4096;
/// How long a control transfer may take: USB 2.0, 9.2.6.1 says 5 s.
pub(crate) const CONTROL_TIMEOUT: Duration = Duration::from_secs(5);

/// Carries transfers to one token whose CCID interface is open. Every call blocks until its time is up at most.
pub trait Pipe: Send {
    /// What the descriptors said.
    fn interface(&self) -> &Interface;

    /// A control transfer. When the setup packet says OUT, `data` goes out. Else `data` is empty, and the answer
    /// comes back, at most wLength bytes.
    ///
    /// # Errors
    /// [`Error::Stalled`] when the token refuses; the line's own otherwise.
    fn control(&mut self, setup: Setup, data: &[u8]) -> Result<Vec<u8>, Error>;

    /// Sends one transfer to the bulk OUT endpoint.
    ///
    /// # Errors
    /// As [`Self::control`].
    fn bulk_out(&mut self, data: &[u8]) -> Result<(), Error>;

    /// Appends one transfer from the bulk IN endpoint to `into`, at most `max` bytes.
    ///
    /// # Errors
    /// [`Error::TimedOut`] when the token had nothing to say; no transfer is left pending then.
    fn bulk_in(&mut self, into: &mut Vec<u8>, max: usize, timeout: Duration) -> Result<(), Error>;

    /// One transfer from the interrupt IN endpoint: a slot change (CCID 1.1, 6.3.1). `None` when nothing happened
    /// in time, or when the token has no such endpoint.
    ///
    /// # Errors
    /// As [`Self::control`].
    fn interrupt_in(&mut self, timeout: Duration) -> Result<Option<Vec<u8>>, Error>;

    /// [`Self::bulk_out`], then [`Self::bulk_in`]: a command and its answer. A road may send both in one write.
    ///
    /// # Errors
    /// As both.
    fn exchange(
        &mut self,
        out: &[u8],
        into: &mut Vec<u8>,
        max: usize,
        timeout: Duration,
    ) -> Result<(), Error> {
        self.bulk_out(out)?;
        self.bulk_in(into, max, timeout)
    }

    /// Makes a stalled endpoint work again (USB 2.0, 9.4.1 and 9.4.5).
    ///
    /// # Errors
    /// As [`Self::control`].
    fn clear_halt(&mut self, endpoint: u8) -> Result<(), Error> {
        let setup = Setup {
            request_type: 0x02,
            request: request::CLEAR_FEATURE,
            value: feature::ENDPOINT_HALT,
            index: endpoint.into(),
            length: 0,
        };
        self.control(setup, &[]).map(drop)
    }

    /// iSerialNumber in en-US; `None` when the token has none.
    ///
    /// # Errors
    /// As [`Self::control`], or a malformed descriptor.
    fn serial(&mut self) -> Result<Option<String>, Error> {
        let [_, _, index] = self.interface().device.strings;
        self.text(index)
    }

    /// The string descriptor of an index, in en-US; `None` for index 0, which is no string (USB 2.0, 9.6.1).
    ///
    /// # Errors
    /// As [`Self::control`], or a malformed descriptor.
    fn text(&mut self, index: u8) -> Result<Option<String>, Error> {
        if index == 0 {
            return Ok(None);
        }
        let setup = descriptor_request(descriptor::STRING, index, language::EN_US, 255);
        string(&self.control(setup, &[])?).map(Some)
    }
}

/// Pipes whose kind is told at run time.
impl Pipe for Box<dyn Pipe> {
    fn interface(&self) -> &Interface {
        (**self).interface()
    }

    fn control(&mut self, setup: Setup, data: &[u8]) -> Result<Vec<u8>, Error> {
        (**self).control(setup, data)
    }

    fn bulk_out(&mut self, data: &[u8]) -> Result<(), Error> {
        (**self).bulk_out(data)
    }

    fn bulk_in(&mut self, into: &mut Vec<u8>, max: usize, timeout: Duration) -> Result<(), Error> {
        (**self).bulk_in(into, max, timeout)
    }

    fn interrupt_in(&mut self, timeout: Duration) -> Result<Option<Vec<u8>>, Error> {
        (**self).interrupt_in(timeout)
    }

    fn exchange(
        &mut self,
        out: &[u8],
        into: &mut Vec<u8>,
        max: usize,
        timeout: Duration,
    ) -> Result<(), Error> {
        (**self).exchange(out, into, max, timeout)
    }

    fn clear_halt(&mut self, endpoint: u8) -> Result<(), Error> {
        (**self).clear_halt(endpoint)
    }

    fn serial(&mut self) -> Result<Option<String>, Error> {
        (**self).serial()
    }
}

/// What a token's descriptors say about its CCID interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The device descriptor.
    pub device: DeviceDescriptor,
    /// bConfigurationValue of the configuration that holds the interface.
    pub configuration: u8,
    /// bInterfaceNumber.
    pub number: u8,
    /// bEndpointAddress of bulk OUT.
    pub bulk_out: u8,
    /// bEndpointAddress of bulk IN, with its direction bit.
    pub bulk_in: u8,
    /// bEndpointAddress and wMaxPacketSize of interrupt IN, which is optional (CCID 1.1, 4.4).
    pub interrupt_in: Option<(u8, u16)>,
    /// dwFeatures (CCID 1.1, table 5.1-1).
    pub features: u32,
    /// dwMaxCCIDMessageLength, in bytes.
    pub max_message: usize,
}

impl Interface {
    /// Finds the first CCID interface in a configuration (CCID 1.1, 4 and 5.1).
    ///
    /// # Errors
    /// There is none, or it lacks an endpoint or its class descriptor.
    pub fn find(device: DeviceDescriptor, configuration: &[u8]) -> Result<Self, Error> {
        let wrong = |fault| Error::nonsense("configuration descriptor", fault);
        let (mut number, mut class) = (None, None);
        let (mut bulk_out, mut bulk_in, mut interrupt_in) = (None, None, None);
        for found in usb::descriptors(configuration) {
            match (found.kind, found.bytes) {
                // The interface ends here: the endpoints that follow belong to another interface.
                (descriptor::INTERFACE, _) if number.is_some() => break,
                (descriptor::INTERFACE, &[9, _, of, 0, _, SMART_CARD, ..]) => number = Some(of),
                (descriptor::CCID, bytes) if number.is_some() => class = class_descriptor(bytes),
                (descriptor::ENDPOINT, &[7, _, address, attributes, m0, m1, _]) if number.is_some() => {
                    match (attributes & 3, address & 0x80) {
                        (2, 0) => bulk_out = Some(address),
                        (2, _) => bulk_in = Some(address),
                        (3, 0x80) => interrupt_in = Some((address, u16::from_le_bytes([m0, m1]) & 0x07FF)),
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        let (features, max_message) = class.ok_or(wrong("no CCID interface with its class descriptor"))?;
        // 10 of header and the shortest extended APDU in one piece; the most is one extended command (CCID 1.1, 6).
        if max_message < ccid::HEADER + 10 {
            return Err(wrong("dwMaxCCIDMessageLength has no room for a command"));
        }
        Ok(Self {
            device,
            configuration: *configuration.get(5).ok_or(wrong("cut short"))?,
            number: number.ok_or(wrong("no CCID interface"))?,
            bulk_out: bulk_out.ok_or(wrong("no bulk OUT endpoint"))?,
            bulk_in: bulk_in.ok_or(wrong("no bulk IN endpoint"))?,
            interrupt_in,
            features,
            max_message: max_message.min(ccid::HEADER + 65_544),
        })
    }
}

/// dwFeatures and dwMaxCCIDMessageLength, at offsets 40 and 44 of the 54 bytes (CCID 1.1, table 5.1-1).
fn class_descriptor(bytes: &[u8]) -> Option<(u32, usize)> {
    let word = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    if bytes.len() < 54 {
        return None;
    }
    Some((word(40)?, usize::try_from(word(44)?).ok()?))
}

/// GET_DESCRIPTOR (USB 2.0, 9.4.3).
pub(crate) const fn descriptor_request(kind: u8, index: u8, language: u16, length: u16) -> Setup {
    let value = u16::from_be_bytes([kind, index]);
    Setup { request_type: 0x80, request: request::GET_DESCRIPTOR, value, index: language, length }
}

/// The text of a string descriptor (USB 2.0, 9.6.7).
fn string(bytes: &[u8]) -> Result<String, Error> {
    let wrong = |fault| Error::nonsense("string descriptor", fault);
    let Some(&[length, descriptor::STRING]) = bytes.first_chunk::<2>() else {
        return Err(wrong("not of type 3"));
    };
    let text = bytes.get(2..usize::from(length)).ok_or(wrong("cut short"))?;
    let (units, []) = text.as_chunks::<2>() else {
        return Err(wrong("half a UTF-16 unit"));
    };
    char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit)))
        .collect::<Result<String, _>>()
        .map_err(|_| wrong("not UTF-16"))
}

/// Bytes that may hold a PIN, and are wiped when dropped.
pub(crate) type Secret = Zeroizing<Vec<u8>>;

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;
    use wire::{
        ccid::ClassDescriptor,
        usb::{EndpointDescriptor, InterfaceDescriptor},
    };

    const DEVICE: DeviceDescriptor = DeviceDescriptor {
        usb: 0x0200,
        class: [0; 3],
        max_packet: 64,
        vendor: 0x163C,
        product: 0x0407,
        release: 0x0100,
        strings: [1, 2, 3],
        configurations: 1,
    };

    fn configuration(class: [u8; 3], max_message: u32) -> Vec<u8> {
        let interface =
            |number, class| InterfaceDescriptor { number, alternate: 0, endpoints: 3, class, string: 0 };
        let descriptor = ClassDescriptor {
            max_slot: 0,
            voltage: 7,
            protocols: 3,
            clock: [4000, 4000],
            data_rate: [10_752, 344_064],
            max_ifsd: 254,
            features: 0x0004_047E,
            max_message,
            pin_support: 0,
            busy_slots: 1,
        };
        let endpoint = |address, attributes| {
            EndpointDescriptor { address, attributes, max_packet: 64, interval: 10 }.bytes()
        };
        let mut out = hex!("09 02 0000 02 01 00 80 32").to_vec();
        out.extend(interface(0, [3, 0, 0]).bytes()); // a keyboard stands first
        out.extend(endpoint(0x84, 3));
        out.extend(interface(1, class).bytes());
        out.extend(descriptor.bytes());
        out.extend(endpoint(0x01, 2));
        out.extend(endpoint(0x82, 2));
        out.extend(endpoint(0x83, 3));
        out.extend(interface(2, [8, 6, 0x50]).bytes()); // and a disk after it
        out.extend(endpoint(0x05, 2));
        out
    }

    #[test]
    fn finds_the_reader_among_other_interfaces() {
        let found = Interface::find(DEVICE, &configuration([SMART_CARD, 0, 0], 3072)).unwrap();
        assert_eq!((found.number, found.configuration), (1, 1));
        assert_eq!((found.bulk_out, found.bulk_in, found.interrupt_in), (0x01, 0x82, Some((0x83, 64))));
        assert_eq!((found.max_message, found.features), (3072, 0x0004_047E));
    }

    #[test]
    fn a_peers_lengths_are_bounded() {
        assert!(Interface::find(DEVICE, &configuration([SMART_CARD, 0, 0], 12)).is_err());
        let vast = Interface::find(DEVICE, &configuration([SMART_CARD, 0, 0], u32::MAX)).unwrap();
        assert_eq!(vast.max_message, 65_554);
    }

    #[test]
    fn what_is_no_reader() {
        assert!(Interface::find(DEVICE, &configuration([8, 6, 0x50], 3072)).is_err());
        let whole = configuration([SMART_CARD, 0, 0], 3072);
        // Up to the end of the bulk IN endpoint something needed is missing.
        for cut in 0..whole.len() {
            assert_eq!(Interface::find(DEVICE, &whole[..cut]).is_err(), cut < 102, "cut at {cut}");
        }
    }

    #[test]
    fn strings() {
        assert_eq!(string(&hex!("06 03 5500 FE76")).unwrap(), "U盾");
        for wrong in
            [&hex!("08 03 5500 FE76")[..], &hex!("06 02 5500 FE76"), &hex!("05 03 5500 FE"), &[], &[2]]
        {
            assert!(string(wrong).is_err());
        }
        assert!(string(&hex!("04 03 00D8")).is_err());
    }
}
