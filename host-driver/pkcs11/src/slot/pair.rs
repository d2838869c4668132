//! C_GenerateKeyPair (v2.40, 5.14): on the token, which keeps the pair.

use cryptoki_sys as ck;
use wire::shield::{Name, NewKey};

use super::{
    Slot,
    new_key::{pin_policy, uses},
    stored::noted_of_public,
};
use crate::{
    algorithm::KeyType,
    attribute::{AttributeType, Attributes, Value},
    attribute_table::{self, Origin},
    ckr::{Ckr, Result},
    mechanism::Mechanism,
    notes::Notes,
    object::{self, Home},
};

impl Slot {
    /// C_GenerateKeyPair: the handles of the public and the private key.
    pub fn generate_key_pair(
        &mut self,
        handle: ck::CK_SESSION_HANDLE,
        mechanism: &Mechanism,
        public: Vec<(AttributeType, Value)>,
        private: Vec<(AttributeType, Value)>,
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
        // A session's pair would have its private key in this process.
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
        // The token has the public half all the same. A program that wants a session's public key gets one.
        let mut attributes = self.object(on_token)?.attributes.clone();
        attributes.set_flag(ck::CKA_DESTROYABLE, true);
        attributes.overlay(&public);
        Ok((self.keep(handle, attributes, &Attributes::default())?, private))
    }
}

/// The template of one half. Class and type need not stand in the template, and must not be others.
fn half(
    class: ck::CK_OBJECT_CLASS,
    key_type: KeyType,
    template: Vec<(AttributeType, Value)>,
) -> Result<Attributes> {
    let mut attributes = Attributes::of_template(template)?;
    attributes.set_default(ck::CKA_CLASS, class.to_ne_bytes());
    attributes.set_default(ck::CKA_KEY_TYPE, key_type.number().to_ne_bytes());
    attribute_table::check_new(class, &attributes, Origin::Generated)?;
    let said = (attributes.number(ck::CKA_CLASS), attributes.number(ck::CKA_KEY_TYPE));
    key_type.check_wanted(&attributes)?;
    // A public key on the token is destroyed with its private key, never alone. Only an officer may set CKA_TRUSTED.
    let on_token = attributes.flag(ck::CKA_TOKEN) != Some(false);
    let alone = class == ck::CKO_PUBLIC_KEY && on_token && attributes.is(ck::CKA_DESTROYABLE);
    if said == (Some(class), Some(key_type.number())) && !alone && !attributes.is(ck::CKA_TRUSTED) {
        Ok(attributes)
    } else {
        Err(Ckr::TEMPLATE_INCONSISTENT)
    }
}

/// The attributes of both halves that were asked for and that nothing else on the token tells.
fn notes(public: &Attributes, private: &Attributes, name: &Name) -> Notes {
    let mut own = attribute_table::noted(ck::CKO_PRIVATE_KEY, private);
    object::note_history(&mut own);
    Notes { own, public: noted_of_public(public, name) }
}

/// Label and id of the pair: those of the private key, else those of the public key.
fn names(public: &Attributes, private: &Attributes) -> Attributes {
    let mut names = Attributes::default();
    for kind in [ck::CKA_LABEL, ck::CKA_ID] {
        let given =
            [private, public].into_iter().map(|half| half.bytes(kind)).find(|value| !value.is_empty());
        names.set(kind, given.unwrap_or_default());
    }
    names
}
