//! The keys that are certified here, what they sign and what they verify. Each algorithm has a file of its own below, and the
//! compiler leads whoever adds one through every match of this file.

mod p256;

use const_oid::{ObjectIdentifier, db::rfc5912::ID_EC_PUBLIC_KEY};
use der::Decode;
use pkcs8::SecretDocument;
use rcgen::{PublicKeyData, SignatureAlgorithm};
use wire::algorithm::KeyAlgorithm;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

/// What one algorithm's file gives.
struct Scheme {
    /// The name of the signatures, for people.
    name: &'static str,
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

/// The names of all signatures that are certified here, for people.
pub(crate) fn names() -> String {
    let names = KeyAlgorithm::ALL.into_iter().filter_map(|algorithm| Some(scheme(algorithm)?.name));
    names.collect::<Vec<_>>().join(" or ")
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

/// A private key of an algorithm that is certified here; it is wiped when dropped.
pub(crate) struct PrivateKey {
    public: PublicKey,
    secret: Secret,
}

/// The secret half, as the algorithm's file has it.
enum Secret {
    P256(p256::Secret),
}

impl PrivateKey {
    /// The key of this number, big-endian, with as many bytes as a coordinate of the curve. `None` when the number is no
    /// private key of the algorithm, or when no key of the algorithm is certified here.
    pub(crate) fn of_scalar(algorithm: KeyAlgorithm, scalar: &[u8]) -> Option<Self> {
        let secret = match algorithm {
            KeyAlgorithm::P256 => Secret::P256(p256::Secret::of_scalar(scalar)?),
            KeyAlgorithm::P384 | KeyAlgorithm::Rsa2048 | KeyAlgorithm::Sm2 => return None,
        };
        Some(Self::of(algorithm, secret))
    }

    /// Reads PKCS #8, DER, of whichever algorithm it names.
    pub(crate) fn from_pkcs8(document: &[u8]) -> Option<Self> {
        KeyAlgorithm::ALL.into_iter().find_map(|algorithm| {
            let secret = match algorithm {
                KeyAlgorithm::P256 => Secret::P256(p256::Secret::from_pkcs8(document)?),
                KeyAlgorithm::P384 | KeyAlgorithm::Rsa2048 | KeyAlgorithm::Sm2 => return None,
            };
            Some(Self::of(algorithm, secret))
        })
    }

    fn of(algorithm: KeyAlgorithm, secret: Secret) -> Self {
        let point = match &secret {
            Secret::P256(secret) => secret.point(),
        };
        Self { public: PublicKey { algorithm, point }, secret }
    }

    /// The key in PKCS #8, DER.
    pub(crate) fn pkcs8(&self) -> pkcs8::Result<SecretDocument> {
        match &self.secret {
            Secret::P256(secret) => secret.pkcs8(),
        }
    }

    /// The public half.
    pub(crate) const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The signature over a message, DER.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.secret {
            Secret::P256(secret) => secret.sign(message),
        }
    }
}

impl PublicKeyData for PrivateKey {
    fn der_bytes(&self) -> &[u8] {
        &self.public.point
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match &self.secret {
            Secret::P256(_) => p256::SCHEME.written,
        }
    }
}

impl rcgen::SigningKey for PrivateKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.sign(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{KeyPair, SigningKey as _};

    /// Each algorithm that is certified has keys of its own, and its private key comes back from PKCS #8 as the same.
    #[test]
    fn a_private_key_of_each_algorithm_signs_what_its_public_key_verifies() {
        let mut certified = Vec::new();
        for algorithm in KeyAlgorithm::ALL {
            let Some(curve) = algorithm.curve() else { continue };
            let made = PrivateKey::of_scalar(algorithm, &vec![7; curve.field()]);
            assert_eq!(made.is_some(), written(algorithm).is_some(), "{algorithm:?}");
            let Some(key) = made else { continue };
            let again = PrivateKey::from_pkcs8(key.pkcs8().unwrap().as_bytes()).unwrap();
            let public = PublicKey::parse(&again.subject_public_key_info()).unwrap();
            assert_eq!((&public, public.algorithm), (key.public(), algorithm));
            let named = AlgorithmIdentifierOwned { oid: algorithm.signature().unwrap(), parameters: None };
            assert!(public.verify(&named, b"message", &again.sign(b"message")));
            // Zero is no private key.
            assert!(PrivateKey::of_scalar(algorithm, &vec![0; curve.field()]).is_none());
            certified.push(algorithm);
        }
        assert!(certified.contains(&KeyAlgorithm::P256) && names().contains("P-256"));
    }

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
