//! Data objects: what a host keeps on the token without the token knowing what it is (PKCS#11: CKO_DATA).

use alloc::{string::String, vec::Vec};

use super::{
    field,
    name::{MAX_ID, MAX_LABEL, MAX_NOTES},
    tag,
};
use crate::{Malformed, tlv};

/// Most bytes of a data object's value.
pub const MAX_VALUE: usize = 8192;
/// Most data objects on one token; their numbers are 1 to this.
pub const MAX_DATA: u8 = 32;

/// A data object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataObject {
    /// Tag 86 with 01: it is shown and read only while the PIN is verified, and is stored sealed.
    pub private: bool,
    /// Tag 83: the label, UTF-8, at most [`MAX_LABEL`] bytes.
    pub label: String,
    /// Tag 85: the name of the application that it belongs to, UTF-8, at most [`MAX_LABEL`] bytes.
    pub application: String,
    /// Tag 84: its object identifier, DER, at most [`MAX_ID`] bytes. Nobody looks at it here.
    pub object_id: Vec<u8>,
    /// Tag 87: the value, at most [`MAX_VALUE`] bytes.
    pub value: Vec<u8>,
    /// Tag 89: a host's notes, at most [`MAX_NOTES`] bytes.
    pub notes: Vec<u8>,
}

const WHAT: &str = "data object";
/// Most bytes of all but the value: room that is there before a secret is written.
const MAX_HEAD: usize = 4096;

impl DataObject {
    /// The data of CREATE DATA and UPDATE DATA, and the answer of READ DATA.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.value.len().saturating_add(MAX_HEAD));
        self.put_head(&mut out);
        field::put(&mut out, tag::NOTES, &self.notes);
        tlv::put(&mut out, tag::VALUE, &self.value);
        out
    }

    /// Reads [`Self::bytes`]. What is absent is empty.
    ///
    /// # Errors
    /// Anything else there, a name that is not UTF-8, or a field that is too long.
    pub fn parse(data: &[u8]) -> Result<Self, Malformed> {
        let tags = [tag::LABEL, tag::ID, tag::APPLICATION, tag::PRIVATE, tag::VALUE, tag::NOTES];
        Self::of(field::read(WHAT, data, tags)?)
    }

    fn of(fields: [Option<&[u8]>; 6]) -> Result<Self, Malformed> {
        let [label, object_id, application, private, value, notes] = fields;
        Ok(Self {
            private: match private {
                None | Some([0]) => false,
                Some([1]) => true,
                Some(_) => return Err(Malformed::new(WHAT, "neither private nor public")),
            },
            label: field::text(WHAT, label, MAX_LABEL)?,
            application: field::text(WHAT, application, MAX_LABEL)?,
            object_id: field::bytes(WHAT, object_id, MAX_ID)?,
            value: field::bytes(WHAT, value, MAX_VALUE)?,
            notes: field::bytes(WHAT, notes, MAX_NOTES)?,
        })
    }

    fn put_head(&self, out: &mut Vec<u8>) {
        field::put(out, tag::LABEL, self.label.as_bytes());
        field::put(out, tag::ID, &self.object_id);
        field::put(out, tag::APPLICATION, self.application.as_bytes());
        tlv::put(out, tag::PRIVATE, &[u8::from(self.private)]);
    }
}

/// A data object as LIST tells of it: all but its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataHead {
    /// Tag 80: its number, by which it is read, updated and deleted. 1 to [`MAX_DATA`].
    pub number: u8,
    /// Its names; the value is empty.
    pub object: DataObject,
    /// Tag 88: how many bytes its value has.
    pub length: u32,
}

impl DataHead {
    /// The answer of LIST for these objects, whose values are left out: an object A3 for each.
    pub fn list(all: &[Self]) -> Vec<u8> {
        let mut out = Vec::new();
        for head in all {
            tlv::put(&mut out, tag::DATA, &head.item());
        }
        out
    }

    pub(super) fn item(&self) -> Vec<u8> {
        let mut item = tlv::object(tag::NUMBER, &[self.number]);
        self.object.put_head(&mut item);
        tlv::put(&mut item, tag::LENGTH, &self.length.to_be_bytes());
        item
    }

    /// Reads the answer of LIST; tags that it does not know are passed over.
    ///
    /// # Errors
    /// Something is missing or malformed.
    pub fn parse_list(answer: &[u8]) -> Result<Vec<Self>, Malformed> {
        let mut all = Vec::new();
        for item in tlv::Reader::new(answer) {
            all.push(Self::parse(item?.value, None, None)?);
        }
        Ok(all)
    }

    /// Reads an item, with a value and notes that stand in it.
    pub(super) fn parse(item: &[u8], value: Option<&[u8]>, notes: Option<&[u8]>) -> Result<Self, Malformed> {
        let find = |tag| tlv::find(item, tag);
        let length = find(tag::LENGTH).and_then(|field| field.try_into().ok());
        let [label, id, application, private] =
            [tag::LABEL, tag::ID, tag::APPLICATION, tag::PRIVATE].map(find);
        Ok(Self {
            number: parse_number(item)?,
            object: DataObject::of([label, id, application, private, value, notes])?,
            length: u32::from_be_bytes(length.ok_or(Malformed::new(WHAT, "no length"))?),
        })
    }
}

/// The answer of CREATE DATA: tag 80, the object's number.
pub fn number(number: u8) -> Vec<u8> {
    tlv::object(tag::NUMBER, &[number])
}

/// Reads the answer of CREATE DATA.
///
/// # Errors
/// Anything else.
pub fn parse_number(answer: &[u8]) -> Result<u8, Malformed> {
    match tlv::find(answer, tag::NUMBER) {
        Some(&[number]) => Ok(number),
        _ => Err(Malformed::new(WHAT, "no number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;

    fn object() -> DataObject {
        DataObject {
            private: true,
            label: "l".into(),
            application: "app".into(),
            object_id: hex!("06022A03").into(),
            value: [7; 300].into(),
            notes: [5].into(),
        }
    }

    #[test]
    fn data_objects_travel() {
        let bytes = object().bytes();
        assert_eq!(bytes[..24], hex!("83016C 8404 06022A03 8503617070 860101 890105 8782012C")[..24]);
        assert_eq!(DataObject::parse(&bytes), Ok(object()));
        assert_eq!(DataObject::parse(&hex!("8700")), Ok(DataObject::default()));
        let most = DataObject { value: [1; MAX_VALUE].into(), ..DataObject::default() };
        assert_eq!(DataObject::parse(&most.bytes()), Ok(most));
        for wrong in [
            &DataObject { value: [1; MAX_VALUE + 1].into(), ..DataObject::default() }.bytes()[..],
            &tlv::object(tag::APPLICATION, &[b'a'; MAX_LABEL + 1]),
            &tlv::object(tag::ID, &[b'a'; MAX_ID + 1]),
            &tlv::object(tag::NOTES, &[0; MAX_NOTES + 1]),
            &hex!("860102"),
            &hex!("8600"),
            &hex!("880100"),
        ] {
            assert!(DataObject::parse(wrong).is_err());
        }
    }

    #[test]
    fn heads_travel_without_values() {
        let head = DataHead {
            number: 3,
            object: DataObject { value: Vec::new(), notes: Vec::new(), ..object() },
            length: 300,
        };
        let list = DataHead::list(&[head.clone(), head.clone()]);
        assert_eq!(DataHead::parse_list(&list), Ok([head.clone(), head].to_vec()));
        assert!(DataHead::parse_list(&hex!("A303 800101")).is_err());
        assert_eq!(parse_number(&number(32)), Ok(32));
        assert!(parse_number(&[]).is_err());
    }
}
