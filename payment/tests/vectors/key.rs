//! TEST keys. Each key is made from its name, and `tests/vectors/README.md` says how. Anybody can sign with these keys,
//! so that nobody may ever believe what they certify.

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use p256::ecdsa::signature::{Signer, hazmat::PrehashSigner};

use hex_literal::hex;
use sm2::elliptic_curve::sec1::ToSec1Point as _;
use sm3::Digest as _;

use crate::der::{bits, oid, sequence, tlv, unsigned};

pub(crate) const ECDSA_SHA1: &str = "1.2.840.10045.4.1";
pub(crate) const ECDSA_SHA256: &str = "1.2.840.10045.4.3.2";
pub(crate) const ECDSA_SHA384: &str = "1.2.840.10045.4.3.3";
pub(crate) const RSA_SHA256: &str = "1.2.840.113549.1.1.11";
pub(crate) const EC_PUBLIC_KEY: &str = "1.2.840.10045.2.1";
pub(crate) const P256: &str = "1.2.840.10045.3.1.7";
pub(crate) const SM2_SM3: &str = "1.2.156.10197.1.501";
pub(crate) const SM2: &str = "1.2.156.10197.1.301";
const P384: &str = "1.3.132.0.34";
const ED25519: &str = "1.3.101.112";

/// The order of P-256's group (SEC 2, 2.4.2).
const ORDER: [u8; 32] = [
    0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC, 0xE6, 0xFA,
    0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
];

/// a ‖ b ‖ xG ‖ yG of SM2 (GB/T 32918.5, 2).
const CURVE: [u8; 128] = hex!(
    "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC"
    "28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93"
    "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7"
    "BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0"
);
/// n of SM2.
pub(crate) const SM2_ORDER: [u8; 32] =
    hex!("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123");

/// A key that signs the same bytes the same way each time (RFC 6979; RFC 8017, 8.2; RFC 8032).
pub(crate) enum Key {
    P256(Box<p256::ecdsa::SigningKey>),
    P384(Box<p384::ecdsa::SigningKey>),
    Rsa(Box<RsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
    /// With the identifier that goes into what is signed.
    Sm2(Box<sm2::SecretKey>, &'static [u8]),
}

/// The identifier of everybody (GM/T 0009, clause 10).
pub(crate) const DEFAULT_ID: &[u8] = b"1234567812345678";

fn seed(name: &str) -> Vec<u8> {
    digest(&SHA256, format!("U-shield TEST key: {name}").as_bytes()).as_ref().to_vec()
}

impl Key {
    /// The private key is SHA-256 of "U-shield TEST key: NAME".
    pub(crate) fn p256(name: &str) -> Self {
        Self::P256(Box::new(p256::ecdsa::SigningKey::from_slice(&seed(name)).unwrap()))
    }

    /// The private key is the same number as for P-256, behind 16 zero bytes.
    pub(crate) fn p384(name: &str) -> Self {
        let scalar = [vec![0; 16], seed(name)].concat();
        Self::P384(Box::new(p384::ecdsa::SigningKey::from_slice(&scalar).unwrap()))
    }

    /// The private key is the same number as for P-256.
    pub(crate) fn sm2(name: &str) -> Self {
        Self::sm2_as(name, DEFAULT_ID)
    }

    /// A key whose holder signs with another identifier.
    pub(crate) fn sm2_as(name: &str, identifier: &'static [u8]) -> Self {
        Self::Sm2(Box::new(sm2::SecretKey::from_slice(&seed(name)).unwrap()), identifier)
    }

    pub(crate) fn ed25519(name: &str) -> Self {
        Self::Ed25519(Box::new(Ed25519KeyPair::from_seed_unchecked(&seed(name)).unwrap()))
    }

    /// The one RSA key, of 2048 bits. The key stands in a file, since no standard makes an RSA key from a seed.
    pub(crate) fn rsa() -> Self {
        Self::Rsa(Box::new(RsaKeyPair::from_pkcs8(include_bytes!("TEST-rsa.pk8")).unwrap()))
    }

    /// The public key: a point without compression, or the form that the algorithm has for a public key.
    pub(crate) fn public(&self) -> Vec<u8> {
        match self {
            Self::P256(key) => key.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
            Self::P384(key) => key.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
            Self::Rsa(key) => key.public_key().as_ref().to_vec(),
            Self::Ed25519(key) => key.public_key().as_ref().to_vec(),
            Self::Sm2(key, _) => key.public_key().to_sec1_point(false).as_bytes().to_vec(),
        }
    }

    /// SubjectPublicKeyInfo.
    pub(crate) fn info(&self) -> Vec<u8> {
        let algorithm = match self {
            Self::P256(_) => sequence(&[&oid(EC_PUBLIC_KEY), &oid(P256)]),
            Self::P384(_) => sequence(&[&oid(EC_PUBLIC_KEY), &oid(P384)]),
            Self::Rsa(_) => sequence(&[&oid("1.2.840.113549.1.1.1"), &tlv(5, &[])]),
            Self::Ed25519(_) => sequence(&[&oid(ED25519)]),
            Self::Sm2(..) => sequence(&[&oid(EC_PUBLIC_KEY), &oid(SM2)]),
        };
        sequence(&[&algorithm, &bits(&self.public())])
    }

    /// The AlgorithmIdentifier of what [`Self::sign`] makes.
    pub(crate) fn algorithm(&self) -> Vec<u8> {
        match self {
            Self::P256(_) => sequence(&[&oid(ECDSA_SHA256)]),
            Self::P384(_) => sequence(&[&oid(ECDSA_SHA384)]),
            Self::Rsa(_) => sequence(&[&oid(RSA_SHA256), &tlv(5, &[])]),
            Self::Ed25519(_) => sequence(&[&oid(ED25519)]),
            Self::Sm2(..) => sequence(&[&oid(SM2_SM3)]),
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                let (r, s) = signature.split_bytes();
                sequence(&[&unsigned(&r), &unsigned(&s)])
            }
            Self::P384(key) => {
                let signature: p384::ecdsa::Signature = key.sign(message);
                let (r, s) = signature.split_bytes();
                sequence(&[&unsigned(&r), &unsigned(&s)])
            }
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }
            Self::Ed25519(key) => key.sign(message).as_ref().to_vec(),
            Self::Sm2(_, identifier) => self.sign_e(&sm3(&[&self.z(identifier), message])),
        }
    }

    /// Z of a key of SM2 (GB/T 32918.2, 5.5).
    pub(crate) fn z(&self, identifier: &[u8]) -> [u8; 32] {
        let bits = u16::try_from(8 * identifier.len()).unwrap();
        sm3(&[&bits.to_be_bytes(), identifier, &CURVE, &self.public()[1..]])
    }

    /// The signature of SM2 over e, DER.
    pub(crate) fn sign_e(&self, e: &[u8; 32]) -> Vec<u8> {
        let (r, s) = self.numbers(e);
        sequence(&[&unsigned(&r), &unsigned(&s)])
    }

    /// r and s of SM2's signature over e.
    pub(crate) fn numbers(&self, e: &[u8; 32]) -> ([u8; 32], [u8; 32]) {
        let Self::Sm2(key, _) = self else { panic!("only SM2 signs e") };
        let signature = sm2_signature::PrivateKey::new(key).unwrap().sign_digest(e);
        (signature.r, signature.s)
    }

    /// P-384 with SHA-256, which standards allow and no payment key uses.
    pub(crate) fn sign_with_sha256(&self, message: &[u8]) -> Vec<u8> {
        let Self::P384(key) = self else { panic!("P-256 has SHA-256 anyway") };
        let signature: p384::ecdsa::Signature =
            key.sign_prehash(digest(&SHA256, message).as_ref()).expect("a hash that is long enough");
        let (r, s) = signature.split_bytes();
        sequence(&[&unsigned(&r), &unsigned(&s)])
    }

    /// The halves r and s of a signature, for P-256 only.
    pub(crate) fn halves(&self, message: &[u8]) -> ([u8; 32], [u8; 32]) {
        let Self::P256(key) = self else { panic!("only P-256 has its halves shown") };
        let signature: p256::ecdsa::Signature = key.sign(message);
        let (r, s) = signature.split_bytes();
        (r.into(), s.into())
    }

    /// ECDSA with SHA-256. Two values of s fit: `high` asks for the larger one.
    pub(crate) fn sign_with_s(&self, message: &[u8], high: bool) -> Vec<u8> {
        let (r, s) = self.halves(message);
        let other = minus(&ORDER, &s);
        sequence(&[&unsigned(&r), &unsigned(if (s > other) == high { &s } else { &other })])
    }

    /// The same signature with r + n in the place of r. The sum equals r modulo n, but is not below n.
    pub(crate) fn sign_with_large_r(&self, message: &[u8]) -> Vec<u8> {
        let (r, s) = self.halves(message);
        let (mut sum, mut carry) = (vec![0; 33], 0_u16);
        for place in (0..32).rev() {
            carry += u16::from(r[place]) + u16::from(ORDER[place]);
            sum[place + 1] = u8::try_from(carry & 0xFF).unwrap();
            carry >>= 8;
        }
        sum[0] = u8::try_from(carry).unwrap();
        sequence(&[&unsigned(&sum), &unsigned(&s)])
    }
}

/// SM3 of the parts together.
pub(crate) fn sm3(parts: &[&[u8]]) -> [u8; 32] {
    sm3::Sm3::digest(parts.concat()).into()
}

fn minus(a: &[u8; 32], b: &[u8; 32]) -> [u8; 32] {
    let (mut difference, mut borrow) = ([0; 32], 0_i16);
    for place in (0..32).rev() {
        let digit = i16::from(a[place]) - i16::from(b[place]) - borrow;
        borrow = i16::from(digit < 0);
        difference[place] = u8::try_from(digit.rem_euclid(256)).unwrap();
    }
    difference
}
