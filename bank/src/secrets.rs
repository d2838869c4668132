//! The bank's secrets: one file for its owner only, the same on all nodes, never in the database and never in `argv`.
//!
//! Each kind of key has versions. What a key protects names the version: an old key stays until nothing names it.

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
    /// The seal on the chain of the audit.
    audit: Key,
    /// The tokens of forms.
    form: Key,
    /// The passphrase of the key of the bank's CA.
    authority: Key,
}

/// 256 bits in hexadecimal.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
struct Key(String);

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
        let key = || Ok::<_, Error>(Key(hex(Zeroizing::new(random::bytes::<32>()?).as_slice())));
        let card = BTreeMap::from([(1, key()?)]);
        Ok(Self(Written { version: 1, card, audit: key()?, form: key()?, authority: key()? }))
    }

    /// Writes the file, which must not be there yet.
    pub(crate) fn write(&self, path: &Path) -> std::result::Result<(), Failure> {
        let json = serde_json::to_vec_pretty(&self.0).map(Zeroizing::new);
        let json = json.map_err(|fault| Failure::new("the secrets cannot be written").because(fault))?;
        Ok(file::write(path, &json, Access::Owner, false)?)
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
        let keys = written.card.values().chain([&written.audit, &written.form, &written.authority]);
        if written.version != 1 || written.card.is_empty() || !keys.into_iter().all(whole) {
            return Err(wrong("a key is missing, or the file is of another version".into()));
        }
        Ok(Self(written))
    }

    /// The version of the key that new cards are made with.
    pub(crate) fn card_version(&self) -> i64 {
        self.0.card.keys().next_back().copied().unwrap_or_default()
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
        let missing =
            || Error::Broken("the file of secrets lacks the version of a key that the books name".into());
        let key = key.ok_or_else(missing)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(key.0.as_bytes()).map_err(|_| missing())?;
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
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
}
