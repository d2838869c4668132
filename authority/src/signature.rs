//! The keys that are certified here, what they sign and what they verify. Each algorithm has a file of its own below, and the
//! compiler leads whoever adds one through every match of this file.

mod p256;
mod sm2;

use const_oid::{ObjectIdentifier, db::rfc5912::ID_EC_PUBLIC_KEY};
use der::{Any, Decode, Encode, asn1::BitString};
use pkcs8::SecretDocument;
use wire::algorithm::KeyAlgorithm;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

/// What one algorithm's file gives.
struct Scheme {
    /// The name of the signatures, for people.
    name: &'static str,
    /// Whether these bytes, whose length was checked, are a point of the curve.
    is_point: fn(&[u8]) -> bool,
    /// Whether the signature (DER) over the message is by the key of this point.
    verify: fn(&[u8], &[u8], &[u8]) -> bool,
}

/// The scheme of an algorithm that is certified here.
const fn scheme(algorithm: KeyAlgorithm) -> Option<Scheme> {
    match algorithm {
        KeyAlgorithm::P256 => Some(p256::SCHEME),
        KeyAlgorithm::Sm2 => Some(sm2::SCHEME),
        // A token has such keys for PIV, and nobody is certified with one here.
        KeyAlgorithm::P384 | KeyAlgorithm::Rsa2048 => None,
    }
}

/// The name of an algorithm's signatures, for people; `None` where no key of the algorithm is certified here.
pub fn name(algorithm: KeyAlgorithm) -> Option<&'static str> {
    scheme(algorithm).map(|scheme| scheme.name)
}

/// The names of all signatures that are certified here, for people.
pub(crate) fn names() -> String {
    KeyAlgorithm::ALL.into_iter().filter_map(name).collect::<Vec<_>>().join(" or ")
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

    /// The SubjectPublicKeyInfo, DER (RFC 5480, 2; GM/T 0015, 5.2.3).
    pub fn info(&self) -> Vec<u8> {
        let parameters = self.algorithm.curve().map(|curve| curve.parameters());
        let info = || -> der::Result<Vec<u8>> {
            let algorithm = AlgorithmIdentifierOwned {
                oid: ID_EC_PUBLIC_KEY,
                parameters: parameters.map(Any::from_der).transpose()?,
            };
            let subject_public_key = BitString::from_bytes(&self.point)?;
            SubjectPublicKeyInfoOwned { algorithm, subject_public_key }.to_der()
        };
        // A point is short, and the parameters are DER: there is nothing else to fail on.
        info().unwrap_or_default()
    }

    /// Whether `signature` (DER) over `message` is by this key, and `named` is the algorithm of such signatures, without
    /// parameters (RFC 5758, 3.2; GM/T 0015, 5.2.3).
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
    Sm2(sm2::Secret),
}

impl PrivateKey {
    /// The key of this number, big-endian, with as many bytes as a coordinate of the curve. `None` when the number is no
    /// private key of the algorithm, or when no key of the algorithm is certified here.
    pub(crate) fn of_scalar(algorithm: KeyAlgorithm, scalar: &[u8]) -> Option<Self> {
        let secret = match algorithm {
            KeyAlgorithm::P256 => Secret::P256(p256::Secret::of_scalar(scalar)?),
            KeyAlgorithm::Sm2 => Secret::Sm2(sm2::Secret::of_scalar(scalar)?),
            KeyAlgorithm::P384 | KeyAlgorithm::Rsa2048 => return None,
        };
        Some(Self::of(algorithm, secret))
    }

    /// Reads PKCS #8, DER, of whichever algorithm it names.
    pub(crate) fn from_pkcs8(document: &[u8]) -> Option<Self> {
        KeyAlgorithm::ALL.into_iter().find_map(|algorithm| {
            let secret = match algorithm {
                KeyAlgorithm::P256 => Secret::P256(p256::Secret::from_pkcs8(document)?),
                KeyAlgorithm::Sm2 => Secret::Sm2(sm2::Secret::from_pkcs8(document)?),
                KeyAlgorithm::P384 | KeyAlgorithm::Rsa2048 => return None,
            };
            Some(Self::of(algorithm, secret))
        })
    }

    fn of(algorithm: KeyAlgorithm, secret: Secret) -> Self {
        let point = match &secret {
            Secret::P256(secret) => secret.point(),
            Secret::Sm2(secret) => secret.point(),
        };
        Self { public: PublicKey { algorithm, point }, secret }
    }

    /// The key in PKCS #8, DER.
    pub(crate) fn pkcs8(&self) -> pkcs8::Result<SecretDocument> {
        match &self.secret {
            Secret::P256(secret) => secret.pkcs8(),
            Secret::Sm2(secret) => secret.pkcs8(),
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
            Secret::Sm2(secret) => secret.sign(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{KeyPair, PublicKeyData as _, SigningKey as _};

    fn key(algorithm: KeyAlgorithm) -> PrivateKey {
        PrivateKey::of_scalar(algorithm, &[7; 32]).unwrap()
    }

    /// Each algorithm that is certified has keys of its own, and its private key comes back from PKCS #8 as the same.
    #[test]
    fn a_private_key_of_each_algorithm_signs_what_its_public_key_verifies() {
        let mut certified = Vec::new();
        for algorithm in KeyAlgorithm::ALL {
            let Some(curve) = algorithm.curve() else { continue };
            let made = PrivateKey::of_scalar(algorithm, &vec![7; curve.field()]);
            assert_eq!(made.is_some(), name(algorithm).is_some(), "{algorithm:?}");
            let Some(key) = made else { continue };
            let again = PrivateKey::from_pkcs8(key.pkcs8().unwrap().as_bytes()).unwrap();
            let public = PublicKey::parse(&again.public().info()).unwrap();
            assert_eq!((&public, public.algorithm), (key.public(), algorithm));
            let named = AlgorithmIdentifierOwned { oid: algorithm.signature().unwrap(), parameters: None };
            assert!(public.verify(&named, b"message", &again.sign(b"message")));
            // Zero is no private key.
            assert!(PrivateKey::of_scalar(algorithm, &vec![0; curve.field()]).is_none());
            certified.push(algorithm);
        }
        assert_eq!(certified, [KeyAlgorithm::P256, KeyAlgorithm::Sm2]);
        assert!(names().contains("P-256") && names().contains("SM2"), "{}", names());
    }

    fn named(oid: &str) -> AlgorithmIdentifierOwned {
        AlgorithmIdentifierOwned { oid: oid.parse().unwrap(), parameters: None }
    }

    #[test]
    fn a_key_verifies_what_it_signed_under_its_own_algorithm() {
        let pair = KeyPair::generate().unwrap();
        let key = PublicKey::parse(&pair.subject_public_key_info()).unwrap();
        assert_eq!((key.algorithm, key.point.len()), (KeyAlgorithm::P256, 65));
        assert_eq!(key.info(), pair.subject_public_key_info());
        let signature = pair.sign(b"message").unwrap();
        let ecdsa_with_sha256 = named("1.2.840.10045.4.3.2");
        assert!(key.verify(&ecdsa_with_sha256, b"message", &signature));
        assert!(!key.verify(&ecdsa_with_sha256, b"massage", &signature));
        // ecdsa-with-SHA384: the name does not fit the key.
        assert!(!key.verify(&named("1.2.840.10045.4.3.3"), b"message", &signature));
        let null = AlgorithmIdentifierOwned { parameters: Some(der::asn1::Null.into()), ..ecdsa_with_sha256 };
        assert!(!key.verify(&null, b"message", &signature));
    }

    /// A signature of SM2 has one name: SM2-with-SM3, without parameters. SM2 alone (GM/T 0010), SM3 and ECDSA are other names.
    #[test]
    fn a_key_of_sm2_verifies_under_one_name() {
        let key = key(KeyAlgorithm::Sm2);
        let signature = key.sign(b"message");
        let sm2_with_sm3 = named("1.2.156.10197.1.501");
        assert!(key.public().verify(&sm2_with_sm3, b"message", &signature));
        for other in
            ["1.2.156.10197.1.301.1", "1.2.156.10197.1.301", "1.2.156.10197.1.401", "1.2.840.10045.4.3.2"]
        {
            assert!(!key.public().verify(&named(other), b"message", &signature), "{other}");
        }
        let null = AlgorithmIdentifierOwned { parameters: Some(der::asn1::Null.into()), ..sm2_with_sm3 };
        assert!(!key.public().verify(&null, b"message", &signature));
    }

    /// One number on two curves: a signature of the one key is none of the other's, under either name.
    #[test]
    fn no_key_verifies_what_another_algorithm_signed() {
        let [p256, sm2] = [KeyAlgorithm::P256, KeyAlgorithm::Sm2].map(key);
        for (one, other) in [(&p256, &sm2), (&sm2, &p256)] {
            let signature = one.sign(b"message");
            for algorithm in [KeyAlgorithm::P256, KeyAlgorithm::Sm2] {
                let named =
                    AlgorithmIdentifierOwned { oid: algorithm.signature().unwrap(), parameters: None };
                assert!(!other.public().verify(&named, b"message", &signature));
            }
        }
    }

    #[test]
    fn a_point_is_of_no_curve_but_the_one_that_is_named() {
        for (own, other) in [(KeyAlgorithm::P256, KeyAlgorithm::Sm2), (KeyAlgorithm::Sm2, KeyAlgorithm::P256)]
        {
            // 65 bytes, and the name of another curve on which the point does not lie.
            let key = key(own).public().clone();
            assert!(PublicKey::parse(&key.info()).is_some());
            assert!(PublicKey::parse(&PublicKey { algorithm: other, ..key }.info()).is_none(), "{own:?}");
        }
    }
}
