//! A session (v2.40, 5.6): whether it may write, and the operations that are under way in it.

use std::collections::VecDeque;

use card::holding::Pin;
use cryptoki_sys as ck;

use crate::operation::{Decrypting, Digesting, Encrypting, Guarded, Signing, Verifying};

/// One session. The slot knows the session's handle.
#[derive(Default)]
pub struct Session {
    /// CKF_RW_SESSION.
    pub writes: bool,
    /// C_FindObjectsInit: the objects that were found and not told yet.
    pub search: Option<VecDeque<ck::CK_OBJECT_HANDLE>>,
    /// C_DigestInit.
    pub digest: Option<Digesting>,
    /// C_SignInit.
    pub sign: Option<Signing>,
    /// C_SignRecoverInit.
    pub sign_recover: Option<Signing>,
    /// C_VerifyInit.
    pub verify: Option<Verifying>,
    /// C_VerifyRecoverInit.
    pub verify_recover: Option<Verifying>,
    /// C_EncryptInit.
    pub encrypt: Option<Encrypting>,
    /// C_DecryptInit.
    pub decrypt: Option<Decrypting>,
}

impl Session {
    /// A session without operations.
    pub fn new(writes: bool) -> Self {
        Self { writes, ..Self::default() }
    }

    /// The place for the PIN of a context-specific login: in the operation by a key that wants its PIN each time.
    pub fn guarded(&mut self) -> Option<&mut Option<Pin>> {
        let signing = [self.sign.as_mut(), self.sign_recover.as_mut()];
        let guarded = signing.into_iter().flatten().map(|operation| operation as &mut dyn Guarded);
        let decrypting = self.decrypt.as_mut().map(|operation| operation as &mut dyn Guarded);
        guarded.chain(decrypting).find_map(|operation| operation.wants_pin())
    }

    /// Ends what a logout ends: the search, and every operation by a private key (5.6, C_Logout).
    pub fn log_out(&mut self) {
        self.sign = None;
        self.sign_recover = None;
        self.decrypt = None;
        self.search = None;
    }
}
