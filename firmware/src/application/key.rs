//! The application's keys: made, used, and looked at from outside.

use alloc::vec::Vec;

use wire::{
    piv::PinPolicy,
    shield::{Container, KeyPolicy, PrivateParts},
};

use super::{Application, MANAGEMENT};
use crate::{
    attestation,
    consent::Consent,
    crypto::{GenerateRsa, Job, KeyAlgorithm, ManagementKey, Outcome, PrivateKey},
    pin::{PinProof, Verified},
    record::{self, Name, Origin},
    refusal::Refusal,
    seams::{CryptoRng, RecordName, Storage},
    vault::{self, KeyId, Op, Policy},
};

/// A key that is to be stored, and where.
pub struct Making {
    /// Its place.
    pub key: KeyId,
    /// What it may do, and when it wants the PIN.
    pub policy: KeyPolicy,
    /// What hosts call it.
    pub name: Name,
    /// Whether the certificate that stands beside the former key stays, although it is not for the new key.
    pub keeps_certificate: bool,
}

impl From<KeyId> for Making {
    /// With its container's policy and no name.
    fn from(key: KeyId) -> Self {
        let policy = KeyPolicy::of(key.container());
        Self { key, policy, name: Name::default(), keeps_certificate: true }
    }
}

impl<S: Storage, R: CryptoRng> Application<S, R> {
    /// Takes the proof that the next private-key command spends.
    pub fn take_proof(&mut self) -> Option<Verified> {
        self.state.as_mut().ok()?.pins.take_fresh()
    }

    /// Whether the PIN policy of a key would be satisfied now, so that nobody is asked to confirm in vain.
    ///
    /// # Errors
    /// `NoSuchKey`; `PinFactory` or `PukKnown` for the payment key; `NotVerified`.
    pub fn check_ready(&self, key: KeyId, proof: Option<&Verified>) -> Result<(), Refusal> {
        let stored = vault::load(&self.store, key)?.ok_or(Refusal::NoSuchKey)?.policy()?;
        check_codes(key, self.is_factory_pin(), self.must_change_puk())?;
        match Policy::of(key, stored).pin {
            PinPolicy::Always if proof.is_none() => Err(Refusal::NotVerified),
            PinPolicy::Once if !self.verified() => Err(Refusal::NotVerified),
            _ => Ok(()),
        }
    }

    /// Uses a private key. `proof` is what [`Self::take_proof`] gave when the command began.
    ///
    /// # Errors
    /// As [`Vault::operate`]; `PinFactory` or `PukKnown` for the payment key.
    pub fn operate(
        &mut self,
        key: KeyId,
        op: Op,
        proof: Option<Verified>,
        seen: Consent,
    ) -> Result<Vec<u8>, Refusal> {
        let state = self.state.as_mut().map_err(|refusal| *refusal)?;
        check_codes(key, state.pins.is_factory(), state.pins.must_change_puk())?;
        let proof = match (proof, state.pins.verified()) {
            (Some(proof), _) => PinProof::Always(proof),
            (None, Some(verified)) => PinProof::Once(verified),
            (None, None) => PinProof::Never,
        };
        state.vault.operate(&mut self.store, key, op, proof, seen)
    }

    /// The algorithm of a key; `None` when there is no such key.
    ///
    /// # Errors
    /// Its record is damaged.
    pub fn algorithm(&self, key: KeyId) -> Result<Option<KeyAlgorithm>, Refusal> {
        vault::load(&self.store, key)?.map(|key| vault::algorithm(&key)).transpose()
    }

    /// What a key may do, and when it wants the PIN; `None` when there is no such key.
    ///
    /// # Errors
    /// Its record is damaged.
    pub fn policy(&self, key: KeyId) -> Result<Option<KeyPolicy>, Refusal> {
        vault::load(&self.store, key)?.map(|key| key.policy()).transpose()
    }

    /// A public key as its template, tag 7F49; `None` when there is no such key.
    ///
    /// # Errors
    /// Its record is damaged.
    pub fn public_key(&self, key: KeyId) -> Result<Option<Vec<u8>>, Refusal> {
        Ok(vault::load(&self.store, key)?.map(|key| key.public))
    }

    /// Makes a key pair. An elliptic one is made at once and the answer is `None`; RSA takes long: run the job
    /// and hand its outcome to [`Self::finish_generate`].
    ///
    /// # Errors
    /// The state was not written. The former key is untouched then.
    pub fn generate(
        &mut self,
        making: impl Into<Making>,
        algorithm: KeyAlgorithm,
    ) -> Result<Option<Job>, Refusal> {
        let making = making.into();
        match PrivateKey::generate_ec(algorithm, &mut self.store.rng) {
            Some(private) => self.store(making, &private, Origin::Generated).map(|()| None),
            None => {
                let seed = self.store.random_secret();
                self.making = Some(making);
                Ok(Some(Job::GenerateRsa(GenerateRsa { seed })))
            }
        }
    }

    /// Stores the RSA key that [`Self::generate`] asked for.
    ///
    /// # Errors
    /// As [`Self::generate`].
    pub fn finish_generate(&mut self, outcome: Outcome) -> Result<(), Refusal> {
        match (self.making.take(), outcome) {
            (Some(making), Outcome::RsaKey(private)) => {
                let private = private?;
                self.store(making, &private, Origin::Generated)
            }
            _ => Err(Refusal::Fault),
        }
    }

    /// Puts a key from outside in place at once; its record says for ever that it was not made here. The payment key
    /// never comes from outside (GM/T 0027 9.2 c).
    ///
    /// # Errors
    /// `WrongUse` for the payment key; the state was not written.
    pub fn import(&mut self, making: Making, private: &PrivateKey) -> Result<(), Refusal> {
        if making.key.container() == Container::Payment {
            return Err(Refusal::WrongUse);
        }
        self.store(making, private, Origin::Imported)
    }

    /// A private key from the parts that a host sent.
    ///
    /// # Errors
    /// `WrongData`: they make no key of this algorithm.
    pub fn private_key(
        &mut self,
        algorithm: KeyAlgorithm,
        parts: PrivateParts<'_>,
    ) -> Result<PrivateKey, Refusal> {
        PrivateKey::from_parts(algorithm, parts, &mut self.store.rng)
    }

    /// Where a key comes from; `None` when there is no such key.
    ///
    /// # Errors
    /// Its record is damaged.
    pub fn origin(&self, key: KeyId) -> Result<Option<Origin>, Refusal> {
        Ok(vault::load(&self.store, key)?.map(|key| key.origin))
    }

    /// A statement that a key was made here: a certificate for it, DER; `None` on a token that was made before tokens
    /// could attest. It needs no PIN, as the public key needs none.
    ///
    /// # Errors
    /// `NoSuchKey`; `WrongUse` for a key from outside; why the token refuses to work. A token that is plugged in with a profile
    /// that it was not made with attests nothing: its statements would speak of a screen that it does not have.
    pub fn attest(&mut self, id: KeyId) -> Result<Option<Vec<u8>>, Refusal> {
        self.state.as_ref().map_err(|refusal| *refusal)?;
        let key = vault::load(&self.store, id)?.ok_or(Refusal::NoSuchKey)?;
        attestation::state(&mut self.store, &self.profile, &self.serial, id, &key)
    }

    /// The certificate of the token's attestation key, DER; `None` on a token that was made before tokens could attest.
    ///
    /// # Errors
    /// Its record is damaged.
    pub fn attestation_certificate(&self) -> Result<Option<Vec<u8>>, Refusal> {
        attestation::certificate(&self.store)
    }

    /// Stores a key in its place, sealed.
    fn store(&mut self, making: Making, private: &PrivateKey, origin: Origin) -> Result<(), Refusal> {
        let state = self.state.as_mut().map_err(|refusal| *refusal)?;
        let container = making.key.container();
        let mut key = state.vault.seal(&mut self.store, container, private, origin, making.policy);
        key.name = making.name;
        // The vault forgets the former key before the new one is saved: a save that fails may have replaced it all the same.
        state.vault.forget(container);
        match making.key {
            KeyId::Pending(_) => self.store.save(RecordName::Pending(container.reference()), &key),
            KeyId::Current(_) => {
                let former = self.container(container)?.unwrap_or_default();
                let certificate = former.certificate.filter(|_| making.keeps_certificate);
                self.save_container(container, &record::Container { key: Some(key), certificate })
            }
        }
    }

    /// The card management key.
    ///
    /// # Errors
    /// Its record is damaged.
    pub fn management_key(&self) -> Result<ManagementKey, Refusal> {
        let record: Vec<u8> = self.store.load(RecordName::Management)?.ok_or(Refusal::Fault)?;
        ManagementKey::from_bytes(&self.store.unwrap(MANAGEMENT, &record)?)
    }

    /// Replaces the card management key.
    ///
    /// # Errors
    /// The state was not written.
    pub fn set_management_key(&mut self, key: &ManagementKey) -> Result<(), Refusal> {
        let record = self.store.wrap(MANAGEMENT, &key.to_bytes());
        self.store.save(RecordName::Management, &record)
    }
}

/// The payment key works for a holder whose codes nobody else knows.
fn check_codes(key: KeyId, factory_pin: bool, known_puk: bool) -> Result<(), Refusal> {
    match key.container() {
        Container::Payment if factory_pin => Err(Refusal::PinFactory),
        Container::Payment if known_puk => Err(Refusal::PukKnown),
        _ => Ok(()),
    }
}
