//! An asymmetric key pair of any algorithm that the token knows.

use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use wire::{algorithm::KeyAlgorithm, shield::PrivateParts, sm2::Ciphertext};
use zeroize::Zeroizing;

use super::{p256, p384, rsa2048, sm2};
use crate::{refusal::Refusal, seams::CryptoRng};

/// A private key, with what is needed to use it at once. Wiped when dropped; `Debug` names the algorithm only.
pub struct PrivateKey(Pair);

enum Pair {
    P256(p256::Key),
    P384(Box<p384::Key>),
    Rsa2048(rsa2048::Key),
    Sm2(Box<sm2::Key>),
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({:?})", self.algorithm())
    }
}

impl PrivateKey {
    /// Makes an ECC key pair at once; `None` for RSA, which goes through [`super::GenerateRsa`].
    pub fn generate_ec<R: CryptoRng + ?Sized>(algorithm: KeyAlgorithm, rng: &mut R) -> Option<Self> {
        match algorithm {
            KeyAlgorithm::P256 => Some(Self(Pair::P256(p256::Key::generate(rng)))),
            KeyAlgorithm::P384 => Some(Self(Pair::P384(Box::new(p384::Key::generate(rng))))),
            KeyAlgorithm::Sm2 => Some(Self(Pair::Sm2(Box::new(sm2::Key::generate(rng))))),
            KeyAlgorithm::Rsa2048 => None,
        }
    }

    pub(super) fn generate_rsa<R: CryptoRng + ?Sized>(rng: &mut R) -> Result<Self, Refusal> {
        rsa2048::Key::generate(rng).map(|key| Self(Pair::Rsa2048(key)))
    }

    /// Which algorithm.
    pub const fn algorithm(&self) -> KeyAlgorithm {
        match self.0 {
            Pair::P256(_) => KeyAlgorithm::P256,
            Pair::P384(_) => KeyAlgorithm::P384,
            Pair::Rsa2048(_) => KeyAlgorithm::Rsa2048,
            Pair::Sm2(_) => KeyAlgorithm::Sm2,
        }
    }

    /// The private key for sealed storage: the scalar, or both RSA primes; 32, 48 or 256 bytes.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        match &self.0 {
            Pair::P256(key) => key.to_bytes(),
            Pair::P384(key) => key.to_bytes(),
            Pair::Rsa2048(key) => key.to_bytes(),
            Pair::Sm2(key) => key.to_bytes(),
        }
    }

    /// Reads [`Self::to_bytes`].
    ///
    /// # Errors
    /// `WrongData`: not a private key of that algorithm.
    pub fn from_bytes(algorithm: KeyAlgorithm, bytes: &[u8]) -> Result<Self, Refusal> {
        Ok(Self(match algorithm {
            KeyAlgorithm::P256 => Pair::P256(p256::Key::from_bytes(bytes)?),
            KeyAlgorithm::P384 => Pair::P384(Box::new(p384::Key::from_bytes(bytes)?)),
            KeyAlgorithm::Rsa2048 => Pair::Rsa2048(rsa2048::Key::from_bytes(bytes)?),
            KeyAlgorithm::Sm2 => Pair::Sm2(Box::new(sm2::Key::from_bytes(bytes)?)),
        }))
    }

    /// A key from outside.
    ///
    /// # Errors
    /// `WrongData`: parts that make no key of this algorithm, or do not belong together.
    pub fn from_parts<R: CryptoRng + ?Sized>(
        algorithm: KeyAlgorithm,
        parts: PrivateParts<'_>,
        rng: &mut R,
    ) -> Result<Self, Refusal> {
        match (algorithm, parts) {
            (KeyAlgorithm::P256 | KeyAlgorithm::P384 | KeyAlgorithm::Sm2, PrivateParts::Scalar(scalar)) => {
                Self::from_bytes(algorithm, scalar)
            }
            (KeyAlgorithm::Rsa2048, PrivateParts::Crt(parts)) => {
                rsa2048::Key::from_crt(parts, rng).map(|key| Self(Pair::Rsa2048(key)))
            }
            (KeyAlgorithm::P256 | KeyAlgorithm::P384 | KeyAlgorithm::Sm2, PrivateParts::Crt(_))
            | (KeyAlgorithm::Rsa2048, PrivateParts::Scalar(_)) => Err(Refusal::WrongData),
        }
    }

    /// The public half as the template of GENERATE ASYMMETRIC KEY PAIR, tag 7F49 (`wire::piv::PublicKey`).
    pub fn public_key(&self) -> Vec<u8> {
        match &self.0 {
            Pair::P256(key) => key.template(),
            Pair::P384(key) => key.template(),
            Pair::Rsa2048(key) => key.template(),
            Pair::Sm2(key) => key.template(),
        }
    }

    /// The public half as SubjectPublicKeyInfo, DER, to compare with a certificate's or a request's.
    pub fn spki(&self) -> Vec<u8> {
        match &self.0 {
            Pair::P256(key) => key.spki(),
            Pair::P384(key) => key.spki(),
            Pair::Rsa2048(key) => key.spki(),
            Pair::Sm2(key) => key.spki(),
        }
    }

    /// Signs a whole document, with the hash that belongs to the key's algorithm (`wire::algorithm::KeyAlgorithm::digest`). A key
    /// of SM2 signs for the default identifier, and takes Z from its own public half.
    /// The signature is DER. The nonce is RFC 6979's, hedged with `rng`.
    ///
    /// # Errors
    /// `WrongUse`: a key of this algorithm signs no documents.
    pub fn sign<R: CryptoRng + ?Sized>(&self, document: &[u8], rng: &mut R) -> Result<Vec<u8>, Refusal> {
        self.sign_with(document, &*extra(rng))
    }

    /// As [`Self::sign`], the same signature each time: RFC 6979 as it stands, for a key that is no secret.
    ///
    /// # Errors
    /// As [`Self::sign`].
    pub fn sign_reproducibly(&self, document: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.sign_with(document, &[])
    }

    fn sign_with(&self, document: &[u8], extra: &[u8]) -> Result<Vec<u8>, Refusal> {
        match &self.0 {
            Pair::P256(key) => key.sign(document, extra),
            Pair::P384(key) => key.sign(document, extra),
            Pair::Sm2(key) => Ok(key.sign(sm2::Identifier::DEFAULT, document, extra).bytes()),
            Pair::Rsa2048(_) => Err(Refusal::WrongUse),
        }
    }

    /// ECDSA over a host's digest of 20 to 64 bytes: its leftmost bits if it is longer than the field (FIPS 186-5, 6.4.1),
    /// zeros before it if it is shorter. Of SM2 the digest is e, 32 bytes: the host made it of Z and the document. The signature is
    /// DER. The nonce is RFC 6979's, hedged with `rng`.
    ///
    /// # Errors
    /// `WrongData`: no usual length of a digest. `WrongUse`: an RSA key.
    pub fn sign_digest<R: CryptoRng + ?Sized>(&self, digest: &[u8], rng: &mut R) -> Result<Vec<u8>, Refusal> {
        self.sign_digest_with(digest, &*extra(rng))
    }

    /// As [`Self::sign_digest`], with the additional data of RFC 6979, 3.6 as an argument.
    pub(super) fn sign_digest_with(&self, digest: &[u8], extra: &[u8]) -> Result<Vec<u8>, Refusal> {
        match &self.0 {
            Pair::P256(key) => key.sign_digest(digest, extra),
            Pair::P384(key) => key.sign_digest(digest, extra),
            Pair::Sm2(key) => {
                let e = digest.try_into().map_err(|_| Refusal::WrongData)?;
                Ok(key.sign_digest(e, extra).bytes())
            }
            Pair::Rsa2048(_) => Err(Refusal::WrongUse),
        }
    }

    /// ECDH with an uncompressed point: the shared x coordinate, 32 or 48 bytes.
    ///
    /// # Errors
    /// `WrongData`: not a point of this key's curve, or the identity. `WrongUse`: a key of RSA, or of SM2, whose key exchange is
    /// another one.
    pub fn agree(&self, point: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        match &self.0 {
            Pair::P256(key) => key.agree(point),
            Pair::P384(key) => key.agree(point),
            Pair::Rsa2048(_) | Pair::Sm2(_) => Err(Refusal::WrongUse),
        }
    }

    /// Decrypts what was encrypted for a key of SM2: a ciphertext in DER (GM/T 0009, 7.2).
    ///
    /// # Errors
    /// `WrongData`: no ciphertext for this key. `WrongUse`: a key of another algorithm.
    pub fn decrypt(&self, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        match &self.0 {
            Pair::Sm2(key) => key.decrypt(&Ciphertext::parse(ciphertext).map_err(|_| Refusal::WrongData)?),
            Pair::P256(_) | Pair::P384(_) | Pair::Rsa2048(_) => Err(Refusal::WrongUse),
        }
    }

    /// RSA's private operation on a padded block of 256 bytes: signs it or decrypts it.
    ///
    /// # Errors
    /// `WrongData`: another length, or not below the modulus. `WrongUse`: no RSA key. `Fault`: the result failed
    /// its check.
    pub fn raw<R: CryptoRng + ?Sized>(
        &mut self,
        block: &[u8],
        rng: &mut R,
    ) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        match &mut self.0 {
            Pair::Rsa2048(key) => key.raw(block, rng),
            Pair::P256(_) | Pair::P384(_) | Pair::Sm2(_) => Err(Refusal::WrongUse),
        }
    }

    /// Whether RSA's public operation on `block` gives `result`.
    pub(super) fn encrypts(&self, block: &[u8], result: &[u8]) -> bool {
        matches!(&self.0, Pair::Rsa2048(key) if key.encrypts(block, result))
    }
}

/// Additional data for a nonce (RFC 6979, 3.6).
fn extra<R: CryptoRng + ?Sized>(rng: &mut R) -> Zeroizing<[u8; 32]> {
    let mut extra = Zeroizing::new([0; 32]);
    rng.fill_bytes(&mut *extra);
    extra
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{field::field_of_digest, hash::sha256};
    use chacha20::ChaCha20Rng;
    use hex_literal::hex;
    use rand_core::SeedableRng as _;
    use wire::piv::PublicKey;

    const EC: [KeyAlgorithm; 2] = [KeyAlgorithm::P256, KeyAlgorithm::P384];
    /// All whose keys have a scalar and sign documents.
    const SCALARS: [KeyAlgorithm; 3] = [KeyAlgorithm::P256, KeyAlgorithm::P384, KeyAlgorithm::Sm2];

    fn rng(seed: u8) -> ChaCha20Rng {
        ChaCha20Rng::from_seed([seed; 32])
    }

    fn verifies(key: &PrivateKey, digest: &[u8], signature: &[u8]) -> bool {
        let template = key.public_key();
        let Ok(PublicKey::Point { point, .. }) = PublicKey::parse(key.algorithm(), &template) else {
            panic!("no point")
        };
        match key.algorithm() {
            KeyAlgorithm::P256 => p256::verifies(point, digest, signature),
            KeyAlgorithm::P384 => p384::verifies(point, digest, signature),
            KeyAlgorithm::Sm2 => {
                let signature = wire::sm2::Signature::parse(signature).unwrap();
                sm2::PublicKey::from_point(point).unwrap().verifies(digest.try_into().unwrap(), &signature)
            }
            KeyAlgorithm::Rsa2048 => panic!("RSA"),
        }
    }

    #[test]
    fn a_stored_key_is_the_same_key() {
        for (algorithm, length) in SCALARS.into_iter().zip([32, 48, 32]) {
            let key = PrivateKey::generate_ec(algorithm, &mut rng(1)).unwrap();
            let bytes = key.to_bytes();
            assert_eq!(bytes.len(), length);
            let again = PrivateKey::from_bytes(algorithm, &bytes).unwrap();
            assert_eq!((again.public_key(), again.algorithm()), (key.public_key(), algorithm));
            for wrong in [&[][..], &bytes[1..], &std::vec![0; length], &std::vec![0xFF; length], &[1; 256]] {
                assert!(PrivateKey::from_bytes(algorithm, wrong).is_err(), "{algorithm:?} {wrong:02X?}");
            }
        }
        let key = PrivateKey::generate_rsa(&mut rng(1)).unwrap();
        let again = PrivateKey::from_bytes(KeyAlgorithm::Rsa2048, &key.to_bytes()).unwrap();
        assert_eq!((again.spki(), key.to_bytes().len()), (key.spki(), 256));
        for wrong in [&[][..], &[1; 256], &[0xFF; 256], &[0xFE; 256], &[0xFF; 255]] {
            assert!(PrivateKey::from_bytes(KeyAlgorithm::Rsa2048, wrong).is_err());
        }
    }

    /// Two signatures over one digest differ, and both are right: the nonce is hedged.
    #[test]
    fn signs_a_digest_of_any_usual_length() {
        for algorithm in EC {
            let (key, mut rng) = (PrivateKey::generate_ec(algorithm, &mut rng(2)).unwrap(), rng(3));
            for length in [20, 28, 32, 48, 64] {
                let digest = std::vec![0xA5; length];
                let signatures = [(); 2].map(|()| key.sign_digest(&digest, &mut rng).unwrap());
                assert_ne!(signatures[0], signatures[1]);
                for signature in &signatures {
                    assert!(verifies(&key, &digest, signature));
                    assert!(!verifies(&key, &std::vec![0xA6; length], signature));
                }
            }
            for length in [0, 19, 65] {
                assert_eq!(key.sign_digest(&std::vec![1; length], &mut rng), Err(Refusal::WrongData));
            }
        }
    }

    /// The hash of a document is the one that the algorithm names, whoever asks.
    #[test]
    fn a_key_hashes_what_it_signs() {
        for algorithm in SCALARS {
            let key = PrivateKey::generate_ec(algorithm, &mut rng(8)).unwrap();
            let digest = match algorithm.digest() {
                Some(wire::algorithm::Digest::Sha256) => sha256(b"a document"),
                Some(wire::algorithm::Digest::Sm3) => {
                    let point = &key.public_key()[5..];
                    let public = sm2::PublicKey::from_point(point).unwrap();
                    public.digest(sm2::Identifier::DEFAULT, b"a document")
                }
                None => panic!("{algorithm:?} signs no documents"),
            };
            let signatures = [
                key.sign(b"a document", &mut rng(9)).unwrap(),
                key.sign_reproducibly(b"a document").unwrap(),
                key.sign_digest(&digest, &mut rng(9)).unwrap(),
            ];
            assert!(signatures.iter().all(|signature| verifies(&key, &digest, signature)));
            assert_eq!(signatures[0], signatures[2]);
        }
        let rsa = PrivateKey::generate_rsa(&mut rng(8)).unwrap();
        assert_eq!(rsa.algorithm().digest(), None);
        assert_eq!(rsa.sign(b"a document", &mut rng(9)), Err(Refusal::WrongUse));
    }

    /// RFC 6979, A.2.5: signatures over digests that are shorter (SHA-1) and longer (SHA-512) than the field.
    #[test]
    fn digests_are_cut_on_the_right_and_filled_on_the_left() {
        assert_eq!(field_of_digest::<4>(&[9; 20]), Ok([9; 4]));
        let mut filled = [0; 32];
        filled[12..].fill(7);
        assert_eq!(field_of_digest::<32>(&[7; 20]), Ok(filled));
        let secret = hex!("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
        let key = PrivateKey::from_bytes(KeyAlgorithm::P256, &secret).unwrap();
        let sha1 = hex!("8151325dcdbae9e0ff95f9f9658432dbedfdb209");
        let signature = hex!(
            "3044 0220 61340c88c3aaebeb4f6d667f672ca9759a6ccaa9fa8811313039ee4a35471d32"
            "0220 6d7f147dac089441bb2e2fe8f7a3fa264b9c475098fdcf6e00d7c996e1b8b7eb"
        );
        assert!(verifies(&key, &sha1, &signature));
        let sha512 = hex!(
            "39a5e04aaff7455d9850c605364f514c11324ce64016960d23d5dc57d3ffd8f4"
            "9a739468ab8049bf18eef820cdb1ad6c9015f838556bc7fad4138b23fdf986c7"
        );
        let signature = hex!(
            "3045 022100 8496a60b5e9b47c825488827e0495b0e3fa109ec4568fd3f8d1097678eb97f00"
            "0220 2362ab1adbe2b8adf9cb9edab740ea6049c028114f2460f96554f61fae3302fe"
        );
        assert!(verifies(&key, &sha512, &signature));
    }

    #[test]
    fn a_key_does_only_what_it_is_for() {
        let (mut ec, mut rng) = (PrivateKey::generate_ec(KeyAlgorithm::P256, &mut rng(4)).unwrap(), rng(5));
        assert_eq!(ec.raw(&[0; 256], &mut rng), Err(Refusal::WrongUse));
        assert!(PrivateKey::generate_ec(KeyAlgorithm::Rsa2048, &mut rng).is_none());
        let mut rsa = PrivateKey::generate_rsa(&mut rng).unwrap();
        assert_eq!(rsa.sign_digest(&[0; 32], &mut rng), Err(Refusal::WrongUse));
        assert_eq!(rsa.agree(&[4; 65]), Err(Refusal::WrongUse));
        assert_eq!(rsa.raw(&[0xFF; 256], &mut rng), Err(Refusal::WrongData), "not below the modulus");
        assert_eq!(std::format!("{rsa:?}"), "PrivateKey(Rsa2048)");
        for key in [ec, rsa] {
            assert_eq!(key.decrypt(&[0x30, 0]), Err(Refusal::WrongUse));
        }
    }

    /// A key of SM2 signs e, which has 32 bytes, and decrypts; it neither agrees as a key of NIST's curves nor does as RSA.
    #[test]
    fn a_key_of_sm2() {
        let (mut key, mut rng) = (PrivateKey::generate_ec(KeyAlgorithm::Sm2, &mut rng(10)).unwrap(), rng(11));
        let signatures = [(); 2].map(|()| key.sign_digest(&[7; 32], &mut rng).unwrap());
        assert_ne!(signatures[0], signatures[1]);
        assert!(signatures.iter().all(|signature| verifies(&key, &[7; 32], signature)));
        assert!(!verifies(&key, &[8; 32], &signatures[0]));
        for length in [0, 20, 31, 33, 64] {
            assert_eq!(key.sign_digest(&std::vec![1; length], &mut rng), Err(Refusal::WrongData));
        }
        let public = sm2::PublicKey::from_point(&key.public_key()[5..]).unwrap();
        let ciphertext = public.encrypt(b"a secret", &mut rng).unwrap();
        assert_eq!(*key.decrypt(&ciphertext.bytes()).unwrap(), b"a secret");
        assert_eq!(key.decrypt(&ciphertext.plain()), Err(Refusal::WrongData), "not DER");
        assert_eq!(key.agree(&public.point()), Err(Refusal::WrongUse));
        assert_eq!(key.raw(&[0; 256], &mut rng), Err(Refusal::WrongUse));
        assert_eq!(std::format!("{key:?}"), "PrivateKey(Sm2)");
        let parts = PrivateParts::Crt([&[1; 128][..]; 5]);
        assert!(PrivateKey::from_parts(KeyAlgorithm::Sm2, parts, &mut rng).is_err());
    }

    /// The points at infinity, off the curve, of the other curve, and compressed.
    #[test]
    fn what_is_no_point() {
        for algorithm in EC {
            let key = PrivateKey::generate_ec(algorithm, &mut rng(6)).unwrap();
            let template = key.public_key();
            let Ok(PublicKey::Point { point, .. }) = PublicKey::parse(algorithm, &template) else {
                panic!("no point")
            };
            assert!(key.agree(point).is_ok());
            let mut off = point.to_vec();
            *off.last_mut().unwrap() ^= 1;
            let compressed = [&[2], &point[1..=point.len() / 2]].concat();
            for wrong in [&[0][..], &off, &compressed, &[4; 65], &[4; 97], &point[1..], &[]] {
                assert_eq!(key.agree(wrong), Err(Refusal::WrongData), "{wrong:02X?}");
            }
        }
    }

    /// RFC 5480 and RFC 8017, A.1: the SubjectPublicKeyInfo of a key, whose last bytes are the key itself.
    #[test]
    fn spki() {
        let key = PrivateKey::generate_ec(KeyAlgorithm::P256, &mut rng(7)).unwrap();
        let head = hex!("3059 3013 06072a8648ce3d0201 06082a8648ce3d030107 034200");
        assert_eq!(key.spki(), [&head[..], &key.public_key()[5..]].concat());
        let key = PrivateKey::generate_ec(KeyAlgorithm::P384, &mut rng(7)).unwrap();
        let head = hex!("3076 3010 06072a8648ce3d0201 06052b81040022 036200");
        assert_eq!(key.spki(), [&head[..], &key.public_key()[5..]].concat());
        let key = PrivateKey::generate_ec(KeyAlgorithm::Sm2, &mut rng(7)).unwrap();
        let head = hex!("3059 3013 06072a8648ce3d0201 06082a811ccf5501822d 034200");
        assert_eq!(key.spki(), [&head[..], &key.public_key()[5..]].concat());
        let spki = PrivateKey::generate_rsa(&mut rng(7)).unwrap().spki();
        assert_eq!(spki[..24], hex!("30820122 300d 06092a864886f70d010101 0500 0382010f00"));
        assert_eq!(spki[289..], hex!("0203010001"));
    }
}
