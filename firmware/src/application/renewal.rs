//! New codes for the application: SET PIN RETRIES, and RESET, which takes everything else away with them.
//!
//! Both commands are refused while there is a payment key, in use or pending (docs/decisions/0011-yubico-commands.md). The
//! PIN guards payments, and SET PIN RETRIES sets a PIN that everybody knows: whoever sends it could pay. RESET makes another
//! vault, and the payment key would be lost with the old one.

use alloc::vec::Vec;

use wire::shield::Container;

use super::{Application, MANAGEMENT, initialise};
use crate::{
    crypto::{Job, ManagementKey, OpeningKey, Outcome},
    pin::{self, Salts},
    record::{Device, Renewal, Store, Tries},
    refusal::Refusal,
    seams::{CryptoRng, RecordName, Storage},
    vault::{self, KeyId},
};

/// What is to be renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewing {
    /// PIN and PUK, with so many tries each from now on.
    Codes {
        /// Of the PIN.
        pin: u8,
        /// Of the PUK.
        puk: u8,
    },
    /// Everything but the token's identity: keys, certificates, objects, management key, PIN and PUK.
    Everything,
}

impl<S: Storage, R: CryptoRng> Application<S, R> {
    /// Begins a renewal: PIN and PUK become those that everybody knows. Run the job and hand its outcome to
    /// [`Self::finish_renewal`].
    ///
    /// # Errors
    /// `WrongUse` while there is a payment key, for more tries than the brand has, or, of everything, while PIN or PUK
    /// has a try left; `NotVerified` for new codes without the PIN.
    pub fn renew(&mut self, renewing: Renewing) -> Result<Job, Refusal> {
        let state = self.state.as_ref().map_err(|refusal| *refusal)?;
        for key in [KeyId::Current(Container::Payment), KeyId::Pending(Container::Payment)] {
            if vault::load(&self.store, key)?.is_some() {
                return Err(Refusal::WrongUse);
            }
        }
        match renewing {
            Renewing::Everything if state.pins.tries()[..2] != [0, 0] => return Err(Refusal::WrongUse),
            Renewing::Codes { .. } if state.pins.verified().is_none() => return Err(Refusal::NotVerified),
            Renewing::Codes { pin, puk } => {
                // GM/T 0027 9.2 b: the brand says how many tries there are at most. An administrator may set fewer.
                let allowed = |tries, most| (1..=most).contains(&tries);
                if !allowed(pin, self.profile.brand.pin_tries) || !allowed(puk, self.profile.brand.puk_tries)
                {
                    return Err(Refusal::WrongUse);
                }
            }
            Renewing::Everything => {}
        }
        let (job, salts) = pin::known_codes(&mut self.store, &self.profile);
        self.renewing = Some((renewing, salts));
        Ok(job)
    }

    /// Goes on once PIN and PUK are stretched. The whole renewal is written down in one record first, and from then on a power
    /// cut only delays it. After the renewal the token is as at power-up.
    ///
    /// # Errors
    /// The state was not written; then the token refuses to work until the next power-up settles it.
    pub fn finish_renewal(&mut self, outcome: Outcome) -> Result<(), Refusal> {
        let (renewing, salts) = self.renewing.take().ok_or(Refusal::Fault)?;
        let renewal = self.plan(renewing, &salts, outcome)?;
        let written = self.store.save(RecordName::Renewal, &renewal);
        let started = written.and_then(|()| Self::start(&self.profile, &mut self.store));
        self.state = started.map(|(_, state)| state);
        self.state.as_ref().map(|_| ()).map_err(|refusal| *refusal)
    }

    fn plan(&mut self, renewing: Renewing, salts: &Salts, outcome: Outcome) -> Result<Renewal, Refusal> {
        let state = self.state.as_ref().map_err(|refusal| *refusal)?;
        let cost = self.profile.stretch;
        Ok(match renewing {
            Renewing::Codes { pin, puk } => {
                let opening = state.vault.opening().ok_or(Refusal::NotVerified)?;
                let locks = pin::lock_known(outcome, salts, cost, opening, &mut self.store.rng)?;
                Renewal { locks, most: Tries { pin, puk }, sealing: None }
            }
            Renewing::Everything => {
                // PIN and PUK are locked, so nobody can open the old vault any more. Nothing that was in it stays.
                let opening = OpeningKey::generate(&mut self.store.rng);
                let locks = pin::lock_known(outcome, salts, cost, &opening, &mut self.store.rng)?;
                let most = Tries { pin: self.profile.brand.pin_tries, puk: self.profile.brand.puk_tries };
                Renewal { locks, most, sealing: Some(opening.sealing_key().to_bytes()) }
            }
        })
    }
}

/// Carries out a renewal that was written down: each step may be done twice. True when there was one.
pub(super) fn finish(store: &mut Store<impl Storage, impl CryptoRng>) -> Result<bool, Refusal> {
    let Some(renewal) = store.load::<Renewal>(RecordName::Renewal)? else { return Ok(false) };
    if let Some(sealing) = renewal.sealing {
        wipe(store, sealing)?;
    }
    store.save(RecordName::Limits, &renewal.most)?;
    store.save(RecordName::Pin, &renewal.locks)?;
    store.save(RecordName::Tries, &renewal.most)?;
    store.remove(&[RecordName::Renewal])?;
    Ok(true)
}

/// All that was put into the token since it was made goes; what it was made with stays.
fn wipe(store: &mut Store<impl Storage, impl CryptoRng>, sealing: Vec<u8>) -> Result<(), Refusal> {
    initialise::erase(store)?;
    store.remove(&[RecordName::Label])?;
    let management = store.wrap(MANAGEMENT, &ManagementKey::factory().to_bytes());
    store.save(RecordName::Management, &management)?;
    let device: Device = store.load(RecordName::Device)?.ok_or(Refusal::Fault)?;
    store.save(RecordName::Device, &Device { sealing, ..device })
}
