//! Session management (v2.40, 5.6), but for login.

use card::{holding::Login, watch::Tenant as _};
use cryptoki_sys as ck;

use super::{SLOT_BITS, Slot};
use crate::{
    ckr::{Ckr, Result},
    object::Home,
    session::Session,
};

impl Slot {
    /// C_OpenSession. The first session takes the token.
    pub fn open_session(&mut self, flags: ck::CK_FLAGS) -> Result<ck::CK_SESSION_HANDLE> {
        if flags & ck::CKF_SERIAL_SESSION == 0 {
            return Err(Ckr::SESSION_PARALLEL_NOT_SUPPORTED);
        }
        let writes = flags & ck::CKF_RW_SESSION != 0;
        if !writes && matches!(self.login(), Login::Officer(_)) {
            return Err(Ckr::SESSION_READ_WRITE_SO_EXISTS);
        }
        self.take_token()?;
        let serial = ck::CK_SESSION_HANDLE::from(self.new_handle()?);
        let handle = serial << SLOT_BITS | self.number;
        self.sessions.insert(handle, Session::new(writes));
        Ok(handle)
    }

    /// Takes the token, or sees that it is still there.
    fn take_token(&mut self) -> Result<()> {
        if self.look() == Some(true) {
            return Ok(());
        }
        Ok(self.place.take()?)
    }

    /// C_CloseSession. The session's objects are gone. After the last session the user is logged out and the token is
    /// let go.
    pub fn close_session(&mut self, handle: ck::CK_SESSION_HANDLE) -> Result<()> {
        if self.orphans.remove(&handle) {
            return Err(Ckr::DEVICE_REMOVED);
        }
        self.sessions.remove(&handle).ok_or(Ckr::SESSION_HANDLE_INVALID)?;
        self.objects.retain(|_, object| object.home != Home::Session(handle));
        if self.sessions.is_empty() {
            self.let_go();
        }
        Ok(())
    }

    /// C_CloseAllSessions.
    pub fn close_all_sessions(&mut self) {
        self.sessions.clear();
        self.orphans.clear();
        self.let_go();
    }

    /// C_GetSessionInfo.
    pub fn session_info(&mut self, handle: ck::CK_SESSION_HANDLE) -> Result<ck::CK_SESSION_INFO> {
        let writes = self.session(handle)?.writes;
        if self.look() == Some(false) {
            return Err(Ckr::DEVICE_REMOVED);
        }
        let state = match (self.login(), writes) {
            (Login::Public, false) => ck::CKS_RO_PUBLIC_SESSION,
            (Login::Public, true) => ck::CKS_RW_PUBLIC_SESSION,
            (Login::User(_), false) => ck::CKS_RO_USER_FUNCTIONS,
            (Login::User(_), true) => ck::CKS_RW_USER_FUNCTIONS,
            (Login::Officer(_), _) => ck::CKS_RW_SO_FUNCTIONS,
        };
        let read_write = if writes { ck::CKF_RW_SESSION } else { 0 };
        Ok(ck::CK_SESSION_INFO {
            slotID: self.number,
            state,
            flags: ck::CKF_SERIAL_SESSION | read_write,
            ulDeviceError: 0,
        })
    }

    /// C_GetOperationState. A digest, which is computed here, could be saved; a signature of the token's could not.
    /// No operation is saved.
    pub fn operation_state(&mut self, handle: ck::CK_SESSION_HANDLE) -> Result<()> {
        let session = self.session(handle)?;
        let active = session.digest.is_some()
            || session.sign.is_some()
            || session.verify.is_some()
            || session.encrypt.is_some()
            || session.decrypt.is_some();
        Err(if active { Ckr::STATE_UNSAVEABLE } else { Ckr::OPERATION_NOT_INITIALIZED })
    }

    /// That the session is open.
    pub fn check_session(&mut self, handle: ck::CK_SESSION_HANDLE) -> Result<()> {
        self.session(handle).map(drop)
    }

    /// Whether an operation of this kind is under way.
    pub fn is_active(&mut self, handle: ck::CK_SESSION_HANDLE, operation: ck::CK_FLAGS) -> Result<bool> {
        let session = self.session(handle)?;
        Ok(match operation {
            ck::CKF_DIGEST => session.digest.is_some(),
            ck::CKF_SIGN => session.sign.is_some(),
            ck::CKF_SIGN_RECOVER => session.sign_recover.is_some(),
            ck::CKF_VERIFY => session.verify.is_some(),
            ck::CKF_VERIFY_RECOVER => session.verify_recover.is_some(),
            ck::CKF_ENCRYPT => session.encrypt.is_some(),
            ck::CKF_DECRYPT => session.decrypt.is_some(),
            _ => false,
        })
    }

    /// C_SessionCancel (v3.0, 5.6.13): ends the operations that the flags name.
    pub fn cancel(&mut self, handle: ck::CK_SESSION_HANDLE, flags: ck::CK_FLAGS) -> Result<()> {
        let session = self.session(handle)?;
        let named = |flag| flags & flag != 0;
        if named(ck::CKF_FIND_OBJECTS) {
            session.search = None;
        }
        if named(ck::CKF_DIGEST) {
            session.digest = None;
        }
        if named(ck::CKF_SIGN) {
            session.sign = None;
        }
        if named(ck::CKF_SIGN_RECOVER) {
            session.sign_recover = None;
        }
        if named(ck::CKF_VERIFY) {
            session.verify = None;
        }
        if named(ck::CKF_VERIFY_RECOVER) {
            session.verify_recover = None;
        }
        if named(ck::CKF_ENCRYPT) {
            session.encrypt = None;
        }
        if named(ck::CKF_DECRYPT) {
            session.decrypt = None;
        }
        Ok(())
    }
}
