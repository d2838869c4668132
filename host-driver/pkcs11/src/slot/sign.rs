//! Signing (v2.40, 5.11): digests and paddings are made here, and the token applies its private key.

use cryptoki_sys as ck;
use wire::shield::Uses;
use zeroize::Zeroizing;

use super::Slot;
use crate::{
    algorithm::PublicKey,
    ckr::{Ckr, Result},
    mechanism::Mechanism,
    object::Key,
    operation::{Feed, Output, Room, Signing},
};

impl Slot {
    /// C_SignInit.
    pub fn sign_init(
        &mut self,
        handle: ck::CK_SESSION_HANDLE,
        mechanism: &Mechanism,
        key: ck::CK_OBJECT_HANDLE,
    ) -> Result<()> {
        if self.session(handle)?.sign.is_some() {
            return Err(Ckr::OPERATION_ACTIVE);
        }
        mechanism.does(ck::CKF_SIGN)?;
        let signing = self.signing(mechanism, key, ck::CKA_SIGN)?;
        self.session(handle)?.sign = Some(signing);
        Ok(())
    }

    /// C_SignRecoverInit.
    pub fn sign_recover_init(
        &mut self,
        handle: ck::CK_SESSION_HANDLE,
        mechanism: &Mechanism,
        key: ck::CK_OBJECT_HANDLE,
    ) -> Result<()> {
        if self.session(handle)?.sign_recover.is_some() {
            return Err(Ckr::OPERATION_ACTIVE);
        }
        mechanism.does(ck::CKF_SIGN_RECOVER)?;
        let signing = self.signing(mechanism, key, ck::CKA_SIGN_RECOVER)?;
        self.session(handle)?.sign_recover = Some(signing);
        Ok(())
    }

    fn signing(
        &self,
        mechanism: &Mechanism,
        key: ck::CK_OBJECT_HANDLE,
        usage: ck::CK_ATTRIBUTE_TYPE,
    ) -> Result<Signing> {
        let (scheme, hash) = mechanism.signature()?;
        let key = self.private_key(key, usage, |public| public.fits(scheme))?;
        Ok(Signing { key, scheme, feed: Feed::new(hash), pin: None })
    }

    /// The private key with this handle, if its type fits and its uses allow this.
    pub(super) fn private_key(
        &self,
        key: ck::CK_OBJECT_HANDLE,
        usage: ck::CK_ATTRIBUTE_TYPE,
        fits: impl FnOnce(&PublicKey) -> Result<()>,
    ) -> Result<Key> {
        let object = self.key(key)?;
        let key = object.key.as_ref().ok_or(Ckr::KEY_TYPE_INCONSISTENT)?;
        fits(&key.public)?;
        if object.attributes.is(usage) { Ok(key.clone()) } else { Err(Ckr::KEY_FUNCTION_NOT_PERMITTED) }
    }

    /// C_Sign. The call ends the operation, unless the caller asks for the length or has too little room.
    pub fn sign(
        &mut self,
        handle: ck::CK_SESSION_HANDLE,
        data: Result<&[u8]>,
        room: Result<Room>,
    ) -> Result<Output> {
        let operation = self.session(handle)?.sign.take().ok_or(Ckr::OPERATION_NOT_INITIALIZED)?;
        let digest = operation.feed.whole(data?)?;
        let room = room?;
        if room.lacks(operation.key.public.block()) {
            let needs = operation.key.public.block();
            self.session(handle)?.sign = Some(operation);
            return Ok(Output::Needs(needs));
        }
        self.apply(&operation, &digest).map(Output::Bytes)
    }

    /// C_SignUpdate. A failure ends the operation.
    pub fn sign_update(&mut self, handle: ck::CK_SESSION_HANDLE, part: Result<&[u8]>) -> Result<()> {
        let session = self.session(handle)?;
        let mut operation = session.sign.take().ok_or(Ckr::OPERATION_NOT_INITIALIZED)?;
        operation.feed.update(part?)?;
        session.sign = Some(operation);
        Ok(())
    }

    /// C_SignFinal.
    pub fn sign_final(&mut self, handle: ck::CK_SESSION_HANDLE, room: Result<Room>) -> Result<Output> {
        let operation = self.session(handle)?.sign.take().ok_or(Ckr::OPERATION_NOT_INITIALIZED)?;
        let digest = operation.feed.finish()?;
        let room = room?;
        if room.lacks(operation.key.public.block()) {
            let needs = operation.key.public.block();
            self.session(handle)?.sign = Some(operation);
            return Ok(Output::Needs(needs));
        }
        self.apply(&operation, &digest).map(Output::Bytes)
    }

    /// C_SignRecover.
    pub fn sign_recover(
        &mut self,
        handle: ck::CK_SESSION_HANDLE,
        data: Result<&[u8]>,
        room: Result<Room>,
    ) -> Result<Output> {
        let operation = self.session(handle)?.sign_recover.take().ok_or(Ckr::OPERATION_NOT_INITIALIZED)?;
        let (data, room) = (data?, room?);
        if room.lacks(operation.key.public.block()) {
            let needs = operation.key.public.block();
            self.session(handle)?.sign_recover = Some(operation);
            return Ok(Output::Needs(needs));
        }
        self.apply(&operation, data).map(Output::Bytes)
    }

    fn apply(&mut self, operation: &Signing, digest: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let key = &operation.key;
        let block = key.public.block_to_sign(operation.scheme, digest)?;
        let signature = self.token()?.operate(key.held(), operation.pin.as_ref(), Uses::SIGN, &block)?;
        key.public.signature(signature)
    }
}
