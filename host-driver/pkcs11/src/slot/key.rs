//! Key management (v2.40, 5.14): secret keys live in the session, in this process.

use cryptoki_sys as ck;
use wire::shield::Uses;
use zeroize::Zeroizing;

use super::{
    Slot,
    object::{check_secret, complete_secret_key},
};
use crate::{
    attribute::{AttributeType, Attributes, Value},
    attribute_table::{self, Origin},
    ckr::{Ckr, Result},
    mechanism::{Mechanism, Parameter},
    operation::{Output, Room},
};

/// A template as C brought it.
type Template = Vec<(AttributeType, Value)>;

impl Slot {
    /// C_GenerateKey: a secret key of a session, made of the token's random numbers.
    pub fn generate_key(
        &mut self,
        handle: ck::CK_SESSION_HANDLE,
        mechanism: &Mechanism,
        template: Template,
    ) -> Result<ck::CK_OBJECT_HANDLE> {
        self.session(handle)?;
        mechanism.does(ck::CKF_GENERATE)?;
        mechanism.bare()?;
        let kind = if mechanism.kind == ck::CKM_AES_KEY_GEN { ck::CKK_AES } else { ck::CKK_GENERIC_SECRET };
        let template = secret_template(template, Some(kind), Origin::Generated)?;
        let length = template.number(ck::CKA_VALUE_LEN).ok_or(Ckr::TEMPLATE_INCOMPLETE)?;
        let length = usize::try_from(length).map_err(|_| Ckr::ATTRIBUTE_VALUE_INVALID)?;
        check_secret(Some(kind), length)?;
        let value = self.random(handle, length)?;
        self.keep_secret(handle, template, value, Some(mechanism.kind))
    }

    /// C_DeriveKey: ECDH with the token's private key and the other side's point (Current Mechanisms v2.40, 2.3.8).
    pub fn derive(
        &mut self,
        handle: ck::CK_SESSION_HANDLE,
        mechanism: &Mechanism,
        key: ck::CK_OBJECT_HANDLE,
        template: Template,
    ) -> Result<ck::CK_OBJECT_HANDLE> {
        self.session(handle)?;
        mechanism.does(ck::CKF_DERIVE)?;
        let Parameter::Ecdh(ecdh) = &mechanism.parameter else { return Err(Ckr::MECHANISM_PARAM_INVALID) };
        let key = self.private_key(key, ck::CKA_DERIVE, |public| public.does(ck::CKA_DERIVE))?;
        let (point, secret_length) = key.public.other_side(&ecdh.point)?;
        let template = secret_template(template, None, Origin::Received)?;
        let length = match (template.number(ck::CKA_VALUE_LEN), template.number(ck::CKA_KEY_TYPE)) {
            (Some(length), _) => usize::try_from(length).map_err(|_| Ckr::ATTRIBUTE_VALUE_INVALID)?,
            (None, Some(ck::CKK_AES)) => return Err(Ckr::TEMPLATE_INCOMPLETE),
            (None, _) => ecdh.kdf.map_or(secret_length, crate::hash::Hash::length),
        };
        check_secret(template.number(ck::CKA_KEY_TYPE), length)?;
        let secret = self.token()?.operate(key.held(), None, Uses::AGREE, point)?;
        let value = match ecdh.kdf {
            Some(hash) => hash.derive(&secret, &ecdh.shared, length)?,
            // Without a derivation function the key is the end of the secret (2.3.8).
            None if length <= secret.len() => Zeroizing::new(secret[secret.len() - length..].to_vec()),
            None => return Err(Ckr::ATTRIBUTE_VALUE_INVALID),
        };
        self.keep_secret(handle, template, value, None)
    }

    /// C_WrapKey: encrypts a secret key with an RSA public key.
    pub fn wrap(
        &mut self,
        handle: ck::CK_SESSION_HANDLE,
        mechanism: &Mechanism,
        wrapping: ck::CK_OBJECT_HANDLE,
        key: ck::CK_OBJECT_HANDLE,
        room: Result<Room>,
    ) -> Result<Output> {
        self.session(handle)?;
        mechanism.does(ck::CKF_WRAP)?;
        let cipher = mechanism.cipher()?;
        let wrapping = self
            .public_key(wrapping, ck::CKA_WRAP, |public| public.does(ck::CKA_UNWRAP))
            .map_err(|ckr| match ckr {
                Ckr::KEY_HANDLE_INVALID => Ckr::WRAPPING_KEY_HANDLE_INVALID,
                Ckr::KEY_TYPE_INCONSISTENT => Ckr::WRAPPING_KEY_TYPE_INCONSISTENT,
                ckr => ckr,
            })?;
        let object = self.key(key)?;
        if object.class() != ck::CKO_SECRET_KEY {
            return Err(Ckr::KEY_UNEXTRACTABLE);
        }
        if object.attributes.is(ck::CKA_WRAP_WITH_TRUSTED) {
            return Err(Ckr::KEY_NOT_WRAPPABLE);
        }
        if !object.attributes.is(ck::CKA_EXTRACTABLE) {
            return Err(Ckr::KEY_UNEXTRACTABLE);
        }
        let secret = object.secret();
        if room?.lacks(wrapping.block()) {
            return Ok(Output::Needs(wrapping.block()));
        }
        let wrapped = wrapping.encrypt(&cipher, &secret).map_err(|ckr| match ckr {
            Ckr::DATA_LEN_RANGE => Ckr::KEY_SIZE_RANGE,
            ckr => ckr,
        })?;
        Ok(Output::Bytes(wrapped.into()))
    }

    /// C_UnwrapKey: the token decrypts a secret key.
    pub fn unwrap(
        &mut self,
        handle: ck::CK_SESSION_HANDLE,
        mechanism: &Mechanism,
        unwrapping: ck::CK_OBJECT_HANDLE,
        wrapped: Result<&[u8]>,
        template: Template,
    ) -> Result<ck::CK_OBJECT_HANDLE> {
        self.session(handle)?;
        mechanism.does(ck::CKF_UNWRAP)?;
        let cipher = mechanism.cipher()?;
        let key = self
            .private_key(unwrapping, ck::CKA_UNWRAP, |public| public.does(ck::CKA_UNWRAP))
            .map_err(|ckr| match ckr {
                Ckr::KEY_HANDLE_INVALID => Ckr::UNWRAPPING_KEY_HANDLE_INVALID,
                Ckr::KEY_TYPE_INCONSISTENT => Ckr::UNWRAPPING_KEY_TYPE_INCONSISTENT,
                ckr => ckr,
            })?;
        let wrapped = wrapped?;
        if wrapped.len() != key.public.block() {
            return Err(Ckr::WRAPPED_KEY_LEN_RANGE);
        }
        let template = secret_template(template, None, Origin::Received)?;
        let mut value = self.open(&key, None, &cipher, wrapped).map_err(|ckr| match ckr {
            Ckr::ENCRYPTED_DATA_INVALID => Ckr::WRAPPED_KEY_INVALID,
            ckr => ckr,
        })?;
        if let Some(length) = template.number(ck::CKA_VALUE_LEN) {
            let length = usize::try_from(length).map_err(|_| Ckr::ATTRIBUTE_VALUE_INVALID)?;
            if length > value.len() {
                return Err(Ckr::WRAPPED_KEY_LEN_RANGE);
            }
            value.truncate(length);
        }
        check_secret(template.number(ck::CKA_KEY_TYPE), value.len())
            .map_err(|_| Ckr::WRAPPED_KEY_LEN_RANGE)?;
        self.keep_secret(handle, template, value, None)
    }

    /// A new secret key of a session. A key that was derived or unwrapped was somewhere else before: it is never
    /// CKA_ALWAYS_SENSITIVE.
    fn keep_secret(
        &mut self,
        handle: ck::CK_SESSION_HANDLE,
        mut attributes: Attributes,
        value: Zeroizing<Vec<u8>>,
        generated: Option<ck::CK_MECHANISM_TYPE>,
    ) -> Result<ck::CK_OBJECT_HANDLE> {
        attributes.set(ck::CKA_VALUE, value.as_slice());
        attributes.set_default(ck::CKA_SENSITIVE, [ck::CK_FALSE]);
        attributes.set_default(ck::CKA_EXTRACTABLE, [ck::CK_TRUE]);
        if let Some(mechanism) = generated {
            attributes.set_flag(ck::CKA_LOCAL, true);
            attributes.set_number(ck::CKA_KEY_GEN_MECHANISM, mechanism);
            let (sensitive, extractable) =
                (attributes.is(ck::CKA_SENSITIVE), attributes.is(ck::CKA_EXTRACTABLE));
            attributes.set_flag(ck::CKA_ALWAYS_SENSITIVE, sensitive);
            attributes.set_flag(ck::CKA_NEVER_EXTRACTABLE, !extractable);
        }
        complete_secret_key(&mut attributes)?;
        let asked = attributes.clone();
        self.keep(handle, attributes, &asked)
    }
}

/// The template of a secret key that is made and not brought. The class need not stand in the template, nor the type
/// where the mechanism tells the type (5.14).
fn secret_template(template: Template, kind: Option<ck::CK_KEY_TYPE>, origin: Origin) -> Result<Attributes> {
    let mut attributes = Attributes::of_template(template)?;
    attributes.set_default(ck::CKA_CLASS, ck::CKO_SECRET_KEY.to_ne_bytes());
    if let Some(kind) = kind {
        attributes.set_default(ck::CKA_KEY_TYPE, kind.to_ne_bytes());
    }
    attribute_table::check_new(ck::CKO_SECRET_KEY, &attributes, origin)?;
    if attributes.number(ck::CKA_CLASS) != Some(ck::CKO_SECRET_KEY) {
        return Err(Ckr::TEMPLATE_INCONSISTENT);
    }
    match (attributes.number(ck::CKA_KEY_TYPE), kind) {
        (None, _) => Err(Ckr::TEMPLATE_INCOMPLETE),
        (found, Some(_)) if found != kind => Err(Ckr::TEMPLATE_INCONSISTENT),
        _ => Ok(attributes),
    }
}
