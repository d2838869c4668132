//! Stored records: what each holds, and the seal that tells a damaged one.
//!
//! On the medium a record is one version byte, its fields (postcard), and 16 bytes of HMAC-SHA256 under a key
//! of the device secret over its name and all before: a record that was changed, swapped with another or made by
//! another device is refused (GM/T 0027 5.5, integrity of stored keys and data).

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
mod inventory;
mod version1;
mod version2;
mod container;
#[cfg(test)]
mod tests;

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

pub use self::container::Origin;
pub(crate) use self::container::{Certificate, Container, Key, Name};
pub(crate) use self::inventory::is_unfinished;
use crate::{
    crypto::{self, hmac_sha256},
    profile::{Generation, Profile},
    refusal::Refusal,
    seams::{CryptoRng, RecordName, Storage},
};

/// The version of all formats below. A record of an earlier version is read, and is written in this version when it changes. A
/// record of a version that is not known is refused, and never overwritten.
pub const STATE_VERSION: u8 = 3;
/// Bytes of the truncated HMAC (RFC 2104, 5: not less than half the hash).
const TAG: usize = 16;

/// Who the token is.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Device {
    /// The serial number, ASCII.
    pub serial: String,
    /// The public half of the vault key: keys are sealed to it without the PIN.
    pub sealing: Vec<u8>,
    pub make: Make,
}

/// What of its profile a token keeps for life. Under another profile the same records would mean something else, such as a
/// payment key that signs without a screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Make {
    pub brand: String,
    pub screen: bool,
    pub pin_length: (u8, u8),
    pub tries: (u8, u8),
}

impl Make {
    pub(crate) fn of(profile: &Profile) -> Self {
        Self {
            brand: profile.brand.name.clone(),
            screen: profile.brand.generation != Generation::One,
            pin_length: profile.brand.pin_length,
            tries: (profile.brand.pin_tries, profile.brand.puk_tries),
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

/// Certificates that are being installed: container reference and certificate, DER.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Install {
    pub items: Vec<(u8, Vec<u8>)>,
}

/// New codes: locks, and the most tries. With a new vault key's public half all else goes.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Renewal {
    pub locks: Locks,
    pub most: Tries,
    pub sealing: Option<Vec<u8>>,
}

/// The attestation key, wrapped by the device secret, and the factory's certificate for it, DER.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Attestation {
    pub sealed: Vec<u8>,
    pub certificate: Vec<u8>,
}

/// A record's fields.
pub(crate) trait Stored: Serialize + DeserializeOwned {
    /// Reads the fields that `version` wrote, 1 to [`STATE_VERSION`]. Most have stayed the same.
    fn read(_version: u8, _name: RecordName, fields: &[u8]) -> postcard::Result<Self> {
        postcard::from_bytes(fields)
    }
}

impl Stored for Device {}
impl Stored for Tries {}
impl Stored for Locks {}
impl Stored for Install {}
impl Stored for Renewal {}
impl Stored for Attestation {}
/// Of data objects and the management key.
impl Stored for Vec<u8> {}

impl Stored for Key {
    fn read(version: u8, name: RecordName, fields: &[u8]) -> postcard::Result<Self> {
        match version {
            1 => version1::key(name, fields),
            2 => version2::key(fields),
            _ => postcard::from_bytes(fields),
        }
    }
}

impl Stored for Container {
    fn read(version: u8, name: RecordName, fields: &[u8]) -> postcard::Result<Self> {
        match version {
            1 => version1::container(name, fields),
            2 => version2::container(fields),
            _ => postcard::from_bytes(fields),
        }
    }
}

/// A data object of a host's: `wire::shield::DataObject` as bytes.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Data {
    /// In clear.
    Public(Vec<u8>),
    /// Sealed to the vault key.
    Private(Vec<u8>),
}

impl Stored for Data {}
/// The token's label, and the one that an initialisation will give it.
impl Stored for String {}

/// The keys of one device, derived from its secret, and the seal on each record.
#[derive(Zeroize, ZeroizeOnDrop)]
struct Keeper {
    integrity: [u8; 32],
    wrapping: [u8; 32],
    stretching: [u8; 32],
}

impl Keeper {
    fn new(secret: &[u8; 32]) -> Self {
        let derive = |purpose: &[u8]| hmac_sha256(secret, &[b"ushield 1 ", purpose]);
        Self {
            integrity: derive(b"integrity"),
            wrapping: derive(b"wrapping"),
            stretching: derive(b"stretching"),
        }
    }

    fn tag(&self, name: RecordName, body: &[u8]) -> [u8; 32] {
        let name = alloc::format!("{name}");
        hmac_sha256(self.integrity, &[name.as_bytes(), &[0], body])
    }

    /// The record's bytes.
    fn encode<T: Stored>(&self, name: RecordName, value: &T) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let version = Vec::from([STATE_VERSION]);
        let mut bytes = Zeroizing::new(postcard::to_extend(value, version).map_err(|_| Refusal::Fault)?);
        let tag = self.tag(name, &bytes);
        bytes.extend_from_slice(tag.get(..TAG).unwrap_or_default());
        Ok(bytes)
    }

    /// The version and the fields, once the tag agrees.
    fn open<'a>(&self, name: RecordName, bytes: &'a [u8]) -> Result<(u8, &'a [u8]), Refusal> {
        let (body, tag) = bytes.split_last_chunk::<TAG>().ok_or(Refusal::Fault)?;
        let expected = self.tag(name, body);
        let same = expected.get(..TAG).unwrap_or_default().ct_eq(tag);
        match body {
            [version @ 1..=STATE_VERSION, fields @ ..] if same.into() => Ok((*version, fields)),
            _ => Err(Refusal::Fault),
        }
    }
}

/// All that a token keeps and draws from: its flash, the keys that seal what lies there, and its random source.
pub(crate) struct Store<S, R> {
    keeper: Keeper,
    pub(crate) storage: S,
    pub(crate) rng: R,
}

impl<S: Storage, R: CryptoRng> Store<S, R> {
    /// The store of the device that has this secret.
    pub(crate) fn new(secret: &[u8; 32], storage: S, rng: R) -> Self {
        Self { keeper: Keeper::new(secret), storage, rng }
    }

    /// Argon2's secret input: without the device, a stolen state folder allows no guess.
    pub(crate) fn stretching(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.keeper.stretching)
    }

    /// Random bytes that need not stay secret, such as salts and serial numbers. The buffer that they are made in is not wiped:
    /// a secret is made by [`Self::random_secret`].
    pub(crate) fn random<const LENGTH: usize>(&mut self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// A random secret, made in the buffer that is wiped.
    pub(crate) fn random_secret<const LENGTH: usize>(&mut self) -> Zeroizing<[u8; LENGTH]> {
        let mut secret = Zeroizing::new([0; LENGTH]);
        self.rng.fill_bytes(secret.as_mut_slice());
        secret
    }

    /// Wraps what the device secret alone protects.
    pub(crate) fn wrap(&mut self, context: &[u8], plain: &[u8]) -> Vec<u8> {
        crypto::wrap(&self.keeper.wrapping, context, plain, &mut self.rng)
    }

    /// Unwraps what [`Self::wrap`] wrapped with the same context.
    ///
    /// # Errors
    /// `Fault`: another device's, or damaged.
    pub(crate) fn unwrap(&self, context: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        crypto::unwrap(&self.keeper.wrapping, context, wrapped)
    }

    /// Loads a record; `None` when there is none.
    pub(crate) fn load<T: Stored>(&self, name: RecordName) -> Result<Option<T>, Refusal> {
        let Some(bytes) = self.storage.load(name)?.map(Zeroizing::new) else { return Ok(None) };
        let (version, fields) = self.keeper.open(name, &bytes)?;
        T::read(version, name, fields).map(Some).map_err(|_| Refusal::Fault)
    }

    /// The version that wrote a record, once its tag agrees. Its fields are not read.
    fn version(&self, name: RecordName) -> Result<u8, Refusal> {
        let bytes = self.storage.load(name)?.ok_or(Refusal::Missing(name))?;
        self.keeper.open(name, &bytes).map(|(version, _)| version)
    }

    /// Saves a record durably. A new one is put on the inventory behind it.
    pub(crate) fn save<T: Stored>(&mut self, name: RecordName, value: &T) -> Result<(), Refusal> {
        self.write(name, value)?;
        self.enter(name)
    }

    fn write<T: Stored>(&mut self, name: RecordName, value: &T) -> Result<(), Refusal> {
        Ok(self.storage.save(name, &self.keeper.encode(name, value)?)?)
    }

    /// Saves a record whose loss at a power cut does no harm.
    pub(crate) fn save_soon<T: Stored>(&mut self, name: RecordName, value: &T) -> Result<(), Refusal> {
        Ok(self.storage.save_soon(name, &self.keeper.encode(name, value)?)?)
    }
}

/// Turns a token's records into those that version 2 would have left.
#[cfg(test)]
pub(crate) fn make_version_2(flash: &mut crate::fixture::Flash) {
    let keeper = Keeper::new(&crate::fixture::SECRET);
    flash.records.remove(&RecordName::Inventory);
    for (name, bytes) in &mut flash.records {
        let end = bytes.len() - TAG;
        bytes[0] = 2;
        let tag = keeper.tag(*name, &bytes[..end]);
        bytes[end..].copy_from_slice(&tag[..TAG]);
    }
}
