//! Object management (v2.40, 5.7).

use cryptoki_sys as ck;
use zeroize::Zeroizing;

use super::Slot;
use crate::{
    algorithm::PublicKey,
    attribute::{AttributeType, Attributes, Value},
    attribute_table::{self, Origin},
    certificate,
    ckr::{Ckr, Result},
    notes::Notes,
    object::{self, Home, Object},
};

/// Most bytes of a secret key of a session.
const MAX_SECRET: usize = 512;

impl Slot {
    /// C_FindObjectsInit.
    pub fn find_init(
        &mut self,
        handle: ck::CK_SESSION_HANDLE,
        template: Vec<(AttributeType, Value)>,
    ) -> Result<()> {
        if self.session(handle)?.search.is_some() {
            return Err(Ckr::OPERATION_ACTIVE);
        }
        // An attribute stands there with two values. C_FindObjectsInit has no CKR_TEMPLATE_INCONSISTENT.
        let template = Attributes::of_template(template).map_err(|_| Ckr::ATTRIBUTE_VALUE_INVALID)?;
        // Another program may have changed what the token holds.
        self.read = self.read && self.token()?.is_current();
        self.read_token()?;
        let user = self.is_user();
        let mut found: Vec<_> = self
            .objects
            .iter()
            .filter(|(_, object)| user || !object.is_private())
            .filter(|(_, object)| object.attributes.match_template(&template))
            .map(|(handle, object)| (object.is_of_payment(), *handle))
            .collect();
        // The payment key's objects come last: a program that takes the first of several objects does not want the
        // payment key.
        found.sort_unstable();
        self.session(handle)?.search = Some(found.into_iter().map(|(_, handle)| handle).collect());
        Ok(())
    }

    /// C_FindObjects.
    pub fn find(&mut self, handle: ck::CK_SESSION_HANDLE, most: usize) -> Result<Vec<ck::CK_OBJECT_HANDLE>> {
        let search = self.session(handle)?.search.as_mut().ok_or(Ckr::OPERATION_NOT_INITIALIZED)?;
        let most = most.min(search.len());
        Ok(search.drain(..most).collect())
    }

    /// C_FindObjectsFinal.
    pub fn find_final(&mut self, handle: ck::CK_SESSION_HANDLE) -> Result<()> {
        self.session(handle)?.search.take().map(drop).ok_or(Ckr::OPERATION_NOT_INITIALIZED)
    }

    /// C_GetAttributeValue: for each attribute its value, or why there is none.
    pub fn values(
        &mut self,
        handle: ck::CK_SESSION_HANDLE,
        object: ck::CK_OBJECT_HANDLE,
        kinds: &[AttributeType],
    ) -> Result<Vec<Result<Value>>> {
        self.session(handle)?;
        let object = self.object(object)?;
        Ok(kinds.iter().map(|kind| object.value(*kind).map(|value| Zeroizing::new(value.to_vec()))).collect())
    }

    /// C_SetAttributeValue.
    pub fn set_values(
        &mut self,
        handle: ck::CK_SESSION_HANDLE,
        object: ck::CK_OBJECT_HANDLE,
        template: Vec<(AttributeType, Value)>,
    ) -> Result<()> {
        let writes = self.session(handle)?.writes;
        let template = Attributes::of_template(template)?;
        let found = self.object(object)?;
        if !found.attributes.is(ck::CKA_MODIFIABLE) {
            return Err(Ckr::ACTION_PROHIBITED);
        }
        if found.is_on_token() && !writes {
            return Err(Ckr::SESSION_READ_ONLY);
        }
        attribute_table::check_change(&found.attributes, &template)?;
        let mut attributes = found.attributes.clone();
        attributes.overlay(&template);
        let (home, notes) = (found.home, found.notes.clone());
        self.change_on_token(home, notes, &template, &attributes)?;
        if let Some(found) = self.objects.get_mut(&object) {
            found.attributes = attributes;
        }
        Ok(())
    }

    /// C_GetObjectSize: the bytes of all values.
    pub fn object_size(
        &mut self,
        handle: ck::CK_SESSION_HANDLE,
        object: ck::CK_OBJECT_HANDLE,
    ) -> Result<ck::CK_ULONG> {
        self.session(handle)?;
        Ok(ck::CK_ULONG::try_from(self.object(object)?.attributes.size())
            .unwrap_or(ck::CK_UNAVAILABLE_INFORMATION))
    }

    /// C_CreateObject.
    pub fn create(
        &mut self,
        handle: ck::CK_SESSION_HANDLE,
        template: Vec<(AttributeType, Value)>,
    ) -> Result<ck::CK_OBJECT_HANDLE> {
        self.session(handle)?;
        let mut attributes = Attributes::of_template(template)?;
        let class = match (attributes.number(ck::CKA_CLASS), attributes.get(ck::CKA_CLASS)) {
            (Some(class), _) => class,
            (None, Some(_)) => return Err(Ckr::ATTRIBUTE_VALUE_INVALID),
            (None, None) => return Err(Ckr::TEMPLATE_INCOMPLETE),
        };
        attribute_table::check_new(class, &attributes, Origin::Created)?;
        let asked = attributes.clone();
        match class {
            ck::CKO_DATA => complete_data(&mut attributes),
            ck::CKO_CERTIFICATE => complete_certificate(&mut attributes)?,
            ck::CKO_PUBLIC_KEY => complete_public_key(&mut attributes)?,
            ck::CKO_SECRET_KEY => complete_secret_key(&mut attributes)?,
            _ => return self.create_private_key(handle, &asked),
        }
        self.keep(handle, attributes, &asked)
    }

    /// Keeps a new object in the session or on the token. On the token only the attributes that were asked for are
    /// noted.
    pub(super) fn keep(
        &mut self,
        handle: ck::CK_SESSION_HANDLE,
        mut attributes: Attributes,
        asked: &Attributes,
    ) -> Result<ck::CK_OBJECT_HANDLE> {
        // Only an officer may set CKA_TRUSTED, and an officer makes no objects here (4.6.3, 4.8).
        if attributes.is(ck::CKA_TRUSTED) {
            return Err(Ckr::ATTRIBUTE_READ_ONLY);
        }
        let writes = self.session(handle)?.writes;
        for (kind, value) in [
            (ck::CKA_TOKEN, ck::CK_FALSE),
            (ck::CKA_PRIVATE, ck::CK_FALSE),
            (ck::CKA_MODIFIABLE, ck::CK_TRUE),
            (ck::CKA_COPYABLE, ck::CK_TRUE),
            (ck::CKA_DESTROYABLE, ck::CK_TRUE),
        ] {
            attributes.set_default(kind, [value]);
        }
        attributes.set_default(ck::CKA_LABEL, []);
        if attributes.is(ck::CKA_PRIVATE) && !self.is_user() {
            return Err(Ckr::USER_NOT_LOGGED_IN);
        }
        if attributes.is(ck::CKA_TOKEN) {
            return if writes { self.put_on_token(&attributes, asked) } else { Err(Ckr::SESSION_READ_ONLY) };
        }
        let object = self.new_handle()?.into();
        let (home, key, notes) = (Home::Session(handle), None, Notes::default());
        self.objects.insert(object, Object { attributes, home, key, notes });
        Ok(object)
    }

    /// C_CopyObject.
    pub fn copy(
        &mut self,
        handle: ck::CK_SESSION_HANDLE,
        object: ck::CK_OBJECT_HANDLE,
        template: Vec<(AttributeType, Value)>,
    ) -> Result<ck::CK_OBJECT_HANDLE> {
        self.session(handle)?;
        let template = Attributes::of_template(template)?;
        let found = self.object(object)?;
        // There is only one of each private key, whatever its attributes say.
        if !found.attributes.is(ck::CKA_COPYABLE) || found.key.is_some() {
            return Err(Ckr::ACTION_PROHIBITED);
        }
        attribute_table::check_copy(&found.attributes, &template)?;
        let mut attributes = found.attributes.clone();
        if matches!(found.home, Home::Container(..)) {
            // What the token guards for its own objects does not bind a copy; what its host asked for does.
            let asked = found.notes.of(found.attributes.number(ck::CKA_CLASS).unwrap_or_default());
            for kind in [ck::CKA_MODIFIABLE, ck::CKA_DESTROYABLE] {
                if asked.flag(kind) != Some(false) {
                    attributes.set_flag(kind, true);
                }
            }
        }
        attributes.overlay(&template);
        // There is only one of each public key on the token: a second would be the first under another name.
        let is_public = found.attributes.number(ck::CKA_CLASS) == Some(ck::CKO_PUBLIC_KEY);
        if is_public && found.is_on_token() && attributes.is(ck::CKA_TOKEN) {
            return Err(Ckr::TEMPLATE_INCONSISTENT);
        }
        let asked = attributes.clone();
        self.keep(handle, attributes, &asked)
    }

    /// C_DestroyObject.
    pub fn destroy(&mut self, handle: ck::CK_SESSION_HANDLE, object: ck::CK_OBJECT_HANDLE) -> Result<()> {
        let writes = self.session(handle)?.writes;
        if self.gone_with_private.remove(&object) {
            return Ok(());
        }
        let found = self.object(object)?;
        if found.is_on_token() && !writes {
            return Err(Ckr::SESSION_READ_ONLY);
        }
        if !found.attributes.is(ck::CKA_DESTROYABLE) {
            return Err(Ckr::ACTION_PROHIBITED);
        }
        let home = found.home;
        let twin = match home {
            Home::Container(of, ck::CKO_PRIVATE_KEY) => Some(Home::Container(of, ck::CKO_PUBLIC_KEY)),
            _ => None,
        };
        let twin = self.objects.iter().find(|(_, other)| Some(other.home) == twin).map(|(handle, _)| *handle);
        if self.remove_from_token(home)? {
            // The public key went with its private key. What is left on the token is read anew, and each object keeps
            // its handle.
            self.read = false;
            self.read_token()?;
            self.gone_with_private.extend(twin.filter(|handle| !self.objects.contains_key(handle)));
            return Ok(());
        }
        self.objects.remove(&object);
        Ok(())
    }
}

fn complete_data(attributes: &mut Attributes) {
    for kind in [ck::CKA_APPLICATION, ck::CKA_OBJECT_ID, ck::CKA_VALUE] {
        attributes.set_default(kind, []);
    }
}

fn complete_certificate(attributes: &mut Attributes) -> Result<()> {
    if attributes.number(ck::CKA_CERTIFICATE_TYPE) != Some(ck::CKC_X_509) {
        return Err(Ckr::ATTRIBUTE_VALUE_INVALID);
    }
    let der = attributes.bytes(ck::CKA_VALUE).to_vec();
    let fields = certificate::fields(&der).ok_or(Ckr::ATTRIBUTE_VALUE_INVALID)?;
    let is = |kind, value: &[u8]| attributes.get(kind).is_none_or(|said| said == value);
    // An empty one is the default, and says nothing (4.6.3).
    let info_is = is(ck::CKA_PUBLIC_KEY_INFO, &[]) || is(ck::CKA_PUBLIC_KEY_INFO, &fields.public_key_info);
    if !is(ck::CKA_SUBJECT, &fields.subject) || !info_is {
        return Err(Ckr::TEMPLATE_INCONSISTENT);
    }
    // The template has no CKA_CHECK_VALUE, an empty one, or the right one (4.6.3).
    if !is(ck::CKA_CHECK_VALUE, &[]) && !is(ck::CKA_CHECK_VALUE, &certificate::check_value(&der)) {
        return Err(Ckr::ATTRIBUTE_VALUE_INVALID);
    }
    attributes.set_default(ck::CKA_ID, []);
    attributes.set(ck::CKA_PUBLIC_KEY_INFO, fields.public_key_info.clone());
    object::complete_certificate(attributes, &der, Some(&fields));
    Ok(())
}

/// Sets what every key of a session has.
fn complete_key(attributes: &mut Attributes) {
    for kind in [ck::CKA_ID, ck::CKA_START_DATE, ck::CKA_END_DATE] {
        attributes.set_default(kind, []);
    }
    attributes.set_default(ck::CKA_DERIVE, [ck::CK_FALSE]);
    attributes.set_default(ck::CKA_LOCAL, [ck::CK_FALSE]);
    attributes.set_default(ck::CKA_KEY_GEN_MECHANISM, ck::CK_UNAVAILABLE_INFORMATION.to_ne_bytes());
}

fn complete_public_key(attributes: &mut Attributes) -> Result<()> {
    let key = PublicKey::of_attributes(attributes)?;
    let mut shown = Attributes::default();
    key.show(&mut shown);
    if attributes
        .get(ck::CKA_PUBLIC_KEY_INFO)
        .is_some_and(|said| !said.is_empty() && said != shown.bytes(ck::CKA_PUBLIC_KEY_INFO))
    {
        return Err(Ckr::TEMPLATE_INCONSISTENT);
    }
    let key_type = key.key_type();
    key_type.check_public(attributes)?;
    key.show(attributes);
    complete_key(attributes);
    for (kind, of_private) in object::PUBLIC_USES {
        attributes.set_default(kind, [u8::from(key_type.does(of_private))]);
    }
    attributes.set_default(ck::CKA_TRUSTED, [ck::CK_FALSE]);
    attributes.set_default(ck::CKA_SUBJECT, []);
    Ok(())
}

/// Completes a secret key's attributes, among which its value is.
pub(super) fn complete_secret_key(attributes: &mut Attributes) -> Result<()> {
    let length = attributes.bytes(ck::CKA_VALUE).len();
    check_secret(attributes.number(ck::CKA_KEY_TYPE), length)?;
    attributes.set_number(ck::CKA_VALUE_LEN, ck::CK_ULONG::try_from(length).map_err(|_| Ckr::HOST_MEMORY)?);
    complete_key(attributes);
    for kind in [
        ck::CKA_SENSITIVE,
        ck::CKA_ENCRYPT,
        ck::CKA_DECRYPT,
        ck::CKA_SIGN,
        ck::CKA_VERIFY,
        ck::CKA_WRAP,
        ck::CKA_UNWRAP,
        ck::CKA_WRAP_WITH_TRUSTED,
        ck::CKA_TRUSTED,
        ck::CKA_ALWAYS_SENSITIVE,
        ck::CKA_NEVER_EXTRACTABLE,
    ] {
        attributes.set_default(kind, [ck::CK_FALSE]);
    }
    attributes.set_default(ck::CKA_EXTRACTABLE, [ck::CK_TRUE]);
    Ok(())
}

/// That there are secret keys of this type and length: generic ones, and keys of AES.
///
/// # Errors
/// CKR_ATTRIBUTE_VALUE_INVALID.
pub(super) fn check_secret(key_type: Option<ck::CK_KEY_TYPE>, length: usize) -> Result<()> {
    match (key_type, length) {
        (Some(ck::CKK_GENERIC_SECRET), 1..=MAX_SECRET) | (Some(ck::CKK_AES), 16 | 24 | 32) => Ok(()),
        _ => Err(Ckr::ATTRIBUTE_VALUE_INVALID),
    }
}
