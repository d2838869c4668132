//! What stands in the data fields of PIV's commands: PINs and PUKs in their fields, tag lists, objects (SP 800-73-4 part 2).

use alloc::vec::Vec;

use super::{object, tag};
use crate::{apdu::StatusWord, pin::FIELD, tlv};

/// What fills a field up.
const PADDING: u8 = 0xFF;

/// A PIN or PUK in its field, padded with FF to 8 bytes (2.4.3).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Padded<'a>(pub(super) &'a [u8]);

impl<'a> Padded<'a> {
    /// Writes a PIN or PUK and its padding into `out`, which the caller wipes.
    ///
    /// # Errors
    /// '6A80': it is empty, or the field does not give it back.
    pub fn write(out: &'a mut Vec<u8>, code: &[u8]) -> Result<Self, StatusWord> {
        out.clear();
        out.reserve_exact(FIELD);
        pad(out, code)?;
        Self::parse(out)
    }

    /// Reads a field.
    ///
    /// # Errors
    /// '6A80': another length, or something behind the padding's beginning that is no padding.
    pub(super) fn parse(field: &'a [u8]) -> Result<Self, StatusWord> {
        let whole = Self(field);
        let padding = field.get(whole.code().len()..).unwrap_or_default();
        if field.len() == FIELD && padding.iter().all(|byte| *byte == PADDING) {
            Ok(whole)
        } else {
            Err(StatusWord::WRONG_DATA)
        }
    }

    /// What stands before the padding. Whether it has the form of a PIN, the token's brand says.
    pub fn code(self) -> &'a [u8] {
        self.0.split(|byte| *byte == PADDING).next().unwrap_or_default()
    }
}

/// Writes a field behind what is in `out`.
fn pad(out: &mut Vec<u8>, code: &[u8]) -> Result<(), StatusWord> {
    let padding = FIELD.checked_sub(code.len()).ok_or(StatusWord::WRONG_DATA)?;
    // A code that has a byte of the padding would be cut there, and another one be tried.
    if code.is_empty() || code.contains(&PADDING) {
        return Err(StatusWord::WRONG_DATA);
    }
    out.extend_from_slice(code);
    out.extend(core::iter::repeat_n(PADDING, padding));
    Ok(())
}

/// Two PINs or PUKs in their fields, one field behind the other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TwoPadded<'a> {
    pub(super) data: &'a [u8],
    /// The PIN or PUK that proves the right to the change.
    pub proof: Padded<'a>,
    /// The new one.
    pub new: Padded<'a>,
}

impl<'a> TwoPadded<'a> {
    /// Writes both fields into `out`, which the caller wipes.
    ///
    /// # Errors
    /// As [`Padded::write`].
    pub fn write(out: &'a mut Vec<u8>, proof: &[u8], new: &[u8]) -> Result<Self, StatusWord> {
        out.clear();
        out.reserve_exact(FIELD.saturating_mul(2));
        pad(out, proof)?;
        pad(out, new)?;
        Self::parse(out)
    }

    pub(super) fn parse(data: &'a [u8]) -> Result<Self, StatusWord> {
        let (proof, new) = data.split_at_checked(FIELD).ok_or(StatusWord::WRONG_DATA)?;
        Ok(Self { data, proof: Padded::parse(proof)?, new: Padded::parse(new)? })
    }
}

/// A tag list of one object, tag 5C (3.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TagList<'a> {
    pub(super) data: &'a [u8],
    /// The object's tag.
    pub object: u32,
}

impl<'a> TagList<'a> {
    /// The tag list of one object.
    ///
    /// # Errors
    /// '6A80': the tag has four bytes.
    pub fn write(out: &'a mut Vec<u8>, object: u32) -> Result<Self, StatusWord> {
        out.clear();
        let bytes = object.to_be_bytes();
        let from = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len().saturating_sub(1));
        tlv::put(out, tag::TAG_LIST, bytes.get(from..).unwrap_or_default());
        Self::parse(out)
    }

    pub(super) fn parse(data: &'a [u8]) -> Result<Self, StatusWord> {
        let list = tlv::only(data, tag::TAG_LIST).map_err(|_| StatusWord::WRONG_DATA)?;
        Ok(Self { data, object: object_tag(list)? })
    }
}

/// The data of PUT DATA (3.3.1, tables 10 to 12): the tag list, then the object's content in tag 53. The objects of the first two
/// tags have no tag list, and their own tag in the place of 53.
///
/// # Errors
/// As [`TagList::write`].
pub fn put_data(object: u32, content: &[u8]) -> Result<Vec<u8>, StatusWord> {
    let mut out = Vec::new();
    if has_own_tag(object) {
        tlv::put(&mut out, object, content);
    } else {
        TagList::write(&mut out, object)?;
        tlv::put(&mut out, tag::DATA, content);
    }
    Ok(out)
}

/// Whether an object's content stands in the object's own tag, and not in tag 53 (3.1.2, table 7).
pub const fn has_own_tag(tag_of_object: u32) -> bool {
    matches!(tag_of_object, object::DISCOVERY | object::BIOMETRIC_GROUP_TEMPLATE)
}

/// The tag in a tag list of one: one to three bytes.
///
/// # Errors
/// '6A80': none, or more.
pub fn object_tag(list: &[u8]) -> Result<u32, StatusWord> {
    match *list {
        [a] => Ok(u32::from(a)),
        [a, b] => Ok(u32::from_be_bytes([0, 0, a, b])),
        [a, b, c] => Ok(u32::from_be_bytes([0, a, b, c])),
        _ => Err(StatusWord::WRONG_DATA),
    }
}
