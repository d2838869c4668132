//! P-256 (FIPS 186-5, SP 800-186 3.2.1.3): ECDSA and ECDH.

use alloc::vec::Vec;

use p256::{
    NistP256, NonZeroScalar, PublicKey, SecretKey,
    elliptic_curve::{Generate as _, sec1::ToSec1Point as _},
    pkcs8::EncodePublicKey as _,
};
use wire::{algorithm::Curve, piv};
use zeroize::Zeroizing;

use super::{ecdsa, field::field_of_digest, hash::sha256, multiple};
use crate::{refusal::Refusal, seams::CryptoRng};

/// Bytes of a field element, and of a private key.
const FIELD: usize = Curve::P256.field();
/// Bytes of an uncompressed point (SEC 1, 2.3.3).
pub(super) const POINT: usize = Curve::P256.point();

/// A private key with its public half at hand. Wiped when dropped.
pub(super) struct Key {
    secret: SecretKey,
    public: PublicKey,
}

impl Key {
    pub(super) fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        SecretKey::generate_from_rng(rng).into()
    }

    /// Refuses zero, and what is not less than the order.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        // The crate would take a shorter key as well.
        let bytes: &[u8; FIELD] = bytes.try_into().map_err(|_| Refusal::WrongData)?;
        SecretKey::from_slice(bytes).map(Self::from).map_err(|_| Refusal::WrongData)
    }

    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(FIELD));
        bytes.extend_from_slice(&Zeroizing::new(self.secret.to_bytes()));
        bytes
    }

    /// The uncompressed point.
    pub(super) fn point(&self) -> Vec<u8> {
        self.public.to_sec1_point(false).as_bytes().to_vec()
    }

    pub(super) fn public(&self) -> PublicKey {
        self.public
    }

    /// The public half as GENERATE ASYMMETRIC KEY PAIR answers it, tag 7F49.
    pub(super) fn template(&self) -> Vec<u8> {
        piv::PublicKey::Point { curve: Curve::P256, point: &self.point() }.bytes()
    }

    /// SubjectPublicKeyInfo (RFC 5480), DER.
    pub(super) fn spki(&self) -> Vec<u8> {
        self.public.to_public_key_der().map(|der| der.to_vec()).unwrap_or_default()
    }

    /// ECDSA over the SHA-256 of the document, DER.
    pub(super) fn sign(&self, document: &[u8], extra: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.sign_digest(&sha256(document), extra)
    }

    /// ECDSA over the digest, DER, with `extra` hedging the nonce (`ecdsa::sign`).
    pub(super) fn sign_digest(&self, digest: &[u8], extra: &[u8]) -> Result<Vec<u8>, Refusal> {
        let (secret, field) = (self.scalar(), field_of_digest::<FIELD>(digest)?);
        let signature = ecdsa::sign::<NistP256, sha2::Sha256>(&secret, &field.into(), extra);
        Ok(signature.to_der().as_bytes().to_vec())
    }

    fn scalar(&self) -> Zeroizing<NonZeroScalar> {
        Zeroizing::new(self.secret.to_nonzero_scalar())
    }

    /// The x coordinate of the shared point (SP 800-56A revision 3, 5.7.1.2).
    pub(super) fn agree(&self, point: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        Ok(self.agree_with(&peer(point)?))
    }

    pub(super) fn agree_with(&self, peer: &PublicKey) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(multiple::of_point(&self.scalar(), peer).to_vec())
    }
}

impl From<SecretKey> for Key {
    fn from(secret: SecretKey) -> Self {
        let public = multiple::of_base(&Zeroizing::new(secret.to_nonzero_scalar()));
        Self { secret, public }
    }
}

/// Whether the DER signature is right for the digest and the point. The token verifies nothing; the tests do.
#[cfg(test)]
pub(super) fn verifies(point: &[u8], digest: &[u8], signature: &[u8]) -> bool {
    use p256::ecdsa::{Signature, VerifyingKey, signature::hazmat::PrehashVerifier as _};
    let (Ok(key), Ok(signature)) = (VerifyingKey::from_sec1_bytes(point), Signature::from_der(signature))
    else {
        return false;
    };
    field_of_digest::<FIELD>(digest).is_ok_and(|field| key.verify_prehash(&field, &signature).is_ok())
}

/// Full public-key validation (SP 800-56A revision 3, 5.6.2.3.3): uncompressed, on the curve, not the identity.
pub(super) fn peer(point: &[u8]) -> Result<PublicKey, Refusal> {
    match point {
        [4, ..] if point.len() == POINT => PublicKey::from_sec1_bytes(point).map_err(|_| Refusal::WrongData),
        _ => Err(Refusal::WrongData),
    }
}
