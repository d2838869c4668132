//! Places for a key pair and its certificate, and what a key in one may do.

use crate::piv::{PinPolicy, Slot};

/// A place for a key pair and its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Container {
    /// A PIV slot's; its reference is the slot's.
    Piv(Slot),
    /// The payment key's; reference 50.
    Payment,
}

impl Container {
    /// All 25: those of the active PIV slots, the payment key's, those of the retired slots.
    pub fn all() -> impl Iterator<Item = Self> {
        let piv = |slots: usize, from| Slot::all().skip(from).take(slots).map(Self::Piv);
        piv(4, 0).chain([Self::Payment]).chain(piv(20, 4))
    }

    /// The byte that names it in P2 and in tag 80.
    pub const fn reference(self) -> u8 {
        match self {
            Self::Piv(slot) => slot.reference(),
            Self::Payment => PAYMENT,
        }
    }

    /// Reads a reference.
    pub fn parse(byte: u8) -> Option<Self> {
        if byte == PAYMENT { Some(Self::Payment) } else { Slot::parse(byte).map(Self::Piv) }
    }

    /// The name that people see: `payment`, `9a`, …
    pub fn name(self) -> &'static str {
        match self {
            Self::Piv(slot) => slot.name(),
            Self::Payment => "payment",
        }
    }
}

const PAYMENT: u8 = 0x50;

/// What a key may be used for: a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uses(u8);

impl Uses {
    /// Nothing but what the container itself is for (the payment key).
    pub const NONE: Self = Self(0);
    /// Signatures.
    pub const SIGN: Self = Self(1);
    /// ECDH.
    pub const AGREE: Self = Self(2);
    /// Decryption: RSA and SM2.
    pub const DECRYPT: Self = Self(4);
    /// All of them.
    pub const ALL: Self = Self(7);

    /// The set as one byte: the sum of the values above.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Reads the byte; a bit without a meaning is refused.
    pub const fn from_bits(bits: u8) -> Option<Self> {
        if bits & !Self::ALL.0 == 0 { Some(Self(bits)) } else { None }
    }

    /// Both sets together.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it has all of `other`.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What the holder of a key decided when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPolicy {
    /// When it wants the PIN.
    pub pin: PinPolicy,
    /// What it may be used for. For RSA signing and decrypting are one operation on a block that the host padded: the
    /// token takes it for a key that may do either, and the host keeps them apart.
    pub uses: Uses,
}

impl KeyPolicy {
    /// The policy of a key that was made without asking for one (SP 800-73-4 part 1, table 4b; GM/T 0027 9.2 c).
    pub const fn of(container: Container) -> Self {
        match container {
            Container::Piv(Slot::Authentication | Slot::KeyManagement | Slot::Retired(_)) => {
                Self { pin: PinPolicy::Once, uses: Uses::ALL }
            }
            Container::Piv(Slot::Signature) => Self { pin: PinPolicy::Always, uses: Uses::ALL },
            Container::Piv(Slot::CardAuthentication) => Self { pin: PinPolicy::Never, uses: Uses::ALL },
            Container::Payment => Self { pin: PinPolicy::Always, uses: Uses::NONE },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn each_container_has_one_reference() {
        let all: Vec<Container> = Container::all().collect();
        assert_eq!(all.len(), 25);
        for container in &all {
            assert_eq!(Container::parse(container.reference()), Some(*container));
        }
        assert_eq!((0..=255).filter(|byte| Container::parse(*byte).is_some()).count(), 25);
    }

    #[test]
    fn uses_are_a_set() {
        let both = Uses::SIGN.and(Uses::AGREE);
        assert_eq!(both.bits(), 3);
        assert!(both.has(Uses::SIGN) && !both.has(Uses::DECRYPT) && !Uses::NONE.has(Uses::SIGN));
        assert_eq!(Uses::from_bits(7), Some(Uses::ALL));
        assert_eq!(Uses::from_bits(8), None);
    }
}
