//! BER-TLV data objects. Source: ISO/IEC 7816-4:2013, 5.2.2.

use alloc::vec::Vec;

use crate::Malformed;

const OBJECT: &str = "BER-TLV data object";

/// One data object: its tag as the standards print it (`0x7F49`), and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// One to three tag bytes, big-endian.
    pub tag: u32,
    /// The value field.
    pub value: &'a [u8],
}

/// Reads data objects one after another. Stops for good at the first malformed one.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads the objects in `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes not read yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<Tlv<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        match read(self.0) {
            Ok((object, rest)) => {
                self.0 = rest;
                Some(Ok(object))
            }
            Err(fault) => {
                self.0 = &[];
                Some(Err(fault))
            }
        }
    }
}

/// The one object that `bytes` holds, which must have this tag, with nothing after it.
///
/// # Errors
/// Another tag, a malformed object, or trailing bytes.
pub fn only(bytes: &[u8], tag: u32) -> Result<&[u8], Malformed> {
    match read(bytes)? {
        (object, []) if object.tag == tag => Ok(object.value),
        (_, []) => Err(Malformed::new(OBJECT, "unexpected tag")),
        _ => Err(Malformed::new(OBJECT, "bytes after it")),
    }
}

/// The first object with this tag among the objects in `bytes`; `None` when there is none or they are malformed.
pub fn find(bytes: &[u8], tag: u32) -> Option<&[u8]> {
    Reader::new(bytes).map_while(Result::ok).find(|object| object.tag == tag).map(|object| object.value)
}

/// Appends one object to `out`, with the shortest length field.
pub fn put(out: &mut Vec<u8>, tag: u32, value: &[u8]) {
    put_header(out, tag, value.len());
    out.extend_from_slice(value);
}

/// Bytes of an object whose value has `length` of them.
pub fn encoded_length(tag: u32, length: usize) -> usize {
    let mut header = Vec::new();
    put_header(&mut header, tag, length);
    header.len().saturating_add(length)
}

/// Appends the tag and the length of an object, whose value follows.
pub fn put_header(out: &mut Vec<u8>, tag: u32, length: usize) {
    let bytes = tag.to_be_bytes();
    let from = bytes.iter().position(|byte| *byte != 0).unwrap_or(3);
    out.extend_from_slice(bytes.get(from..).unwrap_or_default());
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    match length {
        [0, 0, 0, short @ 0..=0x7F] => out.push(short),
        [0, 0, 0, low] => out.extend_from_slice(&[0x81, low]),
        [0, 0, high, low] => out.extend_from_slice(&[0x82, high, low]),
        [0, top, high, low] => out.extend_from_slice(&[0x83, top, high, low]),
        [a, b, c, d] => out.extend_from_slice(&[0x84, a, b, c, d]),
    }
}

/// Makes one object.
pub fn object(tag: u32, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len().saturating_add(8));
    put(&mut out, tag, value);
    out
}

fn read(bytes: &[u8]) -> Result<(Tlv<'_>, &[u8]), Malformed> {
    let (tag, rest) = read_tag(bytes)?;
    let (length, rest) = read_length(rest)?;
    let (value, rest) =
        rest.split_at_checked(length).ok_or(Malformed::new(OBJECT, "length exceeds the bytes"))?;
    Ok((Tlv { tag, value }, rest))
}

fn read_tag(bytes: &[u8]) -> Result<(u32, &[u8]), Malformed> {
    let wrong = |fault| Err(Malformed::new(OBJECT, fault));
    match bytes {
        [0 | 0xFF, ..] => wrong("tag 00 or FF"),
        [first, rest @ ..] if first & 0x1F != 0x1F => Ok((u32::from(*first), rest)),
        [_, 0..=0x1E | 0x80, ..] => wrong("tag not in its shortest form"),
        [first, second, rest @ ..] if second & 0x80 == 0 => {
            Ok((u32::from_be_bytes([0, 0, *first, *second]), rest))
        }
        [first, second, third, rest @ ..] if third & 0x80 == 0 => {
            Ok((u32::from_be_bytes([0, *first, *second, *third]), rest))
        }
        [_, _, _, ..] => wrong("tag over three bytes"),
        _ => wrong("tag cut short"),
    }
}

/// Short form, and the long forms '81' to '83' that ISO 7816-4 table 8 admits for cards.
fn read_length(bytes: &[u8]) -> Result<(usize, &[u8]), Malformed> {
    match bytes {
        [short @ 0..=0x7F, rest @ ..] => Ok((usize::from(*short), rest)),
        [0x81, low, rest @ ..] => Ok((usize::from(*low), rest)),
        [0x82, high, low, rest @ ..] => Ok((usize::from(u16::from_be_bytes([*high, *low])), rest)),
        [0x83, top, high, low, rest @ ..] => {
            Ok((usize::try_from(u32::from_be_bytes([0, *top, *high, *low])).unwrap_or(usize::MAX), rest))
        }
        _ => Err(Malformed::new(OBJECT, "length cut short or of an unknown form")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;
    use proptest::prelude::*;

    #[test]
    fn reads_what_sp_800_73_prints() {
        // SP 800-73-4 part 2, 3.1.2: the tag list of a GET DATA command.
        assert_eq!(only(&hex!("5C035FC105"), 0x5C), Ok(&hex!("5FC105")[..]));
        // Part 2, 3.3.2: the public key template of GENERATE ASYMMETRIC KEY PAIR.
        let template = hex!("7F4905 8603 040102");
        assert_eq!(find(only(&template, 0x7F49).unwrap(), 0x86), Some(&[4, 1, 2][..]));
    }

    #[test]
    fn what_is_malformed() {
        for bytes in [
            &hex!("00")[..],
            &hex!("5C"),
            &hex!("5C80"),
            &hex!("5C0201"),
            &hex!("1F1E00"),
            &hex!("7F"),
            &hex!("7F818181 00"),
            &hex!("5C84000000 01 00"),
            &hex!("FF00"),
        ] {
            assert!(only(bytes, 0x5C).is_err(), "{bytes:02X?}");
        }
        assert!(only(&hex!("5C0000"), 0x5C).is_err());
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(tag in prop::sample::select(&[0x53u32, 0x5C, 0x7F49, 0x5FC105, 0x86]),
                                value in prop::collection::vec(any::<u8>(), 0..70_000)) {
            let bytes = object(tag, &value);
            prop_assert_eq!(only(&bytes, tag), Ok(&value[..]));
        }

        /// The `flexiber` crate, which others wrote, reads our objects.
        #[test]
        fn flexiber_reads_ours(value in prop::collection::vec(any::<u8>(), 0..3_000)) {
            let ours = object(0x53, &value);
            let mut decoder = flexiber::Decoder::new(&ours);
            let theirs: flexiber::TaggedSlice<'_> = decoder.decode().unwrap();
            prop_assert_eq!(theirs.as_bytes(), &value[..]);
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            for object in Reader::new(&bytes) {
                let _ = object;
            }
        }
    }
}
