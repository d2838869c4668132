//! Who signs, and the hash of who signs (GB/T 32918.2, 5.5).

use sm3::{Digest as _, Sm3};

use crate::FIELD;

/// The distinguishing identifier of who signs (5.5): it goes into the hash that is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identifier<'a> {
    bytes: &'a [u8],
    /// ENTL: the length in bits.
    bits: u16,
}

impl<'a> Identifier<'a> {
    /// The one that is meant where none is named (GM/T 0009, clause 10).
    pub const DEFAULT: Self = Self { bytes: b"1234567812345678", bits: 128 };

    /// `None`: more than 8191 bytes, whose length in bits does not fit 16 bits.
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        let bits = u16::try_from(bytes.len().checked_mul(8)?).ok()?;
        Some(Self { bytes, bits })
    }
}

/// Z of the owner of this uncompressed point.
pub fn z(identifier: Identifier<'_>, point: &[u8]) -> [u8; FIELD] {
    let coordinates = point.get(1..).unwrap_or_default();
    let sm3 = Sm3::new().chain_update(identifier.bits.to_be_bytes()).chain_update(identifier.bytes);
    sm3.chain_update(CURVE).chain_update(coordinates).finalize().into()
}

/// a ‖ b ‖ xG ‖ yG (GB/T 32918.5, 2).
const CURVE: &[u8] = b"\xFF\xFF\xFF\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x00\x00\x00\x00\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFC\
    \x28\xE9\xFA\x9E\x9D\x9F\x5E\x34\x4D\x5A\x9E\x4B\xCF\x65\x09\xA7\xF3\x97\x89\xF5\x15\xAB\x8F\x92\xDD\xBC\xBD\x41\x4D\x94\x0E\x93\
    \x32\xC4\xAE\x2C\x1F\x19\x81\x19\x5F\x99\x04\x46\x6A\x39\xC9\x94\x8F\xE3\x0B\xBF\xF2\x66\x0B\xE1\x71\x5A\x45\x89\x33\x4C\x74\xC7\
    \xBC\x37\x36\xA2\xF4\xF6\x77\x9C\x59\xBD\xCE\xE3\x6B\x69\x21\x53\xD0\xA9\x87\x7C\xC6\x2A\x47\x40\x02\xDF\x32\xE5\x21\x39\xF0\xA0";
