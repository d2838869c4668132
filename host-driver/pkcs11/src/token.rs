//! A token that we hold: its shield applet, who is logged in, and its commands.
//!
//! The shield applet does all that PKCS#11 wants, by PINs of any length that a brand allows: PIV's field has eight bytes. A
//! road with one holder (USB/IP, USB) is ours alone: what was selected and verified stays so. A reader service is shared:
//! between two of our commands another program may have selected another applet, which forgets the PIN, so each command
//! begins a transaction, selects and verifies anew. For that the PIN is kept in memory from C_Login to C_Logout, and wiped
//! there.

use std::{
    thread,
    time::{Duration, Instant},
};

use card::{
    Card, Error,
    config::PaymentKey,
    road::{self, Road},
    shield::Shield,
};
use wire::{
    apdu::StatusWord,
    piv::{self, PinPolicy},
    shield::{self, Container, Information, Uses},
};
use zeroize::Zeroizing;

use crate::{
    ckr::{Ckr, Result},
    object::{self, Key, Object},
};

/// A PIN or PUK, wiped when dropped.
pub type Pin = Zeroizing<Vec<u8>>;

/// A token that was just let go, by us too, is busy until it is powered off: so long we try again.
pub const SETTLE: Duration = Duration::from_secs(1);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(2);
/// How long one command may take: no screen asks for anything that PKCS#11 does, but RSA keys take their time.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who is logged in (5.6, C_Login).
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// Nobody.
    Public,
    /// The normal user, by the PIN.
    User(Pin),
    /// The security officer, by the PUK.
    Officer(Pin),
}

/// A token that is plugged in and ours.
pub struct Token {
    card: Card,
    shared: bool,
    selected: bool,
    login: Login,
}

impl Token {
    /// Takes the token at the end of a road.
    ///
    /// # Errors
    /// CKR_TOKEN_NOT_PRESENT: there is none, or it is none of ours; CKR_DEVICE_ERROR: another program holds it.
    pub fn open(road: &Road) -> Result<Self> {
        let end = Instant::now() + SETTLE;
        let card = loop {
            match road::open_road(road, PATIENCE) {
                Err(Error::Busy) if Instant::now() < end => thread::sleep(PAUSE),
                Err(Error::Broken(_) | Error::NotFound(_)) => return Err(Ckr::TOKEN_NOT_PRESENT),
                other => break other?,
            }
        };
        let shared = !matches!(road, Road::UsbIp { .. } | Road::Usb { .. });
        Ok(Self { card, shared, selected: false, login: Login::Public })
    }

    /// Whether other programs may change what it holds, between two calls of ours.
    pub const fn is_shared(&self) -> bool {
        self.shared
    }

    /// Who is logged in.
    pub const fn login(&self) -> &Login {
        &self.login
    }

    /// What the token says of itself.
    ///
    /// # Errors
    /// CKR_TOKEN_NOT_PRESENT: a card without our applet.
    pub fn information(&mut self) -> Result<Information> {
        self.with(|shield| shield.information()).map_err(|error| match error {
            Error::Refused(StatusWord::NOT_FOUND) => Ckr::TOKEN_NOT_PRESENT,
            error => error.into(),
        })
    }

    /// Whether it is still there.
    pub fn is_present(&mut self) -> bool {
        // A question that any card answers and that spends nothing.
        let asked = self.with(|shield| shield.pin_state());
        !matches!(asked.map_err(Ckr::from), Err(Ckr::DEVICE_REMOVED | Ckr::TOKEN_NOT_PRESENT))
    }

    /// Does something with the applet selected, and with the PIN verified if the user is logged in.
    fn with<T>(
        &mut self,
        work: impl FnOnce(&mut Shield<'_>) -> core::result::Result<T, Error>,
    ) -> core::result::Result<T, Error> {
        let Self { card, shared, selected, login } = self;
        let outcome = card.transaction(|card| {
            if *shared || !*selected {
                *selected = false;
                card.select(&shield::AID)?;
                *selected = true;
                if let Login::User(pin) = &*login
                    && let Err(error) = Shield::on(card).verify(pin)
                {
                    // Another program changed the PIN: one try is lost, not all of them.
                    *login = Login::Public;
                    let refused = error.tries().map(|_| Error::Refused(StatusWord::SECURITY_NOT_SATISFIED));
                    return Err(refused.unwrap_or(error));
                }
            }
            work(&mut Shield::on(card))
        });
        // After a lost line nothing is known; a wrong PIN makes the token forget that the right one was there.
        if outcome.as_ref().is_err_and(|error| error.status().is_none() || error.tries().is_some()) {
            self.selected = false;
        }
        outcome
    }

    /// C_Login as CKU_USER.
    ///
    /// # Errors
    /// CKR_PIN_INCORRECT, CKR_PIN_LOCKED.
    pub fn log_in(&mut self, pin: &[u8]) -> Result<()> {
        self.with(|shield| shield.verify(pin)).map_err(wrong_pin)?;
        self.login = Login::User(Pin::new(pin.to_vec()));
        Ok(())
    }

    /// C_Login as CKU_SO: whoever can change the PUK to itself knows it.
    ///
    /// # Errors
    /// CKR_PIN_INCORRECT, CKR_PIN_LOCKED.
    pub fn log_in_officer(&mut self, puk: &[u8]) -> Result<()> {
        self.with(|shield| shield.check_puk(puk)).map_err(wrong_pin)?;
        self.login = Login::Officer(Pin::new(puk.to_vec()));
        Ok(())
    }

    /// C_Logout: the token forgets the PIN, too.
    ///
    /// # Errors
    /// The line's.
    pub fn log_out(&mut self) -> Result<()> {
        let was_user = matches!(self.login, Login::User(_));
        self.login = Login::Public;
        if !was_user {
            return Ok(());
        }
        // The token forgets what was proved to one applet when another is selected.
        self.selected = false;
        Ok(self.card.select(&piv::AID).map(drop)?)
    }

    /// C_SetPIN of the user's PIN, by whoever knows it.
    ///
    /// # Errors
    /// CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_PIN_INVALID, CKR_PIN_LEN_RANGE.
    pub fn change_pin(&mut self, old: &[u8], new: &[u8]) -> Result<()> {
        self.check_length(new)?;
        self.with(|shield| shield.change_pin(old, new))
            .map_err(|error| self.forget(&Login::User(Pin::new(old.to_vec())), error))?;
        if let Login::User(pin) = &mut self.login {
            *pin = Pin::new(new.to_vec());
        }
        // What was verified was the old one: the next command verifies the new.
        self.selected = false;
        Ok(())
    }

    /// C_SetPIN of the officer's: the PUK.
    ///
    /// # Errors
    /// As [`Self::change_pin`].
    pub fn change_puk(&mut self, old: &[u8], new: &[u8]) -> Result<()> {
        self.with(|shield| shield.change_puk(old, new))
            .map_err(|error| self.forget(&Login::Officer(Pin::new(old.to_vec())), error))?;
        if let Login::Officer(puk) = &mut self.login {
            *puk = Pin::new(new.to_vec());
        }
        Ok(())
    }

    /// C_InitPIN: a new PIN, by the PUK.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN unless the officer is; CKR_PIN_INVALID, CKR_PIN_LEN_RANGE.
    pub fn init_pin(&mut self, new: &[u8]) -> Result<()> {
        let Login::Officer(puk) = self.login.clone() else { return Err(Ckr::USER_NOT_LOGGED_IN) };
        self.check_length(new)?;
        self.with(|shield| shield.unblock(&puk, new))
            .map_err(|error| self.forget(&Login::Officer(puk), error))
    }

    /// What a refused PIN or PUK means. When it is the one that is kept, another program has changed it: it is forgotten,
    /// so that it costs one try and not all of them.
    fn forget(&mut self, sent: &Login, error: Error) -> Ckr {
        let refused = error.tries().is_some() || error.status() == Some(StatusWord::BLOCKED);
        if refused && self.login == *sent {
            self.login = Login::Public;
        }
        wrong_pin(error)
    }

    /// The token says "too easy or of a wrong length" in one word; PKCS#11 has two.
    fn check_length(&mut self, pin: &[u8]) -> Result<()> {
        let [shortest, longest] = self.information()?.pin_length;
        if (usize::from(shortest)..=usize::from(longest)).contains(&pin.len()) {
            Ok(())
        } else {
            Err(Ckr::PIN_LEN_RANGE)
        }
    }

    /// C_Login as CKU_CONTEXT_SPECIFIC: whether this is the PIN.
    ///
    /// # Errors
    /// CKR_PIN_INCORRECT, CKR_PIN_LOCKED.
    pub fn check_pin(&mut self, pin: &[u8]) -> Result<()> {
        self.with(|shield| shield.verify(pin))
            .map_err(|error| self.forget(&Login::User(Pin::new(pin.to_vec())), error))
    }

    /// What the token holds, as objects. Private data objects are there for the user only.
    ///
    /// # Errors
    /// The line's.
    pub fn objects(&mut self, payment_key: PaymentKey) -> Result<Vec<Object>> {
        self.with(|shield| {
            let mut objects = Vec::new();
            for head in shield.contents()? {
                let public_key = match &head.key {
                    Some(_) => shield.public_key(head.container)?,
                    None => None,
                };
                let certificate = match &head.certificate {
                    // One that nobody can unpack is shown to nobody, and hides nothing else.
                    Some(_) => match shield.certificate(head.container) {
                        Err(Error::Nonsense(_)) => None,
                        other => other?,
                    },
                    None => None,
                };
                let noted =
                    [&head.key.as_ref().map(|key| key.noted), &head.certificate.as_ref().map(|of| of.noted)];
                let mut notes = [Vec::new(), Vec::new()];
                if *noted[0] == Some(true) {
                    notes[0] = shield.key_notes(head.container)?;
                }
                if *noted[1] == Some(true) {
                    notes[1] = shield.certificate_notes(head.container)?;
                }
                let held = object::Held { head, public_key, certificate, notes };
                objects.extend(object::show(&held, payment_key));
            }
            for head in shield.data_objects()? {
                objects.push(object::show_data(head.number, &shield.read_data(head.number)?));
            }
            Ok(objects)
        })
        .map_err(Ckr::from)
    }

    /// Changes what the token holds: a command of the shield applet's that wants the PIN.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN, CKR_DEVICE_MEMORY, and the line's.
    pub fn change<T>(
        &mut self,
        work: impl FnOnce(&mut Shield<'_>) -> core::result::Result<T, Error>,
    ) -> Result<T> {
        if !matches!(self.login, Login::User(_)) {
            return Err(Ckr::USER_NOT_LOGGED_IN);
        }
        Ok(self.with(work)?)
    }

    /// C_InitToken: everything but the payment key goes, and the token gets a label.
    ///
    /// # Errors
    /// CKR_PIN_INCORRECT, CKR_PIN_LOCKED.
    pub fn initialise(&mut self, puk: &[u8], label: &str) -> Result<()> {
        self.with(|shield| shield.initialise(puk, label)).map_err(wrong_pin)
    }

    /// Random numbers of the token's.
    ///
    /// # Errors
    /// The line's.
    pub fn random(&mut self, length: usize) -> Result<Zeroizing<Vec<u8>>> {
        let mut random = Zeroizing::new(vec![0; length]);
        self.with(|shield| shield.random(&mut random))?;
        Ok(random)
    }

    /// Applies a private key. `pin` is the one for this operation alone, which a key that wants one each time needs;
    /// VERIFY and the operation are one transaction.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN, and the token's.
    pub fn operate(
        &mut self,
        key: &Key,
        pin: Option<&Pin>,
        uses: Uses,
        input: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>> {
        if key.container == Container::Payment {
            return Err(Ckr::KEY_FUNCTION_NOT_PERMITTED);
        }
        let pin = match (key.pin, pin) {
            // The PIN for an operation was kept with the login, and is forgotten with it.
            (PinPolicy::Always, Some(_)) if !matches!(self.login, Login::User(_)) => {
                return Err(Ckr::USER_NOT_LOGGED_IN);
            }
            (PinPolicy::Always, None) => return Err(Ckr::USER_NOT_LOGGED_IN),
            (PinPolicy::Always, pin) => pin,
            _ => None,
        };
        let outcome = self.with(|shield| {
            if let Some(pin) = pin {
                shield.verify(pin)?;
            }
            shield.use_key(key.container, uses, input)
        });
        if matches!(outcome, Err(Error::Refused(StatusWord::SECURITY_NOT_SATISFIED))) {
            // Somebody else made the token forget the PIN.
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

/// What a refusal means where the data is a PIN.
fn wrong_pin(error: Error) -> Ckr {
    match error {
        // No PIN of this token has that form: it cannot be the right one, and no try was spent.
        Error::Invalid(_) | Error::Refused(StatusWord::WRONG_DATA) => Ckr::PIN_INCORRECT,
        error => error.into(),
    }
}
