//! A slot: the token that is in the slot, if any, with the sessions and the objects on the token. Each chapter of the
//! standard's functions has a file of its own below.
//!
//! The library holds the token from the first session to the end of the last (docs/decisions/0016-pkcs11.md). When
//! the token is pulled out, its sessions answer CKR_DEVICE_REMOVED until they are closed. New sessions work once a
//! token is back.

// The order is the law: a module uses only modules listed below it.
mod pair;
mod key;
mod object;
mod import;
mod new_key;
mod stored;
mod crypt;
mod sign;
mod verify;
mod digest;
mod session;
mod info;
mod login;
mod random;

use std::collections::{BTreeMap, BTreeSet};

use card::{
    config::PaymentKey,
    holding::{Holding, Login},
    watch::{self, Tenant},
};
use cryptoki_sys as ck;

use crate::{
    ckr::{Ckr, Result},
    object::Object,
    session::Session,
};

pub use info::{MANUFACTURER, VERSION, field};
use login::Wrong;
use random::Seeds;

/// Bits of a session handle that tell its slot.
pub const SLOT_BITS: u32 = 10;

/// One slot.
pub struct Slot {
    /// slotID.
    number: ck::CK_SLOT_ID,
    /// Whether the payment key is shown.
    payment_key: PaymentKey,
    /// Where the slot's token is, and the token itself while there are sessions.
    place: watch::Place,
    sessions: BTreeMap<ck::CK_SESSION_HANDLE, Session>,
    /// Sessions whose token was pulled out.
    orphans: BTreeSet<ck::CK_SESSION_HANDLE>,
    objects: BTreeMap<ck::CK_OBJECT_HANDLE, Object>,
    /// Whose wrong PIN or PUK was entered here since the last right one. A PIN that no PIN of this token looks like
    /// was never sent to the token, so that the token's tries do not show it.
    wrong: Wrong,
    /// What programs added to the token's random numbers.
    seeds: Seeds,
    /// Public keys that went with their private keys: programs destroy both, one after the other.
    gone_with_private: BTreeSet<ck::CK_OBJECT_HANDLE>,
    /// Whether the token's objects are among `objects`.
    read: bool,
    /// The last handle that was given out, of a session or an object.
    last: u32,
}

impl Slot {
    /// An empty slot.
    pub fn new(number: ck::CK_SLOT_ID, payment_key: PaymentKey) -> Self {
        Self {
            number,
            payment_key,
            place: watch::Place::default(),
            sessions: BTreeMap::new(),
            orphans: BTreeSet::new(),
            wrong: Wrong::NONE,
            seeds: Seeds::default(),
            objects: BTreeMap::new(),
            gone_with_private: BTreeSet::new(),
            read: false,
            last: 0,
        }
    }

    /// A handle that no session and no object has or had, and that is not 0 (CK_INVALID_HANDLE).
    ///
    /// # Errors
    /// CKR_HOST_MEMORY: four thousand million handles were given out.
    fn new_handle(&mut self) -> Result<u32> {
        self.last = self.last.checked_add(1).ok_or(Ckr::HOST_MEMORY)?;
        Ok(self.last)
    }

    /// The session with this handle.
    ///
    /// # Errors
    /// CKR_SESSION_HANDLE_INVALID; CKR_DEVICE_REMOVED: the session's token was pulled out.
    fn session(&mut self, handle: ck::CK_SESSION_HANDLE) -> Result<&mut Session> {
        if self.orphans.contains(&handle) {
            return Err(Ckr::DEVICE_REMOVED);
        }
        self.sessions.get_mut(&handle).ok_or(Ckr::SESSION_HANDLE_INVALID)
    }

    /// The token behind a session that is open.
    fn token(&mut self) -> Result<&mut Holding> {
        self.place.holding().ok_or(Ckr::DEVICE_REMOVED)
    }

    fn login(&self) -> &Login {
        self.place.login()
    }

    fn is_user(&self) -> bool {
        matches!(self.login(), Login::User(_))
    }

    /// An object that the program may see with the login that it has.
    ///
    /// # Errors
    /// CKR_OBJECT_HANDLE_INVALID.
    fn object(&self, handle: ck::CK_OBJECT_HANDLE) -> Result<&Object> {
        let object = self.objects.get(&handle).ok_or(Ckr::OBJECT_HANDLE_INVALID)?;
        if object.is_private() && !self.is_user() { Err(Ckr::OBJECT_HANDLE_INVALID) } else { Ok(object) }
    }

    /// A key to work with.
    ///
    /// # Errors
    /// CKR_KEY_HANDLE_INVALID: there is no such key; CKR_USER_NOT_LOGGED_IN: there is one, for a user who is logged
    /// in.
    fn key(&self, handle: ck::CK_OBJECT_HANDLE) -> Result<&Object> {
        let object = self.objects.get(&handle).ok_or(Ckr::KEY_HANDLE_INVALID)?;
        if object.is_private() && !self.is_user() {
            return Err(Ckr::USER_NOT_LOGGED_IN);
        }
        let classes = [ck::CKO_PRIVATE_KEY, ck::CKO_PUBLIC_KEY, ck::CKO_SECRET_KEY];
        if classes.contains(&object.class()) { Ok(object) } else { Err(Ckr::KEY_HANDLE_INVALID) }
    }

    /// Logs the user out and gives the token back. Where other programs share the token, the token would not forget the PIN with
    /// this program's handle alone.
    fn let_go(&mut self) {
        if self.is_user()
            && let Ok(token) = self.token()
        {
            // A token that does not answer is given back all the same.
            let _ = token.log_out();
        }
        self.place.let_go();
        self.forget_objects();
    }

    fn forget_objects(&mut self) {
        self.objects.clear();
        self.read = false;
    }
}

impl Tenant for Slot {
    fn place(&self) -> &watch::Place {
        &self.place
    }

    fn place_mut(&mut self) -> &mut watch::Place {
        &mut self.place
    }

    /// The sessions go with their token, and with the sessions all that was in them (5.6).
    fn pulled_out(&mut self) {
        self.wrong = Wrong::NONE;
        self.orphans.extend(std::mem::take(&mut self.sessions).into_keys());
        self.forget_objects();
    }
}
