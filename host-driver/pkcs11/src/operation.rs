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

/// Where a result is to go (5.2): the caller asks for its length only, or has so much room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Asks for the length.
    Ask,
    /// Bytes at the caller's.
    Bytes(usize),
}

/// What becomes of it.
pub enum Output {
    /// This many bytes will do. With [`Room::Ask`] that is the answer, else CKR_BUFFER_TOO_SMALL.
    Needs(usize),
    /// The result.
    Bytes(Zeroizing<Vec<u8>>),
}

impl Room {
    /// Whether a result of this length has to wait for more room: then the operation stays as it is.
    pub const fn lacks(self, length: usize) -> bool {
        match self {
            Self::Ask => true,
            Self::Bytes(room) => room < length,
        }
    }
}

/// Data on its way into a signature: digested as it comes, or taken whole by a mechanism that does not digest.
pub struct Feed {
    hash: Option<Hash>,
    /// There from the first part on.
    parts: Option<Hasher>,
}

impl Feed {
    /// For a mechanism with this digest, or with none.
    pub const fn new(hash: Option<Hash>) -> Self {
        Self { hash, parts: None }
    }

    /// One part more.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED: the mechanism takes its data in one part only, so that no multi-part operation is
    /// active.
    pub fn update(&mut self, part: &[u8]) -> Result<()> {
        let hash = self.hash.ok_or(Ckr::OPERATION_NOT_INITIALIZED)?;
        self.parts.get_or_insert_with(|| Hasher::new(hash)).update(part);
        Ok(())
    }

    /// All of it at once.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED: it came in parts so far.
    pub fn whole(&self, data: &[u8]) -> Result<Vec<u8>> {
        match (self.hash, &self.parts) {
            (_, Some(_)) => Err(Ckr::OPERATION_NOT_INITIALIZED),
            (Some(hash), None) => Ok(hash.of(&[data])),
            (None, None) => Ok(data.to_vec()),
        }
    }

    /// What came in parts.
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
    /// What was decrypted and found no room: the data that came, and what is in it.
    pub ready: Option<(Vec<u8>, Zeroizing<Vec<u8>>)>,
}

/// C_DigestInit.
pub struct Digesting {
    /// The digest so far.
    pub hasher: Hasher,
    /// Whether it comes in parts.
    pub in_parts: bool,
}

/// An operation that waits for C_Login as CKU_CONTEXT_SPECIFIC.
pub trait Guarded {
    /// Its key, and where the PIN goes.
    fn lock(&mut self) -> (&Key, &mut Option<Pin>);

    /// Where the PIN goes, if the key wants one each time.
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
