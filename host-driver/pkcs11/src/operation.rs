//! The cryptographic operations that a session may have under way (v2.40, 5.8 to 5.13), one of each kind.

use card::holding::Pin;
use wire::piv::PinPolicy;
use zeroize::Zeroizing;

use crate::{
    algorithm::PublicKey,
    ckr::{Ckr, Result},
    hash::{Hash, Hasher},
    mechanism::{Cipher, Scheme},
    object::Key,
};

/// The room for a result (5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// The caller asks for the length of the result only.
    Ask,
    /// The caller has room for so many bytes.
    Bytes(usize),
}

/// What a function that brings forth bytes answers.
pub enum Output {
    /// The result needs room for so many bytes. The answer to [`Room::Ask`] is this number, and otherwise
    /// CKR_BUFFER_TOO_SMALL.
    Needs(usize),
    /// The result.
    Bytes(Zeroizing<Vec<u8>>),
}

impl Room {
    /// Whether there is no room for a result of this length. The operation stays as it is then.
    pub const fn lacks(self, length: usize) -> bool {
        match self {
            Self::Ask => true,
            Self::Bytes(room) => room < length,
        }
    }
}

/// The data of a signature. A mechanism that digests takes the data in parts or at once, any other mechanism takes it
/// at once.
pub struct Feed {
    hash: Option<Hash>,
    /// The digest of the parts so far; `None` before the first part.
    parts: Option<Hasher>,
}

impl Feed {
    /// The data for a mechanism with this digest, or with none.
    pub const fn new(hash: Option<Hash>) -> Self {
        Self { hash, parts: None }
    }

    /// Takes one part more.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED: the mechanism takes its data at once, so that no multi-part operation is
    /// active.
    pub fn update(&mut self, part: &[u8]) -> Result<()> {
        let hash = self.hash.ok_or(Ckr::OPERATION_NOT_INITIALIZED)?;
        self.parts.get_or_insert_with(|| Hasher::new(hash)).update(part);
        Ok(())
    }

    /// What is signed, where the data comes at once: the digest of the data, or the data itself.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED: some data came in parts before.
    pub fn whole(&self, data: &[u8]) -> Result<Vec<u8>> {
        match (self.hash, &self.parts) {
            (_, Some(_)) => Err(Ckr::OPERATION_NOT_INITIALIZED),
            (Some(hash), None) => Ok(hash.of(&[data])),
            (None, None) => Ok(data.to_vec()),
        }
    }

    /// What is signed, where the data came in parts: the digest of the parts.
    ///
    /// # Errors
    /// As [`Self::update`].
    pub fn finish(&self) -> Result<Vec<u8>> {
        let hash = self.hash.ok_or(Ckr::OPERATION_NOT_INITIALIZED)?;
        Ok(self.parts.clone().unwrap_or_else(|| Hasher::new(hash)).finish())
    }
}

/// C_SignInit, C_SignRecoverInit.
pub struct Signing {
    /// By this key.
    pub key: Key,
    /// In this way.
    pub scheme: Scheme,
    /// Over this.
    pub feed: Feed,
    /// The PIN of a context-specific login.
    pub pin: Option<Pin>,
}

/// C_VerifyInit, C_VerifyRecoverInit.
pub struct Verifying {
    /// By this key.
    pub key: PublicKey,
    /// In this way.
    pub scheme: Scheme,
    /// Over this.
    pub feed: Feed,
}

/// C_EncryptInit.
pub struct Encrypting {
    /// By this key.
    pub key: PublicKey,
    /// In this way.
    pub cipher: Cipher,
}

/// C_DecryptInit.
pub struct Decrypting {
    /// By this key.
    pub key: Key,
    /// In this way.
    pub cipher: Cipher,
    /// The PIN of a context-specific login.
    pub pin: Option<Pin>,
    /// What was decrypted and found no room: the data that came, and the message in the data.
    pub ready: Option<(Vec<u8>, Zeroizing<Vec<u8>>)>,
}

/// C_DigestInit.
pub struct Digesting {
    /// The digest of the data so far.
    pub hasher: Hasher,
    /// Whether data came in parts.
    pub in_parts: bool,
}

/// An operation that waits for C_Login as CKU_CONTEXT_SPECIFIC.
pub trait Guarded {
    /// The operation's key, and the place for the PIN.
    fn lock(&mut self) -> (&Key, &mut Option<Pin>);

    /// The place for the PIN, if the key wants a PIN for each operation.
    fn wants_pin(&mut self) -> Option<&mut Option<Pin>> {
        let (key, pin) = self.lock();
        (key.pin == PinPolicy::Always).then_some(pin)
    }
}

impl Guarded for Signing {
    fn lock(&mut self) -> (&Key, &mut Option<Pin>) {
        (&self.key, &mut self.pin)
    }
}

impl Guarded for Decrypting {
    fn lock(&mut self) -> (&Key, &mut Option<Pin>) {
        (&self.key, &mut self.pin)
    }
}
