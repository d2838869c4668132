//! ECDSA on P-256 with SHA-256 (FIPS 186-5, 6.4).

use p256::ecdsa::{Signature, VerifyingKey, signature::Verifier};

use super::Scheme;

pub(super) const SCHEME: Scheme = Scheme { written: &rcgen::PKCS_ECDSA_P256_SHA256, is_point, verify };

fn is_point(point: &[u8]) -> bool {
    VerifyingKey::from_sec1_bytes(point).is_ok()
}

fn verify(point: &[u8], message: &[u8], signature: &[u8]) -> bool {
    match (VerifyingKey::from_sec1_bytes(point), Signature::from_der(signature)) {
        (Ok(key), Ok(signature)) => key.verify(message, &signature).is_ok(),
        _ => false,
    }
}
