//! The objects in a command's data.

use alloc::{string::String, vec::Vec};

use crate::{Malformed, tlv};

/// The values of the objects with these tags, in the tags' order.
///
/// # Errors
/// An object with another tag, one twice, or malformed ones.
pub(super) fn read<'a, const N: usize>(
    what: &'static str,
    data: &'a [u8],
    tags: [u32; N],
) -> Result<[Option<&'a [u8]>; N], Malformed> {
    let mut found = [None; N];
    for object in tlv::Reader::new(data) {
        let object = object?;
        let place = tags.iter().zip(&mut found).find(|(tag, _)| **tag == object.tag);
        let (_, place) = place.ok_or(Malformed::new(what, "an object that it does not take"))?;
        if place.replace(object.value).is_some() {
            return Err(Malformed::new(what, "an object twice"));
        }
    }
    Ok(found)
}

/// One byte.
pub(super) fn byte(what: &'static str, field: &[u8]) -> Result<u8, Malformed> {
    match field {
        [byte] => Ok(*byte),
        _ => Err(Malformed::new(what, "a field that is not one byte")),
    }
}

/// Text of at most `most` bytes; absent is empty.
pub(super) fn text(what: &'static str, field: Option<&[u8]>, most: usize) -> Result<String, Malformed> {
    let text = core::str::from_utf8(short(what, field, most)?);
    text.map(String::from).map_err(|_| Malformed::new(what, "text that is not UTF-8"))
}

/// At most `most` bytes; absent is empty.
pub(super) fn bytes(what: &'static str, field: Option<&[u8]>, most: usize) -> Result<Vec<u8>, Malformed> {
    short(what, field, most).map(<[u8]>::to_vec)
}

fn short<'a>(what: &'static str, field: Option<&'a [u8]>, most: usize) -> Result<&'a [u8], Malformed> {
    let field = field.unwrap_or_default();
    if field.len() > most { Err(Malformed::new(what, "a field that is too long")) } else { Ok(field) }
}

/// Appends a field unless it is empty.
pub(super) fn put(out: &mut Vec<u8>, tag: u32, value: &[u8]) {
    if !value.is_empty() {
        tlv::put(out, tag, value);
    }
}
