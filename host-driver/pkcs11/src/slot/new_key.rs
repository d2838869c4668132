//! What a template asks of a new private key on the token, made there or brought in: its place, its PIN policy and its uses.

use cryptoki_sys as ck;
use wire::{
    piv::PinPolicy,
    shield::{Container, Place, Uses},
};

use super::Slot;
use crate::{
    algorithm::KeyType,
    attribute::{Attributes, Kind},
    ckr::{Ckr, Result},
    object::{self, Home},
};

impl Slot {
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
