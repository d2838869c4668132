//! LIST with what stands behind the heads, in one answer: a host that shows all that a token holds asks once.
//!
//! Values of private data objects are not in the answer: a secret has a command and an answer of its own, which are wiped.

use alloc::vec::Vec;

use super::{Contents, DataHead, field, tag};
use crate::{Malformed, piv::tag::PUBLIC_KEY, tlv};

/// Most bytes of an answer. What finds no room is left out, and the host asks for it by a command of its own.
pub const MAX_INVENTORY: usize = 24 * 1024;
/// Bytes of the tags and lengths around a part.
const AROUND: usize = 16;

/// A container that is not empty, with what stands behind its heads. A part is `None` where there is none, or where the answer
/// had no room for the part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shelf {
    /// The heads.
    pub contents: Contents,
    /// The public key in use, the whole object 7F49.
    pub public_key: Option<Vec<u8>>,
    /// Tag 8B: a host's notes on the key.
    pub key_notes: Option<Vec<u8>>,
    /// Tag 8C: a host's notes on the certificate.
    pub certificate_notes: Option<Vec<u8>>,
    /// Tag 87: the certificate, as GET OBJECT gives it.
    pub certificate: Option<Vec<u8>>,
}

/// All that a token shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The containers that are not empty.
    pub shelves: Vec<Shelf>,
    /// The data objects that may be seen. `true`: with value and notes.
    pub data: Vec<(DataHead, bool)>,
}

impl Inventory {
    /// The answer: an object A0 for each container, and an object A3 for each data object.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for shelf in &self.shelves {
            shelf.put(&mut out);
        }
        for (head, whole) in &self.data {
            let mut item = head.item();
            let object = &head.object;
            if *whole && has_room(&out, &item, object.value.len().saturating_add(object.notes.len())) {
                field::put(&mut item, tag::NOTES, &object.notes);
                tlv::put(&mut item, tag::VALUE, &object.value);
            }
            tlv::put(&mut out, tag::DATA, &item);
        }
        out
    }

    /// Reads the answer. Containers and tags that it does not know are passed over, so that newer tokens stay readable.
    ///
    /// # Errors
    /// Something is missing or malformed.
    pub fn parse(answer: &[u8]) -> Result<Self, Malformed> {
        let mut found = Self::default();
        for item in tlv::Reader::new(answer) {
            let item = item?;
            match item.tag {
                tag::ITEM => found.shelves.extend(Shelf::parse(item.value)?),
                tag::DATA => {
                    let (value, notes) =
                        (tlv::find(item.value, tag::VALUE), tlv::find(item.value, tag::NOTES));
                    found.data.push((DataHead::parse(item.value, value, notes)?, value.is_some()));
                }
                _ => {}
            }
        }
        Ok(found)
    }
}

impl Shelf {
    fn put(&self, out: &mut Vec<u8>) {
        let mut item = self.contents.item();
        if let Some(key) = self.public_key.as_ref().filter(|key| has_room(out, &item, key.len())) {
            item.extend_from_slice(key);
        }
        for (tag, part) in [
            (tag::KEY_NOTES, &self.key_notes),
            (tag::CERTIFICATE_NOTES, &self.certificate_notes),
            (tag::VALUE, &self.certificate),
        ] {
            if let Some(part) = part.as_ref().filter(|part| has_room(out, &item, part.len())) {
                tlv::put(&mut item, tag, part);
            }
        }
        tlv::put(out, tag::ITEM, &item);
    }

    /// `None` for a container that nobody here knows.
    fn parse(item: &[u8]) -> Result<Option<Self>, Malformed> {
        let Some(contents) = Contents::parse(item)? else { return Ok(None) };
        let part = |tag| tlv::find(item, tag).map(<[u8]>::to_vec);
        Ok(Some(Self {
            contents,
            public_key: tlv::find(item, PUBLIC_KEY).map(|key| tlv::object(PUBLIC_KEY, key)),
            key_notes: part(tag::KEY_NOTES),
            certificate_notes: part(tag::CERTIFICATE_NOTES),
            certificate: part(tag::VALUE),
        }))
    }
}

/// Whether an answer has room for an item with one more part of so many bytes.
const fn has_room(out: &[u8], item: &[u8], part: usize) -> bool {
    let with_it = out.len().saturating_add(item.len()).saturating_add(part).saturating_add(AROUND);
    with_it <= MAX_INVENTORY
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::shield::{CertificateHead, Container, DataObject};
    use hex_literal::hex;

    fn shelf(length: usize) -> Shelf {
        let certificate =
            CertificateHead { name: crate::shield::Name::default(), noted: true, length: length as u32 };
        Shelf {
            contents: Contents { container: Container::Payment, key: None, certificate: Some(certificate) },
            public_key: Some(hex!("7F4903860104").into()),
            key_notes: None,
            certificate_notes: Some(vec![7; 3]),
            certificate: Some(vec![0x30; length]),
        }
    }

    fn head(private: bool) -> DataHead {
        let value = if private { Vec::new() } else { vec![1, 2] };
        let object = DataObject { private, label: "l".into(), value, ..DataObject::default() };
        DataHead { number: 3, object, length: 2 }
    }

    #[test]
    fn an_inventory_travels() {
        let all = Inventory {
            shelves: vec![shelf(700), shelf(1)],
            data: vec![(head(false), true), (head(true), false)],
        };
        assert_eq!(Inventory::parse(&all.bytes()).unwrap(), all);
        assert_eq!(Inventory::parse(&[]).unwrap(), Inventory::default());
        // What LIST alone gives is an inventory without parts, and a container that is not known is passed over.
        let mut list = Contents::list(&[shelf(9).contents]);
        tlv::put(&mut list, tag::ITEM, &hex!("800177"));
        let found = Inventory::parse(&list).unwrap();
        assert_eq!(
            found.shelves,
            [Shelf { public_key: None, certificate_notes: None, certificate: None, ..shelf(9) }]
        );
        assert!(Inventory::parse(&hex!("A303 800101")).is_err());
        assert!(Inventory::parse(&hex!("A006 800182 A101 80")).is_err());
    }

    #[test]
    fn what_finds_no_room_is_left_out_and_what_comes_after_it_is_not() {
        let all = Inventory { shelves: vec![shelf(20_000), shelf(5000), shelf(100)], ..Inventory::default() };
        let bytes = all.bytes();
        assert!(bytes.len() <= MAX_INVENTORY);
        let found = Inventory::parse(&bytes).unwrap().shelves;
        assert_eq!(found[0], all.shelves[0]);
        assert_eq!(found[1], Shelf { certificate: None, ..shelf(5000) });
        assert_eq!(found[2], all.shelves[2]);
        let value = vec![0; 8192];
        let large = DataHead { object: DataObject { value, ..head(false).object }, ..head(false) };
        let data = vec![(large.clone(), true); 4];
        let found = Inventory::parse(&Inventory { data, ..Inventory::default() }.bytes()).unwrap().data;
        assert_eq!(found.iter().map(|(_, whole)| *whole).collect::<Vec<_>>(), [true, true, false, false]);
        assert_eq!(found[0].0, large);
    }
}
