//! C_GenerateKeyPair (v2.40, 5.14): on the token, which keeps the pair.

use cryptoki_sys as ck;
use wire::{
    piv::PinPolicy,
    shield::{Container, Name, NewKey, Place, Uses},
};

use super::{Slot, keep::noted_of_public};
use crate::{
    algorithm::KeyType,
    attribute::{Attributes, Kind, Value},
    ckr::{Ckr, Result},
    mechanism::Mechanism,
    notes::Notes,
    object::{self, Home},
    schema::{self, Origin},
};

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
        let key_type = KeyType::by_generation(mechanism.kind)?;
        let public = half(ck::CKO_PUBLIC_KEY, key_type, public)?;
        let private = half(ck::CKO_PRIVATE_KEY, key_type, private)?;
        let algorithm = key_type.new_pair(&public)?.into();
        object::check_private(&private)?;
        let mut name = object::name_of(&names(&public, &private))?;
        name.notes = notes(&public, &private, &name).bytes()?;
        let uses = uses(key_type, &private)?;
        let key = NewKey { algorithm, pin: Some(pin_policy(&private)), uses, name };
        // A pair of a session's would have a private key in this process.
        if !private.is(ck::CKA_TOKEN) {
            return Err(Ckr::TEMPLATE_INCONSISTENT);
        }
        if !writes {
            return Err(Ckr::SESSION_READ_ONLY);
        }
        let place = self.place_of(&key.name.id)?;
        let (container, _) = self.token()?.change(|shield| shield.create_key(place, &key))?;
        let on_token = self.read_anew(Home::Container(container, ck::CKO_PUBLIC_KEY))?;
        let private = self.read_anew(Home::Container(container, ck::CKO_PRIVATE_KEY))?;
        if public.flag(ck::CKA_TOKEN) != Some(false) {
            return Ok((on_token, private));
        }
        // The token has the public half all the same; who wants one of the session's gets that.
        let mut attributes = self.object(on_token)?.attributes.clone();
        attributes.set_flag(ck::CKA_DESTROYABLE, true);
        attributes.overlay(&public);
        Ok((self.keep(handle, attributes, &Attributes::default())?, private))
    }

    /// A key whose id is the one that a container's key has by itself (01 for 9A) goes there, if it is free, so that PIV's
    /// programs find it where they look for it; any other goes where the token chooses.
    pub(super) fn place_of(&mut self, id: &[u8]) -> Result<Place> {
        Ok(match object::container_of(id) {
            Some(container) if self.is_free(container)? => Place::In(container),
            _ => Place::Any,
        })
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
fn half(class: ck::CK_OBJECT_CLASS, key_type: KeyType, template: Vec<(Kind, Value)>) -> Result<Attributes> {
    let mut attributes = Attributes::of_template(template)?;
    attributes.set_default(ck::CKA_CLASS, class.to_ne_bytes());
    attributes.set_default(ck::CKA_KEY_TYPE, key_type.number().to_ne_bytes());
    schema::check_new(class, &attributes, Origin::Generated)?;
    let said = (attributes.number(ck::CKA_CLASS), attributes.number(ck::CKA_KEY_TYPE));
    key_type.check_wanted(&attributes)?;
    // A public key goes with its private key, not without it; and only an officer says whom to trust.
    let on_token = attributes.flag(ck::CKA_TOKEN) != Some(false);
    let alone = class == ck::CKO_PUBLIC_KEY && on_token && attributes.is(ck::CKA_DESTROYABLE);
    if said == (Some(class), Some(key_type.number())) && !alone && !attributes.is(ck::CKA_TRUSTED) {
        Ok(attributes)
    } else {
        Err(Ckr::TEMPLATE_INCONSISTENT)
    }
}

/// When the new key wants the PIN: each time if CKA_ALWAYS_AUTHENTICATE says so, never if CKA_PRIVATE says that whoever
/// has not logged in may use it.
pub(super) fn pin_policy(private: &Attributes) -> PinPolicy {
    if private.is(ck::CKA_ALWAYS_AUTHENTICATE) {
        PinPolicy::Always
    } else if private.flag(ck::CKA_PRIVATE) == Some(false) {
        PinPolicy::Never
    } else {
        PinPolicy::Once
    }
}

/// What the new key may be used for: what the template says yes to; where it says yes to nothing, all that it does not say no
/// to. That an EC key decrypts, or an RSA key derives, is noted and no more: programs ask for it by habit.
pub(super) fn uses(key_type: KeyType, private: &Attributes) -> Result<Option<Uses>> {
    let real = key_type.uses();
    let said = |kinds: &[Kind], answer| kinds.iter().any(|kind| private.flag(*kind) == Some(answer));
    let all = |wanted: &dyn Fn(&[Kind]) -> bool| {
        real.iter().filter(|(_, kinds)| wanted(kinds)).map(|(one, _)| *one).reduce(Uses::and)
    };
    if !real.iter().any(|(_, kinds)| said(kinds, true) || said(kinds, false)) {
        return Ok(None);
    }
    let uses = all(&|kinds| said(kinds, true)).or_else(|| all(&|kinds| !said(kinds, false)));
    uses.map(Some).ok_or(Ckr::TEMPLATE_INCONSISTENT)
}

/// What was asked for of either half and nothing else on the token tells. What a template says of one use only says no to the
/// others.
fn notes(public: &Attributes, private: &Attributes, name: &Name) -> Notes {
    let mut own = schema::noted(ck::CKO_PRIVATE_KEY, private);
    object::note_history(&mut own);
    Notes { own, public: noted_of_public(public, name) }
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
        assert_eq!(uses(KeyType::Ec, &flags(&[])), Ok(None));
        assert_eq!(uses(KeyType::Ec, &flags(&[(ck::CKA_SIGN, true)])), Ok(Some(Uses::SIGN)));
        assert_eq!(
            uses(KeyType::Rsa, &flags(&[(ck::CKA_SIGN, true), (ck::CKA_UNWRAP, true)])),
            Ok(Some(Uses::SIGN.and(Uses::DECRYPT)))
        );
        // What the kind of key cannot do is noted beside what it can, and decides nothing.
        for (key_type, more) in
            [(KeyType::Ec, ck::CKA_DECRYPT), (KeyType::Ec, ck::CKA_UNWRAP), (KeyType::Rsa, ck::CKA_DERIVE)]
        {
            assert_eq!(uses(key_type, &flags(&[(ck::CKA_SIGN, true), (more, true)])), Ok(Some(Uses::SIGN)));
            assert_eq!(uses(key_type, &flags(&[(more, true)])), Ok(None));
        }
        // A no leaves the rest, and must leave some.
        assert_eq!(uses(KeyType::Rsa, &flags(&[(ck::CKA_SIGN, false)])), Ok(Some(Uses::DECRYPT)));
        assert_eq!(uses(KeyType::Ec, &flags(&[(ck::CKA_DERIVE, false)])), Ok(Some(Uses::SIGN)));
        let neither = flags(&[(ck::CKA_SIGN, false), (ck::CKA_DERIVE, false)]);
        assert_eq!(uses(KeyType::Ec, &neither), Err(Ckr::TEMPLATE_INCONSISTENT));
    }

    #[test]
    fn when_the_pin_is_wanted() {
        assert_eq!(pin_policy(&flags(&[])), PinPolicy::Once);
        assert_eq!(pin_policy(&flags(&[(ck::CKA_PRIVATE, true)])), PinPolicy::Once);
        assert_eq!(pin_policy(&flags(&[(ck::CKA_PRIVATE, false)])), PinPolicy::Never);
        assert_eq!(pin_policy(&flags(&[(ck::CKA_ALWAYS_AUTHENTICATE, true)])), PinPolicy::Always);
    }
}
