//! The mechanisms of the library (Current Mechanisms v2.40), what each does and with which keys, and what a
//! CK_MECHANISM means once its parameter is read.

use cryptoki_sys::{self as ck, CK_FLAGS, CK_MECHANISM_TYPE};

use crate::{
    ckr::{Ckr, Result},
    hash::Hash,
    padding::{Oaep, Pss},
};

/// Bits of RSA keys: the token's keys have 2048, public keys of others may have more.
const RSA: (u64, u64) = (2048, 4096);
/// Bits of the curves.
const EC: (u64, u64) = (256, 384);
/// Bytes of secret keys.
const SECRET: (u64, u64) = (1, 512);
/// What the mechanisms on curves take (Current Mechanisms, 2.3.1): prime fields, named curves, uncompressed points.
const EC_FLAGS: CK_FLAGS = ck::CKF_EC_F_P | ck::CKF_EC_NAMEDCURVE | ck::CKF_EC_UNCOMPRESS;
const SIGN: CK_FLAGS = ck::CKF_SIGN | ck::CKF_VERIFY;
const RECOVER: CK_FLAGS = SIGN | ck::CKF_SIGN_RECOVER | ck::CKF_VERIFY_RECOVER;
const CRYPT: CK_FLAGS = ck::CKF_ENCRYPT | ck::CKF_DECRYPT;
const WRAP: CK_FLAGS = CRYPT | ck::CKF_WRAP | ck::CKF_UNWRAP;

/// One row: the mechanism, the sizes of its keys, and what it does.
type Row = (CK_MECHANISM_TYPE, (u64, u64), CK_FLAGS);

/// All mechanisms.
pub const TABLE: &[Row] = &[
    (ck::CKM_RSA_PKCS_KEY_PAIR_GEN, (2048, 2048), ck::CKF_GENERATE_KEY_PAIR),
    (ck::CKM_RSA_PKCS, RSA, RECOVER | WRAP),
    (ck::CKM_RSA_X_509, RSA, SIGN | CRYPT),
    (ck::CKM_RSA_PKCS_OAEP, RSA, WRAP),
    (ck::CKM_SHA1_RSA_PKCS, RSA, SIGN),
    (ck::CKM_SHA224_RSA_PKCS, RSA, SIGN),
    (ck::CKM_SHA256_RSA_PKCS, RSA, SIGN),
    (ck::CKM_SHA384_RSA_PKCS, RSA, SIGN),
    (ck::CKM_SHA512_RSA_PKCS, RSA, SIGN),
    (ck::CKM_RSA_PKCS_PSS, RSA, SIGN),
    (ck::CKM_SHA1_RSA_PKCS_PSS, RSA, SIGN),
    (ck::CKM_SHA224_RSA_PKCS_PSS, RSA, SIGN),
    (ck::CKM_SHA256_RSA_PKCS_PSS, RSA, SIGN),
    (ck::CKM_SHA384_RSA_PKCS_PSS, RSA, SIGN),
    (ck::CKM_SHA512_RSA_PKCS_PSS, RSA, SIGN),
    (ck::CKM_EC_KEY_PAIR_GEN, EC, EC_FLAGS | ck::CKF_GENERATE_KEY_PAIR),
    (ck::CKM_ECDSA, EC, EC_FLAGS | SIGN),
    (ck::CKM_ECDSA_SHA1, EC, EC_FLAGS | SIGN),
    (ck::CKM_ECDSA_SHA224, EC, EC_FLAGS | SIGN),
    (ck::CKM_ECDSA_SHA256, EC, EC_FLAGS | SIGN),
    (ck::CKM_ECDSA_SHA384, EC, EC_FLAGS | SIGN),
    (ck::CKM_ECDSA_SHA512, EC, EC_FLAGS | SIGN),
    (ck::CKM_ECDH1_DERIVE, EC, EC_FLAGS | ck::CKF_DERIVE),
    (ck::CKM_GENERIC_SECRET_KEY_GEN, SECRET, ck::CKF_GENERATE),
    (ck::CKM_AES_KEY_GEN, (16, 32), ck::CKF_GENERATE),
    (ck::CKM_SHA_1, (0, 0), ck::CKF_DIGEST),
    (ck::CKM_SHA224, (0, 0), ck::CKF_DIGEST),
    (ck::CKM_SHA256, (0, 0), ck::CKF_DIGEST),
    (ck::CKM_SHA384, (0, 0), ck::CKF_DIGEST),
    (ck::CKM_SHA512, (0, 0), ck::CKF_DIGEST),
];

/// The row of a mechanism.
///
/// # Errors
/// CKR_MECHANISM_INVALID: there is none.
pub fn row(kind: CK_MECHANISM_TYPE) -> Result<&'static Row> {
    TABLE.iter().find(|(row, ..)| *row == kind).ok_or(Ckr::MECHANISM_INVALID)
}

/// A CK_MECHANISM, its parameter read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mechanism {
    /// The mechanism's number.
    pub kind: CK_MECHANISM_TYPE,
    /// The mechanism's parameter.
    pub parameter: Parameter,
}

/// What pParameter points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// Nothing.
    None,
    /// CK_RSA_PKCS_PSS_PARAMS.
    Pss(Pss),
    /// CK_RSA_PKCS_OAEP_PARAMS.
    Oaep(Oaep),
    /// CK_ECDH1_DERIVE_PARAMS.
    Ecdh(Ecdh),
    /// Bytes that are no parameter of this mechanism.
    Wrong,
}

/// CK_ECDH1_DERIVE_PARAMS (Current Mechanisms, 2.3.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ecdh {
    /// The key derivation function. Without one the secret itself is the key.
    pub kdf: Option<Hash>,
    /// What both sides add to the shared secret.
    pub shared: Vec<u8>,
    /// The other side's point.
    pub point: Vec<u8>,
}

/// How a signature is made of a digest, or of data as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// r and s, one after the other (Current Mechanisms, 2.3.1).
    Ecdsa,
    /// EMSA-PKCS1-v1_5, with these bytes before the data. There are none where the data is a whole DigestInfo.
    Pkcs1(&'static [u8]),
    /// EMSA-PSS.
    Pss(Pss),
    /// The block itself.
    X509,
}

/// How RSA encrypts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cipher {
    /// EME-PKCS1-v1_5.
    Pkcs1,
    /// EME-OAEP.
    Oaep(Oaep),
    /// The block itself.
    X509,
}

impl Mechanism {
    /// That the mechanism does what the flag says (one of CKF_SIGN and its kin).
    ///
    /// # Errors
    /// CKR_MECHANISM_INVALID.
    pub fn does(&self, flag: CK_FLAGS) -> Result<()> {
        let (_, _, flags) = row(self.kind)?;
        if flags & flag == flag { Ok(()) } else { Err(Ckr::MECHANISM_INVALID) }
    }

    /// The digest of a mechanism that only digests.
    ///
    /// # Errors
    /// CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID.
    pub fn digest(&self) -> Result<Hash> {
        let hash = Hash::by_mechanism(self.kind).ok_or(Ckr::MECHANISM_INVALID)?;
        self.bare().map(|()| hash)
    }

    /// How the mechanism signs, and with which digest it digests first, if it does.
    ///
    /// # Errors
    /// CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID.
    pub fn signature(&self) -> Result<(Scheme, Option<Hash>)> {
        use Hash::{Sha1, Sha224, Sha256, Sha384, Sha512};
        let pkcs1 = |hash: Hash| (Scheme::Pkcs1(hash.digest_info()), Some(hash));
        let found = match self.kind {
            ck::CKM_ECDSA => (Scheme::Ecdsa, None),
            ck::CKM_ECDSA_SHA1 => (Scheme::Ecdsa, Some(Sha1)),
            ck::CKM_ECDSA_SHA224 => (Scheme::Ecdsa, Some(Sha224)),
            ck::CKM_ECDSA_SHA256 => (Scheme::Ecdsa, Some(Sha256)),
            ck::CKM_ECDSA_SHA384 => (Scheme::Ecdsa, Some(Sha384)),
            ck::CKM_ECDSA_SHA512 => (Scheme::Ecdsa, Some(Sha512)),
            ck::CKM_RSA_PKCS => (Scheme::Pkcs1(&[]), None),
            ck::CKM_RSA_X_509 => (Scheme::X509, None),
            ck::CKM_SHA1_RSA_PKCS => pkcs1(Sha1),
            ck::CKM_SHA224_RSA_PKCS => pkcs1(Sha224),
            ck::CKM_SHA256_RSA_PKCS => pkcs1(Sha256),
            ck::CKM_SHA384_RSA_PKCS => pkcs1(Sha384),
            ck::CKM_SHA512_RSA_PKCS => pkcs1(Sha512),
            ck::CKM_RSA_PKCS_PSS => return self.pss(None),
            ck::CKM_SHA1_RSA_PKCS_PSS => return self.pss(Some(Sha1)),
            ck::CKM_SHA224_RSA_PKCS_PSS => return self.pss(Some(Sha224)),
            ck::CKM_SHA256_RSA_PKCS_PSS => return self.pss(Some(Sha256)),
            ck::CKM_SHA384_RSA_PKCS_PSS => return self.pss(Some(Sha384)),
            ck::CKM_SHA512_RSA_PKCS_PSS => return self.pss(Some(Sha512)),
            _ => return Err(Ckr::MECHANISM_INVALID),
        };
        self.bare().map(|()| found)
    }

    /// PSS. In a mechanism that digests, hashAlg must be the mechanism's own digest (Current Mechanisms, 2.1.12 and
    /// 2.1.13).
    fn pss(&self, hash: Option<Hash>) -> Result<(Scheme, Option<Hash>)> {
        match &self.parameter {
            Parameter::Pss(pss) if hash.is_none_or(|hash| hash == pss.hash) => Ok((Scheme::Pss(*pss), hash)),
            _ => Err(Ckr::MECHANISM_PARAM_INVALID),
        }
    }

    /// How the mechanism encrypts.
    ///
    /// # Errors
    /// CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID.
    pub fn cipher(&self) -> Result<Cipher> {
        match (self.kind, &self.parameter) {
            (ck::CKM_RSA_PKCS, _) => self.bare().map(|()| Cipher::Pkcs1),
            (ck::CKM_RSA_X_509, _) => self.bare().map(|()| Cipher::X509),
            (ck::CKM_RSA_PKCS_OAEP, Parameter::Oaep(oaep)) => Ok(Cipher::Oaep(oaep.clone())),
            (ck::CKM_RSA_PKCS_OAEP, _) => Err(Ckr::MECHANISM_PARAM_INVALID),
            _ => Err(Ckr::MECHANISM_INVALID),
        }
    }

    /// That the mechanism came without a parameter.
    ///
    /// # Errors
    /// CKR_MECHANISM_PARAM_INVALID.
    pub fn bare(&self) -> Result<()> {
        if self.parameter == Parameter::None { Ok(()) } else { Err(Ckr::MECHANISM_PARAM_INVALID) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_table_says_signs_or_encrypts_has_a_scheme() {
        for (kind, _, flags) in TABLE {
            let bare = Mechanism { kind: *kind, parameter: Parameter::None };
            let known = |outcome: Option<Ckr>| outcome != Some(Ckr::MECHANISM_INVALID);
            assert_eq!(known(bare.signature().err()), flags & ck::CKF_SIGN != 0, "{kind:#x}");
            assert_eq!(known(bare.cipher().err()), flags & ck::CKF_ENCRYPT != 0, "{kind:#x}");
            assert_eq!(known(bare.digest().err()), flags & ck::CKF_DIGEST != 0, "{kind:#x}");
        }
    }

    #[test]
    fn pss_digests_with_its_own() {
        let pss = Pss { hash: Hash::Sha384, mgf: Hash::Sha384, salt: 48 };
        let of = |kind| Mechanism { kind, parameter: Parameter::Pss(pss) }.signature();
        assert_eq!(of(ck::CKM_RSA_PKCS_PSS), Ok((Scheme::Pss(pss), None)));
        assert_eq!(of(ck::CKM_SHA384_RSA_PKCS_PSS), Ok((Scheme::Pss(pss), Some(Hash::Sha384))));
        assert_eq!(of(ck::CKM_SHA256_RSA_PKCS_PSS), Err(Ckr::MECHANISM_PARAM_INVALID));
        assert_eq!(of(ck::CKM_ECDSA), Err(Ckr::MECHANISM_PARAM_INVALID));
    }
}
