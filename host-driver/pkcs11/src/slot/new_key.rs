//! What a template asks of a new private key on the token, made there or brought in: its place, its PIN policy and its uses.

use cryptoki_sys as ck;
use wire::{
    piv::PinPolicy,
    shield::{Container, Place, Uses},
};

use super::Slot;
use crate::{
    algorithm::KeyType,
    attribute::{AttributeType, Attributes},
    ckr::{Ckr, Result},
    object::{self, Home},
};

impl Slot {
    /// The place of a new key. A key whose id is the default of a container (01 for 9A) goes into that container if
    /// the container is free, so that PIV programs find the key where they look for it. Any other key goes where the
    /// token chooses.
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

/// When the new key wants the PIN: each time if CKA_ALWAYS_AUTHENTICATE is true, never if CKA_PRIVATE is false.
pub(super) fn pin_policy(private: &Attributes) -> PinPolicy {
    if private.is(ck::CKA_ALWAYS_AUTHENTICATE) {
        PinPolicy::Always
    } else if private.flag(ck::CKA_PRIVATE) == Some(false) {
        PinPolicy::Never
    } else {
        PinPolicy::Once
    }
}

/// What the new key may be used for. A template that says yes to some uses gets those. A template that says yes to
/// none gets all uses but those that it says no to. That an EC key decrypts, or an RSA key derives, is noted and
/// changes nothing: programs ask for that by habit.
pub(super) fn uses(key_type: KeyType, private: &Attributes) -> Result<Option<Uses>> {
    let real = key_type.uses();
    let said = |kinds: &[AttributeType], answer| kinds.iter().any(|kind| private.flag(*kind) == Some(answer));
    let all = |wanted: &dyn Fn(&[AttributeType]) -> bool| {
        real.iter().filter(|(_, kinds)| wanted(kinds)).map(|(one, _)| *one).reduce(Uses::and)
    };
    if !real.iter().any(|(_, kinds)| said(kinds, true) || said(kinds, false)) {
        return Ok(None);
    }
    let uses = all(&|kinds| said(kinds, true)).or_else(|| all(&|kinds| !said(kinds, false)));
    uses.map(Some).ok_or(Ckr::TEMPLATE_INCONSISTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(set: &[(AttributeType, bool)]) -> Attributes {
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
