//! Keys on elliptic curves (Current Mechanisms v2.40, 2.3): ECDSA and ECDH on P-256 and P-384.

use cryptoki_sys as ck;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use wire::{
    algorithm::{Curve, KeyAlgorithm},
    shield::Uses,
};
use zeroize::Zeroizing;

use super::{Facts, Parts, PrivateKey, as_long, need};
use crate::{
    attribute::Attributes,
    certificate,
    ckr::{Ckr, Result},
    mechanism::Scheme,
};

/// What there is to know of the key type.
pub(super) const FACTS: Facts = Facts {
    number: ck::CKK_EC,
    generation: ck::CKM_EC_KEY_PAIR_GEN,
    uses: &[(Uses::SIGN, &[ck::CKA_SIGN]), (Uses::AGREE, &[ck::CKA_DERIVE])],
    public: &[ck::CKA_EC_PARAMS, ck::CKA_EC_POINT],
    private: &[ck::CKA_EC_PARAMS, ck::CKA_VALUE],
    wanted: &[ck::CKA_EC_PARAMS],
};

/// The curve that CKA_EC_PARAMS names. PKCS#11 v2.40 has no mechanisms for keys of SM2, which are no keys of ECDSA.
fn curve(attributes: &Attributes) -> Result<Curve> {
    let found = Curve::by_parameters(need(attributes, ck::CKA_EC_PARAMS)?);
    found.filter(|curve| *curve != Curve::Sm2).ok_or(Ckr::CURVE_NOT_SUPPORTED)
}

/// The algorithm of a new key pair: what the template of its public half says.
pub(super) fn new_pair(public: &Attributes) -> Result<KeyAlgorithm> {
    Ok(curve(public)?.algorithm())
}

/// A private key that a template brings: its scalar, in as many bytes as the field has.
pub(super) fn private_key(template: &Attributes) -> Result<PrivateKey> {
    let curve = curve(template)?;
    let scalar = as_long(need(template, ck::CKA_VALUE)?, curve.field())?;
    Ok(PrivateKey { algorithm: curve.algorithm(), parts: Parts::Scalar(scalar) })
}

/// A public key: an uncompressed point of its curve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    curve: Curve,
    /// 04, x, y.
    point: Vec<u8>,
}

impl PublicKey {
    /// A point of this curve's length.
    pub(super) fn new(curve: Curve, point: &[u8]) -> Self {
        Self { curve, point: point.into() }
    }

    /// A CKO_PUBLIC_KEY's (Current Mechanisms, 2.3.3).
    pub(super) fn of_attributes(attributes: &Attributes) -> Result<Self> {
        Ok(Self::new(curve(attributes)?, certificate::point(need(attributes, ck::CKA_EC_POINT)?)))
    }

    /// Whether the point is one of the curve.
    pub(super) fn is_one(&self) -> bool {
        match self.curve {
            Curve::P256 => p256::ecdsa::VerifyingKey::from_sec1_bytes(&self.point).is_ok(),
            Curve::P384 => p384::ecdsa::VerifyingKey::from_sec1_bytes(&self.point).is_ok(),
            Curve::Sm2 => false,
        }
    }

    /// Bytes of a signature: r and s.
    pub(super) const fn block(&self) -> usize {
        self.curve.field() * 2
    }

    /// SubjectPublicKeyInfo, DER.
    pub(super) fn info(&self) -> Vec<u8> {
        certificate::ec_info(self.curve.parameters(), &self.point)
    }

    /// Sets what only the public half shows.
    pub(super) fn show(&self, attributes: &mut Attributes) {
        attributes.set(ck::CKA_EC_POINT, certificate::octet_string(&self.point));
    }

    /// Sets what both halves show (Current Mechanisms, 2.3.3 and 2.3.4).
    pub(super) fn show_to_both(&self, attributes: &mut Attributes) {
        attributes.set(ck::CKA_EC_PARAMS, self.curve.parameters());
    }

    /// Whether signatures are made so.
    pub(super) fn fits(&self, scheme: Scheme) -> bool {
        scheme == Scheme::Ecdsa
    }

    /// What the token's private key is applied to. ECDSA takes the leftmost bits of a digest (FIPS 186-4, 6.4), in just so many
    /// bytes as the field has.
    pub(super) fn block_to_sign(&self, digest: &[u8]) -> Result<Vec<u8>> {
        if digest.is_empty() {
            return Err(Ckr::DATA_LEN_RANGE);
        }
        let length = self.curve.field();
        let taken = &digest[..digest.len().min(length)];
        Ok([&vec![0; length - taken.len()], taken].concat())
    }

    /// The signature out of the token's answer: r and s out of Ecdsa-Sig-Value (RFC 3279, 2.2.3).
    pub(super) fn signature(&self, answer: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let plain = match self.curve {
            Curve::P256 => p256::ecdsa::Signature::from_der(answer).ok()?.to_bytes().to_vec(),
            Curve::P384 => p384::ecdsa::Signature::from_der(answer).ok()?.to_bytes().to_vec(),
            Curve::Sm2 => return None,
        };
        Some(Zeroizing::new(plain))
    }

    /// Whether a signature holds.
    pub(super) fn holds(&self, digest: &[u8], signature: &[u8]) -> Result<bool> {
        let digest = self.block_to_sign(digest)?;
        Ok(match self.curve {
            Curve::P256 => p256::ecdsa::VerifyingKey::from_sec1_bytes(&self.point)
                .and_then(|key| key.verify_prehash(&digest, &p256::ecdsa::Signature::from_slice(signature)?))
                .is_ok(),
            Curve::P384 => p384::ecdsa::VerifyingKey::from_sec1_bytes(&self.point)
                .and_then(|key| key.verify_prehash(&digest, &p384::ecdsa::Signature::from_slice(signature)?))
                .is_ok(),
            Curve::Sm2 => false,
        })
    }

    /// Bytes of a shared secret: an x coordinate.
    pub(super) const fn secret_length(&self) -> usize {
        self.curve.field()
    }

    /// The other side's point, bare, if it is one of the same curve.
    pub(super) fn other_side<'a>(&self, given: &'a [u8]) -> Option<&'a [u8]> {
        let point = certificate::point(given);
        Self::new(self.curve, point).is_one().then_some(point)
    }
}
