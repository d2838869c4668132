//! Encryption with public keys, on the host, and decryption with private ones, on the token (v2.40, 5.8 and 5.9). RSA
//! takes its data at once (Current Mechanisms v2.40, table 3): there is no multi-part operation.

use card::holding::Pin;
use cryptoki_sys as ck;
use wire::shield::Uses;
use zeroize::Zeroizing;

use super::Slot;
use crate::{
    ckr::{Ckr, Result},
    mechanism::{Cipher, Mechanism},
    object::Key,
    operation::{Decrypting, Encrypting, Output, Room},
    padding,
};

impl Slot {
    /// C_EncryptInit.
    pub fn encrypt_init(
        &mut self,
        handle: ck::CK_SESSION_HANDLE,
        mechanism: &Mechanism,
        key: ck::CK_OBJECT_HANDLE,
    ) -> Result<()> {
        if self.session(handle)?.encrypt.is_some() {
            return Err(Ckr::OPERATION_ACTIVE);
        }
        let cipher = mechanism.cipher()?;
        let key = self.public_key(key, ck::CKA_ENCRYPT, |public| public.does(ck::CKA_DECRYPT))?;
        self.session(handle)?.encrypt = Some(Encrypting { key, cipher });
        Ok(())
    }

    /// C_Encrypt.
    pub fn encrypt(
        &mut self,
        handle: ck::CK_SESSION_HANDLE,
        data: Result<&[u8]>,
        room: Result<Room>,
    ) -> Result<Output> {
        let session = self.session(handle)?;
        let operation = session.encrypt.take().ok_or(Ckr::OPERATION_NOT_INITIALIZED)?;
        let (data, length) = (data?, operation.key.block());
        if room?.lacks(length) {
            session.encrypt = Some(operation);
            return Ok(Output::Needs(length));
        }
        operation.key.encrypt(&operation.cipher, data).map(|block| Output::Bytes(block.into()))
    }

    /// C_DecryptInit.
    pub fn decrypt_init(
        &mut self,
        handle: ck::CK_SESSION_HANDLE,
        mechanism: &Mechanism,
        key: ck::CK_OBJECT_HANDLE,
    ) -> Result<()> {
        if self.session(handle)?.decrypt.is_some() {
            return Err(Ckr::OPERATION_ACTIVE);
        }
        let cipher = mechanism.cipher()?;
        let key = self.private_key(key, ck::CKA_DECRYPT, |public| public.does(ck::CKA_DECRYPT))?;
        self.session(handle)?.decrypt = Some(Decrypting { key, cipher, pin: None, ready: None });
        Ok(())
    }

    /// C_Decrypt. Only decrypting tells how long the message is. A message that finds no room is kept for the next
    /// call.
    pub fn decrypt(
        &mut self,
        handle: ck::CK_SESSION_HANDLE,
        data: Result<&[u8]>,
        room: Result<Room>,
    ) -> Result<Output> {
        let mut operation = self.session(handle)?.decrypt.take().ok_or(Ckr::OPERATION_NOT_INITIALIZED)?;
        let (data, room) = (data?, room?);
        if data.len() != operation.key.public.block() {
            return Err(Ckr::ENCRYPTED_DATA_LEN_RANGE);
        }
        let message = match operation.ready.take() {
            Some((former, message)) if former == data => message,
            _ if room == Room::Ask => {
                let most = most(&operation.cipher, data.len());
                self.session(handle)?.decrypt = Some(operation);
                return Ok(Output::Needs(most));
            }
            _ => self.open(&operation.key, operation.pin.take().as_ref(), &operation.cipher, data)?,
        };
        if room.lacks(message.len()) {
            let needs = message.len();
            operation.ready = Some((data.to_vec(), message));
            self.session(handle)?.decrypt = Some(operation);
            return Ok(Output::Needs(needs));
        }
        Ok(Output::Bytes(message))
    }

    /// Decrypts one block.
    pub(super) fn open(
        &mut self,
        key: &Key,
        pin: Option<&Pin>,
        cipher: &Cipher,
        data: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>> {
        let block = self.token()?.operate(key.held(), pin, Uses::DECRYPT, data).map_err(|error| {
            match Ckr::from(error) {
                // The block is not below the modulus (RFC 8017, 5.1.2).
                Ckr::DATA_INVALID => Ckr::ENCRYPTED_DATA_INVALID,
                ckr => ckr,
            }
        })?;
        if block.len() != data.len() {
            return Err(Ckr::DEVICE_ERROR);
        }
        match cipher {
            Cipher::Pkcs1 => padding::pkcs1_decryption(&block),
            Cipher::Oaep(oaep) => padding::oaep_decryption(&block, oaep),
            Cipher::X509 => Ok(block),
        }
    }
}

/// Most bytes that a block of this length carries.
fn most(cipher: &Cipher, block: usize) -> usize {
    match cipher {
        Cipher::Pkcs1 => block.saturating_sub(padding::OVERHEAD),
        Cipher::Oaep(oaep) => padding::oaep_room(oaep, block),
        Cipher::X509 => block,
    }
}
