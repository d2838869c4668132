//! Objects on the token: how they are read, and how they are put there, changed and removed by commands that want the
//! user's PIN.

use std::collections::BTreeMap;

use cryptoki_sys as ck;
use wire::shield::{Container, Name, Place};

use super::Slot;
use crate::{
    algorithm::PublicKey,
    attribute::{AttributeType, Attributes},
    attribute_table, certificate,
    ckr::{Ckr, Result},
    notes::Notes,
    object::{self, Home, Object},
};

/// What is to be noted of a certificate: the attributes that the certificate does not say itself.
fn noted_of_certificate(der: &[u8], asked: &Attributes) -> Attributes {
    let mut own = Attributes::default();
    object::complete_certificate(&mut own, der, certificate::fields(der).as_ref());
    own.remove(ck::CKA_CERTIFICATE_CATEGORY);
    let mut noted = attribute_table::noted(ck::CKO_CERTIFICATE, asked);
    noted.retain(|kind, value| own.get(kind) != Some(value));
    noted
}

/// What is to be noted of a public key: a label or an id only where its private key has another.
pub(super) fn noted_of_public(asked: &Attributes, name: &Name) -> Attributes {
    let mut noted = attribute_table::noted(ck::CKO_PUBLIC_KEY, asked);
    noted.retain(|kind, value| match kind {
        ck::CKA_LABEL => !value.is_empty() && value != name.label.as_bytes(),
        ck::CKA_ID => !value.is_empty() && value != name.id,
        _ => true,
    });
    noted
}

impl Slot {
    /// Reads the token's objects, unless that was done since the token was taken. An object keeps its handle.
    pub(super) fn read_token(&mut self) -> Result<()> {
        if self.read {
            return Ok(());
        }
        let payment_key = self.payment_key;
        let objects = object::shown(&self.token()?.contents()?, payment_key);
        let former: BTreeMap<_, _> = std::mem::take(&mut self.objects);
        let mut handles = Vec::new();
        for (handle, object) in former {
            if object.is_on_token() {
                handles.push((object.home, handle));
            } else {
                self.objects.insert(handle, object);
            }
        }
        for object in objects {
            let known = handles.iter().find(|(home, _)| *home == object.home).map(|(_, handle)| *handle);
            let handle = match known {
                Some(handle) => handle,
                None => self.new_handle()?.into(),
            };
            self.objects.insert(handle, object);
        }
        self.read = true;
        Ok(())
    }

    /// Puts a data object or certificate on the token. A certificate goes beside its key, if the token has that key.
    pub(super) fn put_on_token(
        &mut self,
        attributes: &Attributes,
        asked: &Attributes,
    ) -> Result<ck::CK_OBJECT_HANDLE> {
        let home = match attributes.number(ck::CKA_CLASS) {
            Some(ck::CKO_DATA) => {
                let data = object::data_of(attributes)?;
                Home::Data(self.token()?.change(|shield| shield.create_data(&data))?)
            }
            Some(ck::CKO_CERTIFICATE) => {
                let der = attributes.bytes(ck::CKA_VALUE);
                let mut name = object::name_of(attributes)?;
                name.notes = Notes::on(noted_of_certificate(der, asked)).bytes()?;
                let put = self.token()?.change(|shield| shield.put_certificate(Place::Any, der, &name));
                let container = put.map_err(|error| match Ckr::from(error) {
                    Ckr::DATA_INVALID => Ckr::ATTRIBUTE_VALUE_INVALID,
                    ckr => ckr,
                })?;
                Home::Container(container, ck::CKO_CERTIFICATE)
            }
            Some(ck::CKO_PUBLIC_KEY) => return self.put_public_key(attributes, asked),
            // Secret keys are not on the token.
            _ => return Err(Ckr::TEMPLATE_INCONSISTENT),
        };
        self.read_anew(home)
    }

    /// A public key is on the token with its private key, which was made there or brought before. A program that
    /// brings the public half gets the one that is there, with the attributes that were asked for.
    fn put_public_key(
        &mut self,
        attributes: &Attributes,
        asked: &Attributes,
    ) -> Result<ck::CK_OBJECT_HANDLE> {
        let key = PublicKey::of_attributes(attributes)?;
        self.read_token()?;
        let private = self.objects.values().find(|object| {
            object.home != Home::Container(Container::Payment, ck::CKO_PRIVATE_KEY)
                && object.key.as_ref().is_some_and(|of| of.public == key)
        });
        let Some(Object { home: Home::Container(container, _), notes, attributes: own, .. }) = private else {
            return Err(Ckr::TEMPLATE_INCONSISTENT);
        };
        if asked.is(ck::CKA_DESTROYABLE) {
            return Err(Ckr::TEMPLATE_INCONSISTENT);
        }
        let (container, mut notes) = (*container, notes.clone());
        let mut name = object::name_of(own)?;
        let is_fixed = notes.public.flag(ck::CKA_MODIFIABLE) == Some(false);
        let before = notes.bytes()?;
        notes.public.overlay(&noted_of_public(asked, &name));
        name.notes = notes.bytes()?;
        // The key that is there was made with CKA_MODIFIABLE false: bringing it once more does not change it.
        if is_fixed && name.notes != before {
            return Err(Ckr::ACTION_PROHIBITED);
        }
        self.token()?.change(|shield| shield.name_key(container, &name))?;
        self.read_anew(Home::Container(container, ck::CKO_PUBLIC_KEY))
    }

    /// Reads the token anew, and returns the handle of the object at this place.
    pub(super) fn read_anew(&mut self, home: Home) -> Result<ck::CK_OBJECT_HANDLE> {
        self.read = false;
        self.read_token()?;
        let found = self.objects.iter().find(|(_, object)| object.home == home);
        found.map(|(handle, _)| *handle).ok_or(Ckr::DEVICE_ERROR)
    }

    /// Whether an object on the token has this flag.
    fn is_so(&self, home: Home, kind: AttributeType) -> bool {
        self.objects.values().any(|object| object.home == home && object.attributes.is(kind))
    }

    /// Changes an object on the token: its name, and the notes on it.
    pub(super) fn change_on_token(
        &mut self,
        home: Home,
        mut notes: Notes,
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
                let mut noted = attribute_table::noted(class, template);
                for (kind, value) in template.iter() {
                    let named = matches!(kind, ck::CKA_LABEL | ck::CKA_ID);
                    let widens = class == ck::CKO_PRIVATE_KEY
                        && object::PRIVATE_USES.contains(&kind)
                        && value == [ck::CK_TRUE];
                    if !named && noted.get(kind).is_none() || widens && !self.is_so(home, kind) {
                        return Err(Ckr::ATTRIBUTE_READ_ONLY);
                    }
                    if named {
                        // Both halves get this name. If the public half had a name of its own, that name goes.
                        noted.remove(kind);
                        notes.public.remove(kind);
                    }
                }
                notes.of_mut(class).overlay(&noted);
                let mut name = object::name_of(whole)?;
                name.notes = notes.bytes()?;
                self.token()?.change(|shield| match class {
                    ck::CKO_CERTIFICATE => shield.name_certificate(container, &name),
                    _ => shield.name_key(container, &name),
                })?;
                // Other objects may have changed, too: both halves of a key have one name, and a certificate without
                // a name has the name of its key.
                self.read = false;
                self.read_token()?;
            }
        }
        Ok(())
    }

    /// Removes an object from the token; false when the object is a session's.
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
