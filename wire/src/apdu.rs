//! Command and response APDUs. Source: ISO/IEC 7816-4:2013, clause 5.

use alloc::vec::Vec;

use crate::Malformed;

/// Most data bytes an extended command or response carries (ISO 7816-4, 5.2: Nc, and Ne less the 65,536 case).
pub const MAX_DATA: usize = 65_535;
/// Most data bytes that a short command carries (ISO 7816-4, 5.2).
pub const MAX_SHORT_DATA: usize = 255;
/// CLA bit 5: the command is not the last of a chain (ISO 7816-4, 5.4.1).
pub const CLASS_CHAIN: u8 = 0x10;

const COMMAND: &str = "command APDU";

/// A command APDU. `expected` is Ne in bytes: `None` when Le is absent, 256 or 65,536 for "all there is".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command<'a> {
    /// CLA.
    pub class: u8,
    /// INS.
    pub instruction: u8,
    /// P1.
    pub p1: u8,
    /// P2.
    pub p2: u8,
    /// The data field, Nc bytes.
    pub data: &'a [u8],
    /// Ne: the most bytes the host takes in the answer.
    pub expected: Option<u32>,
    /// Whether Lc and Le have the extended form.
    pub extended: bool,
}

impl<'a> Command<'a> {
    /// A command with data and without Le; the form (short, extended) follows the length of the data.
    pub const fn new(class: u8, instruction: u8, p1: u8, p2: u8, data: &'a [u8]) -> Self {
        Self { class, instruction, p1, p2, data, expected: None, extended: data.len() > MAX_SHORT_DATA }
    }

    /// The same command, taking up to `ne` bytes of answer.
    pub const fn expecting(mut self, ne: u32) -> Self {
        self.expected = Some(ne);
        self.extended = self.extended || ne > 256;
        self
    }

    /// Whether more commands of a chain follow (ISO 7816-4, 5.4.1).
    pub const fn chained(&self) -> bool {
        self.class & CLASS_CHAIN != 0
    }

    /// Reads one command APDU, all cases of ISO 7816-4, 5.2 (1, 2s, 3s, 4s, 2e, 3e, 4e).
    ///
    /// # Errors
    /// A length that disagrees with the bytes, or CLA 'FF' (5.4.1: invalid).
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (&[class, instruction, p1, p2], body) =
            bytes.split_first_chunk::<4>().ok_or(Malformed::new(COMMAND, "shorter than its header"))?;
        if class == 0xFF {
            return Err(Malformed::new(COMMAND, "class FF is invalid"));
        }
        let (data, expected, extended) = lengths(body)?;
        Ok(Self { class, instruction, p1, p2, data, expected, extended })
    }

    /// Appends the encoded command to `out`. Data over 65,535 bytes does not fit an APDU and is refused.
    ///
    /// # Errors
    /// The data or Ne is too long.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        let lc =
            u16::try_from(self.data.len()).map_err(|_| Malformed::new(COMMAND, "data over 65,535 bytes"))?;
        if self.expected.is_some_and(|ne| ne > 65_536) {
            return Err(Malformed::new(COMMAND, "Ne over 65,536"));
        }
        let extended =
            self.extended || self.data.len() > MAX_SHORT_DATA || self.expected.is_some_and(|ne| ne > 256);
        out.extend_from_slice(&[self.class, self.instruction, self.p1, self.p2]);
        if extended && (lc > 0 || self.expected.is_some()) {
            out.push(0);
        }
        if lc > 0 {
            let wide = lc.to_be_bytes();
            out.extend_from_slice(if extended { &wide } else { wide.get(1..).unwrap_or_default() });
            out.extend_from_slice(self.data);
        }
        if let Some(ne) = self.expected {
            // 65,536 and 256 are written as zeros: `to_be_bytes` keeps the low bytes only.
            let [_, _, high, low] = ne.to_be_bytes();
            if extended {
                out.push(high);
            }
            out.push(low);
        }
        Ok(())
    }
}

/// The body after the header: data, Ne, whether extended.
fn lengths(body: &[u8]) -> Result<(&[u8], Option<u32>, bool), Malformed> {
    let wrong = |fault| Err(Malformed::new(COMMAND, fault));
    match body {
        [] => Ok((&[], None, false)),
        [le] => Ok((&[], Some(ne(u16::from(*le), 256)), false)),
        [0, high, low] => Ok((&[], Some(ne(u16::from_be_bytes([*high, *low]), 65_536)), true)),
        [0, high, low, rest @ ..] => {
            let lc = usize::from(u16::from_be_bytes([*high, *low]));
            if lc == 0 {
                return wrong("extended Lc is zero");
            }
            match rest.split_at_checked(lc) {
                Some((data, [])) => Ok((data, None, true)),
                Some((data, [high, low])) => {
                    Ok((data, Some(ne(u16::from_be_bytes([*high, *low]), 65_536)), true))
                }
                Some(_) => wrong("bytes after the extended data that are no Le"),
                None => wrong("extended Lc exceeds the data"),
            }
        }
        [0, ..] => wrong("two bytes of an extended length"),
        [lc, rest @ ..] => match rest.split_at_checked(usize::from(*lc)) {
            Some((data, [])) => Ok((data, None, false)),
            Some((data, [le])) => Ok((data, Some(ne(u16::from(*le), 256)), false)),
            Some(_) => wrong("bytes after the data that are no Le"),
            None => wrong("Lc exceeds the data"),
        },
    }
}

/// Le of zero stands for the most that the form can say (ISO 7816-4, 5.2).
fn ne(le: u16, all: u32) -> u32 {
    if le == 0 { all } else { u32::from(le) }
}

/// SW1-SW2 (ISO 7816-4, 5.6).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StatusWord(pub u16);

impl StatusWord {
    /// Done.
    pub const OK: Self = Self(0x9000);
    /// Wrong length.
    pub const WRONG_LENGTH: Self = Self(0x6700);
    /// Secure messaging is not offered.
    pub const NO_SECURE_MESSAGING: Self = Self(0x6882);
    /// The last command of a chain was expected.
    pub const LAST_OF_CHAIN_EXPECTED: Self = Self(0x6883);
    /// PIN (or management key) needed first.
    pub const SECURITY_NOT_SATISFIED: Self = Self(0x6982);
    /// PIN blocked.
    pub const BLOCKED: Self = Self(0x6983);
    /// Conditions of use not satisfied: wrong use of a key, or not confirmed on the token.
    pub const CONDITIONS_NOT_SATISFIED: Self = Self(0x6985);
    /// The command does not fit the current state (no current object, nothing pending).
    pub const NOT_ALLOWED: Self = Self(0x6986);
    /// Incorrect data field.
    pub const WRONG_DATA: Self = Self(0x6A80);
    /// Function not supported.
    pub const NOT_SUPPORTED: Self = Self(0x6A81);
    /// File, application or object not found.
    pub const NOT_FOUND: Self = Self(0x6A82);
    /// Not enough memory.
    pub const NO_MEMORY: Self = Self(0x6A84);
    /// Incorrect P1 or P2.
    pub const WRONG_P1P2: Self = Self(0x6A86);
    /// It exists already.
    pub const EXISTS: Self = Self(0x6A89);
    /// Referenced key or data not found.
    pub const NO_SUCH_KEY: Self = Self(0x6A88);
    /// INS not known.
    pub const WRONG_INSTRUCTION: Self = Self(0x6D00);
    /// CLA not known.
    pub const WRONG_CLASS: Self = Self(0x6E00);
    /// The token failed (self-test, damaged record); it works no more until it is mended.
    pub const FAULT: Self = Self(0x6F00);
    /// Memory failure: the state was not written.
    pub const MEMORY_FAILURE: Self = Self(0x6581);

    /// '63Cx': wrong, with `left` tries left (at most 15).
    pub const fn tries_left(left: u8) -> Self {
        let told = if left > 15 { 15 } else { left };
        Self(0x63C0 | told as u16)
    }

    /// '61xx': `more` bytes wait for GET RESPONSE; 0 stands for 256 and more.
    pub fn more(more: usize) -> Self {
        Self(0x6100 | u16::from(u8::try_from(more).unwrap_or(0)))
    }

    /// The tries left that a '63Cx' tells.
    pub fn tries(self) -> Option<u8> {
        (self.0 & 0xFFF0 == 0x63C0).then_some((self.0 & 0xF) as u8)
    }

    /// SW1 and SW2.
    pub const fn bytes(self) -> [u8; 2] {
        self.0.to_be_bytes()
    }

    /// Whether the command was done (9000, or 61xx: done, with more to fetch).
    pub const fn is_ok(self) -> bool {
        self.0 == 0x9000 || self.0 & 0xFF00 == 0x6100
    }
}

/// The rule of a command that takes no data (ISO 7816-4, 5.6: wrong length), for both applets.
pub(crate) fn no_data(data: &[u8]) -> Result<(), StatusWord> {
    if data.is_empty() { Ok(()) } else { Err(StatusWord::WRONG_LENGTH) }
}

impl core::fmt::Display for StatusWord {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:04X}", self.0)
    }
}

impl core::fmt::Debug for StatusWord {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "StatusWord({:04X})", self.0)
    }
}

/// A response APDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// The data field.
    pub data: &'a [u8],
    /// SW1-SW2.
    pub status: StatusWord,
}

impl<'a> Response<'a> {
    /// Reads a response APDU.
    ///
    /// # Errors
    /// Fewer than two bytes.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (data, &trailer) =
            bytes.split_last_chunk::<2>().ok_or(Malformed::new("response APDU", "shorter than SW1-SW2"))?;
        Ok(Self { data, status: StatusWord(u16::from_be_bytes(trailer)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;
    use proptest::prelude::*;

    /// ISO 7816-4, 5.2: one command of each case, in its only encoding.
    #[test]
    fn the_seven_cases() {
        let long = [0x5A; 256];
        let mut case_4e = hex!("00CB3FFF 000100").to_vec();
        case_4e.extend_from_slice(&long);
        case_4e.extend_from_slice(&[0, 0]);
        let table: [(&[u8], Command<'_>); 7] = [
            (&hex!("00A40400"), Command::new(0, 0xA4, 4, 0, &[])),
            (&hex!("00C0000000"), Command::new(0, 0xC0, 0, 0, &[]).expecting(256)),
            (&hex!("0020008002 3132"), Command::new(0, 0x20, 0, 0x80, b"12")),
            (&hex!("00CB3FFF035C017E00"), Command::new(0, 0xCB, 0x3F, 0xFF, &hex!("5C017E")).expecting(256)),
            (&hex!("00C00000000000"), Command::new(0, 0xC0, 0, 0, &[]).expecting(65_536)),
            (&hex!("00CB3FFF00 0001 7E 0101"), {
                let mut command = Command::new(0, 0xCB, 0x3F, 0xFF, &[0x7E]).expecting(257);
                command.extended = true;
                command
            }),
            (&case_4e, Command::new(0, 0xCB, 0x3F, 0xFF, &long).expecting(65_536)),
        ];
        for (bytes, command) in table {
            assert_eq!(Command::parse(bytes), Ok(command));
            let mut out = Vec::new();
            command.encode(&mut out).unwrap();
            assert_eq!(out, bytes);
        }
    }

    #[test]
    fn what_is_malformed() {
        for bytes in [
            &hex!("00A404")[..],
            &hex!("FFA40400"),
            &hex!("00A4040000 00"),
            &hex!("00A4040005 01"),
            &hex!("00A4040001 01 00 00"),
            &hex!("00A4040000 0000 01"),
            &hex!("00A4040000 0005 01"),
            &hex!("00A4040000 0001 01 00"),
        ] {
            assert!(Command::parse(bytes).is_err(), "{bytes:02X?}");
        }
    }

    proptest! {
        /// The `iso7816` crate, which others wrote, reads the same commands as we do.
        #[test]
        fn agrees_with_iso7816(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let theirs = iso7816::command::CommandView::try_from(&bytes[..]);
            if let (Ok(ours), Ok(theirs)) = (Command::parse(&bytes), theirs) {
                prop_assert_eq!(ours.data, theirs.data());
                prop_assert_eq!(ours.instruction, u8::from(theirs.instruction()));
                // The crate caps 65,536 at its u16.
                prop_assert_eq!(ours.expected.unwrap_or(0).min(65_535) as usize, theirs.expected().min(65_535));
            }
        }

        #[test]
        fn encodes_what_it_parses(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            if let Ok(command) = Command::parse(&bytes) {
                let mut out = Vec::new();
                command.encode(&mut out).unwrap();
                prop_assert_eq!(Command::parse(&out), Ok(command));
            }
        }
    }
}
