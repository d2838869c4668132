//! CCID bulk and interrupt messages, and the class descriptor.
//! Source: "Universal Serial Bus Device Class: Smart Card CCID", revision 1.1, clauses 5 and 6.

use alloc::vec::Vec;

use crate::Malformed;

/// Bytes of the header that opens each bulk message (CCID 1.1, 6.1 and 6.2).
pub const HEADER: usize = 10;

/// bMessageType of the messages to the reader (CCID 1.1, 6.1).
pub mod to_reader {
    #![allow(missing_docs)]
    pub const SET_PARAMETERS: u8 = 0x61;
    pub const ICC_POWER_ON: u8 = 0x62;
    pub const ICC_POWER_OFF: u8 = 0x63;
    pub const GET_SLOT_STATUS: u8 = 0x65;
    pub const SECURE: u8 = 0x69;
    pub const T0_APDU: u8 = 0x6A;
    pub const ESCAPE: u8 = 0x6B;
    pub const GET_PARAMETERS: u8 = 0x6C;
    pub const RESET_PARAMETERS: u8 = 0x6D;
    pub const ICC_CLOCK: u8 = 0x6E;
    pub const XFR_BLOCK: u8 = 0x6F;
    pub const MECHANICAL: u8 = 0x71;
    pub const ABORT: u8 = 0x72;
    pub const SET_DATA_RATE_AND_CLOCK: u8 = 0x73;
}

/// bMessageType of the messages to the host (CCID 1.1, 6.2), and of the interrupt endpoint (6.3).
pub mod to_host {
    #![allow(missing_docs)]
    pub const DATA_BLOCK: u8 = 0x80;
    pub const SLOT_STATUS: u8 = 0x81;
    pub const PARAMETERS: u8 = 0x82;
    pub const ESCAPE: u8 = 0x83;
    pub const DATA_RATE_AND_CLOCK: u8 = 0x84;
    pub const NOTIFY_SLOT_CHANGE: u8 = 0x50;
    pub const HARDWARE_ERROR: u8 = 0x51;
}

/// bRequest of the class requests on endpoint 0 (CCID 1.1, 5.3).
pub mod class_request {
    #![allow(missing_docs)]
    pub const ABORT: u8 = 0x01;
    pub const GET_CLOCK_FREQUENCIES: u8 = 0x02;
    pub const GET_DATA_RATES: u8 = 0x03;
}

/// bError values (CCID 1.1, table 6.2-2). Values 1 to 127 name the offset of the wrong field.
pub mod slot_error {
    #![allow(missing_docs)]
    pub const COMMAND_NOT_SUPPORTED: u8 = 0;
    pub const BAD_LENGTH: u8 = 1;
    pub const BAD_SLOT: u8 = 5;
    pub const BAD_POWER_SELECT: u8 = 7;
    pub const BAD_PROTOCOL: u8 = 7;
    pub const BAD_LEVEL: u8 = 8;
    pub const CMD_ABORTED: u8 = 0xFF;
    pub const ICC_MUTE: u8 = 0xFE;
    pub const XFR_OVERRUN: u8 = 0xFC;
    pub const HW_ERROR: u8 = 0xFB;
    pub const CMD_SLOT_BUSY: u8 = 0xE0;
}

/// wLevelParameter at extended-APDU level (CCID 1.1, 6.1.4): which part of the APDU a block holds.
pub mod level {
    #![allow(missing_docs)]
    pub const WHOLE: u16 = 0;
    pub const BEGINS: u16 = 1;
    pub const ENDS: u16 = 2;
    pub const CONTINUES: u16 = 3;
    /// An empty block that asks the other side to go on.
    pub const GO_ON: u16 = 0x10;
}

/// dwFeatures: what the reader does by itself (CCID 1.1, table 5.1-1).
pub mod automatic {
    /// It activates the card (0x04), and sets the card's voltage (0x08), clock (0x10), baud rate (0x20) and parameters (0x02
    /// by the ATR, 0x40 by negotiation).
    pub const CARD: u32 = 0x0000_007E;
    /// It exchanges IFSD with the card.
    pub const IFSD: u32 = 0x0000_0400;
}

/// dwFeatures: how whole APDUs are exchanged (CCID 1.1, table 5.1-1). A reader with neither bit exchanges TPDUs or characters.
pub mod exchange_level {
    /// Short APDUs only.
    pub const SHORT_APDU: u32 = 0x0002_0000;
    /// Short and extended APDUs.
    pub const EXTENDED_APDU: u32 = 0x0004_0000;
}

/// A message from the host: bulk OUT (CCID 1.1, 6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToReader<'a> {
    /// bMessageType, one of [`to_reader`].
    pub kind: u8,
    /// bSlot.
    pub slot: u8,
    /// bSeq.
    pub sequence: u8,
    /// Bytes 7 to 9: for XfrBlock bBWI and wLevelParameter, for IccPowerOn bPowerSelect, and so on.
    pub specific: [u8; 3],
    /// abData.
    pub data: &'a [u8],
}

/// dwLength as the header of either direction states it; `None` when the header is not whole yet.
pub fn length(message: &[u8]) -> Option<usize> {
    match *message {
        [_, l0, l1, l2, l3, _, _, _, _, _, ..] => usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).ok(),
        _ => None,
    }
}

impl<'a> ToReader<'a> {
    /// wLevelParameter of an XfrBlock.
    pub const fn level(&self) -> u16 {
        let [_, low, high] = self.specific;
        u16::from_le_bytes([low, high])
    }

    /// Reads a whole message.
    ///
    /// # Errors
    /// dwLength disagrees with the bytes.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (&[kind, l0, l1, l2, l3, slot, sequence, s0, s1, s2], data) = bytes
            .split_first_chunk::<HEADER>()
            .ok_or(Malformed::new("CCID message", "shorter than its header"))?;
        if usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])) != Ok(data.len()) {
            return Err(Malformed::new("CCID message", "dwLength disagrees with the bytes"));
        }
        Ok(Self { kind, slot, sequence, specific: [s0, s1, s2], data })
    }

    /// Appends the message to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        header(out, self.kind, self.data.len(), self.slot, self.sequence, self.specific);
        out.extend_from_slice(self.data);
    }
}

/// bmICCStatus (CCID 1.1, table 6.2-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IccStatus {
    /// Present and powered.
    Active = 0,
    /// Present, not powered.
    Inactive = 1,
    /// No card.
    Absent = 2,
}

/// bmCommandStatus with its bError (CCID 1.1, tables 6.2-2 and 6.2-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandStatus {
    /// Done.
    Done,
    /// Failed, with bError.
    Failed(u8),
    /// More time wanted; bError is a multiplier of the block waiting time, at least 1.
    TimeExtension(u8),
}

/// A message to the host: bulk IN (CCID 1.1, 6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToHost<'a> {
    /// bMessageType, one of [`to_host`].
    pub kind: u8,
    /// bSlot.
    pub slot: u8,
    /// bSeq of the message this answers.
    pub sequence: u8,
    /// bmICCStatus.
    pub icc: IccStatus,
    /// bmCommandStatus and bError.
    pub command: CommandStatus,
    /// Byte 9: bChainParameter, bClockStatus or bProtocolNum.
    pub specific: u8,
    /// abData.
    pub data: &'a [u8],
}

impl<'a> ToHost<'a> {
    /// Reads a whole message.
    ///
    /// # Errors
    /// dwLength disagrees with the bytes, or a status with a reserved value.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let wrong = |fault| Malformed::new("CCID answer", fault);
        let (&[kind, l0, l1, l2, l3, slot, sequence, status, error, specific], data) =
            bytes.split_first_chunk::<HEADER>().ok_or(wrong("shorter than its header"))?;
        if usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])) != Ok(data.len()) {
            return Err(wrong("dwLength disagrees with the bytes"));
        }
        let icc = match status & 0x03 {
            0 => IccStatus::Active,
            1 => IccStatus::Inactive,
            2 => IccStatus::Absent,
            _ => return Err(wrong("reserved bmICCStatus")),
        };
        let command = match status >> 6 {
            0 => CommandStatus::Done,
            1 => CommandStatus::Failed(error),
            2 => CommandStatus::TimeExtension(error),
            _ => return Err(wrong("reserved bmCommandStatus")),
        };
        Ok(Self { kind, slot, sequence, icc, command, specific, data })
    }

    /// Appends the message to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let (status, error) = match self.command {
            CommandStatus::Done => (0x00, 0),
            CommandStatus::Failed(error) => (0x40, error),
            CommandStatus::TimeExtension(multiplier) => (0x80, multiplier),
        };
        let status = status | self.icc as u8;
        header(out, self.kind, self.data.len(), self.slot, self.sequence, [status, error, self.specific]);
        out.extend_from_slice(self.data);
    }
}

fn header(out: &mut Vec<u8>, kind: u8, length: usize, slot: u8, sequence: u8, specific: [u8; 3]) {
    out.reserve(HEADER.saturating_add(length));
    out.push(kind);
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(&[slot, sequence]);
    out.extend_from_slice(&specific);
}

/// RDR_to_PC_NotifySlotChange for one slot (CCID 1.1, 6.3.1).
pub const fn notify_slot_change(present: bool, changed: bool) -> [u8; 2] {
    [to_host::NOTIFY_SLOT_CHANGE, present as u8 | (changed as u8) << 1]
}

/// The smart card device class descriptor (CCID 1.1, table 5.1-1), 54 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassDescriptor {
    /// bMaxSlotIndex.
    pub max_slot: u8,
    /// bVoltageSupport: 1 for 5 V, 2 for 3 V, 4 for 1.8 V.
    pub voltage: u8,
    /// dwProtocols: bit 0 T=0, bit 1 T=1.
    pub protocols: u32,
    /// dwDefaultClock and dwMaximumClock, in kHz.
    pub clock: [u32; 2],
    /// dwDataRate and dwMaxDataRate, in bit/s.
    pub data_rate: [u32; 2],
    /// dwMaxIFSD, in bytes.
    pub max_ifsd: u32,
    /// dwFeatures.
    pub features: u32,
    /// dwMaxCCIDMessageLength, header included, in bytes.
    pub max_message: u32,
    /// bPINSupport: bit 0 verification, bit 1 modification.
    pub pin_support: u8,
    /// bMaxCCIDBusySlots.
    pub busy_slots: u8,
}

impl ClassDescriptor {
    /// The descriptor as it is on the bus.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(54);
        out.extend_from_slice(&[54, crate::usb::descriptor::CCID]);
        out.extend_from_slice(&0x0110u16.to_le_bytes()); // bcdCCID 1.10
        out.extend_from_slice(&[self.max_slot, self.voltage]);
        let [clock, max_clock] = self.clock;
        let [rate, max_rate] = self.data_rate;
        for word in [self.protocols, clock, max_clock] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.push(1); // bNumClockSupported: the default one, which GET_CLOCK_FREQUENCIES tells
        for word in [rate, max_rate] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.push(1); // bNumDataRatesSupported: likewise
        // dwSynchProtocols and dwMechanical are zero: neither exists here.
        for word in [self.max_ifsd, 0, 0, self.features, self.max_message] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.extend_from_slice(&[0, 0, 0, 0, self.pin_support, self.busy_slots]);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;
    use proptest::prelude::*;

    #[test]
    fn xfr_block_of_a_select() {
        let bytes = hex!("6F 09000000 00 07 00 0000 00A4040004A0000003");
        let message = ToReader::parse(&bytes).unwrap();
        assert_eq!(
            (message.kind, message.sequence, message.level()),
            (to_reader::XFR_BLOCK, 7, level::WHOLE)
        );
        let mut out = Vec::new();
        message.encode(&mut out);
        assert_eq!(out, bytes);
    }

    #[test]
    fn time_extension() {
        let bytes = hex!("80 00000000 00 07 80 01 00");
        let answer = ToHost::parse(&bytes).unwrap();
        assert_eq!((answer.icc, answer.command), (IccStatus::Active, CommandStatus::TimeExtension(1)));
        let mut out = Vec::new();
        answer.encode(&mut out);
        assert_eq!(out, bytes);
    }

    #[test]
    fn lengths_that_lie() {
        assert!(ToReader::parse(&hex!("6F 0A000000 00 07 00 0000 00A4")).is_err());
        assert!(ToReader::parse(&hex!("6F FFFFFFFF 00 07 00 0000")).is_err());
        assert!(ToHost::parse(&hex!("80 00000000 00 07 C0 00 00")).is_err());
        assert!(ToHost::parse(&hex!("80 00000000 00 07 03 00 00")).is_err());
    }

    #[test]
    fn class_descriptor_is_54_bytes() {
        let descriptor = ClassDescriptor {
            max_slot: 0,
            voltage: 7,
            protocols: 3,
            clock: [4000, 4000],
            data_rate: [10_752, 344_064],
            max_ifsd: 254,
            features: exchange_level::EXTENDED_APDU | automatic::IFSD | automatic::CARD,
            max_message: 3072,
            pin_support: 0,
            busy_slots: 1,
        };
        let bytes = descriptor.bytes();
        assert_eq!(bytes.len(), 54);
        assert_eq!(bytes[40..44], 0x0004_047Eu32.to_le_bytes()); // dwFeatures stands at offset 40
        assert_eq!(bytes[44..48], 3072u32.to_le_bytes());
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(kind: u8, slot: u8, sequence: u8, specific: [u8; 3],
                                data in prop::collection::vec(any::<u8>(), 0..300)) {
            let message = ToReader { kind, slot, sequence, specific, data: &data };
            let mut out = Vec::new();
            message.encode(&mut out);
            prop_assert_eq!(length(&out), Some(data.len()));
            prop_assert_eq!(ToReader::parse(&out), Ok(message));
        }
    }
}
