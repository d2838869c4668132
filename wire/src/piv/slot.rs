//! The key references that have a certificate (SP 800-73-4 part 1, table 4b), and the object that holds it (table 3).

use super::object;

/// A key reference with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// 9A, PIV Authentication.
    Authentication,
    /// 9C, Digital Signature: PIN Always.
    Signature,
    /// 9D, Key Management.
    KeyManagement,
    /// 9E, Card Authentication: PIN Never.
    CardAuthentication,
    /// 82 to 95, a retired Key Management key.
    Retired(Retired),
}

/// Which of the twenty retired Key Management keys: 1 to 20.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Retired(u8);

impl Retired {
    /// How many there are.
    pub const COUNT: u8 = 20;

    /// The retired key of this number, from 1.
    pub const fn new(number: u8) -> Option<Self> {
        if number >= 1 && number <= Self::COUNT { Some(Self(number)) } else { None }
    }

    /// Its number, 1 to 20.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// All twenty, in the order of their numbers.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..=Self::COUNT).map(Self)
    }
}

/// Key reference 82 belongs to retired key 1, and object 5FC10D to its certificate.
const FIRST_RETIRED: u8 = 0x82;

impl Slot {
    /// The four that each have a purpose of their own, in the order of their references.
    pub const ACTIVE: [Self; 4] =
        [Self::Authentication, Self::Signature, Self::KeyManagement, Self::CardAuthentication];

    /// All 24: the four active ones, then the twenty retired ones.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::ACTIVE.into_iter().chain(Retired::all().map(Self::Retired))
    }

    /// Reads a key reference.
    pub const fn parse(byte: u8) -> Option<Self> {
        Some(match byte {
            0x9A => Self::Authentication,
            0x9C => Self::Signature,
            0x9D => Self::KeyManagement,
            0x9E => Self::CardAuthentication,
            0x82..=0x95 => Self::Retired(Retired(byte.wrapping_sub(FIRST_RETIRED).wrapping_add(1))),
            _ => return None,
        })
    }

    /// The key reference.
    pub const fn reference(self) -> u8 {
        match self {
            Self::Authentication => 0x9A,
            Self::Signature => 0x9C,
            Self::KeyManagement => 0x9D,
            Self::CardAuthentication => 0x9E,
            Self::Retired(Retired(number)) => FIRST_RETIRED.wrapping_add(number).wrapping_sub(1),
        }
    }

    /// The data object that holds the slot's certificate.
    pub const fn certificate(self) -> u32 {
        match self {
            Self::Authentication => object::AUTHENTICATION_CERTIFICATE,
            Self::Signature => object::SIGNATURE_CERTIFICATE,
            Self::KeyManagement => object::KEY_MANAGEMENT_CERTIFICATE,
            Self::CardAuthentication => object::CARD_AUTHENTICATION_CERTIFICATE,
            Self::Retired(Retired(number)) => {
                object::FIRST_RETIRED_CERTIFICATE.wrapping_add(number as u32).wrapping_sub(1)
            }
        }
    }

    /// The slot whose certificate a data object is.
    pub fn of_certificate(tag: u32) -> Option<Self> {
        Self::all().find(|slot| slot.certificate() == tag)
    }

    /// The reference as people write it: `9a`, …, `82` to `95`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Authentication => "9a",
            Self::Signature => "9c",
            Self::KeyManagement => "9d",
            Self::CardAuthentication => "9e",
            Self::Retired(retired) => retired.name(),
        }
    }
}

impl Retired {
    fn name(self) -> &'static str {
        const NAMES: [&str; Retired::COUNT as usize] = [
            "82", "83", "84", "85", "86", "87", "88", "89", "8a", "8b", "8c", "8d", "8e", "8f", "90", "91",
            "92", "93", "94", "95",
        ];
        NAMES.get(usize::from(self.0.wrapping_sub(1))).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, vec::Vec};

    /// SP 800-73-4 part 1, tables 3 and 4b.
    #[test]
    fn references_names_and_certificates() {
        let all: Vec<Slot> = Slot::all().collect();
        assert_eq!(all.len(), 24);
        for slot in &all {
            assert_eq!(Slot::parse(slot.reference()), Some(*slot));
            assert_eq!(Slot::of_certificate(slot.certificate()), Some(*slot));
            assert_eq!(slot.name(), format!("{:02x}", slot.reference()));
        }
        let ends = [1, 20].map(|number| Slot::Retired(Retired::new(number).unwrap()));
        assert_eq!(ends.map(Slot::reference), [0x82, 0x95]);
        assert_eq!(ends.map(Slot::certificate), [0x5F_C10D, 0x5F_C120]);
        assert_eq!([Retired::new(0), Retired::new(21)], [None, None]);
        assert_eq!((0..=255).filter(|byte| Slot::parse(*byte).is_some()).count(), 24);
        assert_eq!(Slot::of_certificate(object::KEY_HISTORY), None);
    }
}
