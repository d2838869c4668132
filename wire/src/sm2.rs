//! The data of SM2 in DER: signatures and ciphertexts (GM/T 0009-2012, clause 7). Bytes only: nobody computes here.

use alloc::vec::Vec;

use der::{
    Decode as _, Encode as _, Sequence,
    asn1::{OctetStringRef, UintRef},
};

use crate::Malformed;

/// Bytes of a coordinate, of r and of s.
pub const FIELD: usize = 32;
/// Bytes of a hash of SM3 (GB/T 32905).
pub const HASH: usize = 32;
/// The first byte of a point that is not compressed (GB/T 32918.1, 4.2.9).
const UNCOMPRESSED: u8 = 4;

/// A signature (GB/T 32918.2, 6.1): r and s, big-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// r.
    pub r: [u8; FIELD],
    /// s.
    pub s: [u8; FIELD],
}

/// SM2Signature (GM/T 0009, 7.3).
#[derive(Sequence)]
struct SignatureValue<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}

impl Signature {
    /// Reads the DER.
    ///
    /// # Errors
    /// Not DER, or a number of more than 32 bytes. Whether the numbers are below the order is for who verifies.
    pub fn parse(der: &[u8]) -> Result<Self, Malformed> {
        let wrong = |_| Malformed::new("SM2 signature", "not the DER of two numbers");
        let value = SignatureValue::from_der(der).map_err(wrong)?;
        let long = || Malformed::new("SM2 signature", "a number is longer than 32 bytes");
        Ok(Self { r: number(value.r).ok_or_else(long)?, s: number(value.s).ok_or_else(long)? })
    }

    /// The DER.
    pub fn bytes(&self) -> Vec<u8> {
        let (Ok(r), Ok(s)) = (UintRef::new(&self.r), UintRef::new(&self.s)) else { return Vec::new() };
        SignatureValue { r, s }.to_der().unwrap_or_default()
    }
}

/// A ciphertext (GB/T 32918.4, 6.1): the point C1, the hash C3 and the encrypted bytes C2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ciphertext {
    /// The x coordinate of C1.
    pub x: [u8; FIELD],
    /// The y coordinate of C1.
    pub y: [u8; FIELD],
    /// C3.
    pub hash: [u8; HASH],
    /// C2, as long as the plaintext.
    pub encrypted: Vec<u8>,
}

/// SM2Cipher (GM/T 0009, 7.2).
#[derive(Sequence)]
struct CiphertextValue<'a> {
    x: UintRef<'a>,
    y: UintRef<'a>,
    hash: &'a OctetStringRef,
    encrypted: &'a OctetStringRef,
}

impl Ciphertext {
    /// Reads the DER.
    ///
    /// # Errors
    /// Not DER, a coordinate of more than 32 bytes, or a hash of another length.
    pub fn parse(der: &[u8]) -> Result<Self, Malformed> {
        let wrong = |fault| Malformed::new("SM2 ciphertext", fault);
        let not_der = |_| wrong("not the DER of a point, a hash and a text");
        let value = CiphertextValue::from_der(der).map_err(not_der)?;
        let long = || wrong("a coordinate is longer than 32 bytes");
        Ok(Self {
            x: number(value.x).ok_or_else(long)?,
            y: number(value.y).ok_or_else(long)?,
            hash: value.hash.as_bytes().try_into().map_err(|_| wrong("the hash has not 32 bytes"))?,
            encrypted: value.encrypted.as_bytes().into(),
        })
    }

    /// The DER.
    pub fn bytes(&self) -> Vec<u8> {
        let (Ok(x), Ok(y)) = (UintRef::new(&self.x), UintRef::new(&self.y)) else { return Vec::new() };
        let (Ok(hash), Ok(encrypted)) =
            (OctetStringRef::new(&self.hash), OctetStringRef::new(&self.encrypted))
        else {
            return Vec::new();
        };
        CiphertextValue { x, y, hash, encrypted }.to_der().unwrap_or_default()
    }

    /// Reads C1 ‖ C3 ‖ C2, the order of GB/T 32918.4-2016, with C1 not compressed.
    ///
    /// # Errors
    /// Too short, or C1 in another form.
    pub fn parse_plain(bytes: &[u8]) -> Result<Self, Malformed> {
        let wrong = |fault| Malformed::new("SM2 ciphertext", fault);
        let (&[form], rest) = bytes.split_first_chunk().ok_or(wrong("no bytes"))?;
        if form != UNCOMPRESSED {
            return Err(wrong("the point is not an uncompressed one"));
        }
        let short = || wrong("shorter than a point and a hash");
        let (&x, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let (&y, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let (&hash, rest) = rest.split_first_chunk().ok_or_else(short)?;
        Ok(Self { x, y, hash, encrypted: rest.into() })
    }

    /// C1 ‖ C3 ‖ C2.
    pub fn plain(&self) -> Vec<u8> {
        [&[UNCOMPRESSED], &self.x[..], &self.y, &self.hash, &self.encrypted].concat()
    }

    /// C1 as an uncompressed point.
    pub fn point(&self) -> Vec<u8> {
        [&[UNCOMPRESSED], &self.x[..], &self.y].concat()
    }
}

/// A number with zeros before it.
fn number(value: UintRef<'_>) -> Option<[u8; FIELD]> {
    let (bytes, mut field) = (value.as_bytes(), [0; FIELD]);
    let zeros = FIELD.checked_sub(bytes.len())?;
    field.get_mut(zeros..)?.copy_from_slice(bytes);
    Some(field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;

    fn field(first: u8, last: u8) -> [u8; FIELD] {
        let mut field = [0; FIELD];
        (field[0], field[31]) = (first, last);
        field
    }

    /// DER has no zeros before a number, but one where the first bit would make the number negative.
    #[test]
    fn numbers_vary_in_length() {
        let signature = Signature { r: field(0, 1), s: field(0, 0x80) };
        assert_eq!(signature.bytes(), hex!("3007 020101 02020080"));
        let long = Signature { r: field(0x80, 1), s: field(0x7F, 0) };
        assert_eq!((long.bytes().len(), long.bytes()[3]), (2 + 35 + 34, 33));
        for signature in [signature, long, Signature { r: [0; FIELD], s: [0xFF; FIELD] }] {
            assert_eq!(Signature::parse(&signature.bytes()), Ok(signature));
        }
    }

    #[test]
    fn what_is_no_signature() {
        for wrong in [
            &hex!("")[..],
            &hex!("3000"),
            &hex!("3003 020101"),
            &hex!("3006 020101 020101 00"),
            &hex!("3009 020101 020101 020101"),
            &hex!("3006 020101 0201FF"),      // negative
            &hex!("3007 02020001 020101"),    // not minimal
            &hex!("3080 020101 020101 0000"), // BER
        ] {
            assert!(Signature::parse(wrong).is_err(), "{wrong:02X?}");
        }
        let mut long = std::vec![0x30, 38, 2, 33, 1];
        long.extend([0; 32]);
        long.extend([2, 1, 1]);
        let why = Signature::parse(&long).unwrap_err();
        assert_eq!(why.fault, "a number is longer than 32 bytes");
    }

    #[test]
    fn a_ciphertext_in_both_forms() {
        let text =
            Ciphertext { x: field(0, 9), y: field(0xF0, 1), hash: [7; 32], encrypted: b"xyz".to_vec() };
        assert_eq!(Ciphertext::parse(&text.bytes()), Ok(text.clone()));
        assert_eq!(text.bytes()[..5], hex!("304D 020109"));
        assert_eq!(Ciphertext::parse_plain(&text.plain()), Ok(text.clone()));
        assert_eq!((text.plain().len(), text.point().len()), (1 + 32 * 3 + 3, 65));
        for end in 0..97 {
            assert!(Ciphertext::parse_plain(&text.plain()[..end]).is_err(), "{end}");
        }
        let mut compressed = text.plain();
        compressed[0] = 2;
        assert!(Ciphertext::parse_plain(&compressed).is_err());
        let der = text.bytes();
        for end in 0..der.len() {
            assert!(Ciphertext::parse(&der[..end]).is_err(), "{end}");
        }
        // A hash of three bytes in place of one of 32.
        assert!(Ciphertext::parse(&hex!("3010 020109 020101 0403 010203 0403 010203")).is_err());
    }
}
