//! The digests that mechanisms name (FIPS 180-4).

use cryptoki_sys as ck;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use crate::ckr::{Ckr, Result};

/// Which digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-1, for signatures that others made, and for programs that cannot do without.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    /// All of them, with the mechanism that digests with each.
    pub const ALL: [(ck::CK_MECHANISM_TYPE, Self); 5] = [
        (ck::CKM_SHA_1, Self::Sha1),
        (ck::CKM_SHA224, Self::Sha224),
        (ck::CKM_SHA256, Self::Sha256),
        (ck::CKM_SHA384, Self::Sha384),
        (ck::CKM_SHA512, Self::Sha512),
    ];

    /// By the mechanism that digests with it, as the parameters of other mechanisms name a digest.
    pub fn by_mechanism(kind: ck::CK_MECHANISM_TYPE) -> Option<Self> {
        Self::ALL.iter().find(|(mechanism, _)| *mechanism == kind).map(|(_, hash)| *hash)
    }

    /// By a mask generation function (RFC 8017, B.2.1).
    pub const fn by_mgf(mgf: ck::CK_RSA_PKCS_MGF_TYPE) -> Option<Self> {
        Some(match mgf {
            ck::CKG_MGF1_SHA1 => Self::Sha1,
            ck::CKG_MGF1_SHA224 => Self::Sha224,
            ck::CKG_MGF1_SHA256 => Self::Sha256,
            ck::CKG_MGF1_SHA384 => Self::Sha384,
            ck::CKG_MGF1_SHA512 => Self::Sha512,
            _ => return None,
        })
    }

    /// By a key derivation function of X9.63 (SEC 1, 3.6.1).
    pub const fn by_kdf(kdf: ck::CK_EC_KDF_TYPE) -> Option<Self> {
        Some(match kdf {
            ck::CKD_SHA1_KDF => Self::Sha1,
            ck::CKD_SHA224_KDF => Self::Sha224,
            ck::CKD_SHA256_KDF => Self::Sha256,
            ck::CKD_SHA384_KDF => Self::Sha384,
            ck::CKD_SHA512_KDF => Self::Sha512,
            _ => return None,
        })
    }

    /// Bytes of a digest.
    pub const fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The digest of these parts, one after another.
    pub fn of(self, parts: &[&[u8]]) -> Vec<u8> {
        let mut hasher = Hasher::new(self);
        for part in parts {
            hasher.update(part);
        }
        hasher.finish()
    }

    /// What stands before the digest in EMSA-PKCS1-v1_5: the DigestInfo without the digest (RFC 8017, 9.2, note 1).
    pub const fn digest_info(self) -> &'static [u8] {
        match self {
            Self::Sha1 => b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14",
            Self::Sha224 => b"\x30\x2d\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x04\x05\x00\x04\x1c",
            Self::Sha256 => b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
            Self::Sha384 => b"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30",
            Self::Sha512 => b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40",
        }
    }

    /// MGF1: a mask of `length` bytes (RFC 8017, B.2.1).
    pub fn mask(self, seed: &[u8], length: usize) -> Vec<u8> {
        let mut mask = Vec::with_capacity(length + self.length());
        for counter in 0_u32.. {
            if mask.len() >= length {
                break;
            }
            mask.extend(self.of(&[seed, &counter.to_be_bytes()]));
        }
        mask.truncate(length);
        mask
    }

    /// The key derivation function of ANS X9.63 (SEC 1, 3.6.1): `length` bytes out of a shared secret.
    ///
    /// # Errors
    /// CKR_KEY_SIZE_RANGE: more bytes than the counter reaches.
    pub fn derive(self, secret: &[u8], shared: &[u8], length: usize) -> Result<zeroize::Zeroizing<Vec<u8>>> {
        let mut out = zeroize::Zeroizing::new(Vec::with_capacity(length + self.length()));
        let mut counter = 1_u32;
        while out.len() < length {
            out.extend(self.of(&[secret, &counter.to_be_bytes(), shared]));
            counter = counter.checked_add(1).ok_or(Ckr::KEY_SIZE_RANGE)?;
        }
        out.truncate(length);
        Ok(out)
    }
}

/// A digest in the making.
#[derive(Clone)]
pub enum Hasher {
    #[doc(hidden)]
    Sha1(Sha1),
    #[doc(hidden)]
    Sha224(Sha224),
    #[doc(hidden)]
    Sha256(Sha256),
    #[doc(hidden)]
    Sha384(Sha384),
    #[doc(hidden)]
    Sha512(Sha512),
}

impl Hasher {
    /// Nothing digested yet.
    pub fn new(hash: Hash) -> Self {
        match hash {
            Hash::Sha1 => Self::Sha1(Sha1::new()),
            Hash::Sha224 => Self::Sha224(Sha224::new()),
            Hash::Sha256 => Self::Sha256(Sha256::new()),
            Hash::Sha384 => Self::Sha384(Sha384::new()),
            Hash::Sha512 => Self::Sha512(Sha512::new()),
        }
    }

    /// Digests one part more.
    pub fn update(&mut self, part: &[u8]) {
        match self {
            Self::Sha1(hasher) => hasher.update(part),
            Self::Sha224(hasher) => hasher.update(part),
            Self::Sha256(hasher) => hasher.update(part),
            Self::Sha384(hasher) => hasher.update(part),
            Self::Sha512(hasher) => hasher.update(part),
        }
    }

    /// The digest.
    pub fn finish(self) -> Vec<u8> {
        match self {
            Self::Sha1(hasher) => hasher.finalize().to_vec(),
            Self::Sha224(hasher) => hasher.finalize().to_vec(),
            Self::Sha256(hasher) => hasher.finalize().to_vec(),
            Self::Sha384(hasher) => hasher.finalize().to_vec(),
            Self::Sha512(hasher) => hasher.finalize().to_vec(),
        }
    }

    /// Bytes of the digest.
    pub const fn length(&self) -> usize {
        match self {
            Self::Sha1(_) => 20,
            Self::Sha224(_) => 28,
            Self::Sha256(_) => 32,
            Self::Sha384(_) => 48,
            Self::Sha512(_) => 64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;

    /// FIPS 180-4 examples for "abc".
    #[test]
    fn abc() {
        assert_eq!(Hash::Sha1.of(&[b"a", b"bc"]), hex!("a9993e364706816aba3e25717850c26c9cd0d89d"));
        assert_eq!(
            Hash::Sha224.of(&[b"abc"]),
            hex!("23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7")
        );
        assert_eq!(
            Hash::Sha256.of(&[b"abc"]),
            hex!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        );
        for (_, hash) in Hash::ALL {
            assert_eq!(hash.of(&[b""]).len(), hash.length());
            assert_eq!(usize::from(*hash.digest_info().last().unwrap()), hash.length());
        }
    }

    /// GSEC 2 test vectors of NIST's CAVP for ANS X9.63, SHA-256, 128 bits out of 192.
    #[test]
    fn x9_63() {
        let secret = hex!("96c05619d56c328ab95fe84b18264b08725b85e33fd34f08");
        let out = Hash::Sha256.derive(&secret, &[], 16).unwrap();
        assert_eq!(out.as_slice(), hex!("443024c3dae66b95e6f5670601558f71"));
    }
}
