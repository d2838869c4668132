//! PIN and PUK: what they look like, and which of them everybody knows. Both applets and all hosts go by this.

/// PIN or PUK: P2 of VERIFY and its kin in both applets (SP 800-73-4 part 1, table 4b; docs/shield-applet.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// The holder's PIN.
    Pin = 0x80,
    /// The counter's unblocking key.
    Puk = 0x81,
}

impl Reference {
    /// Reads P2.
    pub const fn parse(byte: u8) -> Option<Self> {
        match byte {
            0x80 => Some(Self::Pin),
            0x81 => Some(Self::Puk),
            _ => None,
        }
    }

    /// P2.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// Bytes of a PIN or PUK in PIV's commands, padded with FF (SP 800-73-4 part 2, 2.4.3).
pub const FIELD: usize = 8;
/// Bytes of a PUK, least and most: what PIV's field carries. A counter's machine sends no more.
pub const PUK_LENGTH: (u8, u8) = (6, FIELD as u8);
/// The PIN that banks hand shields out with. It must be changed before the payment key works.
pub const FACTORY_PIN: &str = "12345678";
/// The PUK that everybody knows: of a token at which nothing is at stake, and of one that was reset.
pub const FACTORY_PUK: &str = "12345678";

/// Whether these bytes could be a PIN or PUK at all: of a length in these bounds, and printable ASCII without spaces.
pub fn has_form(code: &[u8], (least, most): (u8, u8)) -> bool {
    let long_enough = (usize::from(least)..=usize::from(most)).contains(&code.len());
    long_enough && code.iter().all(u8::is_ascii_graphic)
}

/// Whether nobody should choose it: all characters the same, or each the next of the one before ("345678", "abcdef"), or the previous.
/// A token refuses such a PIN or PUK.
pub fn is_trivial(code: &[u8]) -> bool {
    let steps =
        |step: u8| code.iter().zip(code.iter().skip(1)).all(|(one, next)| one.wrapping_add(step) == *next);
    steps(0) || steps(1) || steps(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_follows_from_its_first_sign_is_trivial() {
        for code in [&b"aaaaaaaa"[..], b"abcdefgh", b"98765432", b"345678"] {
            assert!(is_trivial(code));
        }
        for code in [&b"abcdefgi"[..], b"135790", b"13579246"] {
            assert!(!is_trivial(code));
        }
    }

    #[test]
    fn length_and_characters() {
        for (code, good) in [
            (&b"135790"[..], true),
            (b"13579", false),
            (b"135791357", false),
            (b"a~!Z09", true),
            (b"13579 ", false),
            (b"13579\x80", false),
            (b"13579\x00", false),
        ] {
            assert_eq!(has_form(code, PUK_LENGTH), good, "{code:02X?}");
        }
        assert!(has_form(FACTORY_PIN.as_bytes(), PUK_LENGTH) && has_form(FACTORY_PUK.as_bytes(), PUK_LENGTH));
    }

    #[test]
    fn references() {
        for reference in [Reference::Pin, Reference::Puk] {
            assert_eq!(Reference::parse(reference.number()), Some(reference));
        }
        assert_eq!((0..=255).filter(|byte| Reference::parse(*byte).is_some()).count(), 2);
    }
}
