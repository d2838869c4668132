//! The commands that the PIV applet takes, as values: SP 800-73-4 part 2, 3, and those that Yubico added
//! (docs/decisions/0011-yubico-commands.md).
//!
//! [`Command::parse`] is the one place that judges CLA, INS, P1, P2 and the lengths. What a template holds is read
//! behind the access rule that guards the command (part 1, 3.5), so a template stays bytes here. [`Command::apdu`] gives
//! the bytes back.

use super::{
    Algorithm, MANAGEMENT_KEY, Slot,
    field::{Padded, TagList, TwoPadded},
    instruction as ins,
};
use crate::{
    algorithm::KeyAlgorithm,
    apdu::{self, StatusWord, no_data},
    pin::Reference,
};

/// P1-P2 of GET DATA and PUT DATA: the current application (part 2, 3.1.2 and 3.3.1).
const CURRENT: (u8, u8) = (0x3F, 0xFF);
/// P1 of VERIFY: forget that the PIN was verified (part 2, 3.2.1).
const FORGET: u8 = 0xFF;
/// P1 of SET MANAGEMENT KEY.
const MANAGEMENT: u8 = 0xFF;
/// The reference of the key that attests.
const ATTESTATION_KEY: u8 = 0xF9;

/// A command. It has no `Debug`: commands carry PINs and keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Command<'a> {
    /// VERIFY without data: whether the PIN is verified, and how many tries it has left (3.2.1).
    AskVerified,
    /// VERIFY (3.2.1).
    Verify(Padded<'a>),
    /// VERIFY with P1 'FF': the PIN counts as verified no more (3.2.1).
    ForgetVerified,
    /// CHANGE REFERENCE DATA (3.2.2): the old one, then the new one.
    ChangeReferenceData(Reference, TwoPadded<'a>),
    /// RESET RETRY COUNTER (3.2.3): the PUK, then the new PIN.
    ResetRetryCounter(TwoPadded<'a>),
    /// GENERAL AUTHENTICATE (3.2.4).
    GeneralAuthenticate {
        /// What the host takes the key for.
        algorithm: Algorithm,
        /// The key.
        key: Authenticating,
        /// The dynamic authentication template, with its tag 7C.
        template: &'a [u8],
    },
    /// GENERATE ASYMMETRIC KEY PAIR (3.3.2).
    GenerateKeyPair {
        /// The slot.
        slot: Slot,
        /// The control reference template, with its tag AC.
        template: &'a [u8],
    },
    /// GET DATA (3.1.2).
    GetData(TagList<'a>),
    /// PUT DATA (3.3.1): the tag list, then the object.
    PutData(&'a [u8]),
    /// GET METADATA.
    GetMetadata(Described),
    /// GET SERIAL.
    GetSerial,
    /// ATTEST the key of a slot.
    Attest(Slot),
    /// SET PIN RETRIES: the most tries of the PIN and of the PUK.
    SetPinRetries {
        /// Of the PIN.
        pin: u8,
        /// Of the PUK.
        puk: u8,
    },
    /// RESET.
    Reset,
    /// GET VERSION.
    GetVersion,
    /// IMPORT ASYMMETRIC KEY.
    ImportKey {
        /// The algorithm of the key.
        algorithm: KeyAlgorithm,
        /// The slot.
        slot: Slot,
        /// The key's parts, and its policies.
        parts: &'a [u8],
    },
    /// SET MANAGEMENT KEY.
    SetManagementKey {
        /// Whether each use of the key shall want a touch.
        touch: bool,
        /// Algorithm, 9B, length, and the key.
        key: &'a [u8],
    },
}

/// A key that GENERAL AUTHENTICATE uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authenticating {
    /// A slot's private key.
    Slot(Slot),
    /// The card management key.
    Management,
}

/// What GET METADATA tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Described {
    /// The PIN or the PUK.
    Code(Reference),
    /// The card management key.
    Management,
    /// A slot's key.
    Slot(Slot),
    /// The key that attests.
    Attestation,
}

impl<'a> Command<'a> {
    /// Reads a command whose chain, if it came in one, is put together.
    ///
    /// # Errors
    /// The status word that the applet answers: '6E00' and '6D00' for a class and an instruction that it does not have,
    /// '6A86' or '6A88' for P1 and P2, '6A80' or '6700' for data of a wrong length.
    pub fn parse(apdu: &apdu::Command<'a>) -> Result<Self, StatusWord> {
        let (p1, p2, data) = (apdu.p1, apdu.p2, apdu.data);
        if apdu.class != 0 {
            return Err(StatusWord::WRONG_CLASS);
        }
        match apdu.instruction {
            ins::VERIFY => verify(p1, p2, data),
            ins::CHANGE_REFERENCE_DATA => {
                let reference = Reference::parse(p2).ok_or(StatusWord::NO_SUCH_KEY)?;
                first(p1, 0)?;
                Ok(Self::ChangeReferenceData(reference, TwoPadded::parse(data)?))
            }
            ins::RESET_RETRY_COUNTER => {
                pin(p2)?;
                first(p1, 0)?;
                Ok(Self::ResetRetryCounter(TwoPadded::parse(data)?))
            }
            ins::GENERAL_AUTHENTICATE => {
                let algorithm = Algorithm::parse(p1).ok_or(StatusWord::WRONG_P1P2)?;
                let key = match p2 {
                    MANAGEMENT_KEY => Authenticating::Management,
                    _ => Authenticating::Slot(slot(p2)?),
                };
                Ok(Self::GeneralAuthenticate { algorithm, key, template: data })
            }
            ins::GENERATE_ASYMMETRIC_KEY_PAIR => {
                first(p1, 0)?;
                Ok(Self::GenerateKeyPair { slot: slot(p2)?, template: data })
            }
            ins::GET_DATA => both(p1, p2, CURRENT).and_then(|()| TagList::parse(data).map(Self::GetData)),
            ins::PUT_DATA => both(p1, p2, CURRENT).map(|()| Self::PutData(data)),
            _ => yubico(apdu),
        }
    }

    /// The command as an APDU without Le.
    pub fn apdu(&self) -> apdu::Command<'a> {
        let (instruction, (p1, p2), data): (u8, (u8, u8), &'a [u8]) = match *self {
            Self::AskVerified => (ins::VERIFY, (0, Reference::Pin.number()), &[]),
            Self::Verify(field) => (ins::VERIFY, (0, Reference::Pin.number()), field.0),
            Self::ForgetVerified => (ins::VERIFY, (FORGET, Reference::Pin.number()), &[]),
            Self::ChangeReferenceData(reference, fields) => {
                (ins::CHANGE_REFERENCE_DATA, (0, reference.number()), fields.data)
            }
            Self::ResetRetryCounter(fields) => {
                (ins::RESET_RETRY_COUNTER, (0, Reference::Pin.number()), fields.data)
            }
            Self::GeneralAuthenticate { algorithm, key, template } => {
                let reference = match key {
                    Authenticating::Slot(slot) => slot.reference(),
                    Authenticating::Management => MANAGEMENT_KEY,
                };
                (ins::GENERAL_AUTHENTICATE, (algorithm as u8, reference), template)
            }
            Self::GenerateKeyPair { slot, template } => {
                (ins::GENERATE_ASYMMETRIC_KEY_PAIR, (0, slot.reference()), template)
            }
            Self::GetData(list) => (ins::GET_DATA, CURRENT, list.data),
            Self::PutData(data) => (ins::PUT_DATA, CURRENT, data),
            Self::GetMetadata(of) => (ins::GET_METADATA, (0, of.reference()), &[]),
            Self::GetSerial => (ins::GET_SERIAL, (0, 0), &[]),
            Self::Attest(slot) => (ins::ATTEST, (slot.reference(), 0), &[]),
            Self::SetPinRetries { pin, puk } => (ins::SET_PIN_RETRIES, (pin, puk), &[]),
            Self::Reset => (ins::RESET, (0, 0), &[]),
            Self::GetVersion => (ins::GET_VERSION, (0, 0), &[]),
            Self::ImportKey { algorithm, slot, parts } => {
                (ins::IMPORT_ASYMMETRIC_KEY, (Algorithm::from(algorithm) as u8, slot.reference()), parts)
            }
            Self::SetManagementKey { touch, key } => {
                (ins::SET_MANAGEMENT_KEY, (MANAGEMENT, if touch { TOUCH } else { NO_TOUCH }), key)
            }
        };
        apdu::Command::new(0, instruction, p1, p2, data)
    }
}

/// P2 of SET MANAGEMENT KEY: each use of the key wants a touch.
const TOUCH: u8 = 0xFE;
/// P2 of SET MANAGEMENT KEY: the key works at once.
const NO_TOUCH: u8 = 0xFF;

impl Described {
    fn parse(byte: u8) -> Option<Self> {
        match byte {
            MANAGEMENT_KEY => Some(Self::Management),
            ATTESTATION_KEY => Some(Self::Attestation),
            _ => match Reference::parse(byte) {
                Some(reference) => Some(Self::Code(reference)),
                None => Slot::parse(byte).map(Self::Slot),
            },
        }
    }

    const fn reference(self) -> u8 {
        match self {
            Self::Code(reference) => reference.number(),
            Self::Management => MANAGEMENT_KEY,
            Self::Slot(slot) => slot.reference(),
            Self::Attestation => ATTESTATION_KEY,
        }
    }
}

fn verify(p1: u8, p2: u8, data: &[u8]) -> Result<Command<'_>, StatusWord> {
    pin(p2)?;
    match (p1, data) {
        (0, []) => Ok(Command::AskVerified),
        (0, field) => Padded::parse(field).map(Command::Verify),
        (FORGET, []) => Ok(Command::ForgetVerified),
        (FORGET, _) => Err(StatusWord::WRONG_DATA),
        _ => Err(StatusWord::WRONG_P1P2),
    }
}

/// The commands that Yubico added.
fn yubico<'a>(apdu: &apdu::Command<'a>) -> Result<Command<'a>, StatusWord> {
    let (p1, p2, data) = (apdu.p1, apdu.p2, apdu.data);
    match apdu.instruction {
        ins::GET_METADATA => {
            first(p1, 0)?;
            let of = Described::parse(p2).ok_or(StatusWord::NO_SUCH_KEY)?;
            no_data(data).map(|()| Command::GetMetadata(of))
        }
        ins::GET_SERIAL => both(p1, p2, (0, 0)).and_then(|()| no_data(data)).map(|()| Command::GetSerial),
        ins::GET_VERSION => both(p1, p2, (0, 0)).and_then(|()| no_data(data)).map(|()| Command::GetVersion),
        ins::ATTEST => {
            first(p2, 0)?;
            let slot = slot(p1)?;
            no_data(data).map(|()| Command::Attest(slot))
        }
        ins::SET_PIN_RETRIES if data.is_empty() => Ok(Command::SetPinRetries { pin: p1, puk: p2 }),
        ins::SET_PIN_RETRIES => Err(StatusWord::WRONG_DATA),
        ins::RESET => {
            both(p1, p2, (0, 0))?;
            if data.is_empty() { Ok(Command::Reset) } else { Err(StatusWord::WRONG_DATA) }
        }
        ins::IMPORT_ASYMMETRIC_KEY => {
            let algorithm = Algorithm::parse(p1).and_then(Algorithm::of_key_pair);
            let algorithm = algorithm.ok_or(StatusWord::WRONG_P1P2)?;
            Ok(Command::ImportKey { algorithm, slot: slot(p2)?, parts: data })
        }
        ins::SET_MANAGEMENT_KEY => match (p1, p2) {
            (MANAGEMENT, NO_TOUCH) => Ok(Command::SetManagementKey { touch: false, key: data }),
            (MANAGEMENT, TOUCH) => Ok(Command::SetManagementKey { touch: true, key: data }),
            _ => Err(StatusWord::WRONG_P1P2),
        },
        _ => Err(StatusWord::WRONG_INSTRUCTION),
    }
}

/// One of P1 and P2, which must be this.
fn first(found: u8, expected: u8) -> Result<(), StatusWord> {
    if found == expected { Ok(()) } else { Err(StatusWord::WRONG_P1P2) }
}

fn both(p1: u8, p2: u8, expected: (u8, u8)) -> Result<(), StatusWord> {
    if (p1, p2) == expected { Ok(()) } else { Err(StatusWord::WRONG_P1P2) }
}

/// P2 of a command that is about the PIN alone: another reference does not exist here (3.2.1).
fn pin(p2: u8) -> Result<(), StatusWord> {
    if Reference::parse(p2) == Some(Reference::Pin) { Ok(()) } else { Err(StatusWord::NO_SUCH_KEY) }
}

fn slot(reference: u8) -> Result<Slot, StatusWord> {
    Slot::parse(reference).ok_or(StatusWord::WRONG_P1P2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use hex_literal::hex;
    use proptest::prelude::*;

    fn status(apdu: &[u8]) -> u16 {
        Command::parse(&apdu::Command::parse(apdu).unwrap()).err().map_or(0x9000, |status| status.0)
    }

    /// P1, P2 and the lengths of each command, right and wrong.
    #[test]
    fn what_the_parser_refuses() {
        for (apdu, word) in [
            (&hex!("00200080")[..], 0x9000),
            (&hex!("0020008008 313335373930FFFF"), 0x9000),
            (&hex!("0020008007 313335373930FF"), 0x6A80),
            (&hex!("0020008008 3133353739FF30FF"), 0x6A80),
            (&hex!("00200081"), 0x6A88),
            (&hex!("00200180"), 0x6A86),
            (&hex!("0020FF80"), 0x9000),
            (&hex!("0020FF8001 31"), 0x6A80),
            (&hex!("00240181"), 0x6A86),
            (&hex!("00240082"), 0x6A88),
            (&hex!("0024008110 313335373930FFFF 313335373931FFFF"), 0x9000),
            (&hex!("002400810F 313335373930FFFF 313335373931FF"), 0x6A80),
            (&hex!("002C0081"), 0x6A88),
            (&hex!("0087119A"), 0x9000),
            (&hex!("0087119B"), 0x9000),
            (&hex!("0087FF9A"), 0x6A86),
            (&hex!("00871180"), 0x6A86),
            (&hex!("0047009A"), 0x9000),
            (&hex!("0047019A"), 0x6A86),
            (&hex!("0047009B"), 0x6A86),
            (&hex!("00CB3FFF03 5C017E"), 0x9000),
            (&hex!("00CB3FFE03 5C017E"), 0x6A86),
            (&hex!("00CB3FFF02 5C00"), 0x6A80),
            (&hex!("00DB3FFF"), 0x9000),
            (&hex!("00DB0000"), 0x6A86),
            (&hex!("00F7009B"), 0x9000),
            (&hex!("00F700F9"), 0x9000),
            (&hex!("00F7019A"), 0x6A86),
            (&hex!("00F70050"), 0x6A88),
            (&hex!("00F7009A01 00"), 0x6700),
            (&hex!("00F80000"), 0x9000),
            (&hex!("00F8000001 00"), 0x6700),
            (&hex!("00F99A00"), 0x9000),
            (&hex!("00F99A01"), 0x6A86),
            (&hex!("00F95000"), 0x6A86),
            (&hex!("00FA0303"), 0x9000),
            (&hex!("00FA030301 00"), 0x6A80),
            (&hex!("00FB0000"), 0x9000),
            (&hex!("00FB0001"), 0x6A86),
            (&hex!("00FD0000"), 0x9000),
            (&hex!("00FD0100"), 0x6A86),
            (&hex!("00FE119A"), 0x9000),
            (&hex!("00FE039A"), 0x6A86),
            (&hex!("00FE1150"), 0x6A86),
            (&hex!("00FFFFFE"), 0x9000),
            (&hex!("00FFFFFD"), 0x6A86),
            (&hex!("00550000"), 0x6D00),
            (&hex!("80200080"), 0x6E00),
        ] {
            assert_eq!(status(apdu), word, "{apdu:02X?}");
        }
    }

    #[test]
    fn a_padded_code() {
        let apdu = hex!("0020008008 313335373930FFFF");
        let Ok(Command::Verify(field)) = Command::parse(&apdu::Command::parse(&apdu).unwrap()) else {
            panic!("no VERIFY")
        };
        assert_eq!(field.code(), b"135790");
    }

    proptest! {
        /// What is parsed is printed as it came, but for the older name of Triple-DES.
        #[test]
        fn prints_what_it_parses(instruction in prop::sample::select(&[0x20u8, 0x24, 0x2C, 0x47, 0x87, 0xCB, 0xDB,
                0xF7, 0xF8, 0xF9, 0xFA, 0xFB, 0xFD, 0xFE, 0xFF]),
                p1 in prop::sample::select(&[0u8, 3, 0x11, 0x3F, 0x9A, 0xFF]),
                p2 in prop::sample::select(&[0u8, 3, 0x80, 0x81, 0x82, 0x9A, 0x9B, 0xF9, 0xFE, 0xFF]),
                data in prop_oneof![
                    Just(Vec::new()),
                    Just(b"135790\xFF\xFF".to_vec()),
                    Just(b"135790\xFF\xFF135791\xFF\xFF".to_vec()),
                    Just(b"\x5C\x03\x5F\xC1\x05".to_vec()),
                    prop::collection::vec(any::<u8>(), 0..20),
                ]) {
            let apdu = apdu::Command::new(0, instruction, p1, p2, &data);
            if let Ok(command) = Command::parse(&apdu) {
                let p1 = if (instruction, p1) == (ins::GENERAL_AUTHENTICATE, 0) { 3 } else { p1 };
                prop_assert_eq!(command.apdu(), apdu::Command { p1, ..apdu });
                prop_assert!(Command::parse(&command.apdu()) == Ok(command));
            }
        }
    }
}
