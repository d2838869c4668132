//! The vault: private keys, what each may do, and the one door to them, [`Vault::operate`].
//!
//! An applet obtains the proofs (that the PIN was verified, that the holder consented) and hands them over; the
//! vault compares them with the key's policy. Keys are sealed to the vault key's public half, so that one can be
//! made without the PIN; what never needs a PIN is wrapped by the device secret alone.

use alloc::vec::Vec;

use wire::{
    piv::PinPolicy,
    shield::{Container, KeyPolicy, Uses},
};

use zeroize::Zeroizing;

use crate::{
    consent::{self, Consent},
    crypto::{self, KeyAlgorithm, OpeningKey, PrivateKey, SealingKey},
    pin::PinProof,
    record::{self, Key, Origin, Store},
    refusal::Refusal,
    seams::{CryptoRng, RecordName, Storage},
};

/// A key: the one in use, or the one that waits for its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyId {
    /// The container's key.
    Current(Container),
    /// The key that a certificate will put in the container's place.
    Pending(Container),
}

impl KeyId {
    /// The container that the key is for.
    pub const fn container(self) -> Container {
        match self {
            Self::Current(container) | Self::Pending(container) => container,
        }
    }
}

/// What to do with a private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// ECDSA or SM2: over the bytes consented to, or, unseen, over a digest.
    Sign,
    /// ECDH with the unseen point.
    Agree,
    /// RSA on the unseen padded block.
    Raw,
    /// SM2 on the unseen ciphertext.
    Decrypt,
}

impl Op {
    /// What a key of this algorithm does for a use; `None` when it does nothing for it.
    pub const fn of(algorithm: KeyAlgorithm, uses: Uses) -> Option<Self> {
        match (algorithm, uses) {
            (KeyAlgorithm::P256 | KeyAlgorithm::P384 | KeyAlgorithm::Sm2, Uses::SIGN) => Some(Self::Sign),
            (KeyAlgorithm::Sm2, Uses::DECRYPT) => Some(Self::Decrypt),
            (KeyAlgorithm::P256 | KeyAlgorithm::P384, Uses::AGREE) => Some(Self::Agree),
            (KeyAlgorithm::Rsa2048, Uses::SIGN | Uses::DECRYPT) => Some(Self::Raw),
            (KeyAlgorithm::P256 | KeyAlgorithm::P384 | KeyAlgorithm::Rsa2048 | KeyAlgorithm::Sm2, _) => None,
        }
    }
}

/// What a key wants confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirm {
    /// Nothing.
    Nothing,
    /// A payment order, or its own certification request, seen and confirmed.
    Payment,
    /// Its own certification request, seen and confirmed: a key without its certificate does nothing else.
    Request,
}

/// What a key may do and when: plain data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// When it wants the PIN.
    pub pin: PinPolicy,
    /// What it may be used for without anything being confirmed.
    pub uses: Uses,
    /// What it wants confirmed.
    pub confirm: Confirm,
}

impl Policy {
    /// The policy of a key that was made with `stored`. No record says anything about the payment key's.
    pub const fn of(key: KeyId, stored: KeyPolicy) -> Self {
        let (stored, confirm) = match key.container() {
            Container::Piv(_) => (stored, Confirm::Nothing),
            payment @ Container::Payment => (KeyPolicy::of(payment), Confirm::Payment), // GM/T 0027 9.2 c
        };
        let confirm = match key {
            KeyId::Current(_) => confirm,
            KeyId::Pending(_) => Confirm::Request,
        };
        Self { pin: stored.pin, uses: stored.uses, confirm }
    }

    /// Whether these proofs are what the policy wants.
    fn admits(self, op: Op, pin: &PinProof<'_>, seen: &Consent, spki: &[u8]) -> Result<(), Refusal> {
        let pin_holds = match self.pin {
            PinPolicy::Never => true,
            PinPolicy::Once => !matches!(pin, PinProof::Never),
            PinPolicy::Always => matches!(pin, PinProof::Always(_)),
        };
        if !pin_holds {
            return Err(Refusal::NotVerified);
        }
        let own_request = || seen.public_key() == Some(spki);
        let confirmed = match (self.confirm, seen.kind()) {
            (Confirm::Nothing, consent::Kind::Unseen) => self.allows(op),
            (Confirm::Payment, consent::Kind::Payment) => true,
            (_, consent::Kind::Request) => own_request(),
            _ => false,
        };
        if confirmed { Ok(()) } else { Err(Refusal::WrongUse) }
    }

    const fn allows(self, op: Op) -> bool {
        match op {
            Op::Sign => self.uses.has(Uses::SIGN),
            Op::Agree => self.uses.has(Uses::AGREE),
            Op::Decrypt => self.uses.has(Uses::DECRYPT),
            // RSA signs and decrypts by one operation, on a block that the host padded. The token cannot tell which of the two
            // the host does.
            Op::Raw => self.uses.has(Uses::SIGN) || self.uses.has(Uses::DECRYPT),
        }
    }
}

/// The private keys of one token.
pub(crate) struct Vault {
    sealing: SealingKey,
    /// The vault key, from the first right PIN until power off.
    opening: Option<OpeningKey>,
    /// The keys that were opened last, so that the next signature costs only itself.
    opened: Vec<Opened>,
}

/// How many keys stay open: as many as one host uses in turn. An RSA key takes some KiB of RAM.
const MOST_OPENED: usize = 5;

struct Opened {
    id: KeyId,
    policy: Policy,
    private: PrivateKey,
    spki: Vec<u8>,
}

impl Vault {
    pub(crate) const fn new(sealing: SealingKey) -> Self {
        Self { sealing, opening: None, opened: Vec::new() }
    }

    /// Takes the vault key that a right PIN unwrapped.
    pub(crate) fn unlock(&mut self, opening: OpeningKey) {
        self.opening = Some(opening);
    }

    /// The vault key, once a right PIN has unwrapped it.
    pub(crate) const fn opening(&self) -> Option<&OpeningKey> {
        self.opening.as_ref()
    }

    /// Forgets all keys (power off).
    pub(crate) fn lock(&mut self) {
        self.opening = None;
        self.opened.clear();
    }

    /// The door: does `op` with a private key when both proofs are what its policy wants. The answer is a signature in DER, a
    /// shared secret, an RSA block, or a text.
    ///
    /// # Errors
    /// `NoSuchKey`, `NotVerified`, `WrongUse`, or the fault of a damaged record.
    pub(crate) fn operate(
        &mut self,
        store: &mut Store<impl Storage, impl CryptoRng>,
        key: KeyId,
        op: Op,
        pin: PinProof<'_>,
        seen: Consent,
    ) -> Result<Vec<u8>, Refusal> {
        let index = self.open(store, key)?;
        let Opened { private, spki, policy, .. } = self.opened.get_mut(index).ok_or(Refusal::Fault)?;
        policy.admits(op, &pin, &seen, spki)?;
        match (op, seen.kind()) {
            (Op::Sign, consent::Kind::Payment | consent::Kind::Request) => {
                private.sign(seen.bytes(), &mut store.rng)
            }
            (Op::Sign, consent::Kind::Unseen) => private.sign_digest(seen.bytes(), &mut store.rng),
            (Op::Agree, consent::Kind::Unseen) => private.agree(seen.bytes()).map(|secret| secret.to_vec()),
            (Op::Decrypt, consent::Kind::Unseen) => private.decrypt(seen.bytes()).map(|text| text.to_vec()),
            (Op::Raw, consent::Kind::Unseen) => {
                private.raw(seen.bytes(), &mut store.rng).map(|block| block.to_vec())
            }
            _ => Err(Refusal::WrongUse),
        }
    }

    /// Seals a new key for its place and gives back its record. It never leaves in clear.
    pub(crate) fn seal(
        &self,
        store: &mut Store<impl Storage, impl CryptoRng>,
        container: Container,
        private: &PrivateKey,
        origin: Origin,
        policy: KeyPolicy,
    ) -> Key {
        let (bytes, context) = (private.to_bytes(), [container.reference()]);
        let sealed = match policy.pin {
            PinPolicy::Never => store.wrap(&context, &bytes),
            PinPolicy::Once | PinPolicy::Always => {
                crypto::seal(&self.sealing, &context, &bytes, &mut store.rng)
            }
        };
        let algorithm = wire::piv::Algorithm::from(private.algorithm()) as u8;
        Key::new(algorithm, origin, policy, sealed, private.public_key(), private.spki())
    }

    /// Seals what is no key, so that it opens only after the PIN.
    pub(crate) fn seal_data(
        &self,
        store: &mut Store<impl Storage, impl CryptoRng>,
        context: &[u8],
        plain: &[u8],
    ) -> Vec<u8> {
        crypto::seal(&self.sealing, context, plain, &mut store.rng)
    }

    /// Opens what [`Self::seal_data`] sealed.
    pub(crate) fn open_data(&self, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        self.opening.as_ref().ok_or(Refusal::NotVerified)?.open(context, sealed)
    }

    /// Drops what RAM holds of a container's keys, because the keys are replaced or removed.
    pub(crate) fn forget(&mut self, container: Container) {
        self.opened.retain(|opened| opened.id.container() != container);
    }

    /// Opens a key, and gives its place in `opened`.
    fn open(&mut self, store: &Store<impl Storage, impl CryptoRng>, id: KeyId) -> Result<usize, Refusal> {
        if let Some(index) = self.opened.iter().position(|opened| opened.id == id) {
            return Ok(index);
        }
        let key = load(store, id)?.ok_or(Refusal::NoSuchKey)?;
        let (context, stored) = ([id.container().reference()], key.policy()?);
        let bytes = match stored.pin {
            PinPolicy::Never => store.unwrap(&context, &key.sealed)?,
            PinPolicy::Once | PinPolicy::Always => {
                self.opening.as_ref().ok_or(Refusal::NotVerified)?.open(&context, &key.sealed)?
            }
        };
        let algorithm = algorithm(&key)?;
        let private = PrivateKey::from_bytes(algorithm, &bytes)?;
        if self.opened.len() >= MOST_OPENED {
            self.opened.remove(0);
        }
        self.opened.push(Opened { id, policy: Policy::of(id, stored), private, spki: key.spki });
        Ok(self.opened.len().saturating_sub(1))
    }
}

/// The algorithm that a key's record names.
pub(crate) fn algorithm(key: &Key) -> Result<KeyAlgorithm, Refusal> {
    wire::piv::Algorithm::parse(key.algorithm).and_then(|found| found.of_key_pair()).ok_or(Refusal::Fault)
}

/// The record of a key; `None` when there is none.
pub(crate) fn load(store: &Store<impl Storage, impl CryptoRng>, id: KeyId) -> Result<Option<Key>, Refusal> {
    match id {
        KeyId::Current(container) => {
            let record: Option<record::Container> =
                store.load(RecordName::Container(container.reference()))?;
            Ok(record.and_then(|found| found.key))
        }
        KeyId::Pending(container) => store.load(RecordName::Pending(container.reference())),
    }
}
