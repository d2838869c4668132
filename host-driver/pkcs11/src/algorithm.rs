//! The algorithms of key pairs: all that the library knows of each is in one file below, and every public key carries its own.
//!
//! Another algorithm is another file, with a variant of [`KeyType`] and of [`PublicKey`]: the compiler finds what lacks an arm
//! for it. Its mechanisms are rows of [`crate::mechanism::TABLE`].

// The order is the law: a module uses only modules listed below it.
mod ec;
mod rsa;

use cryptoki_sys as ck;
use wire::{
    algorithm::{Curve, KeyAlgorithm},
    piv,
    shield::{PrivateParts, Uses},
};
use zeroize::Zeroizing;

use crate::{
    attribute::{AttributeType, Attributes, Value},
    ckr::{Ckr, Result},
    mechanism::{Cipher, Scheme},
};

/// A key type (CKK_).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// CKK_EC.
    Ec,
    /// CKK_RSA.
    Rsa,
}

/// What there is to know of a key type without any key.
struct Facts {
    /// CKA_KEY_TYPE.
    number: ck::CK_KEY_TYPE,
    /// The mechanism that makes key pairs.
    generation: ck::CK_MECHANISM_TYPE,
    /// What the token lets a private key do, and the attributes of the private key that say so.
    uses: &'static [(Uses, &'static [AttributeType])],
    /// The attributes that a public key is made of.
    public: &'static [AttributeType],
    /// The attributes that a private key is made of.
    private: &'static [AttributeType],
    /// The attributes that say which key pair is wanted.
    wanted: &'static [AttributeType],
}

impl KeyType {
    /// All of them.
    fn all() -> impl Iterator<Item = Self> {
        std::iter::successors(Some(Self::Ec), |kind| kind.next())
    }

    /// The type after this one: so the compiler asks where a new type is to be linked in.
    const fn next(self) -> Option<Self> {
        match self {
            Self::Ec => Some(Self::Rsa),
            Self::Rsa => None,
        }
    }

    const fn facts(self) -> &'static Facts {
        match self {
            Self::Ec => &ec::FACTS,
            Self::Rsa => &rsa::FACTS,
        }
    }

    /// What the attributes of a key say.
    ///
    /// # Errors
    /// CKR_ATTRIBUTE_VALUE_INVALID: no key type that is known here.
    pub fn of(attributes: &Attributes) -> Result<Self> {
        let number = attributes.number(ck::CKA_KEY_TYPE);
        let found = Self::all().find(|kind| Some(kind.number()) == number);
        found.ok_or(Ckr::ATTRIBUTE_VALUE_INVALID)
    }

    /// The one whose key pairs a mechanism makes.
    ///
    /// # Errors
    /// CKR_MECHANISM_INVALID.
    pub fn by_generation(mechanism: ck::CK_MECHANISM_TYPE) -> Result<Self> {
        let found = Self::all().find(|kind| kind.generation() == mechanism);
        found.ok_or(Ckr::MECHANISM_INVALID)
    }

    /// CKA_KEY_TYPE.
    pub const fn number(self) -> ck::CK_KEY_TYPE {
        self.facts().number
    }

    /// CKA_KEY_GEN_MECHANISM.
    pub const fn generation(self) -> ck::CK_MECHANISM_TYPE {
        self.facts().generation
    }

    /// What the token lets a private key do, and the attributes of the private key that say so.
    pub const fn uses(self) -> &'static [(Uses, &'static [AttributeType])] {
        self.facts().uses
    }

    /// Whether private keys do what this attribute says (CKA_SIGN and its kin).
    pub fn does(self, kind: AttributeType) -> bool {
        self.uses().iter().any(|(_, kinds)| kinds.contains(&kind))
    }

    /// Whether a private key with these uses does what the attribute says.
    pub fn may(self, uses: Uses, kind: AttributeType) -> bool {
        self.uses().iter().any(|(one, kinds)| uses.has(*one) && kinds.contains(&kind))
    }

    /// That no attribute is there which only keys of other types have.
    fn check(self, attributes: &Attributes, part: impl Fn(&Facts) -> &'static [AttributeType]) -> Result<()> {
        let own = part(self.facts());
        let mut others = Self::all().flat_map(|kind| part(kind.facts()));
        if others.any(|kind| !own.contains(kind) && attributes.get(*kind).is_some()) {
            return Err(Ckr::TEMPLATE_INCONSISTENT);
        }
        Ok(())
    }

    /// That a public key has nothing of another type's.
    ///
    /// # Errors
    /// CKR_TEMPLATE_INCONSISTENT.
    pub fn check_public(self, attributes: &Attributes) -> Result<()> {
        self.check(attributes, |facts| facts.public)
    }

    /// That the template of a new key pair's half wants nothing of another type's.
    ///
    /// # Errors
    /// CKR_TEMPLATE_INCONSISTENT.
    pub fn check_wanted(self, attributes: &Attributes) -> Result<()> {
        self.check(attributes, |facts| facts.wanted)
    }

    /// The algorithm of a new key pair, by the template of its public half.
    ///
    /// # Errors
    /// CKR_TEMPLATE_INCOMPLETE, CKR_CURVE_NOT_SUPPORTED, CKR_ATTRIBUTE_VALUE_INVALID.
    pub fn new_pair(self, public: &Attributes) -> Result<KeyAlgorithm> {
        match self {
            Self::Ec => ec::new_pair(public),
            Self::Rsa => rsa::new_pair(public),
        }
    }
}

/// A private key that a template brings, for the token to take in.
pub struct PrivateKey {
    /// The algorithm.
    pub algorithm: KeyAlgorithm,
    parts: Parts,
}

/// A private key's parts, as the token takes them.
enum Parts {
    /// A scalar, as long as its field.
    Scalar(Value),
    /// p, q, dP, dQ, qInv, as long as a prime each.
    Crt([Value; 5]),
}

impl PrivateKey {
    /// Reads a CKO_PRIVATE_KEY's template.
    ///
    /// # Errors
    /// CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCONSISTENT, CKR_CURVE_NOT_SUPPORTED, CKR_ATTRIBUTE_VALUE_INVALID.
    pub fn of_template(template: &Attributes) -> Result<Self> {
        let kind = KeyType::of(template)?;
        kind.check(template, |facts| facts.private)?;
        match kind {
            KeyType::Ec => ec::private_key(template),
            KeyType::Rsa => rsa::private_key(template),
        }
    }

    /// As IMPORT KEY takes them.
    pub fn parts(&self) -> PrivateParts<'_> {
        match &self.parts {
            Parts::Scalar(scalar) => PrivateParts::Scalar(scalar),
            Parts::Crt(parts) => PrivateParts::Crt(parts.each_ref().map(|part| part.as_slice())),
        }
    }
}

/// A public key, with its algorithm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// On an elliptic curve.
    Ec(ec::PublicKey),
    /// RSA.
    Rsa(rsa::PublicKey),
}

impl PublicKey {
    /// What the token answers for a container whose key is of this algorithm; `None` when that is no key of the algorithm.
    pub fn of_card(algorithm: KeyAlgorithm, template: &[u8]) -> Option<Self> {
        Some(match piv::PublicKey::parse(algorithm, template).ok()? {
            // PKCS#11 v2.40 has neither a key type nor mechanisms for SM2: CKM_ECDSA would sign with another equation.
            piv::PublicKey::Point { curve: Curve::Sm2, .. } => return None,
            piv::PublicKey::Point { curve, point } => Self::Ec(ec::PublicKey::new(curve, point)),
            piv::PublicKey::Rsa { modulus, exponent } => Self::Rsa(rsa::PublicKey::new(modulus, exponent)),
        })
    }

    /// A CKO_PUBLIC_KEY's.
    ///
    /// # Errors
    /// CKR_TEMPLATE_INCOMPLETE, CKR_CURVE_NOT_SUPPORTED, CKR_ATTRIBUTE_VALUE_INVALID.
    pub fn of_attributes(attributes: &Attributes) -> Result<Self> {
        let key = match KeyType::of(attributes)? {
            KeyType::Ec => Self::Ec(ec::PublicKey::of_attributes(attributes)?),
            KeyType::Rsa => Self::Rsa(rsa::PublicKey::of_attributes(attributes)?),
        };
        let is_one = match &key {
            Self::Ec(key) => key.is_one(),
            Self::Rsa(key) => key.is_one(),
        };
        if is_one { Ok(key) } else { Err(Ckr::ATTRIBUTE_VALUE_INVALID) }
    }

    /// The key's type.
    pub const fn key_type(&self) -> KeyType {
        match self {
            Self::Ec(_) => KeyType::Ec,
            Self::Rsa(_) => KeyType::Rsa,
        }
    }

    /// Bytes of a signature, and of an RSA block.
    pub const fn block(&self) -> usize {
        match self {
            Self::Ec(key) => key.block(),
            Self::Rsa(key) => key.block(),
        }
    }

    /// Sets what the key is in the attributes of its public half.
    pub fn show(&self, attributes: &mut Attributes) {
        self.show_to_private(attributes);
        match self {
            Self::Ec(key) => key.show(attributes),
            Self::Rsa(key) => key.show(attributes),
        }
    }

    /// Sets what a private key shows of its public half.
    pub fn show_to_private(&self, attributes: &mut Attributes) {
        attributes.set_number(ck::CKA_KEY_TYPE, self.key_type().number());
        match self {
            Self::Ec(key) => {
                attributes.set(ck::CKA_PUBLIC_KEY_INFO, key.info());
                key.show_to_both(attributes);
            }
            Self::Rsa(key) => {
                attributes.set(ck::CKA_PUBLIC_KEY_INFO, key.info());
                key.show_to_both(attributes);
            }
        }
    }

    /// That the scheme is one for this type of key.
    ///
    /// # Errors
    /// CKR_KEY_TYPE_INCONSISTENT.
    pub fn fits(&self, scheme: Scheme) -> Result<()> {
        let fits = match self {
            Self::Ec(key) => key.fits(scheme),
            Self::Rsa(key) => key.fits(scheme),
        };
        if fits { Ok(()) } else { Err(Ckr::KEY_TYPE_INCONSISTENT) }
    }

    /// That keys of this type do what the attribute says (CKA_DECRYPT and its kin).
    ///
    /// # Errors
    /// CKR_KEY_TYPE_INCONSISTENT.
    pub fn does(&self, kind: AttributeType) -> Result<()> {
        if self.key_type().does(kind) { Ok(()) } else { Err(Ckr::KEY_TYPE_INCONSISTENT) }
    }

    /// The block to sign for a digest (or for data as it is): what the token's private key is applied to.
    ///
    /// # Errors
    /// CKR_DATA_LEN_RANGE, CKR_DATA_INVALID, CKR_KEY_SIZE_RANGE, CKR_KEY_TYPE_INCONSISTENT.
    pub fn block_to_sign(&self, scheme: Scheme, digest: &[u8]) -> Result<Vec<u8>> {
        self.fits(scheme)?;
        match self {
            Self::Ec(key) => key.block_to_sign(digest),
            Self::Rsa(key) => key.block_to_sign(scheme, digest),
        }
    }

    /// The signature, as PKCS#11 has it, out of the token's answer.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR: it is none.
    pub fn signature(&self, answer: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>> {
        let signature = match self {
            Self::Ec(key) => key.signature(&answer),
            Self::Rsa(key) => key.signature(answer),
        };
        signature.ok_or(Ckr::DEVICE_ERROR)
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
        let holds = match self {
            Self::Ec(key) => key.holds(digest, signature)?,
            Self::Rsa(key) => key.holds(scheme, digest, signature)?,
        };
        if holds { Ok(()) } else { Err(Ckr::SIGNATURE_INVALID) }
    }

    /// The data in a signature that holds its data.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn recover(&self, signature: &[u8]) -> Result<Vec<u8>> {
        if signature.len() != self.block() {
            return Err(Ckr::SIGNATURE_LEN_RANGE);
        }
        match self {
            Self::Ec(_) => Err(Ckr::KEY_TYPE_INCONSISTENT),
            Self::Rsa(key) => key.recover(signature)?.ok_or(Ckr::SIGNATURE_INVALID),
        }
    }

    /// Encrypts.
    ///
    /// # Errors
    /// CKR_DATA_LEN_RANGE, CKR_DATA_INVALID, CKR_KEY_TYPE_INCONSISTENT.
    pub fn encrypt(&self, cipher: &Cipher, message: &[u8]) -> Result<Vec<u8>> {
        match self {
            Self::Ec(_) => Err(Ckr::KEY_TYPE_INCONSISTENT),
            Self::Rsa(key) => key.encrypt(cipher, message),
        }
    }

    /// The other side's point of a key agreement, as the token takes it, and the bytes of the secret.
    ///
    /// # Errors
    /// CKR_MECHANISM_PARAM_INVALID: the point is not on this key's curve; CKR_KEY_TYPE_INCONSISTENT.
    pub fn other_side<'a>(&self, point: &'a [u8]) -> Result<(&'a [u8], usize)> {
        match self {
            Self::Ec(key) => {
                let point = key.other_side(point).ok_or(Ckr::MECHANISM_PARAM_INVALID)?;
                Ok((point, key.secret_length()))
            }
            Self::Rsa(_) => Err(Ckr::KEY_TYPE_INCONSISTENT),
        }
    }
}

/// The value of an attribute that must be there.
fn need(attributes: &Attributes, kind: AttributeType) -> Result<&[u8]> {
    attributes.get(kind).ok_or(Ckr::TEMPLATE_INCOMPLETE)
}

/// A big integer (v2.40, 3.1) in just so many bytes.
fn as_long(number: &[u8], length: usize) -> Result<Value> {
    let from = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    let digits = &number[from..];
    if digits.len() > length {
        return Err(Ckr::ATTRIBUTE_VALUE_INVALID);
    }
    let mut bytes = Zeroizing::new(vec![0; length]);
    bytes[length - digits.len()..].copy_from_slice(digits);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A point's length does not tell its curve: other curves have fields of 256 bits, too.
    #[test]
    fn the_token_says_the_algorithm_and_the_key_shows_it() {
        for (curve, other) in [(Curve::P256, Curve::P384), (Curve::P384, Curve::P256)] {
            let template = piv::PublicKey::Point { curve, point: &vec![4; curve.point()] }.bytes();
            let mut attributes = Attributes::default();
            PublicKey::of_card(curve.algorithm(), &template).unwrap().show(&mut attributes);
            assert_eq!(attributes.bytes(ck::CKA_EC_PARAMS), curve.parameters());
            for algorithm in [other.algorithm(), KeyAlgorithm::Rsa2048, KeyAlgorithm::Sm2] {
                assert_eq!(PublicKey::of_card(algorithm, &template), None);
            }
        }
    }

    #[test]
    fn each_type_is_found_by_its_number_and_its_mechanism() {
        for kind in KeyType::all() {
            let mut attributes = Attributes::default();
            attributes.set_number(ck::CKA_KEY_TYPE, kind.number());
            assert_eq!(KeyType::of(&attributes), Ok(kind));
            assert_eq!(KeyType::by_generation(kind.generation()), Ok(kind));
            // What another type's key is made of contradicts it; its own does not.
            for part in
                [|facts: &Facts| facts.public, |facts: &Facts| facts.private, |facts: &Facts| facts.wanted]
            {
                for other in KeyType::all() {
                    let mut made = Attributes::default();
                    part(other.facts()).iter().for_each(|kind| made.set(*kind, [1]));
                    assert_eq!(kind.check(&made, part).is_ok(), kind == other);
                }
            }
        }
        assert_eq!(KeyType::of(&Attributes::default()), Err(Ckr::ATTRIBUTE_VALUE_INVALID));
        assert_eq!(KeyType::by_generation(ck::CKM_ECDSA), Err(Ckr::MECHANISM_INVALID));
    }
}
