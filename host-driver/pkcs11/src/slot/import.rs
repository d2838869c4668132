//! C_CreateObject of a private key (v2.40, 4.9; Current Mechanisms v2.40, 2.1.3 and 2.3.4): the token takes it in, for good.

use cryptoki_sys as ck;
use rsa::{BoxedUint, traits::PrivateKeyParts as _};
use wire::{
    piv::Algorithm,
    shield::{Import, NewKey, PrivateParts},
};
use zeroize::Zeroizing;

use super::{
    Slot,
    pair::{pin_policy, uses},
};
use crate::{
    attribute::{Attributes, Kind, Value},
    ckr::{Ckr, Result},
    notes::Notes,
    object::{self, Home},
    public_key::Curve,
    schema,
};

/// Bytes of the modulus, and of a prime.
const MODULUS: usize = 256;
const PRIME: usize = MODULUS / 2;

/// A private key's parts, as the token takes them.
enum Parts {
    /// A scalar, as long as its field.
    Scalar(Curve, Value),
    /// p, q, dP, dQ, qInv, as long as a prime each.
    Crt([Value; 5]),
}

impl Slot {
    /// A private key, on the token.
    pub(super) fn create_private_key(
        &mut self,
        handle: ck::CK_SESSION_HANDLE,
        template: &Attributes,
    ) -> Result<ck::CK_OBJECT_HANDLE> {
        let writes = self.session(handle)?.writes;
        let parts = parts(template)?;
        object::check_private(template)?;
        // One of a session's would be used in this process.
        if !template.is(ck::CKA_TOKEN) {
            return Err(Ckr::TEMPLATE_INCONSISTENT);
        }
        let rsa = matches!(parts, Parts::Crt(_));
        let mut notes = Notes::on(schema::noted(ck::CKO_PRIVATE_KEY, template));
        object::note_history(&mut notes.own);
        let mut name = object::name_of(template)?;
        name.notes = notes.bytes()?;
        let key = NewKey {
            algorithm: parts.algorithm(),
            pin: Some(pin_policy(template)),
            uses: uses(rsa, template)?,
            name,
        };
        if !writes {
            return Err(Ckr::SESSION_READ_ONLY);
        }
        let place = self.place_of(&key.name.id)?;
        let import = Import { key, parts: parts.borrowed() };
        let taken = self.token()?.change(|shield| shield.import_key(place, &import));
        let (container, _) = taken.map_err(|error| match Ckr::from(error) {
            // Not a scalar of the curve, or primes that are none.
            Ckr::DATA_INVALID => Ckr::ATTRIBUTE_VALUE_INVALID,
            ckr => ckr,
        })?;
        let private = self.read_anew(Home::Container(container, ck::CKO_PRIVATE_KEY))?;
        self.check_info(private, template)
    }

    /// CKA_PUBLIC_KEY_INFO is the key's own, or the template contradicts itself.
    fn check_info(
        &mut self,
        private: ck::CK_OBJECT_HANDLE,
        template: &Attributes,
    ) -> Result<ck::CK_OBJECT_HANDLE> {
        let found = self.object(private)?;
        let home = found.home;
        match template.get(ck::CKA_PUBLIC_KEY_INFO) {
            Some(info) if found.attributes.bytes(ck::CKA_PUBLIC_KEY_INFO) != info => {
                self.remove_from_token(home)?;
                self.read = false;
                Err(Ckr::TEMPLATE_INCONSISTENT)
            }
            _ => Ok(private),
        }
    }
}

impl Parts {
    const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Scalar(Curve::P256, _) => Algorithm::P256,
            Self::Scalar(Curve::P384, _) => Algorithm::P384,
            Self::Crt(_) => Algorithm::Rsa2048,
        }
    }

    fn borrowed(&self) -> PrivateParts<'_> {
        match self {
            Self::Scalar(_, scalar) => PrivateParts::Scalar(scalar),
            Self::Crt(parts) => PrivateParts::Crt(parts.each_ref().map(|part| part.as_slice())),
        }
    }
}

fn parts(template: &Attributes) -> Result<Parts> {
    let need = |kind| template.get(kind).ok_or(Ckr::TEMPLATE_INCOMPLETE);
    let others: &[Kind] = match template.number(ck::CKA_KEY_TYPE) {
        Some(ck::CKK_EC) => &RSA,
        Some(ck::CKK_RSA) => &[ck::CKA_EC_PARAMS, ck::CKA_VALUE],
        _ => return Err(Ckr::ATTRIBUTE_VALUE_INVALID),
    };
    if others.iter().any(|kind| template.get(*kind).is_some()) {
        return Err(Ckr::TEMPLATE_INCONSISTENT);
    }
    if template.number(ck::CKA_KEY_TYPE) == Some(ck::CKK_RSA) {
        return crt(template);
    }
    let curve = Curve::by_parameters(need(ck::CKA_EC_PARAMS)?)?;
    Ok(Parts::Scalar(curve, as_long(need(ck::CKA_VALUE)?, curve.length())?))
}

/// What an RSA key has and no other.
const RSA: [Kind; 8] = [
    ck::CKA_MODULUS,
    ck::CKA_PUBLIC_EXPONENT,
    ck::CKA_PRIVATE_EXPONENT,
    ck::CKA_PRIME_1,
    ck::CKA_PRIME_2,
    ck::CKA_EXPONENT_1,
    ck::CKA_EXPONENT_2,
    ck::CKA_COEFFICIENT,
];

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

/// Modulus and private exponent are enough; whatever else is said must follow from them.
fn crt(template: &Attributes) -> Result<Parts> {
    let number = |kind| template.get(kind).map(uint).transpose();
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
    Ok(Parts::Crt(parts))
}

fn uint(bytes: &[u8]) -> Result<Zeroizing<BoxedUint>> {
    let from = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let digits = &bytes[from..];
    // No part of a key that the token takes is longer than its modulus.
    if digits.len() > MODULUS || digits.is_empty() {
        return Err(Ckr::ATTRIBUTE_VALUE_INVALID);
    }
    let bits = u32::try_from(8 * digits.len()).unwrap_or(u32::MAX);
    BoxedUint::from_be_slice(digits, bits).map(Zeroizing::new).map_err(|_| Ckr::ATTRIBUTE_VALUE_INVALID)
}
