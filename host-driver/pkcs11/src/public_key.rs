//! Public keys: read from the token or from attributes, shown as attributes, and computed with, on the host.

use cryptoki_sys as ck;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use rsa::{BoxedUint, hazmat::rsa_encrypt};
use wire::piv::Algorithm;

use crate::{
    attribute::Attributes,
    certificate,
    ckr::{Ckr, Result},
    hash::Hash,
    mechanism::{Cipher, Scheme},
    padding,
};

/// CKA_EC_PARAMS of P-256, namedCurve (SEC 2, A.2.1).
pub const P256: &[u8] = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
/// CKA_EC_PARAMS of P-384.
pub const P384: &[u8] = b"\x06\x05\x2b\x81\x04\x00\x22";
/// Bits of RSA moduli that we compute with.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// A curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
}

impl Curve {
    /// By CKA_EC_PARAMS.
    ///
    /// # Errors
    /// CKR_CURVE_NOT_SUPPORTED.
    pub fn by_parameters(parameters: &[u8]) -> Result<Self> {
        match parameters {
            P256 => Ok(Self::P256),
            P384 => Ok(Self::P384),
            _ => Err(Ckr::CURVE_NOT_SUPPORTED),
        }
    }

    /// CKA_EC_PARAMS.
    pub const fn parameters(self) -> &'static [u8] {
        match self {
            Self::P256 => P256,
            Self::P384 => P384,
        }
    }

    /// Bytes of a coordinate, of r and of s.
    pub const fn length(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }

    /// What ECDSA takes of a digest: its leftmost bits (FIPS 186-4, 6.4), in just so many bytes as the curve has.
    pub fn digest(self, digest: &[u8]) -> Vec<u8> {
        let length = self.length();
        let taken = &digest[..digest.len().min(length)];
        [&vec![0; length - taken.len()], taken].concat()
    }

    /// r and s out of Ecdsa-Sig-Value (RFC 3279, 2.2.3), which the token answers.
    pub fn plain(self, der: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::P256 => p256::ecdsa::Signature::from_der(der).ok().map(|found| found.to_bytes().to_vec()),
            Self::P384 => p384::ecdsa::Signature::from_der(der).ok().map(|found| found.to_bytes().to_vec()),
        }
    }
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// An uncompressed point.
    Ec {
        /// On this curve.
        curve: Curve,
        /// 04, x, y.
        point: Vec<u8>,
    },
    /// RSA.
    Rsa {
        /// n, without zeros before it.
        modulus: Vec<u8>,
        /// e, without zeros before it.
        exponent: Vec<u8>,
    },
}

fn without_zeros(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().skip_while(|byte| *byte == 0).collect()
}

impl PublicKey {
    /// What the token answers for a container whose key LIST says is of this algorithm.
    pub fn of_card(algorithm: Algorithm, template: &[u8]) -> Option<Self> {
        match wire::piv::PublicKey::parse(algorithm.of_key_pair()?, template).ok()? {
            wire::piv::PublicKey::Point { curve, point } => {
                let curve = match curve {
                    wire::algorithm::Curve::P256 => Curve::P256,
                    wire::algorithm::Curve::P384 => Curve::P384,
                };
                Some(Self::Ec { curve, point: point.into() })
            }
            wire::piv::PublicKey::Rsa { modulus, exponent } => {
                Some(Self::Rsa { modulus: without_zeros(modulus), exponent: without_zeros(exponent) })
            }
        }
    }

    /// A CKO_PUBLIC_KEY's (Current Mechanisms, 2.1.2 and 2.3.3).
    ///
    /// # Errors
    /// CKR_TEMPLATE_INCOMPLETE, CKR_CURVE_NOT_SUPPORTED, CKR_ATTRIBUTE_VALUE_INVALID.
    pub fn of_attributes(attributes: &Attributes) -> Result<Self> {
        let need = |kind| attributes.get(kind).ok_or(Ckr::TEMPLATE_INCOMPLETE);
        let key = match attributes.number(ck::CKA_KEY_TYPE) {
            Some(ck::CKK_EC) => {
                let curve = Curve::by_parameters(need(ck::CKA_EC_PARAMS)?)?;
                Self::Ec { curve, point: certificate::point(need(ck::CKA_EC_POINT)?).into() }
            }
            Some(ck::CKK_RSA) => Self::Rsa {
                modulus: without_zeros(need(ck::CKA_MODULUS)?),
                exponent: without_zeros(need(ck::CKA_PUBLIC_EXPONENT)?),
            },
            _ => return Err(Ckr::ATTRIBUTE_VALUE_INVALID),
        };
        if key.is_one() { Ok(key) } else { Err(Ckr::ATTRIBUTE_VALUE_INVALID) }
    }

    /// Whether it is a key at all: a point of its curve, a modulus that we compute with.
    pub fn is_one(&self) -> bool {
        match self {
            Self::Ec { curve: Curve::P256, point } => {
                p256::ecdsa::VerifyingKey::from_sec1_bytes(point).is_ok()
            }
            Self::Ec { curve: Curve::P384, point } => {
                p384::ecdsa::VerifyingKey::from_sec1_bytes(point).is_ok()
            }
            Self::Rsa { .. } => RSA_BITS.contains(&self.bits()) && self.rsa().is_ok(),
        }
    }

    /// CKA_KEY_TYPE.
    pub const fn key_type(&self) -> ck::CK_KEY_TYPE {
        match self {
            Self::Ec { .. } => ck::CKK_EC,
            Self::Rsa { .. } => ck::CKK_RSA,
        }
    }

    /// Bits of the modulus or of the field.
    pub fn bits(&self) -> usize {
        match self {
            Self::Ec { curve, .. } => curve.length() * 8,
            Self::Rsa { modulus, .. } => {
                modulus.first().map_or(0, |first| modulus.len() * 8 - first.leading_zeros() as usize)
            }
        }
    }

    /// Bytes of a signature, and of an RSA block.
    pub fn block(&self) -> usize {
        match self {
            Self::Ec { curve, .. } => curve.length() * 2,
            Self::Rsa { modulus, .. } => modulus.len(),
        }
    }

    /// SubjectPublicKeyInfo, DER.
    pub fn info(&self) -> Vec<u8> {
        match self {
            Self::Ec { curve, point } => certificate::ec_info(curve.parameters(), point),
            Self::Rsa { modulus, exponent } => certificate::rsa_info(modulus, exponent),
        }
    }

    /// Sets what it is in the attributes of its public key.
    pub fn show(&self, attributes: &mut Attributes) {
        self.show_to_private(attributes);
        match self {
            Self::Ec { point, .. } => attributes.set(ck::CKA_EC_POINT, certificate::octet_string(point)),
            Self::Rsa { .. } => {
                attributes.set_number(ck::CKA_MODULUS_BITS, ck::CK_ULONG::try_from(self.bits()).unwrap_or(0));
            }
        }
    }

    /// Sets what a private key shows of its public half (Current Mechanisms, 2.1.3 and 2.3.4).
    pub fn show_to_private(&self, attributes: &mut Attributes) {
        attributes.set_number(ck::CKA_KEY_TYPE, self.key_type());
        attributes.set(ck::CKA_PUBLIC_KEY_INFO, self.info());
        match self {
            Self::Ec { curve, .. } => attributes.set(ck::CKA_EC_PARAMS, curve.parameters()),
            Self::Rsa { modulus, exponent } => {
                attributes.set(ck::CKA_MODULUS, modulus.as_slice());
                attributes.set(ck::CKA_PUBLIC_EXPONENT, exponent.as_slice());
            }
        }
    }

    fn rsa(&self) -> Result<rsa::PublicKey> {
        let Self::Rsa { modulus, exponent } = self else { return Err(Ckr::KEY_TYPE_INCONSISTENT) };
        let number = |bytes: &[u8]| {
            let bits = u32::try_from(bytes.len() * 8).unwrap_or(u32::MAX);
            BoxedUint::from_be_slice(bytes, bits).map_err(|_| Ckr::KEY_SIZE_RANGE)
        };
        rsa::PublicKey::new(number(modulus)?, number(exponent)?).map_err(|_| Ckr::KEY_SIZE_RANGE)
    }

    /// block^e mod n; `None` when the block is not below n.
    fn raise(&self, block: &[u8]) -> Result<Option<Vec<u8>>> {
        let Self::Rsa { modulus, .. } = self else { return Err(Ckr::KEY_TYPE_INCONSISTENT) };
        if block.len() != modulus.len() || block >= modulus.as_slice() {
            return Ok(None);
        }
        let bits = u32::try_from(block.len() * 8).unwrap_or(u32::MAX);
        let number = BoxedUint::from_be_slice(block, bits).map_err(|_| Ckr::GENERAL_ERROR)?;
        let raised = rsa_encrypt(&self.rsa()?, &number).map_err(|_| Ckr::GENERAL_ERROR)?.to_be_bytes();
        let mut out = vec![0; block.len().saturating_sub(raised.len())];
        out.extend_from_slice(&raised[raised.len().saturating_sub(block.len())..]);
        Ok(Some(out))
    }

    /// Whether the scheme is one for this kind of key.
    ///
    /// # Errors
    /// CKR_KEY_TYPE_INCONSISTENT.
    pub const fn fits(&self, scheme: Scheme) -> Result<()> {
        match (self, scheme) {
            (Self::Ec { .. }, Scheme::Ecdsa)
            | (Self::Rsa { .. }, Scheme::Pkcs1(_) | Scheme::Pss(_) | Scheme::X509) => Ok(()),
            _ => Err(Ckr::KEY_TYPE_INCONSISTENT),
        }
    }

    /// The block to sign for a digest (or for data as it is): what the token's private key is applied to.
    ///
    /// # Errors
    /// CKR_DATA_LEN_RANGE, CKR_DATA_INVALID, CKR_KEY_SIZE_RANGE, CKR_KEY_TYPE_INCONSISTENT.
    pub fn block_to_sign(&self, scheme: Scheme, digest: &[u8]) -> Result<Vec<u8>> {
        self.fits(scheme)?;
        match (self, scheme) {
            (Self::Ec { curve, .. }, _) if !digest.is_empty() => Ok(curve.digest(digest)),
            (Self::Ec { .. }, _) => Err(Ckr::DATA_LEN_RANGE),
            (Self::Rsa { modulus, .. }, Scheme::Pkcs1(info)) => {
                padding::pkcs1_signature(&[info, digest].concat(), modulus.len())
            }
            (Self::Rsa { .. }, Scheme::Pss(pss)) if digest.len() != pss.hash.length() => {
                Err(Ckr::DATA_LEN_RANGE)
            }
            (Self::Rsa { .. }, Scheme::Pss(pss)) => padding::pss_signature(digest, pss, self.bits()),
            (Self::Rsa { modulus, .. }, _) => below(digest, modulus),
        }
    }

    /// Verifies a signature over a digest (or over data as it is).
    ///
    /// # Errors
    /// CKR_SIGNATURE_LEN_RANGE, CKR_SIGNATURE_INVALID, CKR_DATA_LEN_RANGE, CKR_KEY_TYPE_INCONSISTENT.
    pub fn verify(&self, scheme: Scheme, digest: &[u8], signature: &[u8]) -> Result<()> {
        self.fits(scheme)?;
        if signature.len() != self.block() {
            return Err(Ckr::SIGNATURE_LEN_RANGE);
        }
        let holds = match (self, scheme) {
            (Self::Ec { curve, point }, _) if !digest.is_empty() => {
                ecdsa_holds(*curve, point, &curve.digest(digest), signature)
            }
            (Self::Ec { .. }, _) => return Err(Ckr::DATA_LEN_RANGE),
            (Self::Rsa { .. }, Scheme::Pss(pss)) if digest.len() != pss.hash.length() => {
                return Err(Ckr::DATA_LEN_RANGE);
            }
            (Self::Rsa { .. }, Scheme::Pss(pss)) => self
                .raise(signature)?
                .is_some_and(|block| padding::pss_holds(&block, digest, pss, self.bits())),
            // PKCS1-v1_5 and the bare block: there is one right block, and it is compared whole (RFC 8017, 8.2.2).
            _ => {
                let right = self.block_to_sign(scheme, digest)?;
                self.raise(signature)?.is_some_and(|block| block == right)
            }
        };
        if holds { Ok(()) } else { Err(Ckr::SIGNATURE_INVALID) }
    }

    /// The data in a signature of CKM_RSA_PKCS.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn recover(&self, signature: &[u8]) -> Result<Vec<u8>> {
        if signature.len() != self.block() {
            return Err(Ckr::SIGNATURE_LEN_RANGE);
        }
        let block = self.raise(signature)?.ok_or(Ckr::SIGNATURE_INVALID)?;
        padding::pkcs1_recover(&block).map(<[u8]>::to_vec).ok_or(Ckr::SIGNATURE_INVALID)
    }

    /// Encrypts.
    ///
    /// # Errors
    /// CKR_DATA_LEN_RANGE, CKR_DATA_INVALID, CKR_KEY_TYPE_INCONSISTENT.
    pub fn encrypt(&self, cipher: &Cipher, message: &[u8]) -> Result<Vec<u8>> {
        let Self::Rsa { modulus, .. } = self else { return Err(Ckr::KEY_TYPE_INCONSISTENT) };
        let block = match cipher {
            Cipher::Pkcs1 => padding::pkcs1_encryption(message, modulus.len())?,
            Cipher::Oaep(oaep) => padding::oaep_encryption(message, oaep, modulus.len())?,
            Cipher::X509 => below(message, modulus)?.into(),
        };
        self.raise(&block)?.ok_or(Ckr::DATA_INVALID)
    }
}

/// Data as a block below the modulus, zeros before it (Current Mechanisms, 2.1.8).
fn below(data: &[u8], modulus: &[u8]) -> Result<Vec<u8>> {
    if data.len() > modulus.len() {
        return Err(Ckr::DATA_LEN_RANGE);
    }
    let block = [&vec![0; modulus.len() - data.len()], data].concat();
    if block.as_slice() < modulus { Ok(block) } else { Err(Ckr::DATA_INVALID) }
}

fn ecdsa_holds(curve: Curve, point: &[u8], digest: &[u8], signature: &[u8]) -> bool {
    match curve {
        Curve::P256 => p256::ecdsa::VerifyingKey::from_sec1_bytes(point)
            .and_then(|key| key.verify_prehash(digest, &p256::ecdsa::Signature::from_slice(signature)?))
            .is_ok(),
        Curve::P384 => p384::ecdsa::VerifyingKey::from_sec1_bytes(point)
            .and_then(|key| key.verify_prehash(digest, &p384::ecdsa::Signature::from_slice(signature)?))
            .is_ok(),
    }
}

/// CKA_CHECK_VALUE of an object without arithmetic of its own: the first three bytes of its SHA-1 (v2.40, 4.6.3).
pub fn check_value(value: &[u8]) -> Vec<u8> {
    let mut digest = Hash::Sha1.of(&[value]);
    digest.truncate(3);
    digest
}
