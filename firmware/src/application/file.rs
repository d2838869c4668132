//! The application's certificates and data objects.

use alloc::vec::Vec;

use wire::{
    piv::{self, Retired, Slot},
    pkix,
    shield::Container,
    tlv,
};

use super::Application;
use crate::{
    consent::{self, Consent},
    record::{self, Install, Store},
    refusal::Refusal,
    seams::{CryptoRng, RecordName, Storage},
    vault::{self, KeyId, Vault},
};

/// Most bytes of one data object (SP 800-73-4 part 1, table 7: the largest is 12,704).
pub(super) const MAX_OBJECT: usize = 12_704;

impl<S: Storage, R: CryptoRng> Application<S, R> {
    /// Whether certificates could be put in place: the PIN is verified, and each is one, with a number, for the key that
    /// waits in its container. The answer is the certificate that would take the place of the payment key's, which the holder
    /// has to see: without that, a program that has the PIN could put its own name to a key that the bank takes for the
    /// holder's.
    ///
    /// # Errors
    /// `NotVerified`, `NotPending`, `WrongData` for what is no certificate.
    pub fn check_install<'a>(&self, items: &[(Container, &'a [u8])]) -> Result<Option<&'a [u8]>, Refusal> {
        self.need_pin()?;
        let mut replaces = None;
        for (container, der) in items {
            let pending = vault::load(&self.store, KeyId::Pending(*container))?;
            let certificate = pkix::Certificate::parse(der).map_err(|_| Refusal::WrongData)?;
            if !certificate.has_serial_number() {
                return Err(Refusal::WrongData);
            }
            if pending.is_none_or(|pending| pending.spki != certificate.public_key) {
                return Err(Refusal::NotPending);
            }
            if *container == Container::Payment && self.certificate(Container::Payment)?.is_some() {
                replaces = Some(*der);
            }
        }
        Ok(replaces)
    }

    /// Puts certificates in place, each with the pending key that it is for: all of them or none, whatever
    /// happens in between. `seen` is the holder's consent to the one that takes the place of the payment key's.
    ///
    /// # Errors
    /// As [`Self::check_install`]; `WrongUse` without that consent; the state was not written.
    pub fn install(&mut self, items: &[(Container, &[u8])], seen: Option<&Consent>) -> Result<(), Refusal> {
        let replaces = self.check_install(items)?;
        let confirmed = |der: &[u8]| {
            seen.is_some_and(|seen| seen.kind() == consent::Kind::Replacement && seen.bytes() == der)
        };
        if replaces.is_some_and(|der| !confirmed(der)) {
            return Err(Refusal::WrongUse);
        }
        let state = self.state.as_mut().map_err(|refusal| *refusal)?;
        let items = items.iter().map(|(container, der)| (container.reference(), der.to_vec())).collect();
        // Once this record is there the swap happens, now or at the next power-up.
        let done = self
            .store
            .save(RecordName::Install, &Install { items })
            .and_then(|()| finish_install(&mut self.store, &mut state.vault));
        if let Err(refusal) = done {
            // Some containers may be swapped and others not, or the record may be written although the save failed. The token
            // refuses to work until the next power-up finishes the installation.
            self.state = Err(refusal);
        }
        done
    }

    /// A container's record; `None` when it is empty.
    ///
    /// # Errors
    /// It is damaged.
    pub(super) fn container(&self, container: Container) -> Result<Option<record::Container>, Refusal> {
        self.store.load(RecordName::Container(container.reference()))
    }

    /// Replaces a container's record; an empty one goes.
    ///
    /// # Errors
    /// The state was not written.
    pub(super) fn save_container(
        &mut self,
        container: Container,
        record: &record::Container,
    ) -> Result<(), Refusal> {
        let name = RecordName::Container(container.reference());
        if record.is_empty() {
            return self.store.remove(&[name]);
        }
        self.store.save(name, record)
    }

    /// A container's certificate, DER.
    ///
    /// # Errors
    /// Its record is damaged.
    pub fn certificate(&self, container: Container) -> Result<Option<Vec<u8>>, Refusal> {
        let certificate = self.container(container)?.and_then(|record| record.certificate);
        Ok(certificate.and_then(|found| tlv::find(&found.object, piv::tag::CERTIFICATE).map(<[u8]>::to_vec)))
    }

    /// A PIV data object's content (what stands inside tag 53); `None` when there is none.
    ///
    /// # Errors
    /// Its record is damaged.
    pub fn object(&self, tag: u32) -> Result<Option<Vec<u8>>, Refusal> {
        match Slot::of_certificate(tag) {
            Some(slot) => {
                let record = self.container(Container::Piv(slot))?;
                Ok(record.and_then(|record| record.certificate).map(|certificate| certificate.object))
            }
            None => self.store.load(RecordName::Object(tag)),
        }
    }

    /// Replaces a PIV data object's content; an empty one removes it.
    ///
    /// # Errors
    /// `Full` over 12,704 bytes, or the state was not written.
    pub fn put_object(&mut self, tag: u32, content: &[u8]) -> Result<(), Refusal> {
        if content.len() > MAX_OBJECT {
            return Err(Refusal::Full);
        }
        let content = (!content.is_empty()).then(|| content.to_vec());
        match (Slot::of_certificate(tag), content) {
            (Some(slot), content) => {
                let key = self.container(Container::Piv(slot))?.and_then(|record| record.key);
                let record = record::Container { key, certificate: content.map(Into::into) };
                self.save_container(Container::Piv(slot), &record)
            }
            (None, Some(content)) => self.store.save(RecordName::Object(tag), &content),
            (None, None) => self.store.remove(&[RecordName::Object(tag)]),
        }
    }

    /// How many retired keys there are from the first to the last that has a certificate.
    ///
    /// # Errors
    /// A record is damaged.
    pub fn retired_certificates(&self) -> Result<u8, Refusal> {
        let mut last = 0;
        for retired in Retired::all() {
            let found = self.container(Container::Piv(Slot::Retired(retired)))?;
            if found.is_some_and(|record| record.certificate.is_some()) {
                last = retired.number();
            }
        }
        Ok(last)
    }
}

/// Carries out an installation that was written down: each step may be done twice, so a power cut between two of
/// them is made good at the next power-up.
pub(super) fn finish_install(
    store: &mut Store<impl Storage, impl CryptoRng>,
    vault: &mut Vault,
) -> Result<(), Refusal> {
    let Some(install) = store.load::<Install>(RecordName::Install)? else { return Ok(()) };
    // A key that was made since the record was written is not the one that its certificate is for. Then no certificate of
    // the record is installed.
    for (reference, certificate) in &install.items {
        let pending: Option<record::Key> = store.load(RecordName::Pending(*reference))?;
        let key = pkix::certificate_public_key(certificate).map_err(|_| Refusal::Fault)?;
        if pending.is_some_and(|pending| pending.spki != key) {
            return store.remove(&[RecordName::Install]);
        }
    }
    for (reference, certificate) in &install.items {
        let pending: Option<record::Key> = store.load(RecordName::Pending(*reference))?;
        // No key is pending: this container was swapped before the power went.
        let Some(key) = pending else { continue };
        let certificate = piv::certificate_object(certificate).into();
        let record = record::Container { key: Some(key), certificate: Some(certificate) };
        store.save(RecordName::Container(*reference), &record)?;
        store.remove(&[RecordName::Pending(*reference)])?;
        if let Some(container) = Container::parse(*reference) {
            vault.forget(container);
        }
    }
    store.remove(&[RecordName::Install])
}
