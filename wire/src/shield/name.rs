//! What hosts call an object.

use alloc::{string::String, vec::Vec};

use super::{field, tag};
use crate::Malformed;

/// Most bytes of a label, an id, an application's name or an object identifier.
pub const MAX_NAME: usize = 64;

/// What hosts call a key or a certificate (PKCS#11: CKA_LABEL and CKA_ID). Both are empty until somebody sets them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Name {
    /// Tag 83: the label, UTF-8, at most [`MAX_NAME`] bytes.
    pub label: String,
    /// Tag 84: the id, at most [`MAX_NAME`] bytes.
    pub id: Vec<u8>,
}

impl Name {
    /// The data of SET NAME: tags 83 and 84, those that are not empty.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.put(&mut out);
        out
    }

    /// Reads the data of SET NAME. What is absent is empty.
    ///
    /// # Errors
    /// Anything else there, a label that is not UTF-8, or over [`MAX_NAME`] bytes.
    pub fn parse(data: &[u8]) -> Result<Self, Malformed> {
        let [label, id] = field::read("SET NAME", data, [tag::LABEL, tag::ID])?;
        Self::of("SET NAME", label, id)
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        field::put(out, tag::LABEL, self.label.as_bytes());
        field::put(out, tag::ID, &self.id);
    }

    pub(super) fn of(what: &'static str, label: Option<&[u8]>, id: Option<&[u8]>) -> Result<Self, Malformed> {
        Ok(Self { label: field::text(what, label, MAX_NAME)?, id: field::bytes(what, id, MAX_NAME)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tlv;

    #[test]
    fn names_travel() {
        let name = Name { label: "网银".into(), id: [1, 2].into() };
        assert_eq!(name.bytes(), b"\x83\x06\xE7\xBD\x91\xE9\x93\xB6\x84\x02\x01\x02");
        assert_eq!(Name::parse(&name.bytes()), Ok(name));
        assert_eq!(Name::parse(&[]), Ok(Name::default()));
        let most = [tlv::object(tag::LABEL, &[b'a'; 64]), tlv::object(tag::ID, &[7; 64])].concat();
        assert_eq!(Name::parse(&most).unwrap().label.len(), 64);
        for wrong in [
            &tlv::object(tag::LABEL, &[b'a'; 65])[..],
            &tlv::object(tag::ID, &[0; 65]),
            &tlv::object(tag::LABEL, &[0xFF]),
            &tlv::object(0x85, &[1]),
            &[0x84, 0, 0x84, 0],
            &[0x84, 2, 1],
        ] {
            assert!(Name::parse(wrong).is_err(), "{wrong:02X?}");
        }
    }
}
