//! Attributes and templates (v2.40, 4.1): numbers with values, as C brought them or as an object has them.

use std::collections::BTreeMap;

use cryptoki_sys as ck;
use zeroize::Zeroizing;

use crate::ckr::{Ckr, Result};

/// The number of an attribute.
pub type AttributeType = ck::CK_ATTRIBUTE_TYPE;
/// The value of an attribute, which may be a secret key.
pub type Value = Zeroizing<Vec<u8>>;

/// Attributes by their number.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Attributes(BTreeMap<AttributeType, Value>);

impl std::fmt::Debug for Attributes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.keys().map(|kind| format!("{kind:#x}"))).finish()
    }
}

impl Attributes {
    /// A template's attributes.
    ///
    /// # Errors
    /// CKR_TEMPLATE_INCONSISTENT: an attribute stands there twice, with different values (4.1.1).
    pub fn of_template(template: Vec<(AttributeType, Value)>) -> Result<Self> {
        let mut attributes = BTreeMap::new();
        for (kind, value) in template {
            if attributes.get(&kind).is_some_and(|former| *former != value) {
                return Err(Ckr::TEMPLATE_INCONSISTENT);
            }
            attributes.insert(kind, value);
        }
        Ok(Self(attributes))
    }

    /// All attributes, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (AttributeType, &[u8])> {
        self.0.iter().map(|(kind, value)| (*kind, value.as_slice()))
    }

    /// The value of an attribute.
    pub fn get(&self, kind: AttributeType) -> Option<&[u8]> {
        self.0.get(&kind).map(|value| value.as_slice())
    }

    /// The value of an attribute; no bytes where the attribute is missing.
    pub fn bytes(&self, kind: AttributeType) -> &[u8] {
        self.get(kind).unwrap_or_default()
    }

    /// The value of a CK_BBOOL; `None` where the attribute is missing.
    pub fn flag(&self, kind: AttributeType) -> Option<bool> {
        self.get(kind).map(|value| value != [ck::CK_FALSE])
    }

    /// Whether a CK_BBOOL is there and true.
    pub fn is(&self, kind: AttributeType) -> bool {
        self.flag(kind).unwrap_or(false)
    }

    /// The value of a CK_ULONG; `None` where the attribute is missing or of another length.
    pub fn number(&self, kind: AttributeType) -> Option<ck::CK_ULONG> {
        self.get(kind).and_then(|value| value.try_into().ok()).map(ck::CK_ULONG::from_ne_bytes)
    }

    /// Sets an attribute.
    pub fn set(&mut self, kind: AttributeType, value: impl Into<Vec<u8>>) {
        self.0.insert(kind, Zeroizing::new(value.into()));
    }

    /// Sets a CK_BBOOL.
    pub fn set_flag(&mut self, kind: AttributeType, value: bool) {
        self.set(kind, [if value { ck::CK_TRUE } else { ck::CK_FALSE }]);
    }

    /// Sets a CK_ULONG.
    pub fn set_number(&mut self, kind: AttributeType, value: ck::CK_ULONG) {
        self.set(kind, value.to_ne_bytes());
    }

    /// [`Self::set`], where the attribute is missing.
    pub fn set_default(&mut self, kind: AttributeType, value: impl Into<Vec<u8>>) {
        self.0.entry(kind).or_insert_with(|| Zeroizing::new(value.into()));
    }

    /// Takes an attribute out.
    pub fn remove(&mut self, kind: AttributeType) {
        self.0.remove(&kind);
    }

    /// Keeps the attributes of which `keep` says so.
    pub fn retain(&mut self, keep: impl Fn(AttributeType, &[u8]) -> bool) {
        self.0.retain(|kind, value| keep(*kind, value));
    }

    /// Puts other attributes in the place of these.
    pub fn overlay(&mut self, others: &Self) {
        self.0.extend(others.0.iter().map(|(kind, value)| (*kind, value.clone())));
    }

    /// Whether these match each attribute of the template exactly (5.7, C_FindObjectsInit).
    pub fn match_template(&self, template: &Self) -> bool {
        template.0.iter().all(|(kind, value)| self.0.get(kind) == Some(value))
    }

    /// Bytes that the values take.
    pub fn size(&self) -> usize {
        self.0.values().map(|value| value.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_the_same_is_once_and_twice_another_is_inconsistent() {
        let one = || (ck::CKA_LABEL, Zeroizing::new(b"a".to_vec()));
        let template = Attributes::of_template(vec![one(), one()]).unwrap();
        assert_eq!(template.bytes(ck::CKA_LABEL), b"a");
        let other = (ck::CKA_LABEL, Zeroizing::new(b"b".to_vec()));
        assert_eq!(Attributes::of_template(vec![one(), other]), Err(Ckr::TEMPLATE_INCONSISTENT));
    }

    #[test]
    fn a_search_wants_each_attribute_exactly() {
        let mut object = Attributes::default();
        object.set(ck::CKA_LABEL, *b"a");
        object.set_number(ck::CKA_CLASS, ck::CKO_DATA);
        let mut template = Attributes::default();
        assert!(object.match_template(&template));
        template.set(ck::CKA_LABEL, *b"a");
        assert!(object.match_template(&template));
        template.set_flag(ck::CKA_TOKEN, true);
        assert!(!object.match_template(&template));
    }

    #[test]
    fn no_value_shows_itself() {
        let mut key = Attributes::default();
        key.set(ck::CKA_VALUE, *b"secret");
        assert_eq!(format!("{key:?}"), "[\"0x11\"]");
    }
}
