//! Stored records: what each holds, and the seal that tells a damaged one.
//!
//! On the medium a record is one version byte, its fields (postcard), and 16 bytes of HMAC-SHA256 under a key
//! of the device secret over its name and all before: a record that was changed, swapped with another or made by
//! another device is refused (GM/T 0027 5.5, integrity of stored keys and data).

use alloc::vec::Vec;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{
    crypto::hmac_sha256,
    profile::{Generation, Profile},
    refusal::Refusal,
    seams::{RecordName, Storage},
};

/// The version of all formats below; another one is refused, never overwritten.
pub const STATE_VERSION: u8 = 1;
/// Bytes of the truncated HMAC (RFC 2104, 5: not less than half the hash).
const TAG: usize = 16;

/// Who the token is.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Device {
    /// The serial number, ASCII.
    pub serial: alloc::string::String,
    /// The public half of the vault key: keys are sealed to it without the PIN.
    pub sealing: Vec<u8>,
    pub make: Make,
}

/// What of its profile a token keeps for life: the same records under another one would mean something else, such as
/// a payment key that signs without a screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Make {
    pub brand: alloc::string::String,
    pub screen: bool,
    pub pin_length: (u8, u8),
    pub tries: (u8, u8),
}

impl Make {
    pub(crate) fn of(profile: &Profile) -> Self {
        Self {
            brand: profile.brand.clone(),
            screen: profile.generation != Generation::One,
            pin_length: profile.pin_length,
            tries: (profile.pin_tries, profile.puk_tries),
        }
    }
}

/// Tries left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tries {
    pub pin: u8,
    pub puk: u8,
}

/// What a PIN or PUK opens.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Lock {
    /// Salt of the stretching.
    pub salt: [u8; 16],
    /// Argon2id memory in KiB and passes.
    pub cost: Option<(u32, u32)>,
    /// The vault key under the stretched PIN.
    pub wrapped: Vec<u8>,
}

/// Both locks of the vault.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Locks {
    pub pin: Lock,
    pub puk: Lock,
    /// Which of the two everybody knows: bits of `pin::known`.
    pub known: u8,
}

/// Where a private key comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// Made on the token.
    Generated,
    /// Brought in from outside, for ever marked so.
    Imported,
}

/// A private key, sealed, with its public half.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Key {
    /// Its algorithm (`wire::piv::Algorithm`).
    pub algorithm: u8,
    pub origin: Origin,
    /// The private key: sealed to the vault key, or wrapped by the device secret when it never needs a PIN.
    pub sealed: Vec<u8>,
    /// The public key template, tag 7F49.
    pub public: Vec<u8>,
    /// SubjectPublicKeyInfo, DER.
    pub spki: Vec<u8>,
}

/// A container: a key and the certificate for it, replaced together.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Container {
    pub key: Option<Key>,
    /// The certificate object as PIV stores it (tags 70, 71, FE).
    pub certificate: Option<Vec<u8>>,
}

/// Certificates that are being installed: container reference and certificate, DER.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Install {
    pub items: Vec<(u8, Vec<u8>)>,
}

/// Seals and opens records with keys of the device secret.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Keeper {
    integrity: [u8; 32],
    wrapping: [u8; 32],
    stretching: [u8; 32],
}

impl Keeper {
    /// Derives the keys of one device.
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        let derive = |purpose: &[u8]| hmac_sha256(secret, &[b"ushield 1 ", purpose]);
        Self {
            integrity: derive(b"integrity"),
            wrapping: derive(b"wrapping"),
            stretching: derive(b"stretching"),
        }
    }

    /// The key for what the device secret alone protects.
    pub(crate) const fn wrapping(&self) -> &[u8; 32] {
        &self.wrapping
    }

    /// Argon2's secret input: without the device, a stolen state folder allows no guess.
    pub(crate) fn stretching(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.stretching)
    }

    fn tag(&self, name: RecordName, body: &[u8]) -> [u8; 32] {
        let name = alloc::format!("{name}");
        hmac_sha256(self.integrity, &[name.as_bytes(), &[0], body])
    }

    /// The record's bytes.
    fn encode<T: Serialize>(&self, name: RecordName, value: &T) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let version = Vec::from([STATE_VERSION]);
        let mut bytes = Zeroizing::new(postcard::to_extend(value, version).map_err(|_| Refusal::Fault)?);
        let tag = self.tag(name, &bytes);
        bytes.extend_from_slice(tag.get(..TAG).unwrap_or_default());
        Ok(bytes)
    }

    /// The fields, once the tag agrees.
    fn open<'a>(&self, name: RecordName, bytes: &'a [u8]) -> Result<&'a [u8], Refusal> {
        let (body, tag) = bytes.split_last_chunk::<TAG>().ok_or(Refusal::Fault)?;
        let expected = self.tag(name, body);
        let same = expected.get(..TAG).unwrap_or_default().ct_eq(tag);
        match body {
            [STATE_VERSION, fields @ ..] if same.into() => Ok(fields),
            _ => Err(Refusal::Fault),
        }
    }

    /// Loads a record; `None` when there is none.
    pub(crate) fn load<T: DeserializeOwned>(
        &self,
        storage: &impl Storage,
        name: RecordName,
    ) -> Result<Option<T>, Refusal> {
        let Some(bytes) = storage.load(name)?.map(Zeroizing::new) else { return Ok(None) };
        let fields = self.open(name, &bytes)?;
        postcard::from_bytes(fields).map(Some).map_err(|_| Refusal::Fault)
    }

    /// Checks a record's integrity without reading its fields.
    pub(crate) fn check(&self, storage: &impl Storage, name: RecordName) -> Result<(), Refusal> {
        let bytes = storage.load(name)?.ok_or(Refusal::Fault)?;
        self.open(name, &bytes).map(|_| ())
    }

    /// Saves a record durably.
    pub(crate) fn save<T: Serialize>(
        &self,
        storage: &mut impl Storage,
        name: RecordName,
        value: &T,
    ) -> Result<(), Refusal> {
        Ok(storage.save(name, &self.encode(name, value)?)?)
    }

    /// Saves a record whose loss at a power cut does no harm.
    pub(crate) fn save_soon<T: Serialize>(
        &self,
        storage: &mut impl Storage,
        name: RecordName,
        value: &T,
    ) -> Result<(), Refusal> {
        Ok(storage.save_soon(name, &self.encode(name, value)?)?)
    }
}
