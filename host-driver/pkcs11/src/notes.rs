//! A host's notes on a key, a certificate or a data object: the attributes that a template asks for and that the
//! token has no field of its own for. The token keeps the notes and does not read them.

use cryptoki_sys as ck;
use wire::shield::MAX_NOTES;

use crate::{
    attribute::{AttributeType, Attributes},
    attribute_table,
    ckr::{Ckr, Result},
};

/// Notes on the objects of one container. To the token a private key and its public key are one key, with one set of
/// notes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// On the private key, the certificate or the data object.
    pub own: Attributes,
    /// On the public key.
    pub public: Attributes,
}

/// First byte of an entry: whose attribute follows. Then come four bytes of the attribute's number, two bytes of its
/// length, and its value. A CK_ULONG has eight bytes, big-endian, whatever machine wrote it.
const OWN: u8 = 0;
const PUBLIC: u8 = 1;

impl Notes {
    /// Notes on one object alone.
    pub fn on(own: Attributes) -> Self {
        Self { own, public: Attributes::default() }
    }

    /// The notes on an object of this class.
    pub const fn of(&self, class: ck::CK_OBJECT_CLASS) -> &Attributes {
        if class == ck::CKO_PUBLIC_KEY { &self.public } else { &self.own }
    }

    /// The notes on an object of this class, to be changed.
    pub const fn of_mut(&mut self, class: ck::CK_OBJECT_CLASS) -> &mut Attributes {
        if class == ck::CKO_PUBLIC_KEY { &mut self.public } else { &mut self.own }
    }

    /// The notes as the token keeps them.
    ///
    /// # Errors
    /// CKR_DEVICE_MEMORY: the notes are longer than the token keeps.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        for (whose, attributes) in [(OWN, &self.own), (PUBLIC, &self.public)] {
            for (kind, value) in attributes.iter() {
                let value = portable(kind, value);
                out.push(whose);
                out.extend(u32::try_from(kind).map_err(|_| Ckr::DEVICE_MEMORY)?.to_be_bytes());
                out.extend(u16::try_from(value.len()).map_err(|_| Ckr::DEVICE_MEMORY)?.to_be_bytes());
                out.extend(value);
            }
        }
        if out.len() > MAX_NOTES { Err(Ckr::DEVICE_MEMORY) } else { Ok(out) }
    }

    /// Reads notes. The notes end where no entry follows: another program may have written something of its own
    /// there.
    pub fn parse(mut bytes: &[u8]) -> Self {
        let mut notes = Self::default();
        while let Some((whose, kind, value, rest)) = entry(bytes) {
            let place = if whose == PUBLIC { &mut notes.public } else { &mut notes.own };
            if let Some(value) = native(kind, value) {
                place.set(kind, value);
            }
            bytes = rest;
        }
        notes
    }
}

fn entry(bytes: &[u8]) -> Option<(u8, AttributeType, &[u8], &[u8])> {
    let (&[whose @ (OWN | PUBLIC), a, b, c, d, high, low], rest) = bytes.split_first_chunk()? else {
        return None;
    };
    let (value, rest) = rest.split_at_checked(u16::from_be_bytes([high, low]).into())?;
    Some((whose, u32::from_be_bytes([a, b, c, d]).into(), value, rest))
}

fn portable(kind: AttributeType, value: &[u8]) -> Vec<u8> {
    let number = value.try_into().map(ck::CK_ULONG::from_ne_bytes).ok();
    match number.filter(|_| attribute_table::is_noted_number(kind)).map(u64::try_from) {
        Some(Ok(number)) => number.to_be_bytes().to_vec(),
        _ => value.to_vec(),
    }
}

fn native(kind: AttributeType, value: &[u8]) -> Option<Vec<u8>> {
    if !attribute_table::is_noted_number(kind) {
        return Some(value.to_vec());
    }
    let number = u64::from_be_bytes(value.try_into().ok()?);
    Some(ck::CK_ULONG::try_from(number).ok()?.to_ne_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_travel() {
        let mut notes = Notes::default();
        notes.own.set_flag(ck::CKA_SENSITIVE, false);
        notes.own.set_number(ck::CKA_CERTIFICATE_CATEGORY, 2);
        notes.public.set(ck::CKA_SUBJECT, *b"subject");
        let bytes = notes.bytes().unwrap();
        assert_eq!(Notes::parse(&bytes), notes);
        assert_eq!(bytes[..8], [0, 0, 0, 0, 0x87, 0, 8, 0]);
        // A piece of them is as much as is whole, and anything else is nothing.
        for cut in 0..bytes.len() {
            let found = Notes::parse(&bytes[..cut]);
            assert!(found.own.iter().chain(found.public.iter()).count() < 3);
        }
        assert_eq!(Notes::parse(b"somebody else's"), Notes::default());
        notes.own.set(ck::CKA_SUBJECT, [7; MAX_NOTES]);
        assert_eq!(notes.bytes(), Err(Ckr::DEVICE_MEMORY));
    }
}
