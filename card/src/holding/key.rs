//! Private keys at work.

use wire::{
    apdu::StatusWord,
    piv::PinPolicy,
    shield::{Container, Uses},
};
use zeroize::Zeroizing;

use super::{Error, Holding, Login, Pin};

/// A private key of the token's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Where the key is.
    pub container: Container,
    /// When the key wants the PIN.
    pub pin: PinPolicy,
}

impl Holding {
    /// Applies a private key. `pin` is for this operation alone, which a key with [`PinPolicy::Always`] needs; VERIFY and the
    /// operation are one transaction then.
    ///
    /// # Errors
    /// [`Error::PaymentKey`]; [`Error::LoggedOut`]; and the token's own.
    pub fn operate(
        &mut self,
        key: Key,
        pin: Option<&Pin>,
        uses: Uses,
        input: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        if key.container == Container::Payment {
            return Err(Error::PaymentKey);
        }
        let pin = match (key.pin, pin) {
            // The PIN for an operation is kept with the login, and forgotten with it.
            (PinPolicy::Always, Some(_)) if !matches!(self.login, Login::User(_)) => {
                return Err(Error::LoggedOut);
            }
            (PinPolicy::Always, None) => return Err(Error::LoggedOut),
            (PinPolicy::Always, pin) => pin,
            _ => None,
        };
        let outcome = self.with(|shield| {
            if let Some(pin) = pin {
                shield.verify(pin)?;
            }
            shield.card().last();
            shield.use_key(key.container, uses, input)
        });
        if matches!(outcome, Err(crate::Error::Refused(StatusWord::SECURITY_NOT_SATISFIED))) {
            // Another program made the token forget the PIN.
            self.login = Login::Public;
        }
        match pin {
            Some(pin) => outcome.map_err(|error| match error.tries() {
                Some(_) => self.forget(&Login::User(pin.clone()), error),
                None => error.into(),
            }),
            None => Ok(outcome?),
        }
    }
}
