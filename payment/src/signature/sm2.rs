//! SM2 with SM3, as webpki wants an algorithm. Source: GB/T 32918.2; GM/T 0015, 5.2.3.

use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm};
use sm2_signature::PublicKey;

/// SM2 with SM3 and the default identifier.
pub(crate) const SM2_SM3: &dyn SignatureVerificationAlgorithm = &Sm2Sm3;

#[derive(Debug)]
struct Sm2Sm3;

impl SignatureVerificationAlgorithm for Sm2Sm3 {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let key = PublicKey::from_point(public_key).ok_or(InvalidSignature)?;
        if key.verifies(message, signature) { Ok(()) } else { Err(InvalidSignature) }
    }

    /// id-ecPublicKey with the curve of SM2 (1.2.156.10197.1.301).
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        AlgorithmIdentifier::from_slice(
            b"\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01\x06\x08\x2A\x81\x1C\xCF\x55\x01\x82\x2D",
        )
    }

    /// SM2-with-SM3 (1.2.156.10197.1.501), without parameters.
    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        AlgorithmIdentifier::from_slice(b"\x06\x08\x2A\x81\x1C\xCF\x55\x01\x83\x75")
    }
}
