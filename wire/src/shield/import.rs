//! A private key that comes from outside: IMPORT KEY.

use alloc::vec::Vec;

use super::{NewKey, field, tag};
use crate::{Malformed, tlv};

/// The parts of a private key, big-endian, as in Yubico's IMPORT ASYMMETRIC KEY of the PIV applet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PrivateParts<'a> {
    /// Tag 06: the scalar of an elliptic key, as long as its field.
    Scalar(&'a [u8]),
    /// Tags 01 to 05: p, q, d mod (p − 1), d mod (q − 1), q⁻¹ mod p (RFC 8017, 3.2), each half as long as the modulus.
    Crt([&'a [u8]; 5]),
}

/// The key that IMPORT KEY brings. It has no `Debug`: it is a private key.
#[derive(Clone, PartialEq, Eq)]
pub struct Import<'a> {
    /// Its algorithm, policy and name, as of a key that is made.
    pub key: NewKey,
    /// Tag A4: its parts.
    pub parts: PrivateParts<'a>,
}

const WHAT: &str = "IMPORT KEY";
const SCALAR: u32 = 0x06;
const CRT: [u32; 5] = [0x01, 0x02, 0x03, 0x04, 0x05];

impl<'a> Import<'a> {
    /// Appends the command's data. With [`Self::length`] bytes of room nothing of the key stays behind in a smaller buffer.
    pub fn put(&self, out: &mut Vec<u8>) {
        self.key.put(out);
        let parts = self.parts.all();
        tlv::put_header(out, tag::PRIVATE_PARTS, length(&parts));
        for (tag, part) in parts {
            tlv::put(out, tag, part);
        }
    }

    /// Bytes that the data takes.
    pub fn length(&self) -> usize {
        let parts = tlv::encoded_length(tag::PRIVATE_PARTS, length(&self.parts.all()));
        self.key.bytes().len().saturating_add(parts)
    }

    /// Reads the command's data.
    ///
    /// # Errors
    /// What [`NewKey::parse`] refuses; no parts, or those of both kinds.
    pub fn parse(data: &'a [u8]) -> Result<Self, Malformed> {
        let [algorithm, pin, uses, label, id, notes] = NewKey::TAGS;
        let tags = [algorithm, pin, uses, label, id, notes, tag::PRIVATE_PARTS];
        let [algorithm, pin, uses, label, id, notes, parts] = field::read(WHAT, data, tags)?;
        let key = NewKey::of(WHAT, [algorithm, pin, uses, label, id, notes])?;
        let parts = parts.ok_or(Malformed::new(WHAT, "no private key"))?;
        let [p, q, dp, dq, qinv] = CRT;
        let parts = match field::read(WHAT, parts, [p, q, dp, dq, qinv, SCALAR])? {
            [None, None, None, None, None, Some(scalar)] => PrivateParts::Scalar(scalar),
            [Some(p), Some(q), Some(dp), Some(dq), Some(qinv), None] => {
                PrivateParts::Crt([p, q, dp, dq, qinv])
            }
            _ => return Err(Malformed::new(WHAT, "parts that make no private key")),
        };
        Ok(Self { key, parts })
    }
}

fn length(parts: &[(u32, &[u8])]) -> usize {
    parts.iter().map(|(tag, part)| tlv::encoded_length(*tag, part.len())).fold(0, usize::saturating_add)
}

impl<'a> PrivateParts<'a> {
    fn all(self) -> Vec<(u32, &'a [u8])> {
        match self {
            Self::Scalar(scalar) => Vec::from([(SCALAR, scalar)]),
            Self::Crt(parts) => CRT.into_iter().zip(parts).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{piv::Algorithm, shield::Name};
    use hex_literal::hex;

    #[test]
    fn a_private_key_travels() {
        let key = NewKey { algorithm: Algorithm::P256, pin: None, uses: None, name: Name::default() };
        let scalar = [7; 32];
        for parts in [
            PrivateParts::Scalar(&scalar),
            PrivateParts::Crt([&[1; 128], &[2; 128], &[3; 128], &[4; 128], &[5; 128]]),
        ] {
            let import = Import { key: key.clone(), parts };
            let mut out = Vec::with_capacity(import.length());
            let room = out.capacity();
            import.put(&mut out);
            assert_eq!(out.capacity(), room, "it grew");
            assert!(Import::parse(&out).unwrap() == import);
        }
        for wrong in [
            &hex!("800111")[..],
            &hex!("800111 A400"),
            &hex!("800111 A406 060107 010107"),
            &hex!("800111 A403 010107"),
            &hex!("A403 060107"),
            &hex!("800111 A403 060107 A403 060107"),
        ] {
            assert!(Import::parse(wrong).is_err(), "{wrong:02X?}");
        }
    }
}
