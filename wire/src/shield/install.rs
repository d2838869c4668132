//! The data of INSTALL CERTIFICATES.

use alloc::vec::Vec;

use super::{Container, tag};
use crate::{Malformed, tlv};

/// Reads the data of INSTALL CERTIFICATES: at least one container, none twice.
///
/// # Errors
/// Anything else.
pub fn parse_install(data: &[u8]) -> Result<Vec<(Container, &[u8])>, Malformed> {
    let wrong = |fault| Malformed::new("INSTALL CERTIFICATES", fault);
    let mut items: Vec<(Container, &[u8])> = Vec::new();
    for item in tlv::Reader::new(data) {
        let item = item?;
        if item.tag != tag::ITEM {
            return Err(wrong("an object that is not A0"));
        }
        let container = match tlv::find(item.value, tag::CONTAINER) {
            Some(&[byte]) => Container::parse(byte).ok_or(wrong("an unknown container"))?,
            _ => return Err(wrong("an item without its container")),
        };
        let certificate =
            tlv::find(item.value, tag::CERTIFICATE).ok_or(wrong("an item without a certificate"))?;
        if items.iter().any(|(other, _)| *other == container) {
            return Err(wrong("a container twice"));
        }
        items.push((container, certificate));
    }
    if items.is_empty() { Err(wrong("no item")) } else { Ok(items) }
}

/// Writes the data of INSTALL CERTIFICATES.
pub fn install(items: &[(Container, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (container, certificate) in items {
        let mut item = tlv::object(tag::CONTAINER, &[container.reference()]);
        tlv::put(&mut item, tag::CERTIFICATE, certificate);
        tlv::put(&mut out, tag::ITEM, &item);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::piv::Slot;

    #[test]
    fn install_is_all_or_nothing() {
        let nine_a = Container::Piv(Slot::Authentication);
        let items = [(Container::Payment, &[0x30, 0][..]), (nine_a, &[0x30, 1, 0][..])];
        assert_eq!(parse_install(&install(&items)).unwrap(), items);
        assert!(parse_install(&[]).is_err());
        assert!(parse_install(&install(&[items[0], items[0]])).is_err());
    }
}
