//! What kind of reader this is: the class descriptor, and the sizes that it promises.

use wire::ccid::{ClassDescriptor, HEADER, automatic, exchange_level};

use super::parameter::T1;

/// wMaxPacketSize of the bulk endpoints at full speed (USB 2.0, 5.8.3), in bytes.
pub(crate) const PACKET: u16 = 64;
/// Most bytes of abData. A longer APDU is chained.
pub(super) const MAX_DATA: usize = 3072;
/// dwMaxCCIDMessageLength, in bytes.
pub(super) const MAX_MESSAGE: usize = MAX_DATA + HEADER;
/// dwDefaultClock, in kHz. The card is in the token, so the clock is nominal.
pub(super) const CLOCK: u32 = 4_000;
/// dwDataRate at F 372 and D 1, in bit/s. It is nominal as well.
pub(super) const DATA_RATE: u32 = 10_752;

/// The class descriptor (CCID 1.1, table 5.1-1).
pub(crate) const fn class_descriptor() -> ClassDescriptor {
    ClassDescriptor {
        max_slot: 0,
        voltage: 0x07,
        protocols: 1 << T1,
        clock: [CLOCK, CLOCK],
        data_rate: [DATA_RATE, DATA_RATE],
        max_ifsd: 254,
        features: exchange_level::EXTENDED_APDU | automatic::IFSD | automatic::CARD,
        max_message: MAX_MESSAGE as u32,
        pin_support: 0,
        busy_slots: 1,
    }
}
