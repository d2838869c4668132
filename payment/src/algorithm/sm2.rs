//! SM2 with SM3, for the default identifier. Source: GB/T 32918.2; GM/T 0009, 7.3 and clause 10; GB/T 35276.

use wire::algorithm::{Digest, KeyAlgorithm};

use super::Scheme;
use crate::Reason;

/// SM3 and SM2-with-SM3. A document that names SM2 alone (1.2.156.10197.1.301.1, as GM/T 0010 has it) is of another form.
pub(super) const SCHEME: Scheme = match KeyAlgorithm::Sm2.signature() {
    Some(signature) => Scheme { digest: Digest::Sm3.identifier(), signature },
    None => panic!("a key of SM2 signs documents"),
};

/// A public key: a point of the curve, with Z of its owner.
#[derive(Clone, Debug)]
pub(crate) struct PublicKey(sm2_signature::PublicKey);

impl PublicKey {
    /// Reads an uncompressed point, and checks that it lies on the curve.
    pub(super) fn read(point: &[u8]) -> Result<Self, Reason> {
        if point.first() != Some(&4) {
            return Err(Reason::AlgorithmRefused);
        }
        sm2_signature::PublicKey::from_point(point).map(Self).ok_or(Reason::CertificateMalformed)
    }

    /// Whether the signature is the key's over the message. Z comes from the key in the certificate, and from nothing in the document.
    pub(super) fn check(&self, message: &[u8], signature: &[u8]) -> Result<(), Reason> {
        if self.0.verifies(message, signature) { Ok(()) } else { Err(Reason::SignatureInvalid) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;

    const POINT: [u8; 65] = hex!(
        "04 09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
        "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
    );
    const SIGNATURE: [u8; 72] = hex!(
        "3046 022100 F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
        "022100 B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
    );

    /// GB/T 32918.5, Annex A.
    #[test]
    fn annex_a() {
        let key = PublicKey::read(&POINT).unwrap();
        assert_eq!(key.check(b"message digest", &SIGNATURE), Ok(()));
        assert_eq!(key.check(b"message digesT", &SIGNATURE), Err(Reason::SignatureInvalid));
        for at in 0..SIGNATURE.len() {
            let mut changed = SIGNATURE;
            changed[at] ^= 1;
            assert_eq!(key.check(b"message digest", &changed), Err(Reason::SignatureInvalid), "byte {at}");
        }
    }

    #[test]
    fn points_off_the_curve_are_refused() {
        let mut off = POINT;
        off[64] ^= 1;
        assert_eq!(PublicKey::read(&off).unwrap_err(), Reason::CertificateMalformed);
        assert_eq!(PublicKey::read(&POINT[..64]).unwrap_err(), Reason::CertificateMalformed);
        assert_eq!(PublicKey::read(&[0]).unwrap_err(), Reason::AlgorithmRefused);
        assert_eq!(PublicKey::read(&[&[3], &POINT[1..33]].concat()).unwrap_err(), Reason::AlgorithmRefused);
    }

    /// A key of SM2 has no signatures of P-256's scheme, nor of a mixture of both.
    #[test]
    fn a_key_says_how_it_signs() {
        let key = super::super::PublicKey::Sm2(PublicKey::read(&POINT).unwrap());
        assert_eq!(key.check(SCHEME, b"message digest", &SIGNATURE), Ok(()));
        let p256 = super::super::p256::SCHEME;
        let mixed = Scheme { digest: p256.digest, ..SCHEME };
        let other = Scheme { signature: p256.signature, ..SCHEME };
        for scheme in [p256, mixed, other] {
            assert_eq!(key.check(scheme, b"message digest", &SIGNATURE), Err(Reason::AlgorithmRefused));
        }
    }
}
