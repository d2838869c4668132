//! The locks of the vault: its key, wrapped under a stretched PIN and under a stretched PUK.

use alloc::vec::Vec;

use wire::pin::{FACTORY_PIN, FACTORY_PUK};
use zeroize::{Zeroize, Zeroizing};

use crate::{
    crypto::{Job, Memory, OpeningKey, Outcome, Stretch, unwrap, wrap},
    profile::Profile,
    record::{Lock, Locks, Store},
    refusal::Refusal,
    seams::{CryptoRng, Storage},
};

/// Bits of what everybody knows.
pub(super) mod known {
    /// The PIN is the factory's.
    pub(in crate::pin) const PIN: u8 = 1;
    /// The PUK is `wire::pin::FACTORY_PUK`.
    pub(in crate::pin) const PUK: u8 = 2;
    /// The PUK was set to [`PUK`]'s on a token in use: it must be changed before the payment key works.
    pub(in crate::pin) const PUK_SET: u8 = 4;
}

/// The salts of a new PIN and a new PUK.
pub(crate) type Salts = [[u8; 16]; 2];

/// The locks of a new token. `pin` of `None` is the factory's.
pub(super) fn first(
    store: &mut Store<impl Storage, impl CryptoRng>,
    memory: &mut Memory,
    profile: &Profile,
    (pin, puk): (Option<&[u8]>, &[u8]),
    opening: &OpeningKey,
) -> Result<Locks, Refusal> {
    let mut lock = |secret: &[u8]| -> Result<Lock, Refusal> {
        let salt = store.random();
        let job = stretch(store.stretching(), profile.stretch, &[(secret, salt)]);
        let stretched = stretched(job.run_in(memory))?;
        close(stretched.first().ok_or(Refusal::Fault)?, salt, profile.stretch, opening, &mut store.rng)
    };
    let known = |is: bool, bit: u8| if is { bit } else { 0 };
    let known = known(pin.is_none(), known::PIN) | known(puk == FACTORY_PUK.as_bytes(), known::PUK);
    Ok(Locks { pin: lock(pin.unwrap_or(FACTORY_PIN.as_bytes()))?, puk: lock(puk)?, known })
}

/// What a job of [`stretch`] brought.
pub(super) fn stretched(outcome: Outcome) -> Result<Vec<Zeroizing<[u8; 32]>>, Refusal> {
    match outcome {
        Outcome::Stretched(stretched) => Ok(stretched),
        Outcome::Failed(refusal) => Err(refusal),
        Outcome::RsaKey(_) => Err(Refusal::Fault),
    }
}

/// Opens a lock; `None` when the PIN was wrong. Whether the lock opens is how a candidate is compared with the PIN.
pub(super) fn open(lock: &Lock, stretched: &[u8; 32]) -> Result<Option<OpeningKey>, Refusal> {
    match unwrap(stretched, CONTEXT, &lock.wrapped) {
        Ok(opened) => OpeningKey::from_bytes(&opened).map(Some),
        Err(_) => Ok(None),
    }
}

/// The work for a PIN and a PUK that everybody knows, and its salts.
pub(crate) fn known_codes(
    store: &mut Store<impl Storage, impl CryptoRng>,
    profile: &Profile,
) -> (Job, Salts) {
    let salts: Salts = [store.random(), store.random()];
    let [pin, puk] = salts;
    let codes = [(FACTORY_PIN.as_bytes(), pin), (FACTORY_PUK.as_bytes(), puk)];
    (stretch(store.stretching(), profile.stretch, &codes), salts)
}

/// The locks for a PIN and a PUK that everybody knows, once the job of [`known_codes`] has stretched the two.
pub(crate) fn lock_known(
    outcome: Outcome,
    salts: &Salts,
    cost: Option<(u32, u32)>,
    opening: &OpeningKey,
    rng: &mut impl CryptoRng,
) -> Result<Locks, Refusal> {
    let stretched = stretched(outcome)?;
    let ([pin, puk], [pin_salt, puk_salt]) = (&stretched[..], salts) else { return Err(Refusal::Fault) };
    Ok(Locks {
        pin: close(pin, *pin_salt, cost, opening, rng)?,
        puk: close(puk, *puk_salt, cost, opening, rng)?,
        known: known::PIN | known::PUK | known::PUK_SET,
    })
}

/// The context of wrapped vault keys.
const CONTEXT: &[u8] = b"vault key";

/// The work of stretching.
pub(super) fn stretch(
    secret: Zeroizing<[u8; 32]>,
    cost: Option<(u32, u32)>,
    inputs: &[(&[u8], [u8; 16])],
) -> Job {
    let inputs = inputs.iter().map(|(pin, salt)| (Zeroizing::new(pin.to_vec()), *salt)).collect();
    Job::Stretch(Stretch { inputs, secret, cost })
}

/// Wraps the vault key under a stretched PIN.
pub(super) fn close(
    stretched: &[u8; 32],
    salt: [u8; 16],
    cost: Option<(u32, u32)>,
    opening: &OpeningKey,
    rng: &mut impl CryptoRng,
) -> Result<Lock, Refusal> {
    let mut bytes = opening.to_bytes();
    let wrapped = wrap(stretched, CONTEXT, &bytes, rng);
    bytes.zeroize();
    Ok(Lock { salt, cost, wrapped })
}
