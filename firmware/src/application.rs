//! The application of GM/T 0016 that both applets are views of: its PIN and PUK, its containers (a key and its
//! certificate), its files. What an applet may do with them is one method each.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
mod renewal;
mod initialise;
mod container;
mod data;
mod key;
mod file;
#[cfg(test)]
mod tests;

use alloc::{string::String, vec::Vec};

use wire::{algorithm::KeyAlgorithm, piv, shield::Container};
use zeroize::Zeroizing;

pub use self::{key::Making, renewal::Renewing};
use crate::{
    attestation,
    crypto::{self, ManagementKey, Memory, OpeningKey, Outcome},
    pin::{self, Pins, Progress, Reference, Salts},
    profile::Profile,
    record::{self, Device, Make, STATE_VERSION, Store},
    refusal::Refusal,
    seams::{CryptoRng, RecordName, Storage},
    vault::{self, KeyId, Vault},
};

/// What the factory sets.
pub struct Factory {
    /// The PIN that is set from the start; `None` sets the factory's, which must be changed before the payment
    /// key works.
    pub pin: Option<Zeroizing<Vec<u8>>>,
    /// The PUK, which the counter keeps (`wire::pin::PUK_LENGTH`).
    pub puk: Zeroizing<Vec<u8>>,
    /// What the token is called until somebody initialises it; empty for nothing.
    pub label: String,
}

/// The context of the wrapped management key.
const MANAGEMENT: &[u8] = b"management";

/// The record of the payment key's algorithm: the algorithm's number in PIV. A token of P-256 has no such record, so that it is the
/// same token as one that was made when there was no other algorithm.
fn algorithm_record(profile: &Profile) -> Option<Vec<u8>> {
    let algorithm = profile.brand.algorithm;
    (algorithm != KeyAlgorithm::P256).then(|| Vec::from([piv::Algorithm::from(algorithm) as u8]))
}

/// The application of one token.
pub struct Application<S: Storage, R: CryptoRng> {
    profile: Profile,
    store: Store<S, R>,
    serial: String,
    /// What works once the self-test has passed.
    state: Result<State, Refusal>,
    /// The key that is being made.
    making: Option<Making>,
    /// The renewal whose codes are being stretched.
    renewing: Option<(Renewing, Salts)>,
}

struct State {
    pins: Pins,
    vault: Vault,
}

impl<S: Storage, R: CryptoRng> Application<S, R> {
    /// Whether the storage holds a token already, whole or damaged. A token whose making was cut off does not count.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn exists(storage: &S) -> Result<bool, Refusal> {
        Ok(!storage.names()?.is_empty() && !record::is_unfinished(storage)?)
    }

    /// Makes a token in the storage. The inventory is written first and says that the token is not finished; that it is
    /// finished is written last. A power cut in between leaves no token, and making it again goes over what is there.
    ///
    /// # Errors
    /// `PinForm` for a PIN or PUK of a wrong length; `Exists` where records stand that no unfinished token left; or the
    /// storage failed.
    pub fn manufacture(
        profile: &Profile,
        secret: &[u8; 32],
        storage: &mut S,
        rng: &mut R,
        memory: &mut Memory,
        factory: &Factory,
    ) -> Result<(), Refusal> {
        let store = &mut Store::new(secret, storage, rng);
        let opening = OpeningKey::generate(&mut store.rng);
        let pin = factory.pin.as_ref().map(|pin| &pin[..]);
        let fits = |reference, code| pin::fits(reference, code, profile.brand.pin_length);
        if !fits(Reference::Puk, &factory.puk) || !pin.is_none_or(|pin| fits(Reference::Pin, pin)) {
            return Err(Refusal::PinForm);
        }
        store.begin()?;
        Pins::manufacture(store, memory, profile, (pin, &factory.puk), &opening)?;
        let [a, b, c, d] = store.random();
        let serial = alloc::format!("{a:02X}{b:02X}{c:02X}{d:02X}");
        let management = store.wrap(MANAGEMENT, &ManagementKey::factory().to_bytes());
        store.save(RecordName::Management, &management)?;
        attestation::manufacture(store, profile, &serial)?;
        if !factory.label.is_empty() {
            store.save(RecordName::Label, &factory.label)?;
        }
        if let Some(algorithm) = algorithm_record(profile) {
            store.save(RecordName::Algorithm, &algorithm)?;
        }
        let sealing = opening.sealing_key().to_bytes();
        store.save(RecordName::Device, &Device { serial, sealing, make: Make::of(profile) })?;
        store.complete()
    }

    /// Opens a token and runs its self-test (GM/T 0027 5.5): a token that fails it is there, says so, and refuses
    /// to work.
    pub fn open(profile: Profile, secret: &[u8; 32], storage: S, rng: R) -> Self {
        let mut store = Store::new(secret, storage, rng);
        let (serial, state) = match Self::start(&profile, &mut store) {
            Ok((serial, state)) => (serial, Ok(state)),
            Err(refusal) => {
                let device: Option<Device> = store.load(RecordName::Device).ok().flatten();
                (device.map_or_else(|| "unknown".into(), |device| device.serial), Err(refusal))
            }
        };
        Self { profile, store, serial, state, making: None, renewing: None }
    }

    /// Power on: the self-test again, and what a power cut left to finish.
    pub fn power_on(&mut self) {
        (self.making, self.renewing) = (None, None);
        match Self::start(&self.profile, &mut self.store) {
            Ok((serial, state)) => {
                self.serial = serial;
                self.state = Ok(state);
            }
            Err(refusal) => self.state = Err(refusal),
        }
    }

    /// Why the token refuses to work, if it does.
    pub fn fault(&self) -> Option<Refusal> {
        self.state.as_ref().err().copied()
    }

    fn start(profile: &Profile, store: &mut Store<S, R>) -> Result<(String, State), Refusal> {
        crypto::self_test(&mut store.rng)?;
        let stock = store.take_stock()?;
        let missing = Refusal::Missing(RecordName::Device);
        let mut device: Device = store.load(RecordName::Device)?.ok_or(missing)?;
        let algorithm: Option<Vec<u8>> = store.load(RecordName::Algorithm)?;
        if device.make != Make::of(profile) || algorithm != algorithm_record(profile) {
            return Err(Refusal::OtherMake);
        }
        store.settle(stock, &device)?;
        if renewal::finish(store)? {
            device = store.load(RecordName::Device)?.ok_or(missing)?;
        }
        let pins = Pins::open(store, profile)?;
        let vault = Vault::new(crypto::SealingKey::from_bytes(&device.sealing)?);
        let mut state = State { pins, vault };
        file::finish_install(store, &mut state.vault)?;
        initialise::finish(store, &mut state.vault)?;
        Ok((device.serial, state))
    }

    /// Whether the self-test passed.
    pub const fn healthy(&self) -> bool {
        self.state.is_ok()
    }

    /// The brand.
    pub const fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The serial number, 8 hexadecimal digits.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// The storage, for the program around the token.
    pub const fn storage(&mut self) -> &mut S {
        &mut self.store.storage
    }

    /// A warm reset: the PIN counts as verified no more.
    pub fn reset(&mut self) {
        (self.making, self.renewing) = (None, None);
        if let Ok(state) = &mut self.state {
            state.pins.forget(&mut self.store);
        }
    }

    /// An applet was selected: a proof for one use is spent. When the applet changed, all proofs are spent.
    pub fn select(&mut self, changed: bool) {
        (self.making, self.renewing) = (None, None);
        let Ok(state) = &mut self.state else { return };
        let _spent = state.pins.take_fresh();
        if changed {
            state.pins.forget(&mut self.store);
        }
    }

    /// Power off: RAM forgets all secrets.
    pub fn power_off(&mut self) {
        self.reset();
        if let Ok(state) = &mut self.state {
            state.pins.power_off(&mut self.store);
            state.vault.lock();
        }
    }

    /// Fills `bytes` with random.
    pub fn random(&mut self, bytes: &mut [u8]) {
        self.store.rng.fill_bytes(bytes);
    }

    // ---- PIN and PUK

    /// Whether this could be the token's PIN or PUK at all.
    pub fn fits(&self, reference: Reference, code: &[u8]) -> bool {
        pin::fits(reference, code, self.profile.brand.pin_length)
    }

    /// The PIN was verified since the last reset.
    ///
    /// # Errors
    /// `NotVerified`, or why the token refuses to work.
    fn need_pin(&self) -> Result<(), Refusal> {
        let state = self.state.as_ref().map_err(|refusal| *refusal)?;
        state.pins.verified().map(|_| ()).ok_or(Refusal::NotVerified)
    }

    /// Tries left, PIN then PUK, and the most of each; zeros when the token failed its self-test.
    pub fn tries(&self) -> [u8; 4] {
        self.state.as_ref().map_or([0; 4], |state| state.pins.tries())
    }

    /// Whether the PIN was verified since the last reset.
    pub fn verified(&self) -> bool {
        self.state.as_ref().is_ok_and(|state| state.pins.verified().is_some())
    }

    /// Whether the PIN is still the factory's.
    pub fn is_factory_pin(&self) -> bool {
        self.state.as_ref().is_ok_and(|state| state.pins.is_factory())
    }

    /// Whether the PUK is the one that everybody knows.
    pub fn is_factory_puk(&self) -> bool {
        self.state.as_ref().is_ok_and(|state| state.pins.is_factory_puk())
    }

    /// Whether the PUK was set to the one that everybody knows and must be changed before the payment key works.
    pub fn must_change_puk(&self) -> bool {
        self.state.as_ref().is_ok_and(|state| state.pins.must_change_puk())
    }

    /// Forgets that the PIN was verified.
    pub fn forget_verification(&mut self) {
        if let Ok(state) = &mut self.state {
            state.pins.forget(&mut self.store);
        }
    }

    /// VERIFY.
    ///
    /// # Errors
    /// `PinWrong`, `PinBlocked`, or the state was not written.
    pub fn verify(&mut self, pin: &[u8]) -> Result<Progress, Refusal> {
        let state = self.state.as_mut().map_err(|refusal| *refusal)?;
        state.pins.verify(&mut self.store, pin)
    }

    /// Sets a new PIN or PUK (`target`), proved by the old one or by the PUK.
    ///
    /// # Errors
    /// As [`Self::verify`]; `PinForm` or `PinWeak` for the new one, which spends no try.
    pub fn replace_pin(
        &mut self,
        proof: (Reference, &[u8]),
        target: (Reference, &[u8]),
    ) -> Result<Progress, Refusal> {
        let state = self.state.as_mut().map_err(|refusal| *refusal)?;
        state.pins.replace(&mut self.store, proof, target)
    }

    /// Goes on with a PIN command once its PIN is stretched.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn finish_pin(&mut self, outcome: Outcome) -> Result<(), Refusal> {
        let state = self.state.as_mut().map_err(|refusal| *refusal)?;
        let done = state.pins.finish(&mut self.store, outcome);
        if let Some(opening) = state.pins.take_opening() {
            state.vault.unlock(opening);
        }
        done
    }

    /// The flags of GET INFORMATION (`wire::shield::Information`).
    ///
    /// # Errors
    /// A record is damaged.
    pub fn flags(&self) -> Result<u8, Refusal> {
        use wire::shield::Information as I;
        let mut flags = I::TEST_TOKEN;
        if self.healthy() {
            flags |= I::HEALTHY;
        }
        if self.is_factory_pin() {
            flags |= I::FACTORY_PIN;
        }
        if self.must_change_puk() {
            flags |= I::KNOWN_PUK;
        }
        if vault::load(&self.store, KeyId::Pending(Container::Payment))?.is_some() {
            flags |= I::PENDING;
        }
        if self.certificate(Container::Payment)?.is_some() {
            flags |= I::ENROLLED;
        }
        Ok(flags)
    }

    /// The format version of the stored state.
    pub const fn state_version(&self) -> u8 {
        STATE_VERSION
    }
}
