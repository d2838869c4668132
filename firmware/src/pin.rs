//! PIN and PUK: the one place that decides whether the holder is there.
//!
//! A try is paid durably before the candidate is compared, and given back when the candidate was right, so that cutting the
//! power buys no guess (GM/T 0027 9.2 b). The first VERIFY after plug-in stretches the candidate and unwraps the vault key
//! with it: if it unwraps, the candidate is right. A later VERIFY compares with a keyed digest that RAM holds.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
mod lock;
mod form;
mod remembered;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

pub use wire::pin::Reference;
use zeroize::Zeroizing;

pub(crate) use self::{
    form::fits,
    lock::{Salts, known_codes, lock_known},
};
use self::{lock::known, remembered::Remembered};
use crate::{
    crypto::{Job, Memory, OpeningKey, Outcome},
    profile::Profile,
    record::{Locks, Store, Tries},
    refusal::Refusal,
    seams::{CryptoRng, RecordName, Storage},
};

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
    /// Whether a right candidate sets a new PIN, or a new PUK (`reference`).
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
    pub(crate) fn open(
        store: &Store<impl Storage, impl CryptoRng>,
        profile: &Profile,
    ) -> Result<Self, Refusal> {
        let full = store
            .load(RecordName::Limits)?
            .unwrap_or(Tries { pin: profile.brand.pin_tries, puk: profile.brand.puk_tries });
        let missing = Refusal::Missing(RecordName::Tries);
        let mut tries: Tries = store.load(RecordName::Tries)?.ok_or(missing)?;
        if store.storage.is_doubtful(RecordName::Tries) {
            // The newer record that was lost may have paid a try of the PIN or of the PUK. Damage never gives a try back, so
            // each loses one here, and the next VERIFY writes that down.
            tries = Tries { pin: tries.pin.saturating_sub(1), puk: tries.puk.saturating_sub(1) };
        }
        tries = Tries { pin: tries.pin.min(full.pin), puk: tries.puk.min(full.puk) };
        let locks: Locks = store.load(RecordName::Pin)?.ok_or(Refusal::Fault)?;
        Ok(Self {
            tries,
            full,
            length: profile.brand.pin_length,
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
        store: &mut Store<impl Storage, impl CryptoRng>,
        memory: &mut Memory,
        profile: &Profile,
        codes: (Option<&[u8]>, &[u8]),
        opening: &OpeningKey,
    ) -> Result<(), Refusal> {
        let locks = lock::first(store, memory, profile, codes, opening)?;
        store.save(RecordName::Pin, &locks)?;
        store.save(RecordName::Tries, &Tries { pin: profile.brand.pin_tries, puk: profile.brand.puk_tries })
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

    /// Whether a reset set the PUK that everybody knows, so that it must be changed before the payment key works.
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

    /// Forgets that the PIN was verified (reset, or VERIFY with P1 'FF'), and a command under way. A candidate that waits to
    /// be stretched will never be compared, so its try is given back, and a lost line costs nothing. A power cut leaves no
    /// time to give the try back, and costs it.
    pub(crate) fn forget(&mut self, store: &mut Store<impl Storage, impl CryptoRng>) {
        self.once = None;
        self.fresh = None;
        self.officer = None;
        if let Some(task) = self.task.take() {
            self.give_back(store, task.reference);
        }
    }

    /// Gives a try back, durably, whose candidate was not compared and never will be.
    fn give_back(&mut self, store: &mut Store<impl Storage, impl CryptoRng>, reference: Reference) {
        let mut tries = self.tries;
        match reference {
            Reference::Pin => tries.pin = tries.pin.saturating_add(1).min(self.full.pin),
            Reference::Puk => tries.puk = tries.puk.saturating_add(1).min(self.full.puk),
        }
        if store.save(RecordName::Tries, &tries).is_ok() {
            self.tries = tries;
        }
    }

    /// Forgets all that RAM held (power off).
    pub(crate) fn power_off(&mut self, store: &mut Store<impl Storage, impl CryptoRng>) {
        self.forget(store);
        self.remembered = None;
        self.opening = None;
    }

    /// VERIFY.
    pub(crate) fn verify(
        &mut self,
        store: &mut Store<impl Storage, impl CryptoRng>,
        candidate: &[u8],
    ) -> Result<Progress, Refusal> {
        self.begin(store, Reference::Pin, candidate, Then::Verify)
    }

    /// CHANGE REFERENCE DATA (`proof` and `target` alike) and RESET RETRY COUNTER (the PUK proves, the PIN is set).
    pub(crate) fn replace(
        &mut self,
        store: &mut Store<impl Storage, impl CryptoRng>,
        (proof, candidate): (Reference, &[u8]),
        (target, new): (Reference, &[u8]),
    ) -> Result<Progress, Refusal> {
        if (proof, target, candidate) == (Reference::Puk, Reference::Puk, new) {
            // Old and new are the same: so a host asks whether it knows the PUK. No new PUK is judged for being easy then.
            return self.prove(store, candidate);
        }
        // The new one is judged before a try is paid: the answer says nothing about the old one.
        form::check_new(target, new, self.length)?;
        let then = Then::Replace { target, new: Zeroizing::new(new.to_vec()), salt: store.random() };
        self.begin(store, proof, candidate, then)
    }

    /// Whether this is the PUK; [`Self::take_officer`] has the proof.
    pub(crate) fn prove(
        &mut self,
        store: &mut Store<impl Storage, impl CryptoRng>,
        puk: &[u8],
    ) -> Result<Progress, Refusal> {
        self.begin(store, Reference::Puk, puk, Then::Prove)
    }

    /// Takes the proof that the PUK was right in the command before.
    pub(crate) const fn take_officer(&mut self) -> Option<Officer> {
        self.officer.take()
    }

    /// Pays the try, then compares with what RAM remembers, or asks for the stretching.
    fn begin(
        &mut self,
        store: &mut Store<impl Storage, impl CryptoRng>,
        reference: Reference,
        candidate: &[u8],
        then: Then,
    ) -> Result<Progress, Refusal> {
        self.task = None;
        self.officer = None;
        if self.left(reference) == 0 {
            return Err(Refusal::PinBlocked);
        }
        if !fits(reference, candidate, self.length) {
            return Err(Refusal::WrongData); // A candidate of this form cannot be right: no try is spent.
        }
        if reference == Reference::Pin {
            self.once = None;
            self.fresh = None;
        }
        self.pay(store, reference)?;
        match (&then, &self.remembered) {
            (Then::Verify, Some(remembered)) if remembered.matches(candidate) => {
                self.settle(store)?;
                Ok(Progress::Done)
            }
            (Then::Verify, Some(_)) => self.wrong(reference),
            _ => {
                let candidate = Zeroizing::new(candidate.to_vec());
                self.stretch(store, Task { reference, candidate, then })
            }
        }
    }

    fn stretch(
        &mut self,
        store: &Store<impl Storage, impl CryptoRng>,
        task: Task,
    ) -> Result<Progress, Refusal> {
        let locks: Locks = store.load(RecordName::Pin)?.ok_or(Refusal::Fault)?;
        let lock = match task.reference {
            Reference::Pin => locks.pin,
            Reference::Puk => locks.puk,
        };
        let mut jobs = lock::stretch(store.stretching(), lock.cost, &[(&task.candidate, lock.salt)]);
        if let (Then::Replace { new, salt, .. }, Job::Stretch(work)) = (&task.then, &mut jobs) {
            work.inputs.push((new.clone(), *salt));
        }
        self.task = Some(task);
        Ok(Progress::Work(jobs))
    }

    /// Goes on with a stretched candidate. A candidate that could not be stretched is not compared, and its try is given
    /// back: a host that asks again and again while there is no memory does not lock the PIN.
    ///
    /// # Errors
    /// `PinWrong`, it could not be stretched, or the state could not be written.
    pub(crate) fn finish(
        &mut self,
        store: &mut Store<impl Storage, impl CryptoRng>,
        outcome: Outcome,
    ) -> Result<(), Refusal> {
        let task = self.task.take().ok_or(Refusal::Fault)?;
        let stretched = match lock::stretched(outcome) {
            Ok(stretched) => stretched,
            Err(refusal) => {
                self.give_back(store, task.reference);
                return Err(refusal);
            }
        };
        let mut locks: Locks = store.load(RecordName::Pin)?.ok_or(Refusal::Fault)?;
        let lock = match task.reference {
            Reference::Pin => &locks.pin,
            Reference::Puk => &locks.puk,
        };
        if task.then.sets(Reference::Pin) {
            // A proof that was made with the old PIN ends with the old PIN. SP 800-73-4 part 2, 3.2.3 wants a wrong PUK to
            // end it as well.
            (self.once, self.fresh) = (None, None);
        }
        let Some(opening) = lock::open(lock, stretched.first().ok_or(Refusal::Fault)?)? else {
            return self.wrong(task.reference);
        };
        if let Then::Replace { target, new, salt } = &task.then {
            let closed = lock::close(
                stretched.get(1).ok_or(Refusal::Fault)?,
                *salt,
                lock.cost,
                &opening,
                &mut store.rng,
            )?;
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
                // The write below may fail and reach the flash all the same. Then only the stored record tells which PIN holds,
                // the old one or the new one. So RAM forgets the old PIN first, and the next VERIFY asks the record.
                self.remembered = None;
            }
            store.save(RecordName::Pin, &locks)?;
            self.known = locks.known;
            if *target == Reference::Pin {
                self.remembered = Some(Remembered::new(new, &mut store.rng));
                self.opening = Some(opening);
            }
            self.refill(store, [task.reference, *target])?;
            if (task.reference, *target) == (Reference::Pin, Reference::Pin) {
                // 3.2.2: the new PIN counts as verified. It is no proof for one use: a holder who changes the PIN did not mean
                // to sign.
                self.once = Some(Verified(()));
            }
            return Ok(());
        }
        if matches!(task.then, Then::Prove) {
            self.refill(store, [task.reference; 2])?;
            self.officer = Some(Officer(()));
            return Ok(());
        }
        self.remembered = Some(Remembered::new(&task.candidate, &mut store.rng));
        self.opening = Some(opening);
        self.settle(store)
    }

    /// A new PIN or PUK is stored: its tries are full again, and so are those of the one that proved it.
    fn refill(
        &mut self,
        store: &mut Store<impl Storage, impl CryptoRng>,
        which: [Reference; 2],
    ) -> Result<(), Refusal> {
        let mut tries = self.tries;
        for reference in which {
            match reference {
                Reference::Pin => tries.pin = self.full.pin,
                Reference::Puk => tries.puk = self.full.puk,
            }
        }
        store.save(RecordName::Tries, &tries)?;
        self.tries = tries;
        Ok(())
    }

    /// Pays a try, durably. When that fails the try counts as paid here and nothing is compared.
    fn pay(
        &mut self,
        store: &mut Store<impl Storage, impl CryptoRng>,
        reference: Reference,
    ) -> Result<(), Refusal> {
        match reference {
            Reference::Pin => self.tries.pin = self.tries.pin.saturating_sub(1),
            Reference::Puk => self.tries.puk = self.tries.puk.saturating_sub(1),
        }
        store.save(RecordName::Tries, &self.tries)
    }

    /// The PIN was right: its tries are full again, and it counts as verified. When a power cut loses the record of the full
    /// tries, the next right PIN writes it again.
    fn settle(&mut self, store: &mut Store<impl Storage, impl CryptoRng>) -> Result<(), Refusal> {
        let tries = Tries { pin: self.full.pin, ..self.tries };
        store.save_soon(RecordName::Tries, &tries)?;
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
