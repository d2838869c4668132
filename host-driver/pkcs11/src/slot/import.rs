//! C_CreateObject of a private key (v2.40, 4.9; Current Mechanisms v2.40, 2.1.3 and 2.3.4): the token takes the key
//! in, for good.

use cryptoki_sys as ck;
use wire::shield::{Import, NewKey};

use super::{
    Slot,
    new_key::{pin_policy, uses},
};
use crate::{
    algorithm::{KeyType, PrivateKey},
    attribute::Attributes,
    attribute_table,
    ckr::{Ckr, Result},
    notes::Notes,
    object::{self, Home},
};

impl Slot {
    /// Takes a private key in and returns its handle.
    pub(super) fn create_private_key(
        &mut self,
        handle: ck::CK_SESSION_HANDLE,
        template: &Attributes,
    ) -> Result<ck::CK_OBJECT_HANDLE> {
        let writes = self.session(handle)?.writes;
        let brought = PrivateKey::of_template(template)?;
        object::check_private(template)?;
        // A session's private key would be used in this process.
        if !template.is(ck::CKA_TOKEN) {
            return Err(Ckr::TEMPLATE_INCONSISTENT);
        }
        let mut notes = Notes::on(attribute_table::noted(ck::CKO_PRIVATE_KEY, template));
        object::note_history(&mut notes.own);
        let mut name = object::name_of(template)?;
        name.notes = notes.bytes()?;
        let key = NewKey {
            algorithm: brought.algorithm.into(),
            pin: Some(pin_policy(template)),
            uses: uses(KeyType::of(template)?, template)?,
            name,
        };
        if !writes {
            return Err(Ckr::SESSION_READ_ONLY);
        }
        let place = self.place_of(&key.name.id)?;
        let import = Import { key, parts: brought.parts() };
        let taken = self.token()?.change(|shield| shield.import_key(place, &import));
        let (container, _) = taken.map_err(|error| match Ckr::from(error) {
            // The scalar is not one of the curve, or a prime is none.
            Ckr::DATA_INVALID => Ckr::ATTRIBUTE_VALUE_INVALID,
            ckr => ckr,
        })?;
        let private = self.read_anew(Home::Container(container, ck::CKO_PRIVATE_KEY))?;
        self.check_info(private, template)
    }

    /// That CKA_PUBLIC_KEY_INFO is the key's own. Otherwise the template contradicts itself, and the key is removed
    /// again.
    fn check_info(
        &mut self,
        private: ck::CK_OBJECT_HANDLE,
        template: &Attributes,
    ) -> Result<ck::CK_OBJECT_HANDLE> {
        let found = self.object(private)?;
        let home = found.home;
        match template.get(ck::CKA_PUBLIC_KEY_INFO) {
            // Empty is the attribute's default, and says nothing (v2.40, 4.9).
            Some(info) if !info.is_empty() && found.attributes.bytes(ck::CKA_PUBLIC_KEY_INFO) != info => {
                self.remove_from_token(home)?;
                self.read = false;
                Err(Ckr::TEMPLATE_INCONSISTENT)
            }
            _ => Ok(private),
        }
    }
}
