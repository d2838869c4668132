//! Verifying (v2.40, 5.12) is done on the host, with public keys of the token or of a session.

use cryptoki_sys as ck;

use super::Slot;
use crate::{
    algorithm::PublicKey,
    ckr::{Ckr, Result},
    mechanism::Mechanism,
    operation::{Feed, Output, Room, Verifying},
};

impl Slot {
    /// C_VerifyInit.
    pub fn verify_init(
        &mut self,
        handle: ck::CK_SESSION_HANDLE,
        mechanism: &Mechanism,
        key: ck::CK_OBJECT_HANDLE,
    ) -> Result<()> {
        if self.session(handle)?.verify.is_some() {
            return Err(Ckr::OPERATION_ACTIVE);
        }
        mechanism.does(ck::CKF_VERIFY)?;
        let verifying = self.verifying(mechanism, key, ck::CKA_VERIFY)?;
        self.session(handle)?.verify = Some(verifying);
        Ok(())
    }

    /// C_VerifyRecoverInit.
    pub fn verify_recover_init(
        &mut self,
        handle: ck::CK_SESSION_HANDLE,
        mechanism: &Mechanism,
        key: ck::CK_OBJECT_HANDLE,
    ) -> Result<()> {
        if self.session(handle)?.verify_recover.is_some() {
            return Err(Ckr::OPERATION_ACTIVE);
        }
        mechanism.does(ck::CKF_VERIFY_RECOVER)?;
        let verifying = self.verifying(mechanism, key, ck::CKA_VERIFY_RECOVER)?;
        self.session(handle)?.verify_recover = Some(verifying);
        Ok(())
    }

    fn verifying(
        &self,
        mechanism: &Mechanism,
        key: ck::CK_OBJECT_HANDLE,
        usage: ck::CK_ATTRIBUTE_TYPE,
    ) -> Result<Verifying> {
        let (scheme, hash) = mechanism.signature()?;
        let key = self.public_key(key, usage, |public| public.fits(scheme))?;
        Ok(Verifying { key, scheme, feed: Feed::new(hash) })
    }

    /// The public key with this handle, if its type fits and its uses allow this.
    pub(super) fn public_key(
        &self,
        key: ck::CK_OBJECT_HANDLE,
        usage: ck::CK_ATTRIBUTE_TYPE,
        fits: impl FnOnce(&PublicKey) -> Result<()>,
    ) -> Result<PublicKey> {
        let object = self.key(key)?;
        if object.class() != ck::CKO_PUBLIC_KEY {
            return Err(Ckr::KEY_TYPE_INCONSISTENT);
        }
        let key = PublicKey::of_attributes(&object.attributes)?;
        fits(&key)?;
        if object.attributes.is(usage) { Ok(key) } else { Err(Ckr::KEY_FUNCTION_NOT_PERMITTED) }
    }

    /// C_Verify. The call ends the operation, whatever the outcome.
    pub fn verify(
        &mut self,
        handle: ck::CK_SESSION_HANDLE,
        data: Result<&[u8]>,
        signature: Result<&[u8]>,
    ) -> Result<()> {
        let operation = self.session(handle)?.verify.take().ok_or(Ckr::OPERATION_NOT_INITIALIZED)?;
        let digest = operation.feed.whole(data?)?;
        operation.key.verify(operation.scheme, &digest, signature?)
    }

    /// C_VerifyUpdate. A failure ends the operation.
    pub fn verify_update(&mut self, handle: ck::CK_SESSION_HANDLE, part: Result<&[u8]>) -> Result<()> {
        let session = self.session(handle)?;
        let mut operation = session.verify.take().ok_or(Ckr::OPERATION_NOT_INITIALIZED)?;
        operation.feed.update(part?)?;
        session.verify = Some(operation);
        Ok(())
    }

    /// C_VerifyFinal.
    pub fn verify_final(&mut self, handle: ck::CK_SESSION_HANDLE, signature: Result<&[u8]>) -> Result<()> {
        let operation = self.session(handle)?.verify.take().ok_or(Ckr::OPERATION_NOT_INITIALIZED)?;
        operation.key.verify(operation.scheme, &operation.feed.finish()?, signature?)
    }

    /// C_VerifyRecover.
    pub fn verify_recover(
        &mut self,
        handle: ck::CK_SESSION_HANDLE,
        signature: Result<&[u8]>,
        room: Result<Room>,
    ) -> Result<Output> {
        let operation = self.session(handle)?.verify_recover.take().ok_or(Ckr::OPERATION_NOT_INITIALIZED)?;
        let data = operation.key.recover(signature?)?;
        if room?.lacks(data.len()) {
            self.session(handle)?.verify_recover = Some(operation);
            return Ok(Output::Needs(data.len()));
        }
        Ok(Output::Bytes(data.into()))
    }
}
