//! Who is logged in: the user by the PIN, the security officer by the PUK.

use wire::{apdu::StatusWord, piv};
use zeroize::Zeroizing;

use super::{Error, Holding};

/// A PIN or PUK, wiped when dropped.
pub type Pin = Zeroizing<Vec<u8>>;

/// Who is logged in.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// Nobody.
    Public,
    /// The normal user, by the PIN.
    User(Pin),
    /// The security officer, by the PUK.
    Officer(Pin),
}

impl Holding {
    /// Logs the user in.
    ///
    /// # Errors
    /// [`Error::ImpossiblePin`]; [`crate::Error::Refused`]: a wrong PIN, or a locked one.
    pub fn log_in(&mut self, pin: &[u8]) -> Result<(), Error> {
        self.with_one(|shield| shield.verify(pin)).map_err(wrong_pin)?;
        self.login = Login::User(Pin::new(pin.to_vec()));
        Ok(())
    }

    /// Logs the officer in: whoever can change the PUK to itself knows it.
    ///
    /// # Errors
    /// [`Error::ImpossiblePin`]; [`crate::Error::PukRefused`]: a wrong PUK, or a locked one.
    pub fn log_in_officer(&mut self, puk: &[u8]) -> Result<(), Error> {
        self.with_one(|shield| shield.check_puk(puk)).map_err(wrong_pin)?;
        self.login = Login::Officer(Pin::new(puk.to_vec()));
        Ok(())
    }

    /// Logs out: the token forgets the PIN, too.
    ///
    /// # Errors
    /// The line's.
    pub fn log_out(&mut self) -> Result<(), Error> {
        let was_user = matches!(self.login, Login::User(_));
        self.login = Login::Public;
        if !was_user {
            return Ok(());
        }
        // The token forgets what was proved to one applet when another is selected.
        self.selected = false;
        let forgotten = self.card.transaction(|card| {
            card.last();
            card.select(&piv::AID)
        });
        Ok(forgotten.map(drop)?)
    }

    /// Whether this is the PIN. Nobody is logged in or out by that.
    ///
    /// # Errors
    /// As [`Self::log_in`]. When the refused PIN is the kept one, the user is logged out.
    pub fn check_pin(&mut self, pin: &[u8]) -> Result<(), Error> {
        self.with_one(|shield| shield.verify(pin))
            .map_err(|error| self.forget(&Login::User(Pin::new(pin.to_vec())), error))
    }

    /// Changes the PIN, by whoever knows the old one.
    ///
    /// # Errors
    /// [`Error::PinLength`]; as [`Self::check_pin`]; 9D06 for a new PIN that is too easy.
    pub fn change_pin(&mut self, old: &[u8], new: &[u8]) -> Result<(), Error> {
        self.check_length(new)?;
        self.with_one(|shield| shield.change_pin(old, new))
            .map_err(|error| self.forget(&Login::User(Pin::new(old.to_vec())), error))?;
        if let Login::User(pin) = &mut self.login {
            *pin = Pin::new(new.to_vec());
        }
        // The token has verified the old PIN only: the next command verifies the new one.
        self.selected = false;
        Ok(())
    }

    /// Changes the PUK, by whoever knows the old one.
    ///
    /// # Errors
    /// As [`Self::log_in_officer`]. When the refused PUK is the kept one, the officer is logged out.
    pub fn change_puk(&mut self, old: &[u8], new: &[u8]) -> Result<(), Error> {
        self.with_one(|shield| shield.change_puk(old, new))
            .map_err(|error| self.forget(&Login::Officer(Pin::new(old.to_vec())), error))?;
        if let Login::Officer(puk) = &mut self.login {
            *puk = Pin::new(new.to_vec());
        }
        Ok(())
    }

    /// The officer who is logged in gives the user a new PIN, which unlocks a locked one.
    ///
    /// # Errors
    /// [`Error::LoggedOut`] unless the officer is logged in; [`Error::PinLength`]; 9D06 for a new PIN that is too easy.
    pub fn unblock(&mut self, new: &[u8]) -> Result<(), Error> {
        let Login::Officer(puk) = self.login.clone() else { return Err(Error::LoggedOut) };
        self.check_length(new)?;
        self.with_one(|shield| shield.unblock(&puk, new))
            .map_err(|error| self.forget(&Login::Officer(puk), error))
    }

    /// Erases everything but the payment key, and gives the token a label.
    ///
    /// # Errors
    /// As [`Self::log_in_officer`].
    pub fn initialise(&mut self, puk: &[u8], label: &str) -> Result<(), Error> {
        self.with_one(|shield| shield.initialise(puk, label)).map_err(wrong_pin)
    }

    /// What a refused PIN or PUK means. When the refused one is the kept one, another program has changed it: the kept one is
    /// forgotten, so that it costs one try and not all of them.
    pub(super) fn forget(&mut self, sent: &Login, error: crate::Error) -> Error {
        let refused = error.tries().is_some() || error.status() == Some(StatusWord::BLOCKED);
        if refused && self.login == *sent {
            self.login = Login::Public;
        }
        wrong_pin(error)
    }

    /// The token has one answer for a PIN that is too easy and for a PIN of a wrong length. Libraries tell them apart, so the length
    /// is checked before.
    fn check_length(&mut self, pin: &[u8]) -> Result<(), Error> {
        let [shortest, longest] = self.information()?.pin_length;
        if (usize::from(shortest)..=usize::from(longest)).contains(&pin.len()) {
            Ok(())
        } else {
            Err(Error::PinLength)
        }
    }
}

/// What a refusal means where the data is a PIN.
fn wrong_pin(error: crate::Error) -> Error {
    match error {
        // No PIN of this token has that form: it cannot be the right one, and no try was spent.
        crate::Error::Invalid(_) | crate::Error::Refused(StatusWord::WRONG_DATA) => Error::ImpossiblePin,
        error => error.into(),
    }
}
