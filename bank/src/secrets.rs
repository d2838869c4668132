//! The bank's secrets: one file for its owner only, the same on all nodes, never in the database and never in `argv`.
//!
//! Each kind of key has versions. What a key protects names the version: an old key stays until nothing names it.

// The order is the law: a module uses only siblings listed below it (tests/floors.rs).
mod envelope;

use std::{collections::BTreeMap, path::Path};

use file::Access;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use terminal::Failure;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{
    error::{Error, Result},
    frame,
    random::{self, hex},
};

/// The file as it is written.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct Written {
    #[zeroize(skip)]
    version: u32,
    /// The cells of password cards, by version.
    #[zeroize(skip)]
    card: BTreeMap<i64, Key>,
    /// The envelopes of PUKs, by version. A file of a bank from before there were envelopes has none, until `bank migrate` adds one.
    #[zeroize(skip)]
    #[serde(default)]
    puk: BTreeMap<i64, Key>,
    /// The seals on the chains of the audit.
    audit: Key,
    /// The tokens of forms, the secrets of webhooks, and the hashes of authorisation codes.
    form: Key,
    /// The passphrase of the key of the bank's CA.
    authority: Key,
}

/// 256 bits in hexadecimal.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
struct Key(String);

impl Key {
    fn new() -> Result<Self> {
        Ok(Self(hex(Zeroizing::new(random::bytes::<32>()?).as_slice())))
    }
}

fn missing() -> Error {
    Error::Broken("the file of secrets lacks the version of a key that the books name".into())
}

/// What the keys are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The cells of a password card, by the version of the key that the card names.
    Card(i64),
    Audit,
    Form,
}

/// The bank's secrets.
pub(crate) struct Secrets(Written);

impl Secrets {
    /// New ones.
    pub(crate) fn new() -> Result<Self> {
        let first = || Ok::<_, Error>(BTreeMap::from([(1, Key::new()?)]));
        let [audit, form, authority] = [Key::new()?, Key::new()?, Key::new()?];
        Ok(Self(Written { version: 1, card: first()?, puk: first()?, audit, form, authority }))
    }

    /// Adds what the file of a former version lacks, and writes it anew. Whether it lacked something.
    pub(crate) fn complete(mut self, path: &Path) -> std::result::Result<bool, Failure> {
        if !self.0.puk.is_empty() {
            return Ok(false);
        }
        let key = Key::new().map_err(|error| Failure::new("no secrets were made").because(error))?;
        self.0.puk.insert(1, key);
        file::write(path, &self.json()?, Access::Owner, true)?;
        Ok(true)
    }

    fn json(&self) -> std::result::Result<Zeroizing<Vec<u8>>, Failure> {
        let json = serde_json::to_vec_pretty(&self.0).map(Zeroizing::new);
        json.map_err(|fault| Failure::new("the secrets cannot be written").because(fault))
    }

    /// Writes the file, which must not be there yet.
    pub(crate) fn write(&self, path: &Path) -> std::result::Result<(), Failure> {
        Ok(file::write(path, &self.json()?, Access::Owner, false)?)
    }

    /// Reads the file, which must be closed to others.
    pub(crate) fn read(path: &Path) -> std::result::Result<Self, Failure> {
        file::check_private(path, "600")?;
        let bytes = file::read_secret(path)?;
        let wrong = |why: String| {
            Failure::new(format!("the secrets in {} were not read", path.display()))
                .because(why)
                .next("put back the file that `bank init` made, from the backup")
        };
        // What serde says of a wrong file could repeat a key, so only the place is told.
        let written: Written = serde_json::from_slice(&bytes)
            .map_err(|fault| wrong(format!("line {} is not what `bank init` writes", fault.line())))?;
        let whole = |key: &Key| key.0.len() == 64 && key.0.bytes().all(|byte| byte.is_ascii_hexdigit());
        let versions = written.card.values().chain(written.puk.values());
        let keys = versions.chain([&written.audit, &written.form, &written.authority]);
        if written.version != 1 || written.card.is_empty() || !keys.into_iter().all(whole) {
            return Err(wrong("a key is missing, or the file is of another version".into()));
        }
        Ok(Self(written))
    }

    /// The version of the key that new cards are made with.
    pub(crate) fn card_version(&self) -> i64 {
        self.0.card.keys().next_back().copied().unwrap_or_default()
    }

    /// Seals a PUK for what the parts name, with the newest key: the key's version, and the envelope.
    pub(crate) fn seal(&self, parts: &[&str], secret: &[u8]) -> Result<(i64, Vec<u8>)> {
        let newest = self.0.puk.iter().next_back();
        let (version, key) = newest.ok_or_else(|| {
            Error::Broken("the file of secrets has no key for PUKs; run `bank migrate`".into())
        })?;
        Ok((*version, envelope::seal(key, parts, secret)?))
    }

    /// Opens the envelope of a PUK.
    ///
    /// # Errors
    /// The file lacks that version of the key, or the envelope is not of these parts.
    pub(crate) fn open(&self, version: i64, parts: &[&str], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        envelope::open(self.0.puk.get(&version).ok_or_else(missing)?, parts, sealed)
    }

    /// What opens the keys of the bank's CA.
    pub(crate) fn passphrase(&self) -> &[u8] {
        self.0.authority.0.as_bytes()
    }

    /// HMAC-SHA-256 over the parts, each with its length before it, so that no two lists of parts are alike.
    pub(crate) fn mac(&self, purpose: Purpose, parts: &[&str]) -> Result<Zeroizing<[u8; 32]>> {
        let key = match purpose {
            Purpose::Card(version) => self.0.card.get(&version),
            Purpose::Audit => Some(&self.0.audit),
            Purpose::Form => Some(&self.0.form),
        };
        let key = key.ok_or_else(missing)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(key.0.as_bytes()).map_err(|_| missing())?;
        mac.update(&frame::whole(parts));
        Ok(Zeroizing::new(mac.finalize().into_bytes().into()))
    }
}

/// What somebody typed and nobody else may see: wiped when dropped, and never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Secret(Zeroizing<String>);

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        Ok(Self(Zeroizing::new(String::deserialize(from)?)))
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }
}

impl std::ops::Deref for Secret {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Whether two secrets are alike; takes the same time wherever they differ.
pub(crate) fn alike(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

#[cfg(test)]
mod tests {
    use super::{Purpose, Secrets};

    #[test]
    fn a_written_file_is_read_again_and_others_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secrets.json");
        let secrets = Secrets::new().expect("random numbers");
        secrets.write(&path).expect("written");
        let again = Secrets::read(&path).expect("read");
        let mac = |secrets: &Secrets, parts: &[&str]| secrets.mac(Purpose::Card(1), parts).expect("a key");
        assert_eq!(mac(&secrets, &["a", "b"]), mac(&again, &["a", "b"]));
        assert_ne!(mac(&secrets, &["a", "b"]), mac(&secrets, &["ab", ""]));
        assert!(secrets.mac(Purpose::Card(2), &[]).is_err());
        assert!(secrets.write(&path).is_err(), "a file of secrets is never written over");
        std::fs::write(&path, "{}").expect("written");
        assert!(Secrets::read(&path).is_err());
    }

    /// An envelope opens for what it was sealed for, with the key that it names, and unchanged.
    #[test]
    fn an_envelope_opens_where_it_belongs_and_a_former_key_opens_old_ones() {
        let (mut secrets, parts) = (Secrets::new().expect("random numbers"), ["puk", "00C0FFEE", "1"]);
        let (version, sealed) = secrets.seal(&parts, b"k7m2p9xq").expect("sealed");
        assert_eq!(secrets.open(version, &parts, &sealed).expect("opened").as_slice(), b"k7m2p9xq");
        assert!(sealed.windows(8).all(|part| part != b"k7m2p9xq"));
        assert_ne!(secrets.seal(&parts, b"k7m2p9xq").expect("sealed").1, sealed, "another nonce");
        for wrong in [["puk", "00C0FFEF", "1"], ["puk", "00C0FFEE", "2"], ["puk", "00C0FFEE1", ""]] {
            assert!(secrets.open(version, &wrong, &sealed).is_err(), "{wrong:?}");
        }
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(secrets.open(version, &parts, &changed).is_err(), "byte {at}");
        }
        assert!(secrets.open(version, &parts, &sealed[..11]).is_err());
        // Rotation: what is sealed from now on names the new key, and the old key opens what it sealed.
        secrets.0.puk.insert(2, super::Key::new().expect("random numbers"));
        assert_eq!(secrets.seal(&parts, b"k7m2p9xq").expect("sealed").0, 2);
        assert!(secrets.open(1, &parts, &sealed).is_ok() && secrets.open(2, &parts, &sealed).is_err());
        assert!(secrets.open(3, &parts, &sealed).is_err());
    }

    #[test]
    fn a_file_from_before_there_were_envelopes_gets_a_key_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secrets.json");
        let mut old = Secrets::new().expect("random numbers");
        old.0.puk.clear();
        old.write(&path).expect("written");
        let old = Secrets::read(&path).expect("read");
        assert!(old.seal(&[], b"").is_err());
        let mac = old.mac(Purpose::Audit, &["a"]).expect("a key");
        assert!(old.complete(&path).expect("completed"));
        let new = Secrets::read(&path).expect("read");
        assert_eq!(new.mac(Purpose::Audit, &["a"]).expect("a key"), mac, "the other keys stay");
        assert!(new.seal(&[], b"").is_ok());
        assert!(!new.complete(&path).expect("nothing to do"));
    }
}
