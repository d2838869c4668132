//! C_GenerateKeyPair (v2.40, 5.14): on the token, which keeps the pair.

use cryptoki_sys as ck;
use wire::{
    piv::{Algorithm, PinPolicy},
    shield::{Container, NewKey, Place, Uses},
};

use super::Slot;
use crate::{
    attribute::{Attributes, Kind, Value},
    ckr::{Ckr, Result},
    mechanism::Mechanism,
    object::{self, Home},
    public_key::Curve,
    schema::{self, Origin},
};

/// CKA_PUBLIC_EXPONENT: 65537, without zeros before it.
const EXPONENT: [u8; 3] = [1, 0, 1];

impl Slot {
    /// C_GenerateKeyPair: the handles of the public and the private key.
    pub fn generate_key_pair(
        &mut self,
        handle: ck::CK_SESSION_HANDLE,
        mechanism: &Mechanism,
        public: Vec<(Kind, Value)>,
        private: Vec<(Kind, Value)>,
    ) -> Result<(ck::CK_OBJECT_HANDLE, ck::CK_OBJECT_HANDLE)> {
        let writes = self.session(handle)?.writes;
        mechanism.does(ck::CKF_GENERATE_KEY_PAIR)?;
        mechanism.bare()?;
        let rsa = mechanism.kind == ck::CKM_RSA_PKCS_KEY_PAIR_GEN;
        let key_type = if rsa { ck::CKK_RSA } else { ck::CKK_EC };
        let public = half(ck::CKO_PUBLIC_KEY, key_type, public)?;
        let private = half(ck::CKO_PRIVATE_KEY, key_type, private)?;
        let algorithm = algorithm(rsa, &public)?;
        let key = NewKey {
            algorithm,
            pin: Some(pin_policy(&private)),
            uses: uses(rsa, &private)?,
            name: object::name_of(&names(&public, &private))?,
        };
        // A pair of a session's would have a private key in this process.
        if !private.is(ck::CKA_TOKEN) {
            return Err(Ckr::TEMPLATE_INCONSISTENT);
        }
        if !writes {
            return Err(Ckr::SESSION_READ_ONLY);
        }
        let container = self.create_key(&key)?;
        let public = self.read_anew(Home::Container(container, ck::CKO_PUBLIC_KEY))?;
        let private = self.read_anew(Home::Container(container, ck::CKO_PRIVATE_KEY))?;
        Ok((public, private))
    }

    /// A key whose id is the one that a container's key has by itself (01 for 9A) goes there, if it is free, so that PIV's
    /// programs find it where they look for it; any other goes where the token chooses.
    fn create_key(&mut self, key: &NewKey) -> Result<Container> {
        let place = match object::container_of(&key.name.id) {
            Some(container) if self.is_free(container)? => Place::In(container),
            _ => Place::Any,
        };
        let (container, _) = self.token()?.change(|shield| shield.create_key(place, key))?;
        Ok(container)
    }

    fn is_free(&mut self, container: Container) -> Result<bool> {
        self.read_token()?;
        Ok(!self
            .objects
            .values()
            .any(|object| matches!(object.home, Home::Container(other, _) if other == container)))
    }
}

/// The template of one half: its class and type go without saying, and must not say another.
fn half(
    class: ck::CK_OBJECT_CLASS,
    key_type: ck::CK_KEY_TYPE,
    template: Vec<(Kind, Value)>,
) -> Result<Attributes> {
    let mut attributes = Attributes::of_template(template)?;
    attributes.set_default(ck::CKA_CLASS, class.to_ne_bytes());
    attributes.set_default(ck::CKA_KEY_TYPE, key_type.to_ne_bytes());
    schema::check_new(class, &attributes, Origin::Generated)?;
    let right = (attributes.number(ck::CKA_CLASS), attributes.number(ck::CKA_KEY_TYPE))
        == (Some(class), Some(key_type));
    // No private key leaves the token, whatever is asked for.
    let leaves = attributes.flag(ck::CKA_SENSITIVE) == Some(false) || attributes.is(ck::CKA_EXTRACTABLE);
    if right && !leaves && !attributes.is(ck::CKA_TRUSTED) {
        Ok(attributes)
    } else {
        Err(Ckr::TEMPLATE_INCONSISTENT)
    }
}

fn algorithm(rsa: bool, public: &Attributes) -> Result<Algorithm> {
    if !rsa {
        let parameters = public.get(ck::CKA_EC_PARAMS).ok_or(Ckr::TEMPLATE_INCOMPLETE)?;
        return Ok(match Curve::by_parameters(parameters)? {
            Curve::P256 => Algorithm::P256,
            Curve::P384 => Algorithm::P384,
        });
    }
    let exponent = public.get(ck::CKA_PUBLIC_EXPONENT).unwrap_or(&EXPONENT);
    if exponent.iter().skip_while(|byte| **byte == 0).ne(&EXPONENT) {
        return Err(Ckr::ATTRIBUTE_VALUE_INVALID);
    }
    match public.number(ck::CKA_MODULUS_BITS) {
        Some(2048) => Ok(Algorithm::Rsa2048),
        Some(_) => Err(Ckr::ATTRIBUTE_VALUE_INVALID),
        None => Err(Ckr::TEMPLATE_INCOMPLETE),
    }
}

/// When the new key wants the PIN: each time if CKA_ALWAYS_AUTHENTICATE says so, never if CKA_PRIVATE says that whoever
/// has not logged in may use it.
fn pin_policy(private: &Attributes) -> PinPolicy {
    if private.is(ck::CKA_ALWAYS_AUTHENTICATE) {
        PinPolicy::Always
    } else if private.flag(ck::CKA_PRIVATE) == Some(false) {
        PinPolicy::Never
    } else {
        PinPolicy::Once
    }
}

/// What the new key may be used for: all that its algorithm can, unless the template says something of it.
fn uses(rsa: bool, private: &Attributes) -> Result<Option<Uses>> {
    let of = |kinds: &[Kind]| kinds.iter().any(|kind| private.is(*kind));
    let sign = of(&[ck::CKA_SIGN, ck::CKA_SIGN_RECOVER]);
    let decrypt = of(&[ck::CKA_DECRYPT, ck::CKA_UNWRAP]);
    let agree = of(&[ck::CKA_DERIVE]);
    if rsa && agree || !rsa && (decrypt || private.is(ck::CKA_SIGN_RECOVER)) {
        return Err(Ckr::TEMPLATE_INCONSISTENT);
    }
    let chosen = [(sign, Uses::SIGN), (decrypt, Uses::DECRYPT), (agree, Uses::AGREE)];
    let uses = chosen.into_iter().filter(|(wanted, _)| *wanted).map(|(_, one)| one).reduce(Uses::and);
    let said = [ck::CKA_SIGN, ck::CKA_DECRYPT, ck::CKA_UNWRAP, ck::CKA_DERIVE].map(|kind| private.flag(kind));
    match uses {
        None if said.contains(&Some(false)) => Err(Ckr::TEMPLATE_INCONSISTENT),
        uses => Ok(uses),
    }
}

/// Label and id: the private key's, else the public key's.
fn names(public: &Attributes, private: &Attributes) -> Attributes {
    let mut names = Attributes::default();
    for kind in [ck::CKA_LABEL, ck::CKA_ID] {
        let given =
            [private, public].into_iter().map(|half| half.bytes(kind)).find(|value| !value.is_empty());
        names.set(kind, given.unwrap_or_default());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(set: &[(Kind, bool)]) -> Attributes {
        let mut attributes = Attributes::default();
        set.iter().for_each(|(kind, value)| attributes.set_flag(*kind, *value));
        attributes
    }

    #[test]
    fn uses_that_a_template_asks_for() {
        assert_eq!(uses(false, &flags(&[])), Ok(None));
        assert_eq!(uses(false, &flags(&[(ck::CKA_SIGN, true)])), Ok(Some(Uses::SIGN)));
        assert_eq!(
            uses(true, &flags(&[(ck::CKA_SIGN, true), (ck::CKA_UNWRAP, true)])),
            Ok(Some(Uses::SIGN.and(Uses::DECRYPT)))
        );
        for (rsa, wrong) in [(false, ck::CKA_DECRYPT), (true, ck::CKA_DERIVE)] {
            assert_eq!(uses(rsa, &flags(&[(wrong, true)])), Err(Ckr::TEMPLATE_INCONSISTENT));
        }
        assert_eq!(uses(true, &flags(&[(ck::CKA_SIGN, false)])), Err(Ckr::TEMPLATE_INCONSISTENT));
    }

    #[test]
    fn when_the_pin_is_wanted() {
        assert_eq!(pin_policy(&flags(&[])), PinPolicy::Once);
        assert_eq!(pin_policy(&flags(&[(ck::CKA_PRIVATE, true)])), PinPolicy::Once);
        assert_eq!(pin_policy(&flags(&[(ck::CKA_PRIVATE, false)])), PinPolicy::Never);
        assert_eq!(pin_policy(&flags(&[(ck::CKA_ALWAYS_AUTHENTICATE, true)])), PinPolicy::Always);
    }

    #[test]
    fn rsa_is_of_one_size_and_exponent() {
        let mut public = Attributes::default();
        assert_eq!(algorithm(true, &public), Err(Ckr::TEMPLATE_INCOMPLETE));
        public.set_number(ck::CKA_MODULUS_BITS, 2048);
        assert_eq!(algorithm(true, &public), Ok(Algorithm::Rsa2048));
        public.set(ck::CKA_PUBLIC_EXPONENT, [0, 1, 0, 1]);
        assert_eq!(algorithm(true, &public), Ok(Algorithm::Rsa2048));
        public.set(ck::CKA_PUBLIC_EXPONENT, [3]);
        assert_eq!(algorithm(true, &public), Err(Ckr::ATTRIBUTE_VALUE_INVALID));
    }
}
