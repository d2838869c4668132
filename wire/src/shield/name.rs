//! What hosts call an object.

use alloc::{string::String, vec::Vec};

use super::{field, tag};
use crate::Malformed;

/// Most bytes of a label: Java calls a chain's certificate by the subject, the issuer and the serial number.
pub const MAX_LABEL: usize = 512;
/// Most bytes of an id, or of an object identifier.
pub const MAX_ID: usize = 255;
/// Most bytes of notes.
pub const MAX_NOTES: usize = 2048;

/// What hosts call a key or a certificate (PKCS#11: CKA_LABEL and CKA_ID), and what else they want to find with it. All is
/// empty until somebody sets it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Name {
    /// Tag 83: the label, UTF-8, at most [`MAX_LABEL`] bytes.
    pub label: String,
    /// Tag 84: the id, at most [`MAX_ID`] bytes.
    pub id: Vec<u8>,
    /// Tag 89: a host's notes, at most [`MAX_NOTES`] bytes. No token looks into them.
    pub notes: Vec<u8>,
}

impl Name {
    /// The data of SET NAME: tags 83, 84 and 89, those that are not empty.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.put(&mut out);
        out
    }

    /// Reads the data of SET NAME. What is absent is empty.
    ///
    /// # Errors
    /// Anything else there, a label that is not UTF-8, or a field that is too long.
    pub fn parse(data: &[u8]) -> Result<Self, Malformed> {
        let fields = field::read("SET NAME", data, [tag::LABEL, tag::ID, tag::NOTES])?;
        Self::of("SET NAME", fields)
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        self.put_head(out);
        field::put(out, tag::NOTES, &self.notes);
    }

    /// All but the notes.
    pub(super) fn put_head(&self, out: &mut Vec<u8>) {
        field::put(out, tag::LABEL, self.label.as_bytes());
        field::put(out, tag::ID, &self.id);
    }

    pub(super) fn of(what: &'static str, [label, id, notes]: [Option<&[u8]>; 3]) -> Result<Self, Malformed> {
        Ok(Self {
            label: field::text(what, label, MAX_LABEL)?,
            id: field::bytes(what, id, MAX_ID)?,
            notes: field::bytes(what, notes, MAX_NOTES)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tlv;

    #[test]
    fn names_travel() {
        let name = Name { label: "网银".into(), id: [1, 2].into(), notes: [3].into() };
        assert_eq!(name.bytes(), b"\x83\x06\xE7\xBD\x91\xE9\x93\xB6\x84\x02\x01\x02\x89\x01\x03");
        assert_eq!(Name::parse(&name.bytes()), Ok(name));
        assert_eq!(Name::parse(&[]), Ok(Name::default()));
        let fields = [(tag::LABEL, MAX_LABEL), (tag::ID, MAX_ID), (tag::NOTES, MAX_NOTES)];
        let most: Vec<u8> =
            fields.iter().flat_map(|(tag, most)| tlv::object(*tag, &alloc::vec![b'a'; *most])).collect();
        let name = Name::parse(&most).unwrap();
        assert_eq!((name.label.len(), name.id.len(), name.notes.len()), (512, 255, 2048));
        assert_eq!(name.bytes(), most);
        for (tag, most) in fields {
            assert!(Name::parse(&tlv::object(tag, &alloc::vec![b'a'; most + 1])).is_err(), "{tag:X}");
        }
        for wrong in [
            &tlv::object(tag::LABEL, &[0xFF])[..],
            &tlv::object(0x85, &[1]),
            &[0x84, 0, 0x84, 0],
            &[0x84, 2, 1],
        ] {
            assert!(Name::parse(wrong).is_err(), "{wrong:02X?}");
        }
    }
}
