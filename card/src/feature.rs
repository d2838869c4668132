//! What a reader can do beyond APDUs, as applications ask for it through PC/SC.
//! Source: PC/SC Workgroup, "Interoperability Specification, part 10: IFDs with Secure PIN Entry", 2.02.09.
//!
//! A token's screen and buttons are for the token alone: the token asks for OK by itself, and no host can have a PIN
//! typed on the token. So the reader offers its properties and no PIN entry.

use wire::{
    apdu::{MAX_DATA, MAX_SHORT_DATA},
    ccid::exchange_level::EXTENDED_APDU,
};

use crate::pipe::Interface;

/// SCARD_CTL_CODE of pcsc-lite; on Windows the codes differ.
const fn control_code(function: u32) -> u32 {
    0x4200_0000 + function
}

/// GET_FEATURE_REQUEST (part 10, 2.2).
pub const GET_FEATURE_REQUEST: u32 = control_code(3400);
/// FEATURE_IFD_PIN_PROPERTIES and FEATURE_GET_TLV_PROPERTIES (part 10, 2.3), and the control codes that we chose for them.
const PIN_PROPERTIES: (u8, u32) = (0x0A, control_code(0x0033_000A));
const TLV_PROPERTIES: (u8, u32) = (0x12, control_code(0x0033_0012));
/// Tags of the TLV properties (part 10, 2.6.14): each value is little-endian.
const LCD_LAYOUT: u8 = 1;
const TIME_OUT_2: u8 = 3;
const MAX_APDU_DATA: u8 = 0x0A;
const VENDOR: u8 = 0x0B;
const PRODUCT: u8 = 0x0C;

/// Answers SCardControl; `None` for a code that is not ours.
pub fn control(code: u32, interface: &Interface) -> Option<Vec<u8>> {
    match code {
        GET_FEATURE_REQUEST => Some([PIN_PROPERTIES, TLV_PROPERTIES].into_iter().flat_map(feature).collect()),
        // PIN_PROPERTIES_STRUCTURE (part 10, 2.5.10): no display for hosts, no key ends an entry, no time-out.
        code if code == PIN_PROPERTIES.1 => Some(vec![0; 4]),
        code if code == TLV_PROPERTIES.1 => Some(properties(interface)),
        _ => None,
    }
}

/// Most data bytes that one command APDU may carry through this reader.
pub const fn max_apdu_data(interface: &Interface) -> usize {
    if interface.features & EXTENDED_APDU != 0 { MAX_DATA } else { MAX_SHORT_DATA }
}

/// The control code of the properties in a reader's feature list.
pub fn properties_code(list: &[u8]) -> Option<u32> {
    let code = values(list, TLV_PROPERTIES.0).next()?;
    Some(u32::from_be_bytes(code.try_into().ok()?))
}

/// Whether a reader's properties say that the reader takes extended APDUs. libccid says 0 of a reader that takes
/// short ones only.
pub fn says_extended(properties: &[u8]) -> bool {
    let most = values(properties, MAX_APDU_DATA).next();
    most.and_then(|most| most.try_into().ok()).is_some_and(|most| u32::from_le_bytes(most) > 256)
}

/// The values of a tag, each behind its tag and length. What is cut off at the end is left out.
fn values(bytes: &[u8], tag: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (&[of, length], after) = rest.split_first_chunk()?;
        let (value, after) = after.split_at_checked(length.into())?;
        rest = after;
        Some((of, value))
    })
    .filter_map(move |(of, value)| (of == tag).then_some(value))
}

/// Tag, length, and the control code, big-endian (part 10, 2.2).
fn feature((tag, code): (u8, u32)) -> Vec<u8> {
    [&[tag, 4][..], &code.to_be_bytes()].concat()
}

fn properties(interface: &Interface) -> Vec<u8> {
    let mut out = Vec::new();
    let mut property = |tag: u8, value: &[u8]| {
        out.extend([tag, u8::try_from(value.len()).unwrap_or(0)]);
        out.extend(value);
    };
    property(LCD_LAYOUT, &[0; 2]);
    property(TIME_OUT_2, &[0]);
    let most = u32::try_from(max_apdu_data(interface)).unwrap_or(u32::MAX);
    property(MAX_APDU_DATA, &most.to_le_bytes());
    property(VENDOR, &interface.device.vendor.to_le_bytes());
    property(PRODUCT, &interface.device.product.to_le_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;
    use wire::{ccid::exchange_level::SHORT_APDU, usb::DeviceDescriptor};

    fn interface(features: u32) -> Interface {
        let device = DeviceDescriptor {
            usb: 0x0200,
            class: [0; 3],
            max_packet: 64,
            vendor: 0x163C,
            product: 0x0407,
            release: 0,
            strings: [0; 3],
            configurations: 1,
        };
        Interface {
            device,
            configuration: 1,
            number: 0,
            bulk_out: 1,
            bulk_in: 0x82,
            interrupt_in: None,
            features,
            max_message: 271,
        }
    }

    #[test]
    fn each_feature_that_is_listed_is_answered() {
        let interface = interface(EXTENDED_APDU);
        let features = control(0x4200_0D48, &interface).unwrap();
        assert_eq!(features, hex!("0A 04 4233000A 12 04 42330012"));
        for feature in features.chunks(6) {
            let code = u32::from_be_bytes(feature[2..].try_into().unwrap());
            assert!(control(code, &interface).is_some(), "{code:08X}");
        }
        assert_eq!(control(0x4200_0001, &interface), None);
    }

    #[test]
    fn a_list_is_read_as_far_as_it_goes() {
        let list = control(GET_FEATURE_REQUEST, &interface(0)).unwrap();
        assert_eq!(properties_code(&list), Some(TLV_PROPERTIES.1));
        assert_eq!(properties_code(&list[..11]), None);
        for (features, extended) in [(EXTENDED_APDU, true), (SHORT_APDU, false)] {
            let properties = control(TLV_PROPERTIES.1, &interface(features)).unwrap();
            assert_eq!(says_extended(&properties), extended);
        }
        assert!(says_extended(&hex!("0A 04 00000100")) && !says_extended(&hex!("0A 04 00000000")));
        assert!(!says_extended(&hex!("0A 03 000001")) && !says_extended(&hex!("0A 05 00000100")));
    }

    #[test]
    fn hosts_learn_how_much_one_command_carries() {
        let ask = |features| control(TLV_PROPERTIES.1, &interface(features)).unwrap();
        assert_eq!(ask(EXTENDED_APDU), hex!("01 02 0000 03 01 00 0A 04 FFFF0000 0B 02 3C16 0C 02 0704"));
        assert_eq!(ask(SHORT_APDU)[9..13], hex!("FF000000"));
    }
}
