//! Keys and certificates that a host makes and names itself: CREATE KEY, PUT CERTIFICATE, and what LIST tells of them.

use alloc::vec::Vec;

use super::{Container, KeyPolicy, Name, Uses, field, tag};
use crate::{
    Malformed,
    piv::{Algorithm, PinPolicy, tag::PUBLIC_KEY},
    tlv,
};

/// Where to put a key or a certificate: P1 and P2 of CREATE KEY and PUT CERTIFICATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// 00 00: the token chooses among the retired slots (a certificate goes beside its key, if that has none).
    Any,
    /// 00 and the container, which must be free.
    In(Container),
    /// 01 and the container; what is there is replaced.
    Over(Container),
}

impl Place {
    /// P1 and P2.
    pub const fn parameters(self) -> (u8, u8) {
        match self {
            Self::Any => (0, 0),
            Self::In(container) => (0, container.reference()),
            Self::Over(container) => (1, container.reference()),
        }
    }

    /// Reads P1 and P2.
    pub fn parse(p1: u8, p2: u8) -> Option<Self> {
        match (p1, p2, Container::parse(p2)) {
            (0, 0, _) => Some(Self::Any),
            (0, _, Some(container)) => Some(Self::In(container)),
            (1, _, Some(container)) => Some(Self::Over(container)),
            _ => None,
        }
    }
}

/// The key that CREATE KEY makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// Tag 80.
    pub algorithm: Algorithm,
    /// Tag 81; `None` leaves it to the container ([`KeyPolicy::of`]).
    pub pin: Option<PinPolicy>,
    /// Tag 82; `None` allows all that the algorithm can do.
    pub uses: Option<Uses>,
    /// Tags 83, 84 and 89.
    pub name: Name,
}

impl NewKey {
    /// The policy of this key in a container.
    pub fn policy(&self, container: Container) -> KeyPolicy {
        let default = KeyPolicy::of(container);
        KeyPolicy { pin: self.pin.unwrap_or(default.pin), uses: self.uses.unwrap_or(default.uses) }
    }

    /// The command's data.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.put(&mut out);
        out
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        tlv::put(out, tag::ALGORITHM, &[self.algorithm as u8]);
        if let Some(pin) = self.pin {
            tlv::put(out, tag::PIN_POLICY, &[pin as u8]);
        }
        if let Some(uses) = self.uses {
            tlv::put(out, tag::USES, &[uses.bits()]);
        }
        self.name.put(out);
    }

    /// Reads the command's data.
    ///
    /// # Errors
    /// An unknown or missing algorithm, an unknown policy, or anything else there.
    pub fn parse(data: &[u8]) -> Result<Self, Malformed> {
        Self::of("CREATE KEY", field::read("CREATE KEY", data, Self::TAGS)?)
    }

    pub(super) const TAGS: [u32; 6] =
        [tag::ALGORITHM, tag::PIN_POLICY, tag::USES, tag::LABEL, tag::ID, tag::NOTES];

    /// Of the fields with these tags.
    pub(super) fn of(what: &'static str, fields: [Option<&[u8]>; 6]) -> Result<Self, Malformed> {
        let [algorithm, pin, uses, label, id, notes] = fields;
        let algorithm = algorithm.ok_or(Malformed::new(what, "no algorithm"))?;
        let algorithm = Algorithm::parse(field::byte(what, algorithm)?);
        let pin = pin.map(|field| pin_policy(what, field)).transpose()?;
        let uses = uses.map(|field| set_of_uses(what, field)).transpose()?;
        let algorithm = algorithm.ok_or(Malformed::new(what, "an unknown algorithm"))?;
        Ok(Self { algorithm, pin, uses, name: Name::of(what, [label, id, notes])? })
    }
}

/// The answer of CREATE KEY: tag 80, the container, then the public key, tag 7F49, with its tag.
pub fn created(container: Container, public_key: &[u8]) -> Vec<u8> {
    let mut out = placed(container);
    out.extend_from_slice(public_key);
    out
}

/// Reads the answer of CREATE KEY; the public key with its tag 7F49.
///
/// # Errors
/// Anything else.
pub fn parse_created(answer: &[u8]) -> Result<(Container, Vec<u8>), Malformed> {
    let key = tlv::find(answer, PUBLIC_KEY).ok_or(Malformed::new("CREATE KEY", "no public key"))?;
    Ok((parse_placed(answer)?, tlv::object(PUBLIC_KEY, key)))
}

/// The answer of PUT CERTIFICATE: tag 80, the container.
pub fn placed(container: Container) -> Vec<u8> {
    tlv::object(tag::CONTAINER, &[container.reference()])
}

/// Reads [`placed`].
///
/// # Errors
/// Anything else.
pub fn parse_placed(answer: &[u8]) -> Result<Container, Malformed> {
    match tlv::find(answer, tag::CONTAINER) {
        Some(&[reference]) => Container::parse(reference),
        _ => None,
    }
    .ok_or(Malformed::new("place", "no container"))
}

/// The data of PUT CERTIFICATE.
pub fn put_certificate(certificate: &[u8], name: &Name) -> Vec<u8> {
    let mut out = tlv::object(tag::CERTIFICATE, certificate);
    name.put(&mut out);
    out
}

/// Reads the data of PUT CERTIFICATE.
///
/// # Errors
/// No certificate, or anything else there.
pub fn parse_put_certificate(data: &[u8]) -> Result<(&[u8], Name), Malformed> {
    const WHAT: &str = "PUT CERTIFICATE";
    let tags = [tag::CERTIFICATE, tag::LABEL, tag::ID, tag::NOTES];
    let [certificate, label, id, notes] = field::read(WHAT, data, tags)?;
    let certificate = certificate.ok_or(Malformed::new(WHAT, "no certificate"))?;
    Ok((certificate, Name::of(WHAT, [label, id, notes])?))
}

/// A key, as LIST tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyHead {
    /// Tag 80.
    pub algorithm: Algorithm,
    /// Tags 81 and 82.
    pub policy: KeyPolicy,
    /// Tags 83 and 84; the notes are left out.
    pub name: Name,
    /// Tag 8A: whether there are notes to fetch.
    pub noted: bool,
    /// Tag 85: it was brought in from outside (01), not made here (00).
    pub imported: bool,
}

/// A certificate, as LIST tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateHead {
    /// Tags 83 and 84; the notes are left out.
    pub name: Name,
    /// Tag 8A: whether there are notes to fetch.
    pub noted: bool,
    /// Tag 88: how many bytes it has.
    pub length: u32,
}

/// A container that is not empty, as LIST tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// Tag 80.
    pub container: Container,
    /// Tag A1: the key in use.
    pub key: Option<KeyHead>,
    /// Tag A2: the certificate.
    pub certificate: Option<CertificateHead>,
}

const LIST: &str = "LIST";

impl Contents {
    /// The answer of LIST for these containers: an object A0 for each.
    pub fn list(all: &[Self]) -> Vec<u8> {
        let mut out = Vec::new();
        for contents in all {
            tlv::put(&mut out, tag::ITEM, &contents.item());
        }
        out
    }

    pub(super) fn item(&self) -> Vec<u8> {
        let mut item = placed(self.container);
        if let Some(key) = &self.key {
            let mut head = tlv::object(tag::ALGORITHM, &[key.algorithm as u8]);
            tlv::put(&mut head, tag::PIN_POLICY, &[key.policy.pin as u8]);
            tlv::put(&mut head, tag::USES, &[key.policy.uses.bits()]);
            put_name(&mut head, &key.name, key.noted);
            tlv::put(&mut head, tag::ORIGIN, &[u8::from(key.imported)]);
            tlv::put(&mut item, tag::KEY, &head);
        }
        if let Some(certificate) = &self.certificate {
            let mut head = Vec::new();
            put_name(&mut head, &certificate.name, certificate.noted);
            tlv::put(&mut head, tag::LENGTH, &certificate.length.to_be_bytes());
            tlv::put(&mut item, tag::CERTIFICATE_HEAD, &head);
        }
        item
    }

    /// Reads the answer of LIST. Containers and tags that it does not know are passed over, so that newer tokens stay
    /// readable.
    ///
    /// # Errors
    /// Something is missing or malformed.
    pub fn parse_list(answer: &[u8]) -> Result<Vec<Self>, Malformed> {
        let mut all = Vec::new();
        for item in tlv::Reader::new(answer) {
            all.extend(Self::parse(item?.value)?);
        }
        Ok(all)
    }

    /// Reads an item; `None` for a container that is not known.
    pub(super) fn parse(item: &[u8]) -> Result<Option<Self>, Malformed> {
        let Ok(container) = parse_placed(item) else { return Ok(None) };
        let key = tlv::find(item, tag::KEY).map(key_head).transpose()?;
        let certificate = tlv::find(item, tag::CERTIFICATE_HEAD).map(certificate_head).transpose()?;
        Ok(Some(Self { container, key, certificate }))
    }
}

fn put_name(head: &mut Vec<u8>, name: &Name, noted: bool) {
    name.put_head(head);
    if noted {
        tlv::put(head, tag::NOTED, &[1]);
    }
}

/// The name in a head, and whether there are notes.
fn read_name(head: &[u8]) -> Result<(Name, bool), Malformed> {
    let name = Name::of(LIST, [tlv::find(head, tag::LABEL), tlv::find(head, tag::ID), None])?;
    Ok((name, tlv::find(head, tag::NOTED).is_some()))
}

fn key_head(bytes: &[u8]) -> Result<KeyHead, Malformed> {
    let need = |tag| tlv::find(bytes, tag).ok_or(Malformed::new(LIST, "a key without one of its fields"));
    let algorithm = Algorithm::parse(field::byte(LIST, need(tag::ALGORITHM)?)?);
    let (name, noted) = read_name(bytes)?;
    Ok(KeyHead {
        algorithm: algorithm.ok_or(Malformed::new(LIST, "an unknown algorithm"))?,
        policy: KeyPolicy {
            pin: pin_policy(LIST, need(tag::PIN_POLICY)?)?,
            uses: set_of_uses(LIST, need(tag::USES)?)?,
        },
        name,
        noted,
        imported: field::byte(LIST, need(tag::ORIGIN)?)? != 0,
    })
}

fn certificate_head(bytes: &[u8]) -> Result<CertificateHead, Malformed> {
    let length = tlv::find(bytes, tag::LENGTH).and_then(|field| field.try_into().ok());
    let (name, noted) = read_name(bytes)?;
    Ok(CertificateHead {
        name,
        noted,
        length: u32::from_be_bytes(length.ok_or(Malformed::new(LIST, "a certificate without its length"))?),
    })
}

fn pin_policy(what: &'static str, field: &[u8]) -> Result<PinPolicy, Malformed> {
    PinPolicy::parse(field::byte(what, field)?).ok_or(Malformed::new(what, "an unknown PIN policy"))
}

fn set_of_uses(what: &'static str, field: &[u8]) -> Result<Uses, Malformed> {
    Uses::from_bits(field::byte(what, field)?).ok_or(Malformed::new(what, "an unknown use"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::piv::{Retired, Slot};
    use hex_literal::hex;

    fn name() -> Name {
        Name { label: "k".into(), id: [9].into(), notes: Vec::new() }
    }

    #[test]
    fn a_new_key_travels() {
        let key = NewKey {
            algorithm: Algorithm::P384,
            pin: Some(PinPolicy::Always),
            uses: Some(Uses::SIGN),
            name: name(),
        };
        assert_eq!(key.bytes(), hex!("800114 810103 820101 83016B 840109"));
        assert_eq!(NewKey::parse(&key.bytes()), Ok(key.clone()));
        let nine_e = Container::Piv(Slot::CardAuthentication);
        assert_eq!(key.policy(nine_e), KeyPolicy { pin: PinPolicy::Always, uses: Uses::SIGN });
        let plain = NewKey { pin: None, uses: None, name: Name::default(), ..key };
        assert_eq!(plain.bytes(), hex!("800114"));
        assert_eq!(plain.policy(nine_e), KeyPolicy::of(nine_e));
        for wrong in [
            &hex!("")[..],
            &hex!("8001FF"),
            &hex!("800111 810104"),
            &hex!("800111 820108"),
            &hex!("80021111"),
        ] {
            assert!(NewKey::parse(wrong).is_err(), "{wrong:02X?}");
        }
    }

    #[test]
    fn places() {
        let nine_a = Container::Piv(Slot::Authentication);
        for place in [Place::Any, Place::In(nine_a), Place::Over(nine_a), Place::In(Container::Payment)] {
            let (p1, p2) = place.parameters();
            assert_eq!(Place::parse(p1, p2), Some(place));
        }
        for (p1, p2) in [(1, 0), (2, 0x9A), (0, 0x9B), (0, 0x81)] {
            assert_eq!(Place::parse(p1, p2), None);
        }
        assert_eq!(parse_placed(&placed(nine_a)), Ok(nine_a));
        let key = hex!("7F4903860104");
        assert_eq!(parse_created(&created(nine_a, &key)), Ok((nine_a, key.to_vec())));
        assert!(parse_created(&placed(nine_a)).is_err());
        let data = put_certificate(&[0x30, 0], &name());
        assert_eq!(parse_put_certificate(&data), Ok((&[0x30, 0][..], name())));
        assert!(parse_put_certificate(&name().bytes()).is_err());
    }

    #[test]
    fn a_list_travels() {
        let retired = Container::Piv(Slot::Retired(Retired::new(1).unwrap()));
        let key = KeyHead {
            algorithm: Algorithm::Rsa2048,
            policy: KeyPolicy::of(retired),
            name: name(),
            noted: true,
            imported: true,
        };
        let certificate = CertificateHead { name: Name::default(), noted: false, length: 700 };
        let all = [
            Contents { container: Container::Payment, key: None, certificate: Some(certificate.clone()) },
            Contents { container: retired, key: Some(key.clone()), certificate: None },
            Contents { container: retired, key: Some(key), certificate: Some(certificate) },
        ];
        let mut list = Contents::list(&all);
        assert_eq!(list[..13], hex!("A00B 800150 A206 8804 000002BC")[..]);
        // A container that is not known yet, and a tag.
        tlv::put(&mut list, tag::ITEM, &hex!("800177 9F0100"));
        assert_eq!(Contents::parse_list(&list).unwrap(), all);
        assert!(Contents::parse_list(&hex!("A006 800182 A101 80")).is_err());
        assert!(Contents::parse_list(&hex!("A007 800182 A200 A1")).is_err());
    }
}
