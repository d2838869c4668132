//! RSA keys (Current Mechanisms v2.40, 2.1): the token's have 2048 bits, public keys of others may have more.

use cryptoki_sys as ck;
use rsa::{BoxedUint, hazmat::rsa_encrypt, traits::PrivateKeyParts as _};
use wire::{algorithm::KeyAlgorithm, shield::Uses};
use zeroize::Zeroizing;

use super::{Facts, Parts, PrivateKey, as_long, need};
use crate::{
    attribute::Attributes,
    certificate,
    ckr::{Ckr, Result},
    mechanism::{Cipher, Scheme},
    padding,
};

/// What there is to know of the key type.
pub(super) const FACTS: Facts = Facts {
    number: ck::CKK_RSA,
    generation: ck::CKM_RSA_PKCS_KEY_PAIR_GEN,
    uses: &[
        (Uses::SIGN, &[ck::CKA_SIGN, ck::CKA_SIGN_RECOVER]),
        (Uses::DECRYPT, &[ck::CKA_DECRYPT, ck::CKA_UNWRAP]),
    ],
    public: &[ck::CKA_MODULUS, ck::CKA_PUBLIC_EXPONENT],
    private: &[
        ck::CKA_MODULUS,
        ck::CKA_PUBLIC_EXPONENT,
        ck::CKA_PRIVATE_EXPONENT,
        ck::CKA_PRIME_1,
        ck::CKA_PRIME_2,
        ck::CKA_EXPONENT_1,
        ck::CKA_EXPONENT_2,
        ck::CKA_COEFFICIENT,
    ],
    wanted: &[ck::CKA_MODULUS_BITS, ck::CKA_PUBLIC_EXPONENT],
};

/// Bits of the moduli that the host computes with.
const BITS: std::ops::RangeInclusive<usize> = 2048..=4096;
/// Bytes of the modulus of a key that the token takes in, and of a prime.
const MODULUS: usize = 256;
const PRIME: usize = MODULUS / 2;
/// The only public exponent of the token's keys, 65537, without zeros before it.
const EXPONENT: [u8; 3] = [1, 0, 1];

/// The algorithm of a new key pair: what the template of its public half says.
pub(super) fn new_pair(public: &Attributes) -> Result<KeyAlgorithm> {
    let exponent = public.get(ck::CKA_PUBLIC_EXPONENT).unwrap_or(&EXPONENT);
    if without_zeros(exponent) != EXPONENT {
        return Err(Ckr::ATTRIBUTE_VALUE_INVALID);
    }
    match public.number(ck::CKA_MODULUS_BITS) {
        Some(2048) => Ok(KeyAlgorithm::Rsa2048),
        Some(_) => Err(Ckr::ATTRIBUTE_VALUE_INVALID),
        None => Err(Ckr::TEMPLATE_INCOMPLETE),
    }
}

/// A private key that a template brings. Modulus and private exponent are enough; whatever else is said must follow from them.
pub(super) fn private_key(template: &Attributes) -> Result<PrivateKey> {
    // Every number of one kind has one width, whatever zeros it was written with: the arithmetic panics where widths differ.
    let number = |kind| {
        let of_key = [ck::CKA_MODULUS, ck::CKA_PRIVATE_EXPONENT, ck::CKA_PUBLIC_EXPONENT].contains(&kind);
        template.get(kind).map(|bytes| uint(bytes, if of_key { MODULUS } else { PRIME })).transpose()
    };
    let need = |kind| number(kind)?.ok_or(Ckr::TEMPLATE_INCOMPLETE);
    let (modulus, exponent) = (need(ck::CKA_MODULUS)?, need(ck::CKA_PRIVATE_EXPONENT)?);
    if modulus.bit_width() != 2048 {
        return Err(Ckr::ATTRIBUTE_VALUE_INVALID);
    }
    let public = BoxedUint::from(65_537_u64);
    if number(ck::CKA_PUBLIC_EXPONENT)?.is_some_and(|said| *said != public) {
        return Err(Ckr::ATTRIBUTE_VALUE_INVALID);
    }
    let primes = match (number(ck::CKA_PRIME_1)?, number(ck::CKA_PRIME_2)?) {
        (Some(p), Some(q)) => vec![(*p).clone(), (*q).clone()],
        (None, None) => vec![],
        _ => return Err(Ckr::TEMPLATE_INCOMPLETE),
    };
    let key = rsa::PrivateKey::from_components((*modulus).clone(), public, (*exponent).clone(), primes)
        .map_err(|_| Ckr::ATTRIBUTE_VALUE_INVALID)?;
    let [p, q] = key.primes() else { return Err(Ckr::ATTRIBUTE_VALUE_INVALID) };
    let missing = Ckr::ATTRIBUTE_VALUE_INVALID;
    let coefficient = Zeroizing::new(key.crt_coefficient().ok_or(missing)?);
    let (dp, dq) = (key.dp().ok_or(missing)?, key.dq().ok_or(missing)?);
    for (kind, follows) in
        [(ck::CKA_EXPONENT_1, dp), (ck::CKA_EXPONENT_2, dq), (ck::CKA_COEFFICIENT, &*coefficient)]
    {
        if number(kind)?.is_some_and(|said| *said != *follows) {
            return Err(Ckr::ATTRIBUTE_VALUE_INVALID);
        }
    }
    let bytes = |number: &BoxedUint| as_long(&Zeroizing::new(number.to_be_bytes().into_vec()), PRIME);
    let parts = [bytes(p.as_ref())?, bytes(q.as_ref())?, bytes(dp)?, bytes(dq)?, bytes(&coefficient)?];
    Ok(PrivateKey { algorithm: KeyAlgorithm::Rsa2048, parts: Parts::Crt(parts) })
}

/// A number of at most so many bytes, in so many; 0 is no part of a key.
fn uint(bytes: &[u8], width: usize) -> Result<Zeroizing<BoxedUint>> {
    let digits = without_zeros(bytes);
    if digits.is_empty() {
        return Err(Ckr::ATTRIBUTE_VALUE_INVALID);
    }
    let padded = as_long(digits, width)?;
    let bits = u32::try_from(8 * width).unwrap_or(u32::MAX);
    BoxedUint::from_be_slice(&padded, bits).map(Zeroizing::new).map_err(|_| Ckr::ATTRIBUTE_VALUE_INVALID)
}

fn without_zeros(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len())..]
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// n, without zeros before it.
    modulus: Vec<u8>,
    /// e, without zeros before it.
    exponent: Vec<u8>,
}

impl PublicKey {
    /// Of these numbers, big-endian.
    pub(super) fn new(modulus: &[u8], exponent: &[u8]) -> Self {
        Self { modulus: without_zeros(modulus).into(), exponent: without_zeros(exponent).into() }
    }

    /// A CKO_PUBLIC_KEY's (Current Mechanisms, 2.1.2).
    pub(super) fn of_attributes(attributes: &Attributes) -> Result<Self> {
        Ok(Self::new(need(attributes, ck::CKA_MODULUS)?, need(attributes, ck::CKA_PUBLIC_EXPONENT)?))
    }

    /// Whether the modulus is one that the host computes with.
    pub(super) fn is_one(&self) -> bool {
        BITS.contains(&self.bits()) && self.key().is_ok()
    }

    /// Bits of the modulus.
    fn bits(&self) -> usize {
        self.modulus.first().map_or(0, |first| self.modulus.len() * 8 - first.leading_zeros() as usize)
    }

    /// Bytes of a signature, and of a block.
    pub(super) const fn block(&self) -> usize {
        self.modulus.len()
    }

    /// SubjectPublicKeyInfo, DER.
    pub(super) fn info(&self) -> Vec<u8> {
        certificate::rsa_info(&self.modulus, &self.exponent)
    }

    /// Sets what only the public half shows.
    pub(super) fn show(&self, attributes: &mut Attributes) {
        attributes.set_number(ck::CKA_MODULUS_BITS, ck::CK_ULONG::try_from(self.bits()).unwrap_or(0));
    }

    /// Sets what both halves show (Current Mechanisms, 2.1.2 and 2.1.3).
    pub(super) fn show_to_both(&self, attributes: &mut Attributes) {
        attributes.set(ck::CKA_MODULUS, self.modulus.as_slice());
        attributes.set(ck::CKA_PUBLIC_EXPONENT, self.exponent.as_slice());
    }

    /// Whether signatures are made so.
    pub(super) const fn fits(&self, scheme: Scheme) -> bool {
        matches!(scheme, Scheme::Pkcs1(_) | Scheme::Pss(_) | Scheme::X509)
    }

    fn key(&self) -> Result<rsa::PublicKey> {
        let number = |bytes: &[u8]| {
            let bits = u32::try_from(bytes.len() * 8).unwrap_or(u32::MAX);
            BoxedUint::from_be_slice(bytes, bits).map_err(|_| Ckr::KEY_SIZE_RANGE)
        };
        rsa::PublicKey::new(number(&self.modulus)?, number(&self.exponent)?).map_err(|_| Ckr::KEY_SIZE_RANGE)
    }

    /// block^e mod n; `None` when the block is not below n.
    fn raise(&self, block: &[u8]) -> Result<Option<Vec<u8>>> {
        if block.len() != self.modulus.len() || block >= self.modulus.as_slice() {
            return Ok(None);
        }
        let bits = u32::try_from(block.len() * 8).unwrap_or(u32::MAX);
        let number = BoxedUint::from_be_slice(block, bits).map_err(|_| Ckr::GENERAL_ERROR)?;
        let raised = rsa_encrypt(&self.key()?, &number).map_err(|_| Ckr::GENERAL_ERROR)?.to_be_bytes();
        let mut out = vec![0; block.len().saturating_sub(raised.len())];
        out.extend_from_slice(&raised[raised.len().saturating_sub(block.len())..]);
        Ok(Some(out))
    }

    /// What the token's private key is applied to.
    pub(super) fn block_to_sign(&self, scheme: Scheme, digest: &[u8]) -> Result<Vec<u8>> {
        match scheme {
            Scheme::Pkcs1(info) => padding::pkcs1_signature(&[info, digest].concat(), self.modulus.len()),
            Scheme::Pss(pss) if digest.len() != pss.hash.length() => Err(Ckr::DATA_LEN_RANGE),
            Scheme::Pss(pss) => padding::pss_signature(digest, pss, self.bits()),
            Scheme::X509 => below(digest, &self.modulus),
            Scheme::Ecdsa => Err(Ckr::KEY_TYPE_INCONSISTENT),
        }
    }

    /// The signature out of the token's answer, which is the signature already.
    pub(super) fn signature(&self, answer: Zeroizing<Vec<u8>>) -> Option<Zeroizing<Vec<u8>>> {
        (answer.len() == self.modulus.len()).then_some(answer)
    }

    /// Whether a signature holds.
    pub(super) fn holds(&self, scheme: Scheme, digest: &[u8], signature: &[u8]) -> Result<bool> {
        match scheme {
            Scheme::Pss(pss) if digest.len() != pss.hash.length() => Err(Ckr::DATA_LEN_RANGE),
            Scheme::Pss(pss) => {
                let block = self.raise(signature)?;
                Ok(block.is_some_and(|block| padding::pss_holds(&block, digest, pss, self.bits())))
            }
            // PKCS1-v1_5 and the bare block: there is one right block, and it is compared whole (RFC 8017, 8.2.2).
            _ => {
                let right = self.block_to_sign(scheme, digest)?;
                Ok(self.raise(signature)?.is_some_and(|block| block == right))
            }
        }
    }

    /// The data in a signature of CKM_RSA_PKCS; `None` when the signature holds none.
    pub(super) fn recover(&self, signature: &[u8]) -> Result<Option<Vec<u8>>> {
        let block = self.raise(signature)?;
        Ok(block.and_then(|block| padding::pkcs1_recover(&block).map(<[u8]>::to_vec)))
    }

    /// Encrypts.
    pub(super) fn encrypt(&self, cipher: &Cipher, message: &[u8]) -> Result<Vec<u8>> {
        let block = match cipher {
            Cipher::Pkcs1 => padding::pkcs1_encryption(message, self.modulus.len())?,
            Cipher::Oaep(oaep) => padding::oaep_encryption(message, oaep, self.modulus.len())?,
            Cipher::X509 => below(message, &self.modulus)?.into(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rsa_is_of_one_size_and_exponent() {
        let mut public = Attributes::default();
        assert_eq!(new_pair(&public), Err(Ckr::TEMPLATE_INCOMPLETE));
        public.set_number(ck::CKA_MODULUS_BITS, 2048);
        assert_eq!(new_pair(&public), Ok(KeyAlgorithm::Rsa2048));
        public.set(ck::CKA_PUBLIC_EXPONENT, [0, 1, 0, 1]);
        assert_eq!(new_pair(&public), Ok(KeyAlgorithm::Rsa2048));
        public.set(ck::CKA_PUBLIC_EXPONENT, [3]);
        assert_eq!(new_pair(&public), Err(Ckr::ATTRIBUTE_VALUE_INVALID));
    }

    /// A 2048-bit key by openssl.
    fn whole() -> Attributes {
        let mut template = Attributes::default();
        for line in include_str!("../../../../tests/pkcs11/rsa2048.txt").lines() {
            let (name, hex) = line.split_once(' ').unwrap();
            let kind = match name {
                "n" => ck::CKA_MODULUS,
                "d" => ck::CKA_PRIVATE_EXPONENT,
                "p" => ck::CKA_PRIME_1,
                "q" => ck::CKA_PRIME_2,
                "dp" => ck::CKA_EXPONENT_1,
                "dq" => ck::CKA_EXPONENT_2,
                "qinv" => ck::CKA_COEFFICIENT,
                other => panic!("{other}"),
            };
            let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
            template.set(kind, (0..hex.len()).step_by(2).map(byte).collect::<Vec<_>>());
        }
        template
    }

    /// A panic would leave the slot's lock poisoned, and its token out of reach until C_Finalize.
    #[test]
    fn malformed_numbers_are_refused_and_nothing_panics() {
        assert!(private_key(&whole()).is_ok());
        let mut few = Attributes::default();
        for kind in [ck::CKA_MODULUS, ck::CKA_PRIVATE_EXPONENT] {
            few.set(kind, whole().bytes(kind));
        }
        assert!(private_key(&few).is_ok(), "the rest follows");
        for (kind, _) in whole().iter() {
            let right = whole().bytes(kind).to_vec();
            let mut last_but_one = right.clone();
            last_but_one[right.len() - 2] ^= 1;
            for wrong in [
                &[][..],
                &[0],
                &[1],
                &[2],
                &[3],
                &[1, 0, 1],
                &[0x80; 17],
                &[0xFF; 127],
                &[0xFF; 128],
                &[0xFE; 129],
                &[0xFF; 255],
                &[0xFF; 256],
                &[0xFF; 257],
                &right[1..],
                &right[..right.len() - 1],
                &last_but_one,
            ] {
                for base in [&whole(), &few] {
                    let mut template = base.clone();
                    template.set(kind, wrong);
                    assert!(private_key(&template).is_err(), "{kind:#x}: {wrong:02x?}");
                }
            }
            // Zeros before it change nothing.
            let mut template = whole();
            template.set(kind, [&[0; 5][..], &right].concat());
            assert!(private_key(&template).is_ok(), "{kind:#x}");
        }
    }
}
