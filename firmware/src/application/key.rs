//! The application's keys: made, used, and looked at from outside.

use alloc::vec::Vec;

use wire::shield::Container;
use zeroize::Zeroizing;

use super::{Application, MANAGEMENT};
use crate::{
    consent::Consent,
    crypto::{self, Crt, GenerateRsa, Job, KeyAlgorithm, ManagementKey, Outcome, PrivateKey},
    pin::{PinProof, Verified},
    record::{self, Origin},
    refusal::Refusal,
    seams::{CryptoRng, RecordName, Storage},
    vault::{self, KeyId, Op, PinPolicy, Policy},
};

impl<S: Storage, R: CryptoRng> Application<S, R> {
    /// Takes the proof that the next private-key command spends.
    pub fn take_proof(&mut self) -> Option<Verified> {
        self.state.as_mut().ok()?.pins.take_fresh()
    }

    /// Whether the PIN policy of a key would be satisfied now, so that nobody is asked to confirm in vain.
    ///
    /// # Errors
    /// `NoSuchKey`, `PinFactory` for the payment key, `NotVerified`.
    pub fn check_ready(&self, key: KeyId, proof: Option<&Verified>) -> Result<(), Refusal> {
        vault::load(&self.keeper, &self.storage, key)?.ok_or(Refusal::NoSuchKey)?;
        if key.container() == Container::Payment && self.is_factory_pin() {
            return Err(Refusal::PinFactory);
        }
        match Policy::of(key).pin {
            PinPolicy::Always if proof.is_none() => Err(Refusal::NotVerified),
            PinPolicy::Once if !self.verified() => Err(Refusal::NotVerified),
            _ => Ok(()),
        }
    }

    /// Uses a private key. `proof` is what [`Self::take_proof`] gave when the command began.
    ///
    /// # Errors
    /// As [`Vault::operate`]; `PinFactory` for the payment key.
    pub fn operate(
        &mut self,
        key: KeyId,
        op: Op,
        proof: Option<Verified>,
        seen: Consent,
    ) -> Result<Vec<u8>, Refusal> {
        let state = self.state.as_mut().map_err(|refusal| *refusal)?;
        if key.container() == Container::Payment && state.pins.is_factory() {
            return Err(Refusal::PinFactory);
        }
        let proof = match (proof, state.pins.verified()) {
            (Some(proof), _) => PinProof::Always(proof),
            (None, Some(verified)) => PinProof::Once(verified),
            (None, None) => PinProof::Never,
        };
        state.vault.operate(&self.keeper, &self.storage, &mut self.rng, key, op, proof, seen)
    }

    /// The algorithm of a key; `None` when there is no such key.
    ///
    /// # Errors
    /// Its record is damaged.
    pub fn algorithm(&self, key: KeyId) -> Result<Option<KeyAlgorithm>, Refusal> {
        vault::load(&self.keeper, &self.storage, key)?.map(|key| vault::algorithm(&key)).transpose()
    }

    /// A public key as its template, tag 7F49; `None` when there is no such key.
    ///
    /// # Errors
    /// Its record is damaged.
    pub fn public_key(&self, key: KeyId) -> Result<Option<Vec<u8>>, Refusal> {
        Ok(vault::load(&self.keeper, &self.storage, key)?.map(|key| key.public))
    }

    /// Makes a key pair. An elliptic one is made at once and the answer is `None`; RSA takes long: run the job
    /// and hand its outcome to [`Self::finish_generate`].
    ///
    /// # Errors
    /// The state was not written. The former key is untouched then.
    pub fn generate(&mut self, key: KeyId, algorithm: KeyAlgorithm) -> Result<Option<Job>, Refusal> {
        match PrivateKey::generate_ec(algorithm, &mut self.rng) {
            Some(private) => self.store(key, &private, Origin::Generated).map(|()| None),
            None => {
                let mut seed = Zeroizing::new([0; 32]);
                self.rng.fill_bytes(&mut *seed);
                self.making = Some(key);
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
            (Some(key), Outcome::RsaKey(private)) => {
                let private = private?;
                self.store(key, &private, Origin::Generated)
            }
            _ => Err(Refusal::Fault),
        }
    }

    /// Puts a key from outside in place at once; its record says for ever that it was not made here. The payment key
    /// never comes from outside (GM/T 0027 9.2 c).
    ///
    /// # Errors
    /// `WrongUse` for the payment key; the state was not written.
    pub fn import(&mut self, key: KeyId, private: &PrivateKey) -> Result<(), Refusal> {
        if key.container() == Container::Payment {
            return Err(Refusal::WrongUse);
        }
        self.store(key, private, Origin::Imported)
    }

    /// An RSA key from its parts.
    ///
    /// # Errors
    /// `WrongData`: they do not belong together.
    pub fn rsa_key(&mut self, parts: &Crt<'_>) -> Result<PrivateKey, Refusal> {
        PrivateKey::from_crt(parts, &mut self.rng)
    }

    /// Where a key comes from; `None` when there is no such key.
    ///
    /// # Errors
    /// Its record is damaged.
    pub fn origin(&self, key: KeyId) -> Result<Option<Origin>, Refusal> {
        Ok(vault::load(&self.keeper, &self.storage, key)?.map(|key| key.origin))
    }

    fn store(&mut self, id: KeyId, private: &PrivateKey, origin: Origin) -> Result<(), Refusal> {
        let state = self.state.as_mut().map_err(|refusal| *refusal)?;
        let container = id.container();
        let key = state.vault.seal(&self.keeper, &mut self.rng, container, private, origin)?;
        state.vault.forget(container); // first: a save that fails may have replaced it all the same
        match id {
            KeyId::Pending(_) => {
                self.keeper.save(&mut self.storage, RecordName::Pending(container.reference()), &key)?;
            }
            KeyId::Current(_) => {
                let name = RecordName::Container(container.reference());
                let former: record::Container = self.keeper.load(&self.storage, name)?.unwrap_or_default();
                let record = record::Container { key: Some(key), certificate: former.certificate };
                self.keeper.save(&mut self.storage, name, &record)?;
            }
        }
        Ok(())
    }

    /// The card management key.
    ///
    /// # Errors
    /// Its record is damaged.
    pub fn management_key(&self) -> Result<ManagementKey, Refusal> {
        let record: Vec<u8> =
            self.keeper.load(&self.storage, RecordName::Management)?.ok_or(Refusal::Fault)?;
        ManagementKey::from_bytes(&crypto::unwrap(self.keeper.wrapping(), MANAGEMENT, &record)?)
    }

    /// Replaces the card management key.
    ///
    /// # Errors
    /// The state was not written.
    pub fn set_management_key(&mut self, key: &ManagementKey) -> Result<(), Refusal> {
        let record = crypto::wrap(self.keeper.wrapping(), MANAGEMENT, &key.to_bytes(), &mut self.rng);
        self.keeper.save(&mut self.storage, RecordName::Management, &record)
    }
}
