//! Message digesting (v2.40, 5.10), on the host.

use cryptoki_sys as ck;

use super::Slot;
use crate::{
    ckr::{Ckr, Result},
    hash::Hasher,
    mechanism::Mechanism,
    operation::{Digesting, Output, Room},
};

impl Slot {
    /// C_DigestInit.
    pub fn digest_init(&mut self, handle: ck::CK_SESSION_HANDLE, mechanism: &Mechanism) -> Result<()> {
        let session = self.session(handle)?;
        if session.digest.is_some() {
            return Err(Ckr::OPERATION_ACTIVE);
        }
        session.digest = Some(Digesting { hasher: Hasher::new(mechanism.digest()?), in_parts: false });
        Ok(())
    }

    /// C_Digest.
    pub fn digest(
        &mut self,
        handle: ck::CK_SESSION_HANDLE,
        data: Result<&[u8]>,
        room: Result<Room>,
    ) -> Result<Output> {
        let session = self.session(handle)?;
        let mut operation = session.digest.take().ok_or(Ckr::OPERATION_NOT_INITIALIZED)?;
        if operation.in_parts {
            return Err(Ckr::OPERATION_NOT_INITIALIZED);
        }
        let (data, room) = (data?, room?);
        let length = operation.hasher.length();
        if room.lacks(length) {
            session.digest = Some(operation);
            return Ok(Output::Needs(length));
        }
        operation.hasher.update(data);
        Ok(Output::Bytes(operation.hasher.finish().into()))
    }

    /// C_DigestUpdate. A failure ends the operation.
    pub fn digest_update(&mut self, handle: ck::CK_SESSION_HANDLE, part: Result<&[u8]>) -> Result<()> {
        let session = self.session(handle)?;
        let mut operation = session.digest.take().ok_or(Ckr::OPERATION_NOT_INITIALIZED)?;
        operation.hasher.update(part?);
        operation.in_parts = true;
        session.digest = Some(operation);
        Ok(())
    }

    /// C_DigestKey: a secret key's value as one part.
    pub fn digest_key(&mut self, handle: ck::CK_SESSION_HANDLE, key: ck::CK_OBJECT_HANDLE) -> Result<()> {
        if self.session(handle)?.digest.is_none() {
            return Err(Ckr::OPERATION_NOT_INITIALIZED);
        }
        let object = self.key(key)?;
        if object.class() != ck::CKO_SECRET_KEY {
            return Err(Ckr::KEY_INDIGESTIBLE);
        }
        let secret = object.secret();
        self.digest_update(handle, Ok(&secret))
    }

    /// C_DigestFinal.
    pub fn digest_final(&mut self, handle: ck::CK_SESSION_HANDLE, room: Result<Room>) -> Result<Output> {
        let session = self.session(handle)?;
        let operation = session.digest.take().ok_or(Ckr::OPERATION_NOT_INITIALIZED)?;
        let length = operation.hasher.length();
        if room?.lacks(length) {
            session.digest = Some(operation);
            return Ok(Output::Needs(length));
        }
        Ok(Output::Bytes(operation.hasher.finish().into()))
    }
}
