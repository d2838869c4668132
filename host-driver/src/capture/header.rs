//! The headers of setup packets and of CCID messages, as anybody may read them. A host may put anything into a field that the
//! token does not read, so a value that the standard does not know is blanked.

use wire::{
    ccid::{HEADER, class_request, level, to_host, to_reader},
    usb::{RequestKind, Setup, descriptor, language, request},
};

use super::BLANK;

/// The longest message: an extended APDU in one block (ISO 7816-4, 5.2).
const MAX_MESSAGE: usize = HEADER + 4 + 3 + 65_535 + 2;

/// Where the bytes of a header are.
const SLOT: usize = 5;
const SPECIFIC: usize = 7;

/// The setup packet, with wValue and wIndex blanked unless a token knows the request; and whether a token knows it.
pub(super) fn setup(setup: Setup) -> (Setup, bool) {
    let known = match setup.kind() {
        RequestKind::Standard => is_standard(setup),
        // CCID 1.1, 5.3: wValue is bSlot and bSeq, wIndex the interface.
        RequestKind::Class => match setup.request {
            class_request::ABORT => setup.value & 0xFF == 0 && setup.index == 0,
            class_request::GET_CLOCK_FREQUENCIES | class_request::GET_DATA_RATES => {
                setup.value == 0 && setup.index == 0
            }
            _ => false,
        },
        RequestKind::Vendor | RequestKind::Reserved => false,
    };
    let blank = u16::from_ne_bytes([BLANK; 2]);
    let shown = if known { setup } else { Setup { value: blank, index: blank, ..setup } };
    (shown, known)
}

/// USB 2.0, 9.4.
const fn is_standard(setup: Setup) -> bool {
    let Setup { request, value, index, .. } = setup;
    let [high, low] = value.to_be_bytes();
    match request {
        request::GET_STATUS | request::GET_INTERFACE | request::SYNCH_FRAME => value == 0 && index < 0x100,
        request::CLEAR_FEATURE | request::SET_FEATURE => value <= 2 && index < 0x100,
        request::SET_ADDRESS => value < 0x80 && index == 0,
        request::GET_DESCRIPTOR => {
            let string = high == descriptor::STRING
                && low < 0x20
                && matches!(index, 0 | language::EN_US | language::ZH_CN);
            // The binary object store and a report descriptor besides those that we know; each by its first index.
            let other = matches!(high, 1..=8 | 0x0F | 0x21 | 0x22) && low == 0 && index < 0x10;
            string || (other && high != descriptor::STRING)
        }
        request::GET_CONFIGURATION => value == 0 && index == 0,
        request::SET_CONFIGURATION => value < 0x10 && index == 0,
        request::SET_INTERFACE => value < 0x10 && index < 0x10,
        _ => false,
    }
}

/// Blanks what is not known of the header of a message to the reader; whether it is one of `length` bytes that anybody
/// sends, as far as the header tells.
pub(super) fn to_reader(header: &mut [u8; HEADER]) -> bool {
    let [kind, .., s0, s1, s2] = *header;
    let good = match kind {
        // bBWI; wLevelParameter.
        to_reader::XFR_BLOCK => {
            matches!(
                u16::from_le_bytes([s1, s2]),
                level::WHOLE | level::BEGINS | level::ENDS | level::CONTINUES | level::GO_ON
            )
        }
        // bPowerSelect.
        to_reader::ICC_POWER_ON => s0 <= 3 && [s1, s2] == [0; 2],
        // bProtocolNum; bClockCommand.
        to_reader::SET_PARAMETERS | to_reader::ICC_CLOCK => s0 <= 1 && [s1, s2] == [0; 2],
        to_reader::ICC_POWER_OFF
        | to_reader::GET_SLOT_STATUS
        | to_reader::GET_PARAMETERS
        | to_reader::RESET_PARAMETERS
        | to_reader::ABORT
        | to_reader::SET_DATA_RATE_AND_CLOCK
        | to_reader::ESCAPE => [s0, s1, s2] == [0; 3],
        to_reader::SECURE | to_reader::T0_APDU | to_reader::MECHANICAL => false,
        _ => return unknown(header),
    };
    common(header, good)
}

/// The same of a message to the host. Its bytes are the token's, but for the slot.
pub(super) fn to_host(header: &mut [u8; HEADER]) -> bool {
    match header[0] {
        to_host::DATA_BLOCK
        | to_host::SLOT_STATUS
        | to_host::PARAMETERS
        | to_host::ESCAPE
        | to_host::DATA_RATE_AND_CLOCK => common(header, true),
        _ => unknown(header),
    }
}

fn common(header: &mut [u8; HEADER], specific: bool) -> bool {
    if wire::ccid::length(header).is_none_or(|length| length > MAX_MESSAGE - HEADER) {
        return unknown(header);
    }
    if header[SLOT] != 0 {
        header[SLOT] = BLANK;
    }
    if !specific {
        header[SPECIFIC..].fill(BLANK);
    }
    true
}

fn unknown(header: &mut [u8; HEADER]) -> bool {
    header.fill(BLANK);
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_known(request_type: u8, request: u8, value: u16, index: u16) -> bool {
        let packet = Setup { request_type, request, value, index, length: 18 };
        let (shown, known) = setup(packet);
        assert_eq!(known, shown == packet);
        assert!(known || (shown.value, shown.index) == (0x2A2A, 0x2A2A));
        known
    }

    #[test]
    fn requests_that_a_token_knows_are_shown() {
        for (request_type, request, value, index) in [
            (0x80, 6, 0x0100, 0),
            (0x80, 6, 0x0302, 0x0409),
            (0x80, 6, 0x0300, 0),
            (0x00, 9, 1, 0),
            (0x02, 1, 0, 0x82),
            (0x01, 11, 0, 0),
            (0xA1, 2, 0, 0),
            (0x21, 1, 0x0700, 0),
        ] {
            assert!(is_known(request_type, request, value, index), "{request_type:02x} {request}");
        }
        for (request_type, request, value, index) in [
            (0x40, 9, 0x3133, 0x3532),
            (0x80, 6, 0x3133, 0x3532),
            (0x80, 6, 0x0302, 0x3532),
            (0x00, 9, 0x3133, 0),
            (0x21, 1, 0x3133, 0x3532),
            (0x21, 9, 0, 0),
            (0x00, 0x31, 0x3335, 0x3234),
        ] {
            assert!(!is_known(request_type, request, value, index), "{request_type:02x} {request}");
        }
    }

    #[test]
    fn fields_that_nobody_reads_are_blanked() {
        let mut header = *b"\x65\0\0\0\x0013524";
        assert!(to_reader(&mut header));
        assert_eq!(header, *b"\x65\0\0\0\0*3***");
        // The digits of a PIN are no header, although 'o' is XfrBlock's type.
        let mut header = *b"o135246789";
        assert!(!to_reader(&mut header));
        assert_eq!(header, [BLANK; 10]);
    }
}
