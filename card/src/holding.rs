//! A token that a library holds for its program: which applet is selected, who is logged in, and what is done with that.
//!
//! The shield applet does all that such a library wants, with PINs of any length that a brand allows: a PIN of the PIV applet
//! has eight bytes at most. A road with one holder (USB/IP, USB) belongs to the library alone: what was selected and
//! verified stays so. A PC/SC service shares its readers: between two commands of the library another program may have
//! selected another applet, which makes the token forget the PIN. Our own reader tells whether another program had the
//! card (docs/decisions/0046-turns.md): while none had, a command is one exchange. Otherwise, and at any other service, each
//! command begins a transaction, selects and verifies anew. For that the PIN is kept in memory from login to logout, and
//! wiped at logout.

// The order is the law: a module uses only modules listed below it.
mod key;
mod login;
mod contents;
mod error;

use std::{
    thread,
    time::{Duration, Instant},
};

use wire::{
    apdu::StatusWord,
    piv,
    shield::{self, Information, MAX_CHALLENGE},
};
use zeroize::Zeroizing;

pub use self::{
    contents::{Contents, Held},
    error::Error,
    key::Key,
    login::{Login, Pin},
};
use crate::{
    card::Card,
    error::SlotError,
    road::{self, Road},
    shield::Shield,
};

/// A token that somebody has just let go, this process too, is busy until it is powered off: [`Holding::open`] tries again for
/// so long.
pub const SETTLE: Duration = Duration::from_secs(1);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(2);
/// How long one command may take: nothing that is done here waits for the token's buttons, but making an RSA key takes long.
const PATIENCE: Duration = Duration::from_secs(30);

/// A token that is plugged in, and that this process holds.
pub struct Holding {
    card: Card,
    /// Whether other programs may come between two commands.
    shared: bool,
    /// Whether the shield applet is selected, and the user's PIN verified, as far as is known.
    selected: bool,
    /// Whether another program may have changed what the token holds since [`Self::contents`] read it.
    stale: bool,
    login: Login,
}

impl Holding {
    /// Takes the token at the end of a road.
    ///
    /// # Errors
    /// [`Error::NoToken`]; [`crate::Error::Busy`] when another program holds it.
    pub fn open(road: &Road) -> Result<Self, Error> {
        let end = Instant::now() + SETTLE;
        let card = loop {
            match road::open_road(road, PATIENCE) {
                Err(crate::Error::Busy) if Instant::now() < end => thread::sleep(PAUSE),
                Err(crate::Error::Broken(_) | crate::Error::NotFound(_)) => return Err(Error::NoToken),
                other => break other?,
            }
        };
        Ok(Self::by(card, road.is_shared()))
    }

    const fn by(card: Card, shared: bool) -> Self {
        Self { card, shared, selected: false, stale: true, login: Login::Public }
    }

    /// Whether no other program can have changed what the token holds since [`Self::contents`] read it.
    pub fn is_current(&mut self) -> bool {
        !self.shared || (!self.stale && self.selected && self.card.undisturbed(Card::look).is_ok())
    }

    /// Who is logged in.
    pub const fn login(&self) -> &Login {
        &self.login
    }

    /// What the token says of itself.
    ///
    /// # Errors
    /// [`Error::NoToken`]: a card without the shield applet.
    pub fn information(&mut self) -> Result<Information, Error> {
        self.with_one(|shield| shield.information()).map_err(no_token)
    }

    /// That the card has the shield applet.
    ///
    /// # Errors
    /// As [`Self::information`].
    pub fn check(&mut self) -> Result<(), Error> {
        if self.selected {
            return Ok(());
        }
        let ends_proofs = self.shared;
        self.card.transaction(|card| select(card, ends_proofs, Card::last)).map_err(no_token)?;
        // Nobody is logged in on a token that was not selected before.
        self.selected = matches!(self.login, Login::Public);
        Ok(())
    }

    /// Whether the token is still there.
    pub fn is_present(&mut self) -> bool {
        use crate::Error::{Broken, NotFound, Slot};
        // A question that any card answers and that spends no try.
        let asked = self.with_one(|shield| shield.pin_state());
        !matches!(asked, Err(Broken(_) | NotFound(_) | Slot(SlotError::Absent)))
    }

    /// Does something with the shield applet selected, and with the PIN verified if the user is logged in. The work may be
    /// begun twice: where another program had the card, the first command of the first time was not sent.
    fn with<T>(
        &mut self,
        mut work: impl FnMut(&mut Shield<'_>) -> Result<T, crate::Error>,
    ) -> Result<T, crate::Error> {
        let mut outcome = match (self.selected, self.shared) {
            (true, true) => self.card.undisturbed(|card| work(&mut Shield::on(card))),
            (true, false) => work(&mut Shield::on(&mut self.card)),
            (false, _) => Err(crate::Error::Disturbed),
        };
        if matches!(outcome, Err(crate::Error::Disturbed)) {
            outcome = self.anew(work);
        }
        // After a lost line nothing is known; and a wrong PIN makes the token forget that the right one was verified.
        if outcome.as_ref().is_err_and(|error| error.status().is_none() || error.tries().is_some()) {
            self.selected = false;
        }
        outcome
    }

    /// The same in a transaction that selects and verifies first.
    fn anew<T>(
        &mut self,
        work: impl FnOnce(&mut Shield<'_>) -> Result<T, crate::Error>,
    ) -> Result<T, crate::Error> {
        let Self { card, shared, selected, stale, login } = self;
        (*selected, *stale) = (false, true);
        card.transaction(|card| {
            select(card, *shared && !matches!(login, Login::User(_)), |_| ())?;
            *selected = true;
            if let Login::User(pin) = &*login
                && let Err(error) = Shield::on(card).verify(pin)
            {
                // Another program changed the PIN. The kept one is forgotten, so that it costs one try and not all of them.
                *login = Login::Public;
                let refused =
                    error.tries().map(|_| crate::Error::Refused(StatusWord::SECURITY_NOT_SATISFIED));
                return Err(refused.unwrap_or(error));
            }
            work(&mut Shield::on(card))
        })
    }

    /// [`Self::with`], for work of one command.
    fn with_one<T>(
        &mut self,
        mut work: impl FnMut(&mut Shield<'_>) -> Result<T, crate::Error>,
    ) -> Result<T, crate::Error> {
        self.with(|shield| {
            shield.card().last();
            work(shield)
        })
    }

    /// Changes what the token holds: one command of the shield applet's that wants the PIN.
    ///
    /// # Errors
    /// [`Error::LoggedOut`] unless the user is logged in, and the token's own.
    pub fn change<T>(
        &mut self,
        work: impl FnMut(&mut Shield<'_>) -> Result<T, crate::Error>,
    ) -> Result<T, Error> {
        if !matches!(self.login, Login::User(_)) {
            return Err(Error::LoggedOut);
        }
        Ok(self.with_one(work)?)
    }

    /// Random numbers from the token.
    ///
    /// # Errors
    /// The line's.
    pub fn random(&mut self, length: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut random = Zeroizing::new(vec![0; length]);
        if length <= MAX_CHALLENGE {
            self.with_one(|shield| shield.random(&mut random))?;
        } else {
            self.with(|shield| shield.random(&mut random))?;
        }
        Ok(random)
    }
}

/// Selects the shield applet. A token keeps a PIN verified when the applet that is selected is selected again. So another
/// applet is selected before where all proofs are to end: a program that is not logged in works on nobody's PIN.
/// `before_it` is done before the command that selects the shield applet.
fn select(card: &mut Card, ends_proofs: bool, before_it: impl FnOnce(&mut Card)) -> Result<(), crate::Error> {
    if ends_proofs
        && let Err(error) = card.select(&piv::AID)
        && error.status().is_none()
    {
        return Err(error);
    }
    before_it(card);
    card.select(&shield::AID).map(drop)
}

fn no_token(error: crate::Error) -> Error {
    match error {
        crate::Error::Refused(StatusWord::NOT_FOUND) => Error::NoToken,
        error => error.into(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
