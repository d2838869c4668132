//! PIN and PUK: the one place that decides whether the holder is there.
//!
//! A try is paid durably before the compare and given back after success, so that cutting the power buys no guess
//! (DESIGN of the counter: GM/T 0027 9.2 b). The first VERIFY after plug-in stretches the candidate and unwraps
//! the vault key with it, which is the compare; later ones compare a keyed digest held in RAM.

// The order is the law: a module uses only modules listed below it.
mod lock;
mod form;
mod remembered;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use zeroize::Zeroizing;

pub(crate) use self::lock::{Salts, known_codes, lock_known};
use self::{lock::known, remembered::Remembered};
use crate::{
    crypto::{Job, Memory, OpeningKey, Outcome},
    profile::Profile,
    record::{Keeper, Locks, Tries},
    refusal::Refusal,
    seams::{CryptoRng, RecordName, Storage},
};

/// The PIN that banks hand shields out with. It must be changed before the payment key works.
pub const FACTORY_PIN: &[u8] = b"12345678";

/// The PUK that everybody knows, where nothing is at stake.
pub const FACTORY_PUK: &[u8] = b"12345678";

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// The holder's PIN.
    Pin,
    /// The counter's unblocking key.
    Puk,
}

/// Proof that the PIN was verified. This module alone makes it.
#[derive(Debug)]
pub struct Verified(());

/// Proof that the PUK was right just now. This module alone makes it.
#[derive(Debug)]
pub struct Officer(());

/// What a key operation brings along as proof.
#[derive(Debug)]
pub enum PinProof<'a> {
    /// No PIN was verified.
    Never,
    /// The PIN was verified some time since the last reset.
    Once(#[expect(dead_code, reason = "a proof is carried, not read")] &'a Verified),
    /// The PIN was verified just before; the proof is spent here.
    Always(Verified),
}

/// How far a PIN command has come.
#[derive(Debug)]
pub enum Progress {
    /// Done.
    Done,
    /// A PIN must be stretched first.
    Work(Job),
}

/// What follows when the candidate is right.
enum Then {
    Verify,
    Replace {
        target: Reference,
        new: Zeroizing<Vec<u8>>,
        salt: [u8; 16],
    },
    /// The PUK was right: that is all.
    Prove,
}

impl Then {
    /// Whether it sets a new one of these.
    fn sets(&self, reference: Reference) -> bool {
        matches!(self, Self::Replace { target, .. } if *target == reference)
    }
}

/// A candidate whose try is paid, waiting to be stretched.
struct Task {
    reference: Reference,
    candidate: Zeroizing<Vec<u8>>,
    then: Then,
}

/// The PIN and PUK of one token.
pub(crate) struct Pins {
    tries: Tries,
    full: Tries,
    length: (u8, u8),
    known: u8,
    once: Option<Verified>,
    fresh: Option<Verified>,
    officer: Option<Officer>,
    remembered: Option<Remembered>,
    opening: Option<OpeningKey>,
    task: Option<Task>,
}

impl Pins {
    /// Reads the tries and locks of a token that exists.
    pub(crate) fn open(keeper: &Keeper, storage: &impl Storage, profile: &Profile) -> Result<Self, Refusal> {
        let full = keeper
            .load(storage, RecordName::Limits)?
            .unwrap_or(Tries { pin: profile.pin_tries, puk: profile.puk_tries });
        let missing = Refusal::Missing(RecordName::Tries);
        let mut tries: Tries = keeper.load(storage, RecordName::Tries)?.ok_or(missing)?;
        if storage.is_doubtful(RecordName::Tries) {
            // What was lost may have paid a try of either: damage never gives one back. The next VERIFY writes it down.
            tries = Tries { pin: tries.pin.saturating_sub(1), puk: tries.puk.saturating_sub(1) };
        }
        tries = Tries { pin: tries.pin.min(full.pin), puk: tries.puk.min(full.puk) };
        let locks: Locks = keeper.load(storage, RecordName::Pin)?.ok_or(Refusal::Fault)?;
        Ok(Self {
            tries,
            full,
            length: profile.pin_length,
            known: locks.known,
            once: None,
            fresh: None,
            officer: None,
            remembered: None,
            opening: None,
            task: None,
        })
    }

    /// Writes the first PIN and PUK: both wrap the same vault key. No PIN is the factory's.
    pub(crate) fn manufacture(
        keeper: &Keeper,
        storage: &mut impl Storage,
        rng: &mut impl CryptoRng,
        memory: &mut Memory,
        profile: &Profile,
        codes: (Option<&[u8]>, &[u8]),
        opening: &OpeningKey,
    ) -> Result<(), Refusal> {
        let locks = lock::first(keeper, rng, memory, profile, codes, opening)?;
        keeper.save(storage, RecordName::Pin, &locks)?;
        keeper.save(storage, RecordName::Tries, &Tries { pin: profile.pin_tries, puk: profile.puk_tries })
    }

    /// Tries left, PIN then PUK, and the most of each.
    pub(crate) const fn tries(&self) -> [u8; 4] {
        [self.tries.pin, self.tries.puk, self.full.pin, self.full.puk]
    }

    /// Tries left of one.
    pub(crate) const fn left(&self, reference: Reference) -> u8 {
        match reference {
            Reference::Pin => self.tries.pin,
            Reference::Puk => self.tries.puk,
        }
    }

    /// Whether the PIN is still the factory's.
    pub(crate) const fn is_factory(&self) -> bool {
        self.known & known::PIN != 0
    }

    /// Whether the PUK is the one that everybody knows.
    pub(crate) const fn is_factory_puk(&self) -> bool {
        self.known & known::PUK != 0
    }

    /// Whether the PUK was set to that one and must be changed before the payment key works.
    pub(crate) const fn must_change_puk(&self) -> bool {
        self.known & known::PUK_SET != 0
    }

    /// Whether the PIN was verified since the last reset.
    pub(crate) const fn verified(&self) -> Option<&Verified> {
        self.once.as_ref()
    }

    /// Takes the proof of a verification just before; there is one for each VERIFY.
    pub(crate) const fn take_fresh(&mut self) -> Option<Verified> {
        self.fresh.take()
    }

    /// The vault key that a right PIN or PUK unwrapped, once.
    pub(crate) const fn take_opening(&mut self) -> Option<OpeningKey> {
        self.opening.take()
    }

    /// Forgets that the PIN was verified (reset, or VERIFY with P1 'FF'), and a command under way. A candidate that
    /// waits to be stretched will never be compared: its try is given back, so that a lost line costs nothing. A
    /// power cut, which leaves no time for this, costs the try.
    pub(crate) fn forget(&mut self, keeper: &Keeper, storage: &mut impl Storage) {
        self.once = None;
        self.fresh = None;
        self.officer = None;
        if let Some(task) = self.task.take() {
            self.give_back(keeper, storage, task.reference);
        }
    }

    /// Gives a try back, durably, whose candidate was not compared and never will be.
    fn give_back(&mut self, keeper: &Keeper, storage: &mut impl Storage, reference: Reference) {
        let mut tries = self.tries;
        match reference {
            Reference::Pin => tries.pin = tries.pin.saturating_add(1).min(self.full.pin),
            Reference::Puk => tries.puk = tries.puk.saturating_add(1).min(self.full.puk),
        }
        if keeper.save(storage, RecordName::Tries, &tries).is_ok() {
            self.tries = tries;
        }
    }

    /// Forgets all that RAM held (power off).
    pub(crate) fn power_off(&mut self, keeper: &Keeper, storage: &mut impl Storage) {
        self.forget(keeper, storage);
        self.remembered = None;
        self.opening = None;
    }

    /// VERIFY.
    pub(crate) fn verify(
        &mut self,
        keeper: &Keeper,
        storage: &mut impl Storage,
        candidate: &[u8],
    ) -> Result<Progress, Refusal> {
        self.begin(keeper, storage, Reference::Pin, candidate, Then::Verify)
    }

    /// CHANGE REFERENCE DATA (`proof` and `target` alike) and RESET RETRY COUNTER (the PUK proves, the PIN is set).
    pub(crate) fn replace(
        &mut self,
        keeper: &Keeper,
        storage: &mut impl Storage,
        rng: &mut impl CryptoRng,
        (proof, candidate): (Reference, &[u8]),
        (target, new): (Reference, &[u8]),
    ) -> Result<Progress, Refusal> {
        if (proof, target, candidate) == (Reference::Puk, Reference::Puk, new) {
            // Nothing new: how a host asks whether it knows the PUK, be it an easy one.
            return self.prove(keeper, storage, candidate);
        }
        form::check_new(target, new, self.length)?; // before a try is paid: it says nothing about the old one
        let mut salt = [0; 16];
        rng.fill_bytes(&mut salt);
        let then = Then::Replace { target, new: Zeroizing::new(new.to_vec()), salt };
        self.begin(keeper, storage, proof, candidate, then)
    }

    /// Whether this is the PUK; [`Self::take_officer`] has the proof.
    pub(crate) fn prove(
        &mut self,
        keeper: &Keeper,
        storage: &mut impl Storage,
        puk: &[u8],
    ) -> Result<Progress, Refusal> {
        self.begin(keeper, storage, Reference::Puk, puk, Then::Prove)
    }

    /// Takes the proof that the PUK was right in the command before.
    pub(crate) const fn take_officer(&mut self) -> Option<Officer> {
        self.officer.take()
    }

    /// Pays the try, then compares with what RAM remembers, or asks for the stretching.
    fn begin(
        &mut self,
        keeper: &Keeper,
        storage: &mut impl Storage,
        reference: Reference,
        candidate: &[u8],
        then: Then,
    ) -> Result<Progress, Refusal> {
        self.task = None;
        self.officer = None;
        if self.left(reference) == 0 {
            return Err(Refusal::PinBlocked);
        }
        if !form::fits(reference, candidate, self.length) {
            return Err(Refusal::WrongData); // it cannot be the PIN: no try is spent
        }
        if reference == Reference::Pin {
            self.once = None;
            self.fresh = None;
        }
        self.pay(keeper, storage, reference)?;
        match (&then, &self.remembered) {
            (Then::Verify, Some(remembered)) if remembered.matches(candidate) => {
                self.settle(keeper, storage)?;
                Ok(Progress::Done)
            }
            (Then::Verify, Some(_)) => self.wrong(reference),
            _ => self.stretch(
                keeper,
                storage,
                Task { reference, candidate: Zeroizing::new(candidate.to_vec()), then },
            ),
        }
    }

    fn stretch(&mut self, keeper: &Keeper, storage: &impl Storage, task: Task) -> Result<Progress, Refusal> {
        let locks: Locks = keeper.load(storage, RecordName::Pin)?.ok_or(Refusal::Fault)?;
        let lock = match task.reference {
            Reference::Pin => locks.pin,
            Reference::Puk => locks.puk,
        };
        let mut jobs = lock::stretch(keeper, lock.cost, &[(&task.candidate, lock.salt)]);
        if let (Then::Replace { new, salt, .. }, Job::Stretch(work)) = (&task.then, &mut jobs) {
            work.inputs.push((new.clone(), *salt));
        }
        self.task = Some(task);
        Ok(Progress::Work(jobs))
    }

    /// Goes on with a stretched PIN. One that could not be stretched is not compared, and its try comes back: a host that
    /// asks again while there is no memory blocks nothing.
    ///
    /// # Errors
    /// `PinWrong`, it could not be stretched, or the state could not be written.
    pub(crate) fn finish(
        &mut self,
        keeper: &Keeper,
        storage: &mut impl Storage,
        rng: &mut impl CryptoRng,
        outcome: Outcome,
    ) -> Result<(), Refusal> {
        let task = self.task.take().ok_or(Refusal::Fault)?;
        let stretched = match lock::stretched(outcome) {
            Ok(stretched) => stretched,
            Err(refusal) => {
                self.give_back(keeper, storage, task.reference);
                return Err(refusal);
            }
        };
        let mut locks: Locks = keeper.load(storage, RecordName::Pin)?.ok_or(Refusal::Fault)?;
        let lock = match task.reference {
            Reference::Pin => &locks.pin,
            Reference::Puk => &locks.puk,
        };
        if task.then.sets(Reference::Pin) {
            // A proof made with the old PIN ends with it, and SP 800-73-4 part 2, 3.2.3 wants a wrong PUK to end it, too.
            (self.once, self.fresh) = (None, None);
        }
        let Some(opening) = lock::open(lock, stretched.first().ok_or(Refusal::Fault)?)? else {
            return self.wrong(task.reference);
        };
        if let Then::Replace { target, new, salt } = &task.then {
            let closed =
                lock::close(stretched.get(1).ok_or(Refusal::Fault)?, *salt, lock.cost, &opening, rng)?;
            match target {
                Reference::Pin => {
                    locks.pin = closed;
                    locks.known &= !known::PIN;
                }
                Reference::Puk => {
                    locks.puk = closed;
                    locks.known &= !(known::PUK | known::PUK_SET);
                }
            }
            if *target == Reference::Pin {
                // Should the write fail, nobody knows which of the two it is now: the next VERIFY asks what is stored.
                self.remembered = None;
            }
            keeper.save(storage, RecordName::Pin, &locks)?;
            self.known = locks.known;
            if *target == Reference::Pin {
                self.remembered = Some(Remembered::new(new, rng));
                self.opening = Some(opening);
            }
            self.refill(keeper, storage, [task.reference, *target])?;
            if (task.reference, *target) == (Reference::Pin, Reference::Pin) {
                // 3.2.2: the PIN counts as verified, the new one. Not as a proof for one use: a holder who changes the
                // PIN did not mean to sign.
                self.once = Some(Verified(()));
            }
            return Ok(());
        }
        if matches!(task.then, Then::Prove) {
            self.refill(keeper, storage, [task.reference; 2])?;
            self.officer = Some(Officer(()));
            return Ok(());
        }
        self.remembered = Some(Remembered::new(&task.candidate, rng));
        self.opening = Some(opening);
        self.settle(keeper, storage)
    }

    /// A new PIN or PUK is stored: its tries are full again, and so are those of the one that proved it.
    fn refill(
        &mut self,
        keeper: &Keeper,
        storage: &mut impl Storage,
        which: [Reference; 2],
    ) -> Result<(), Refusal> {
        let mut tries = self.tries;
        for reference in which {
            match reference {
                Reference::Pin => tries.pin = self.full.pin,
                Reference::Puk => tries.puk = self.full.puk,
            }
        }
        keeper.save(storage, RecordName::Tries, &tries)?;
        self.tries = tries;
        Ok(())
    }

    /// Pays a try, durably. When that fails the try counts as paid here and nothing is compared.
    fn pay(
        &mut self,
        keeper: &Keeper,
        storage: &mut impl Storage,
        reference: Reference,
    ) -> Result<(), Refusal> {
        match reference {
            Reference::Pin => self.tries.pin = self.tries.pin.saturating_sub(1),
            Reference::Puk => self.tries.puk = self.tries.puk.saturating_sub(1),
        }
        keeper.save(storage, RecordName::Tries, &self.tries)
    }

    /// The PIN was right: its tries are full again, and it counts as verified. Should a power cut lose the refund,
    /// the next right PIN brings it.
    fn settle(&mut self, keeper: &Keeper, storage: &mut impl Storage) -> Result<(), Refusal> {
        let tries = Tries { pin: self.full.pin, ..self.tries };
        keeper.save_soon(storage, RecordName::Tries, &tries)?;
        self.tries = tries;
        self.once = Some(Verified(()));
        self.fresh = Some(Verified(()));
        Ok(())
    }

    /// The candidate was wrong; the try stays paid.
    const fn wrong<T>(&self, reference: Reference) -> Result<T, Refusal> {
        Err(Refusal::PinWrong { left: self.left(reference) })
    }
}
