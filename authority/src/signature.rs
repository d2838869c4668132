//! The public keys that are certified here, and what they verify. Each algorithm has a file of its own below.

mod p256;

use const_oid::{ObjectIdentifier, db::rfc5912::ID_EC_PUBLIC_KEY};
use der::Decode;
use rcgen::SignatureAlgorithm;
use wire::algorithm::KeyAlgorithm;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

/// What one algorithm's file gives.
struct Scheme {
    /// The algorithm as the crate names it that writes requests and certificates.
    written: &'static SignatureAlgorithm,
    /// Whether these bytes, whose length was checked, are a point of the curve.
    is_point: fn(&[u8]) -> bool,
    /// Whether the signature (DER) over the message is by the key of this point.
    verify: fn(&[u8], &[u8], &[u8]) -> bool,
}

/// The scheme of an algorithm that is certified here.
const fn scheme(algorithm: KeyAlgorithm) -> Option<Scheme> {
    match algorithm {
        KeyAlgorithm::P256 => Some(p256::SCHEME),
        // A token has such keys for PIV, and nobody is certified with one here.
        KeyAlgorithm::P384 | KeyAlgorithm::Rsa2048 | KeyAlgorithm::Sm2 => None,
    }
}

/// An algorithm as `rcgen` names it; `None` where no key of the algorithm is certified here.
pub fn written(algorithm: KeyAlgorithm) -> Option<&'static SignatureAlgorithm> {
    scheme(algorithm).map(|scheme| scheme.written)
}

/// A public key of an algorithm that is certified here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// Its algorithm.
    pub algorithm: KeyAlgorithm,
    /// Its point, uncompressed.
    pub point: Vec<u8>,
}

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo, DER: the algorithm is what the structure names (RFC 5480, 2.1.1 and 2.2), and never
    /// guessed from the length of the point.
    pub fn parse(info: &[u8]) -> Option<Self> {
        let info = SubjectPublicKeyInfoOwned::from_der(info).ok()?;
        let named = info.algorithm.parameters.as_ref()?.decode_as::<ObjectIdentifier>().ok()?;
        if info.algorithm.oid != ID_EC_PUBLIC_KEY {
            return None;
        }
        let point = info.subject_public_key.as_bytes()?;
        KeyAlgorithm::ALL.into_iter().find_map(|algorithm| {
            let (scheme, curve) = (scheme(algorithm)?, algorithm.curve()?);
            let fits =
                curve.identifier() == named && point.len() == curve.point() && (scheme.is_point)(point);
            fits.then(|| Self { algorithm, point: point.to_vec() })
        })
    }

    /// Whether `signature` (DER) over `message` is by this key, and `named` is the algorithm of such signatures, without
    /// parameters (RFC 5758, 3.2).
    pub fn verify(&self, named: &AlgorithmIdentifierOwned, message: &[u8], signature: &[u8]) -> bool {
        let is_named = named.parameters.is_none() && self.algorithm.signature() == Some(named.oid);
        is_named
            && scheme(self.algorithm).is_some_and(|scheme| (scheme.verify)(&self.point, message, signature))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{KeyPair, PublicKeyData as _, SigningKey as _};

    fn named(oid: &str) -> AlgorithmIdentifierOwned {
        AlgorithmIdentifierOwned { oid: oid.parse().unwrap(), parameters: None }
    }

    #[test]
    fn a_key_verifies_what_it_signed_under_its_own_algorithm() {
        let pair = KeyPair::generate().unwrap();
        let key = PublicKey::parse(&pair.subject_public_key_info()).unwrap();
        assert_eq!((key.algorithm, key.point.len()), (KeyAlgorithm::P256, 65));
        let signature = pair.sign(b"message").unwrap();
        let ecdsa_with_sha256 = named("1.2.840.10045.4.3.2");
        assert!(key.verify(&ecdsa_with_sha256, b"message", &signature));
        assert!(!key.verify(&ecdsa_with_sha256, b"massage", &signature));
        // ecdsa-with-SHA384: the name does not fit the key.
        assert!(!key.verify(&named("1.2.840.10045.4.3.3"), b"message", &signature));
        let null = AlgorithmIdentifierOwned { parameters: Some(der::asn1::Null.into()), ..ecdsa_with_sha256 };
        assert!(!key.verify(&null, b"message", &signature));
    }

    #[test]
    fn a_point_is_of_no_curve_but_the_one_that_is_named() {
        let info = KeyPair::generate().unwrap().subject_public_key_info();
        // 65 bytes, and the name of the curve of SM2 (GB/T 32918, 1.2.156.10197.1.301) in place of P-256's.
        let p256 = b"\x30\x13\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01\x06\x08\x2A\x86\x48\xCE\x3D\x03\x01\x07";
        let sm2 = b"\x30\x13\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01\x06\x08\x2A\x81\x1C\xCF\x55\x01\x82\x2D";
        let at = info.windows(p256.len()).position(|window| window == p256).unwrap();
        let mut other = info.clone();
        other[at..at + sm2.len()].copy_from_slice(sm2);
        assert!(PublicKey::parse(&info).is_some() && PublicKey::parse(&other).is_none());
    }
}
