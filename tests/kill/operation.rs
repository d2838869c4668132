//! A client that keeps changing the token's state over USB/IP, and writes down in the model what it was told.

use std::{
    path::Path,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::Sender,
    },
    thread,
    time::{Duration, Instant},
};

use authority::moment::Validity;
use card::{
    Card, Error,
    piv::Piv,
    road::{self, Selection},
    shield::Shield,
};
use cert_tool::enrol::{self, Enrolment, Silent, Wish};
use chacha20::{ChaCha20Rng, rand_core::Rng};
use terminal::secret::Secret;
use ushield_tests::bank::{Bank, NAME, USER_ID};
use wire::{
    algorithm::KeyAlgorithm,
    apdu::StatusWord,
    piv::{Algorithm, Slot, object},
    shield::{Container, Information},
};

use crate::{
    Fault,
    model::{FULL, May, Model, PINS},
};

const WRONG_PIN: &[u8] = b"000001";
const WRONG_PUK: &[u8] = b"00000001";
/// The PUK of tokens that begin with a chosen PIN.
const PUK: &[u8] = b"12345678";
/// 0102…08 three times, as from the factory.
const MANAGEMENT: [u8; 24] = [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8];

/// Where the kill hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// While a command that changes the state had no answer yet.
    Inside,
    /// Between two of them.
    Outside,
}

/// What came of a command.
pub enum Said<T> {
    Yes(T),
    No(StatusWord),
    /// The server was killed meanwhile.
    Lost,
}

/// Finds the one token there and powers it.
pub fn plug(address: &str) -> Result<Card, Fault> {
    road::open(&Selection::usbip(address)).map_err(|error| format!("the token is not there: {error}"))
}

/// The client.
pub struct Hand<'a> {
    pub address: String,
    /// The algorithm of the payment key.
    pub algorithm: KeyAlgorithm,
    pub rng: ChaCha20Rng,
    pub bank: &'a mut Bank,
    pub model: &'a mut Model,
    pub killed: &'a AtomicBool,
}

/// Leaves the operation when the line is gone.
macro_rules! answered {
    ($hand:expr, $name:expr, $said:expr) => {
        match $hand.hear($said)? {
            Said::Lost => {
                $hand.model.count($name, false);
                return Ok(Some(End::Inside));
            }
            said => {
                $hand.model.count($name, true);
                said
            }
        }
    };
}

/// The kill, if there was one; otherwise everything went on as it must.
type Course = Result<Option<End>, Fault>;

impl Hand<'_> {
    /// Looks at the token, then changes the token until the server is killed. Calls `tell` when `before` operations are done.
    pub fn work(&mut self, place: &Path, before: u32, tell: &Sender<()>) -> Result<End, Fault> {
        let mut card = plug(&self.address)?;
        self.look(&mut card, place)?;
        let begin = Instant::now();
        for number in 0.. {
            if number == before {
                let _ = tell.send(());
            }
            if begin.elapsed() > Duration::from_secs(300) {
                return Err("the server is not killed".into());
            }
            if self.below(8) == 0 {
                drop(card);
                match plug(&self.address) {
                    Ok(again) => card = again,
                    Err(_) if self.is_killed() => return Ok(End::Outside),
                    Err(fault) => return Err(fault),
                }
            }
            if self.below(4) == 0 {
                thread::sleep(Duration::from_micros(u64::from(self.below(10_000))));
            }
            if let Some(end) = self.operate(&mut card)? {
                return Ok(end);
            }
        }
        unreachable!("an endless loop")
    }

    fn operate(&mut self, card: &mut Card) -> Course {
        let [tries, puk_tries] = [0, 1].map(|which| *self.model.tries[which].former());
        // A kill inside an operation leaves its try spent, and only a success brings the tries back: the last one is not risked.
        match self.below(16) {
            _ if tries <= 1 && puk_tries > 1 => self.unblock(card),
            0 | 1 => self.put_object(card),
            2 | 3 => self.make_signature_key(card),
            4 | 5 if tries > 3 => self.wrong_pin(card),
            6 if tries > 3 => self.change_by_wrong_pin(card),
            7 if puk_tries > 3 => self.unblock_by_wrong_puk(card),
            7 | 8 if puk_tries > 1 => self.unblock(card),
            9 | 10 => self.change_pin(card),
            11 | 12 => self.make_pending_key(card),
            13 | 14 => self.enrol(card),
            _ => self.right_pin(card),
        }
    }

    fn pin(&self) -> &'static [u8] {
        PINS[*self.model.pin.former()]
    }

    fn right_pin(&mut self, card: &mut Card) -> Course {
        let Some(mut shield) = self.shield(card)? else { return Ok(Some(End::Outside)) };
        self.model.paying(0, true);
        let said = answered!(self, "VERIFY", shield.verify(self.pin()));
        self.must("VERIFY with the right PIN", said)?;
        self.model.tries[0] = May::is(FULL);
        Ok(None)
    }

    fn wrong_pin(&mut self, card: &mut Card) -> Course {
        let Some(mut shield) = self.shield(card)? else { return Ok(Some(End::Outside)) };
        self.model.paying(0, false);
        let said = answered!(self, "VERIFY, wrong", shield.verify(WRONG_PIN));
        self.spent(0, said)
    }

    fn change_by_wrong_pin(&mut self, card: &mut Card) -> Course {
        let Some(mut shield) = self.shield(card)? else { return Ok(Some(End::Outside)) };
        self.model.paying(0, false);
        let said = answered!(self, "change of PIN, wrong", shield.change_pin(WRONG_PIN, b"864208"));
        self.spent(0, said)
    }

    fn unblock_by_wrong_puk(&mut self, card: &mut Card) -> Course {
        let Some(mut shield) = self.shield(card)? else { return Ok(Some(End::Outside)) };
        self.model.paying(1, false);
        let said = answered!(self, "unblock, wrong PUK", shield.unblock(WRONG_PUK, b"864208"));
        self.spent(1, said)
    }

    fn change_pin(&mut self, card: &mut Card) -> Course {
        let Some(mut shield) = self.shield(card)? else { return Ok(Some(End::Outside)) };
        let (old, new) = (*self.model.pin.former(), 1 - self.model.pin.former());
        self.model.paying(0, true);
        self.model.pin.or(new);
        let said = answered!(self, "change of PIN", shield.change_pin(PINS[old], PINS[new]));
        self.must("the change of PIN", said)?;
        self.model.pin = May::is(new);
        self.model.tries[0] = May::is(FULL);
        Ok(None)
    }

    fn unblock(&mut self, card: &mut Card) -> Course {
        let Some(mut shield) = self.shield(card)? else { return Ok(Some(End::Outside)) };
        let new = 1 - self.model.pin.former();
        self.model.paying(1, true);
        self.model.tries[0].or(FULL);
        self.model.pin.or(new);
        let said = answered!(self, "unblock", shield.unblock(PUK, PINS[new]));
        self.must("unblock with the right PUK", said)?;
        self.model.pin = May::is(new);
        self.model.tries = [May::is(FULL), May::is(FULL)];
        Ok(None)
    }

    fn make_pending_key(&mut self, card: &mut Card) -> Course {
        if let Some(end) = self.right_pin(card)? {
            return Ok(Some(end));
        }
        let Some(mut shield) = self.shield(card)? else { return Ok(Some(End::Outside)) };
        self.model.pending.or_new();
        let said = answered!(self, "GENERATE", shield.generate(Container::Payment, self.algorithm));
        self.model.pending = May::is(Some(self.must("GENERATE", said)?));
        Ok(None)
    }

    fn put_object(&mut self, card: &mut Card) -> Course {
        let mut content = vec![0; usize::try_from(self.below(3_000)).unwrap_or_default()];
        self.rng.fill_bytes(&mut content);
        let Some(mut piv) = self.managed(card)? else { return Ok(Some(End::Outside)) };
        let wanted = (!content.is_empty()).then(|| content.clone());
        self.model.object.or(wanted.clone());
        let said = answered!(self, "PUT DATA", piv.put_data_object(object::KEY_HISTORY, &content));
        self.must("PUT DATA", said)?;
        self.model.object = May::is(wanted);
        Ok(None)
    }

    fn make_signature_key(&mut self, card: &mut Card) -> Course {
        let Some(mut piv) = self.managed(card)? else { return Ok(Some(End::Outside)) };
        self.model.signature_key.or_new();
        let said =
            answered!(self, "GENERATE ASYMMETRIC KEY PAIR", piv.generate(Slot::Signature, Algorithm::P256));
        self.model.signature_key = May::is(Some(self.must("GENERATE ASYMMETRIC KEY PAIR", said)?));
        Ok(None)
    }

    /// The shield applet, selected; `None` when the server was killed. Nothing changes on the token.
    fn shield<'c>(&self, card: &'c mut Card) -> Result<Option<Shield<'c>>, Fault> {
        match self.hear(Shield::select(card))? {
            Said::Lost => Ok(None),
            said => self.must("SELECT", said).map(Some),
        }
    }

    /// As [`Self::shield`], for PIV with the management key.
    fn managed<'c>(&self, card: &'c mut Card) -> Result<Option<Piv<'c>>, Fault> {
        let piv = Piv::select(card).and_then(|mut piv| {
            piv.authenticate_management(Algorithm::Tdes, &MANAGEMENT)?;
            Ok(piv)
        });
        match self.hear(piv)? {
            Said::Lost => Ok(None),
            said => self.must("the management key", said).map(Some),
        }
    }

    fn enrol(&mut self, card: &mut Card) -> Course {
        let Some(mut shield) = self.shield(card)? else { return Ok(Some(End::Outside)) };
        let pin = self.pin();
        self.model.paying(0, true);
        self.model.pending.or_new();
        self.model.personal_id.or_new();
        let wish = Wish::Enrol { name: NAME, user_id: USER_ID, replace: true };
        let enrolment = Enrolment { wish, brand: None, validity: Validity::Days(30), factory: None };
        let mut ask = |_: &Information| Ok(Secret::from(pin));
        let done = enrol::enrol(&mut shield, &mut self.bank.authority, &enrolment, &mut ask, &mut Silent);
        self.model.count("enrolment", done.is_ok());
        match done {
            Ok(enrolled) => {
                self.model.tries[0] = May::is(FULL);
                self.model.pending = May::is(None);
                let certificates = [enrolled.payment.der, enrolled.authentication.der];
                self.model.personal_id = May::is(Some(certificates));
                Ok(None)
            }
            Err(_) if self.is_killed() => Ok(Some(End::Inside)),
            Err(error) => Err(format!("enrolment: {error}")),
        }
    }

    /// The answer to a wrong PIN or PUK: one try less than there were.
    fn spent(&mut self, which: usize, said: Said<()>) -> Course {
        let left = *self.model.tries[which].former() - 1;
        match said {
            Said::No(word) if word.tries() == Some(left) => {
                self.model.tries[which] = May::is(left);
                Ok(None)
            }
            Said::No(word) => Err(format!("{left} tries should be left after a wrong one, not {word}")),
            _ => Err("a wrong PIN or PUK was taken".into()),
        }
    }

    fn must<T>(&self, what: &str, said: Said<T>) -> Result<T, Fault> {
        match said {
            Said::Yes(value) => Ok(value),
            Said::No(word) => Err(format!("{what} was refused: {word}")),
            Said::Lost => Err(format!("the line was lost at {what}")),
        }
    }

    /// A lost line is a fault while the server lives.
    pub fn hear<T>(&self, result: Result<T, Error>) -> Result<Said<T>, Fault> {
        match result {
            Ok(value) => Ok(Said::Yes(value)),
            Err(Error::Refused(word) | Error::PukRefused(word)) => Ok(Said::No(word)),
            Err(_) if self.is_killed() => Ok(Said::Lost),
            Err(error) => Err(format!("before the kill: {error}")),
        }
    }

    fn is_killed(&self) -> bool {
        self.killed.load(Ordering::SeqCst)
    }

    fn below(&mut self, end: u32) -> u32 {
        self.rng.next_u32() % end
    }
}
