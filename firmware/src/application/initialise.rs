//! The token made new but for the payment key, by whoever has the PUK (PKCS#11: C_InitToken).

use alloc::string::String;

use wire::shield::Container;

use super::Application;
use crate::{
    crypto::Job,
    pin::Progress,
    record::Store,
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
        match state.pins.prove(&mut self.store, puk)? {
            Progress::Work(job) => Ok(job),
            Progress::Done => Err(Refusal::Fault), // A PUK is always stretched: nothing remembers a right one.
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
        state.pins.forget(&mut self.store);
        // Once this record is there all is erased, now or at the next power-up.
        let done = self
            .store
            .save(RecordName::Initialise, &String::from(label))
            .and_then(|()| finish(&mut self.store, &mut state.vault));
        if let Err(refusal) = done {
            // Half of the records may be erased: the token refuses to work until the next power-up erases the rest.
            self.state = Err(refusal);
        }
        done
    }

    /// The token's label: the one that the factory gave it, or the one that an initialisation gave it. Empty without either.
    ///
    /// # Errors
    /// Its record is damaged.
    pub fn label(&self) -> Result<String, Refusal> {
        Ok(self.store.load(RecordName::Label)?.unwrap_or_default())
    }
}

/// Carries out an initialisation that was written down. Each step may be done twice.
pub(super) fn finish(
    store: &mut Store<impl Storage, impl CryptoRng>,
    vault: &mut Vault,
) -> Result<(), Refusal> {
    let Some(label) = store.load::<String>(RecordName::Initialise)? else { return Ok(()) };
    for container in Container::all().filter(|container| *container != Container::Payment) {
        vault.forget(container);
    }
    erase(store)?;
    store.save(RecordName::Label, &label)?;
    store.remove(&[RecordName::Initialise])
}

/// Removes all that was put into the token since it was made, but the payment container's keys and certificate, and the
/// token's label.
pub(super) fn erase(store: &mut Store<impl Storage, impl CryptoRng>) -> Result<(), Refusal> {
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
        | RecordName::Algorithm
        | RecordName::Initialise => false,
    };
    let mut names = store.storage.names()?;
    names.retain(goes);
    store.remove(&names)
}
