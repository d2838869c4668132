//! The token made new but for the payment key, by whoever has the PUK (PKCS#11: C_InitToken).

use alloc::string::String;

use wire::shield::Container;

use super::Application;
use crate::{
    crypto::Job,
    pin::Progress,
    record::Keeper,
    refusal::Refusal,
    seams::{CryptoRng, RecordName, Storage},
    vault::Vault,
};

impl<S: Storage, R: CryptoRng> Application<S, R> {
    /// Whether this is the PUK: run the job and hand its outcome to [`Self::finish_pin`].
    ///
    /// # Errors
    /// `PinBlocked`, `WrongData` for what no PUK looks like, or the state was not written.
    pub fn prove_puk(&mut self, puk: &[u8]) -> Result<Job, Refusal> {
        let state = self.state.as_mut().map_err(|refusal| *refusal)?;
        match state.pins.prove(&self.keeper, &mut self.storage, puk)? {
            Progress::Work(job) => Ok(job),
            Progress::Done => Err(Refusal::Fault), // nothing remembers a PUK
        }
    }

    /// Erases all keys, certificates and objects but the payment container's, and sets the token's label. PIN, PUK and
    /// management key stay; nobody is verified any more.
    ///
    /// # Errors
    /// `NotVerified` unless the PUK was proved just before; the state was not written.
    pub fn initialise(&mut self, label: &str) -> Result<(), Refusal> {
        let state = self.state.as_mut().map_err(|refusal| *refusal)?;
        let _spent = state.pins.take_officer().ok_or(Refusal::NotVerified)?;
        state.pins.forget(&self.keeper, &mut self.storage);
        // Once this record is there it happens, now or at the next power-up.
        let done = self
            .keeper
            .save(&mut self.storage, RecordName::Initialise, &String::from(label))
            .and_then(|()| finish(&self.keeper, &mut self.storage, &mut state.vault));
        if let Err(refusal) = done {
            self.state = Err(refusal); // half erased: refuse to work until the next power-up settles it
        }
        done
    }

    /// The token's label: its factory's, or the one that it was initialised with. Empty where neither gave it one.
    ///
    /// # Errors
    /// Its record is damaged.
    pub fn label(&self) -> Result<String, Refusal> {
        Ok(self.keeper.load(&self.storage, RecordName::Label)?.unwrap_or_default())
    }
}

/// Carries out an initialisation that was written down. Each step may be done twice.
pub(super) fn finish(keeper: &Keeper, storage: &mut impl Storage, vault: &mut Vault) -> Result<(), Refusal> {
    let Some(label) = keeper.load::<String>(storage, RecordName::Initialise)? else { return Ok(()) };
    for container in Container::all().filter(|container| *container != Container::Payment) {
        vault.forget(container);
    }
    erase(keeper, storage)?;
    keeper.save(storage, RecordName::Label, &label)?;
    keeper.remove(storage, &[RecordName::Initialise])
}

/// Removes all that was put into the token since it was made, but the payment container's keys and certificate, and the
/// token's label.
pub(super) fn erase(keeper: &Keeper, storage: &mut impl Storage) -> Result<(), Refusal> {
    let payment = Container::Payment.reference();
    let goes = |name: &RecordName| match name {
        RecordName::Container(reference) | RecordName::Pending(reference) => *reference != payment,
        RecordName::Object(_) | RecordName::Data(_) => true,
        RecordName::Inventory
        | RecordName::Device
        | RecordName::Tries
        | RecordName::Pin
        | RecordName::Limits
        | RecordName::Management
        | RecordName::Install
        | RecordName::Attestation
        | RecordName::Renewal
        | RecordName::Label
        | RecordName::Initialise => false,
    };
    let mut names = storage.names()?;
    names.retain(goes);
    keeper.remove(storage, &names)
}
