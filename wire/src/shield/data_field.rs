//! What stands in the data fields of commands and has no reader of its own elsewhere: PINs, PUKs, a label, an algorithm.

use alloc::vec::Vec;

use super::{
    MAX_TOKEN_LABEL,
    tag::{ALGORITHM, NEW, OLD},
};
use crate::{algorithm::KeyAlgorithm, apdu::StatusWord, piv::Algorithm, tlv};

/// Tag 80 the old PIN or PUK, tag 81 the new one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OldAndNew<'a> {
    pub(super) data: &'a [u8],
    /// The old one: never empty.
    pub old: &'a [u8],
    /// The new one.
    pub new: &'a [u8],
}

impl<'a> OldAndNew<'a> {
    /// Writes both into `out`, which the caller wipes. `out` gets its room before its bytes: a buffer that
    /// grows would leave a PIN behind in the smaller one.
    ///
    /// # Errors
    /// '6A80': the old one is empty.
    pub fn write(out: &'a mut Vec<u8>, old: &[u8], new: &[u8]) -> Result<Self, StatusWord> {
        let room = tlv::encoded_length(OLD, old.len()).saturating_add(tlv::encoded_length(NEW, new.len()));
        out.clear();
        out.reserve_exact(room);
        tlv::put(out, OLD, old);
        tlv::put(out, NEW, new);
        Self::parse(out)
    }

    pub(super) fn parse(data: &'a [u8]) -> Result<Self, StatusWord> {
        match (tlv::find(data, OLD), tlv::find(data, NEW)) {
            (Some(old), Some(new)) if !old.is_empty() => Ok(Self { data, old, new }),
            _ => Err(StatusWord::WRONG_DATA),
        }
    }
}

/// The key that GENERATE makes: tag 80, its algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wished<'a> {
    pub(super) data: &'a [u8],
    /// Its algorithm.
    pub algorithm: KeyAlgorithm,
}

impl<'a> Wished<'a> {
    /// The data of GENERATE for a key of this algorithm.
    pub fn write(out: &'a mut Vec<u8>, algorithm: KeyAlgorithm) -> Self {
        out.clear();
        tlv::put(out, ALGORITHM, &[Algorithm::from(algorithm) as u8]);
        Self { data: out, algorithm }
    }

    pub(super) fn parse(data: &'a [u8]) -> Result<Self, StatusWord> {
        let algorithm = match tlv::find(data, ALGORITHM) {
            Some(&[byte]) => Algorithm::parse(byte).and_then(Algorithm::of_key_pair),
            _ => None,
        };
        algorithm.map(|algorithm| Self { data, algorithm }).ok_or(StatusWord::WRONG_DATA)
    }
}

/// Tag 80 the PUK, tag 81 the token's new label.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Initialising<'a> {
    pub(super) data: &'a [u8],
    /// The PUK: never empty.
    pub puk: &'a [u8],
    /// The label, at most [`MAX_TOKEN_LABEL`] bytes.
    pub label: &'a str,
}

impl<'a> Initialising<'a> {
    /// As [`OldAndNew::write`].
    ///
    /// # Errors
    /// '6A80': the PUK is empty, or the label too long.
    pub fn write(out: &'a mut Vec<u8>, puk: &[u8], label: &str) -> Result<Self, StatusWord> {
        let OldAndNew { data, .. } = OldAndNew::write(out, puk, label.as_bytes())?;
        Self::parse(data)
    }

    pub(super) fn parse(data: &'a [u8]) -> Result<Self, StatusWord> {
        let OldAndNew { old: puk, new: label, .. } = OldAndNew::parse(data)?;
        match core::str::from_utf8(label) {
            Ok(label) if label.len() <= MAX_TOKEN_LABEL => Ok(Self { data, puk, label }),
            _ => Err(StatusWord::WRONG_DATA),
        }
    }
}
