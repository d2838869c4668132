//! Objects on the token: put there, changed and removed by commands that want the user's PIN.

use cryptoki_sys as ck;
use wire::shield::Place;

use super::Slot;
use crate::{
    attribute::Attributes,
    ckr::{Ckr, Result},
    object::{self, Home},
};

impl Slot {
    /// A new data object or certificate on the token. A certificate goes beside its key, if the token has that.
    pub(super) fn put_on_token(&mut self, attributes: &Attributes) -> Result<ck::CK_OBJECT_HANDLE> {
        let home = match attributes.number(ck::CKA_CLASS) {
            Some(ck::CKO_DATA) => {
                let data = object::data_of(attributes)?;
                Home::Data(self.token()?.change(|shield| shield.create_data(&data))?)
            }
            Some(ck::CKO_CERTIFICATE) => {
                let name = object::name_of(attributes)?;
                let der = attributes.bytes(ck::CKA_VALUE);
                let put = self.token()?.change(|shield| shield.put_certificate(Place::Any, der, &name));
                let container = put.map_err(|ckr| match ckr {
                    Ckr::DATA_INVALID => Ckr::ATTRIBUTE_VALUE_INVALID,
                    ckr => ckr,
                })?;
                Home::Container(container, ck::CKO_CERTIFICATE)
            }
            // Public keys are on the token with their private keys, secret keys are not.
            _ => return Err(Ckr::TEMPLATE_INCONSISTENT),
        };
        self.read_anew(home)
    }

    /// The handle of what the token holds now.
    pub(super) fn read_anew(&mut self, home: Home) -> Result<ck::CK_OBJECT_HANDLE> {
        self.read = false;
        self.read_token()?;
        let found = self.objects.iter().find(|(_, object)| object.home == home);
        found.map(|(handle, _)| *handle).ok_or(Ckr::DEVICE_ERROR)
    }

    /// Changes an object on the token. Of keys and certificates it keeps the names only.
    pub(super) fn change_on_token(
        &mut self,
        home: Home,
        template: &Attributes,
        whole: &Attributes,
    ) -> Result<()> {
        match home {
            Home::Session(_) => return Ok(()),
            Home::Data(number) => {
                let data = object::data_of(whole)?;
                self.token()?.change(|shield| shield.update_data(number, &data))?;
            }
            Home::Container(container, class) => {
                if template.iter().any(|(kind, _)| !matches!(kind, ck::CKA_LABEL | ck::CKA_ID)) {
                    return Err(Ckr::ATTRIBUTE_READ_ONLY);
                }
                let name = object::name_of(whole)?;
                self.token()?.change(|shield| match class {
                    ck::CKO_CERTIFICATE => shield.name_certificate(container, &name),
                    _ => shield.name_key(container, &name),
                })?;
                // Both halves of a key have one name, and a certificate without one goes by its key's.
                self.read = false;
                self.read_token()?;
            }
        }
        Ok(())
    }

    /// Removes an object from the token; whether it was there.
    pub(super) fn remove_from_token(&mut self, home: Home) -> Result<bool> {
        match home {
            Home::Session(_) => return Ok(false),
            Home::Data(number) => self.token()?.change(|shield| shield.delete_data(number))?,
            Home::Container(container, ck::CKO_CERTIFICATE) => {
                self.token()?.change(|shield| shield.delete_certificate(container))?;
            }
            Home::Container(container, _) => self.token()?.change(|shield| shield.delete_key(container))?,
        }
        Ok(true)
    }
}
