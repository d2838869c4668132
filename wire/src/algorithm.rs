//! The algorithms of key pairs: a closed set. A public key carries its algorithm as a value, because no length of a point
//! tells one curve from another: a point of SM2 has 65 bytes, as one of P-256 has.
//!
//! Whoever adds an algorithm here is led by the compiler through every match over it.

use der::asn1::ObjectIdentifier;

/// The algorithm of a key pair (SP 800-78-4, table 3-1; GB/T 32918).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyAlgorithm {
    /// ECDSA and ECDH on P-256.
    P256,
    /// ECDSA and ECDH on P-384.
    P384,
    /// RSA with a 2048-bit modulus and exponent 65537.
    Rsa2048,
    /// SM2: signatures and decryption.
    Sm2,
}

impl KeyAlgorithm {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::P256, Self::P384, Self::Rsa2048, Self::Sm2];

    /// What files and options of programs call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::P256 => "p256",
            Self::P384 => "p384",
            Self::Rsa2048 => "rsa2048",
            Self::Sm2 => "sm2",
        }
    }

    /// The algorithm of this [`Self::name`].
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The curve of an elliptic algorithm.
    pub const fn curve(self) -> Option<Curve> {
        match self {
            Self::P256 => Some(Curve::P256),
            Self::P384 => Some(Curve::P384),
            Self::Sm2 => Some(Curve::Sm2),
            Self::Rsa2048 => None,
        }
    }

    /// Bytes of the modulus, and of a padded block, of RSA.
    pub const fn modulus(self) -> Option<usize> {
        match self {
            Self::P256 | Self::P384 | Self::Sm2 => None,
            Self::Rsa2048 => Some(256),
        }
    }

    /// The digest that a token makes of a whole document before it signs it (SIGN PAYMENT, SIGN REQUEST, ATTEST:
    /// docs/shield-applet.md). `None`: a key of this algorithm signs no documents, only blocks that a host padded.
    pub const fn digest(self) -> Option<Digest> {
        match self {
            // Also on P-384: the documents name ecdsa-with-SHA256, whichever key of a token signs them.
            Self::P256 | Self::P384 => Some(Digest::Sha256),
            // Over the hash of who signs, Z, and the document (GB/T 32918.2, 6.1).
            Self::Sm2 => Some(Digest::Sm3),
            Self::Rsa2048 => None,
        }
    }

    /// The signature algorithm that a certificate, a request and a payment document name for such a signature
    /// (RFC 5758, 3.2; GM/T 0006, SM2 signatures with SM3).
    pub const fn signature(self) -> Option<ObjectIdentifier> {
        match self {
            Self::P256 | Self::P384 => Some(ECDSA_WITH_SHA256),
            Self::Sm2 => Some(SM2_WITH_SM3),
            Self::Rsa2048 => None,
        }
    }
}

/// ecdsa-with-SHA256 (RFC 5758, 3.2).
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");

/// SM2 signatures with SM3 (GM/T 0006).
const SM2_WITH_SM3: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.1.501");

/// The curve of an elliptic key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Curve {
    /// NIST P-256 (SP 800-186, 3.2.1.3).
    P256,
    /// NIST P-384 (SP 800-186, 3.2.1.4).
    P384,
    /// The curve of SM2 (GB/T 32918.5, 2).
    Sm2,
}

impl Curve {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::P256, Self::P384, Self::Sm2];

    /// The algorithm of keys on it.
    pub const fn algorithm(self) -> KeyAlgorithm {
        match self {
            Self::P256 => KeyAlgorithm::P256,
            Self::P384 => KeyAlgorithm::P384,
            Self::Sm2 => KeyAlgorithm::Sm2,
        }
    }

    /// Bytes of a coordinate, and of a private key.
    pub const fn field(self) -> usize {
        match self {
            Self::P256 | Self::Sm2 => 32,
            Self::P384 => 48,
        }
    }

    /// Bytes of an uncompressed point (SEC 1, 2.3.3).
    pub const fn point(self) -> usize {
        self.field().saturating_mul(2).saturating_add(1)
    }

    /// The object identifier of the named curve (RFC 5480, 2.1.1.1; GM/T 0006).
    pub const fn identifier(self) -> ObjectIdentifier {
        match self {
            Self::P256 => ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"),
            Self::P384 => ObjectIdentifier::new_unwrap("1.3.132.0.34"),
            Self::Sm2 => ObjectIdentifier::new_unwrap("1.2.156.10197.1.301"),
        }
    }

    /// [`Self::identifier`] in DER, with its tag: the parameters of id-ecPublicKey, and PKCS#11's CKA_EC_PARAMS.
    pub const fn parameters(self) -> &'static [u8] {
        match self {
            Self::P256 => b"\x06\x08\x2A\x86\x48\xCE\x3D\x03\x01\x07",
            Self::P384 => b"\x06\x05\x2B\x81\x04\x00\x22",
            Self::Sm2 => b"\x06\x08\x2A\x81\x1C\xCF\x55\x01\x82\x2D",
        }
    }

    /// The curve that [`Self::parameters`] name.
    pub fn by_parameters(parameters: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|curve| curve.parameters() == parameters)
    }
}

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Digest {
    /// SHA-256 (FIPS 180-4).
    Sha256,
    /// SM3 (GB/T 32905).
    Sm3,
}

impl Digest {
    /// Bytes of a digest.
    pub const fn length(self) -> usize {
        match self {
            Self::Sha256 | Self::Sm3 => 32,
        }
    }

    /// Its object identifier (RFC 5754, 2.2; GM/T 0006).
    pub const fn identifier(self) -> ObjectIdentifier {
        match self {
            Self::Sha256 => ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1"),
            Self::Sm3 => ObjectIdentifier::new_unwrap("1.2.156.10197.1.401"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use der::Encode as _;

    #[test]
    fn curves() {
        assert_eq!(Curve::ALL.map(Curve::point), [65, 97, 65]);
        for curve in Curve::ALL {
            assert_eq!(curve.identifier().to_der().unwrap(), curve.parameters());
            assert_eq!(Curve::by_parameters(curve.parameters()), Some(curve));
            assert_eq!(curve.algorithm().curve(), Some(curve));
        }
        assert_eq!(Curve::by_parameters(b"\x06\x05\x2B\x81\x04\x00\x23"), None); // P-521
    }

    /// A key of RSA has a modulus and no curve, and signs no documents. An elliptic key has a curve and no modulus.
    #[test]
    fn each_algorithm_is_of_one_kind() {
        for algorithm in KeyAlgorithm::ALL {
            assert_ne!(algorithm.curve().is_some(), algorithm.modulus().is_some(), "{algorithm:?}");
            assert_eq!(algorithm.digest().is_some(), algorithm.signature().is_some(), "{algorithm:?}");
            assert_eq!(KeyAlgorithm::by_name(algorithm.name()), Some(algorithm));
        }
        assert_eq!(KeyAlgorithm::P256.digest().map(Digest::length), Some(32));
        assert_eq!(KeyAlgorithm::Sm2.digest(), Some(Digest::Sm3));
    }
}
