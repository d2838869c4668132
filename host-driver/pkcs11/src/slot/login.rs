//! C_Login and C_Logout (v2.40, 5.6), C_InitPIN and C_SetPIN (5.5).

use card::holding::{self, Login, Pin};
use cryptoki_sys as ck;

use super::Slot;
use crate::ckr::{Ckr, Result};

/// Who entered a wrong PIN or PUK since the last right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The user, a PIN.
    pub user: bool,
    /// The officer, a PUK.
    pub officer: bool,
}

impl Wrong {
    pub(super) const NONE: Self = Self { user: false, officer: false };
}

/// Remembers whether a PIN or PUK was right. Another failure tells nothing of the PIN.
fn remember(wrong: &mut bool, outcome: core::result::Result<(), holding::Error>) -> Result<()> {
    let outcome = outcome.map_err(Ckr::from);
    match outcome {
        Ok(()) => *wrong = false,
        Err(Ckr::PIN_INCORRECT | Ckr::PIN_LOCKED) => *wrong = true,
        Err(_) => {}
    }
    outcome
}

impl Slot {
    /// C_Login.
    pub fn log_in(
        &mut self,
        handle: ck::CK_SESSION_HANDLE,
        user: ck::CK_USER_TYPE,
        pin: Option<&[u8]>,
    ) -> Result<()> {
        self.session(handle)?;
        if ![ck::CKU_SO, ck::CKU_USER, ck::CKU_CONTEXT_SPECIFIC].contains(&user) {
            return Err(Ckr::USER_TYPE_INVALID);
        }
        if user == ck::CKU_CONTEXT_SPECIFIC {
            return self.log_in_for_operation(handle, pin);
        }
        match (self.login(), user) {
            (Login::User(_), ck::CKU_USER) | (Login::Officer(_), ck::CKU_SO) => {
                return Err(Ckr::USER_ALREADY_LOGGED_IN);
            }
            (Login::User(_) | Login::Officer(_), _) => return Err(Ckr::USER_ANOTHER_ALREADY_LOGGED_IN),
            (Login::Public, _) => {}
        }
        if user == ck::CKU_SO && self.sessions.values().any(|session| !session.writes) {
            return Err(Ckr::SESSION_READ_ONLY_EXISTS);
        }
        // There is no PIN pad: CKF_PROTECTED_AUTHENTICATION_PATH is not set.
        let pin = pin.ok_or(Ckr::ARGUMENTS_BAD)?;
        if user == ck::CKU_SO {
            let outcome = self.token()?.log_in_officer(pin);
            remember(&mut self.wrong.officer, outcome)?;
        } else {
            let outcome = self.token()?.log_in(pin);
            remember(&mut self.wrong.user, outcome)?;
        }
        // The token shows more to its user.
        self.read = false;
        Ok(())
    }

    /// C_Login as CKU_CONTEXT_SPECIFIC: for the operation that was just begun with a key that wants its PIN each
    /// time.
    fn log_in_for_operation(&mut self, handle: ck::CK_SESSION_HANDLE, pin: Option<&[u8]>) -> Result<()> {
        if self.session(handle)?.guarded().is_none() {
            return Err(Ckr::OPERATION_NOT_INITIALIZED);
        }
        let pin = pin.ok_or(Ckr::ARGUMENTS_BAD)?;
        let outcome = self.token()?.check_pin(pin);
        remember(&mut self.wrong.user, outcome)?;
        if let Some(place) = self.session(handle)?.guarded() {
            *place = Some(Pin::new(pin.to_vec()));
        }
        Ok(())
    }

    /// C_Logout.
    pub fn log_out(&mut self, handle: ck::CK_SESSION_HANDLE) -> Result<()> {
        self.session(handle)?;
        if *self.login() == Login::Public {
            return Err(Ckr::USER_NOT_LOGGED_IN);
        }
        for session in self.sessions.values_mut() {
            session.log_out();
        }
        // Private session objects are destroyed, and handles of private token objects become invalid.
        self.objects.retain(|_, object| object.is_on_token() || !object.is_private());
        Ok(self.token()?.log_out()?)
    }

    /// C_InitPIN: the officer gives the user a new PIN.
    pub fn init_pin(&mut self, handle: ck::CK_SESSION_HANDLE, pin: Option<&[u8]>) -> Result<()> {
        self.session(handle)?;
        if !matches!(self.login(), Login::Officer(_)) {
            return Err(Ckr::USER_NOT_LOGGED_IN);
        }
        let pin = pin.ok_or(Ckr::ARGUMENTS_BAD)?;
        // The user has a new PIN, at which nobody has guessed yet.
        let outcome = self.token()?.unblock(pin);
        self.wrong.user &= outcome.is_err();
        Ok(outcome?)
    }

    /// C_SetPIN: changes the officer's PUK while the officer is logged in, and otherwise the user's PIN, whether the
    /// user is logged in or not.
    pub fn set_pin(
        &mut self,
        handle: ck::CK_SESSION_HANDLE,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<()> {
        if !self.session(handle)?.writes {
            return Err(Ckr::SESSION_READ_ONLY);
        }
        let (old, new) = (old.ok_or(Ckr::ARGUMENTS_BAD)?, new.ok_or(Ckr::ARGUMENTS_BAD)?);
        let officer = matches!(self.login(), Login::Officer(_));
        if officer {
            let outcome = self.token()?.change_puk(old, new);
            remember(&mut self.wrong.officer, outcome)
        } else {
            let outcome = self.token()?.change_pin(old, new);
            remember(&mut self.wrong.user, outcome)
        }
    }

    /// C_InitToken (5.5): wants no session open. The label is 32 bytes, filled with blanks.
    pub fn init_token(&mut self, pin: &[u8], label: &[u8]) -> Result<()> {
        if !self.sessions.is_empty() {
            return Err(Ckr::SESSION_EXISTS);
        }
        let label = std::str::from_utf8(label).map_err(|_| Ckr::ARGUMENTS_BAD)?.trim_end_matches(' ');
        let outcome = self.place.for_a_moment(|token| token.initialise(pin, label));
        remember(&mut self.wrong.officer, outcome)
    }
}
