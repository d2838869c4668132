//! The bank's secrets: one file for its owner only, the same on all nodes, never in the database and never in `argv`.
//!
//! Each kind of key has versions. What a key protects names the version: an old key stays until nothing names it. A new version makes
//! nothing before its time has come, so that every node has the file by then (`docs/decisions/0068-keys-are-changed.md`).

// The order is the law: a module uses only siblings listed below it (tests/floors.rs).
mod envelope;
mod versions;

use std::{collections::BTreeMap, path::Path};

use file::Access;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use terminal::Failure;
use zeroize::Zeroizing;

use self::versions::{Key, Versions};
use crate::{
    clock::{DAY, HOUR, Moment},
    error::{Error, Result},
    frame,
};

/// The file as it is written. Each key wipes itself.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    /// The cells of password cards.
    card: Versions,
    /// The envelopes of PUKs. A file of a bank from before there were envelopes has none, until `bank migrate` adds one.
    #[serde(default)]
    puk: Versions,
    /// The seals on the chains of the audit.
    audit: Versions,
    /// The tokens of forms, the secrets of webhooks, and the hashes of authorisation codes.
    form: Versions,
    /// The passphrase of the key of the bank's CA.
    authority: Versions,
    /// From when on a version makes what is new, where that is not from its first day on: by kind and version, such as `card 2`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    from: BTreeMap<String, Moment>,
}

/// A kind of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Card,
    Puk,
    Audit,
    Form,
    Authority,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [Self::Card, Self::Puk, Self::Audit, Self::Form, Self::Authority];

    /// As the file and the command line name it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Puk => "puk",
            Self::Audit => "audit",
            Self::Form => "form",
            Self::Authority => "authority",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What was made with a former key just before the change is good for so long: forms that somebody has open.
const OVERLAP: Moment = DAY;
/// A node that was not started anew in time seals with the former key for so long without being accused.
const LATE: Moment = 2 * HOUR;

fn missing(kind: Kind, version: i64) -> Error {
    Error::Broken(format!(
        "secrets.json lacks {} {version}, which the books name: copy the file from where `bank secrets add` has changed it, and restart this node",
        kind.name()
    ))
}

/// What the keys are for, by the version that is named where the use is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The cells of a password card.
    Card(i64),
    Audit(i64),
    Form(i64),
}

/// The bank's secrets.
pub(crate) struct Secrets(Written);

impl Secrets {
    /// New ones.
    pub(crate) fn new() -> Result<Self> {
        let first = Versions::first;
        let (card, puk, audit, form, authority) = (first()?, first()?, first()?, first()?, first()?);
        Ok(Self(Written { version: 1, card, puk, audit, form, authority, from: BTreeMap::new() }))
    }

    const fn of(&self, kind: Kind) -> &Versions {
        match kind {
            Kind::Card => &self.0.card,
            Kind::Puk => &self.0.puk,
            Kind::Audit => &self.0.audit,
            Kind::Form => &self.0.form,
            Kind::Authority => &self.0.authority,
        }
    }

    const fn of_mut(&mut self, kind: Kind) -> &mut Versions {
        match kind {
            Kind::Card => &mut self.0.card,
            Kind::Puk => &mut self.0.puk,
            Kind::Audit => &mut self.0.audit,
            Kind::Form => &mut self.0.form,
            Kind::Authority => &mut self.0.authority,
        }
    }

    /// From when on this version makes what is new.
    pub(crate) fn from(&self, kind: Kind, version: i64) -> Moment {
        self.0.from.get(&place(kind, version)).copied().unwrap_or(Moment::MIN)
    }

    /// All versions of a kind, the oldest first.
    pub(crate) fn versions(&self, kind: Kind) -> impl DoubleEndedIterator<Item = i64> {
        self.of(kind).0.keys().copied()
    }

    /// The version that makes what is new now.
    pub(crate) fn current(&self, kind: Kind, now: Moment) -> i64 {
        let newest = self.versions(kind).rev().find(|version| self.from(kind, *version) <= now);
        newest.or_else(|| self.versions(kind).next()).unwrap_or_default()
    }

    /// The versions of which something that lasts no longer than a day may be, the newest first: the current one, and each that was the
    /// current one until less than a day ago.
    pub(crate) fn living(&self, kind: Kind, now: Moment) -> Vec<i64> {
        let current = self.current(kind, now);
        let next = |version| self.versions(kind).find(|other| *other > version);
        let is_living = |version: i64| {
            next(version).is_none_or(|next| now < self.from(kind, next).saturating_add(OVERLAP))
        };
        let made = self.versions(kind).rev().filter(|version| *version <= current);
        made.filter(|version| is_living(*version)).collect()
    }

    /// Whether something of this moment can be of this version: a key that was given up makes nothing any more.
    pub(crate) fn could_make(&self, kind: Kind, version: i64, at: Moment) -> bool {
        let next = self.versions(kind).find(|other| *other > version);
        next.is_none_or(|next| at < self.from(kind, next).saturating_add(LATE))
    }

    /// Adds a version, which makes what is new from this moment on, and writes the file anew. The version.
    pub(crate) fn add(&mut self, kind: Kind, from: Moment, path: &Path) -> std::result::Result<i64, Failure> {
        let key = Key::new().map_err(|error| Failure::new("no secrets were made").because(error))?;
        let version = self.of(kind).newest() + 1;
        self.of_mut(kind).0.insert(version, key);
        if from > Moment::MIN {
            self.0.from.insert(place(kind, version), from);
        }
        file::write(path, &self.json()?, Access::Owner, true)?;
        Ok(version)
    }

    /// Takes a version out, and writes the file anew. Whether there was one beside which another stays.
    pub(crate) fn forget(
        &mut self,
        kind: Kind,
        version: i64,
        path: &Path,
    ) -> std::result::Result<bool, Failure> {
        if self.of(kind).0.len() < 2 || self.of_mut(kind).0.remove(&version).is_none() {
            return Ok(false);
        }
        self.0.from.remove(&place(kind, version));
        file::write(path, &self.json()?, Access::Owner, true)?;
        Ok(true)
    }

    /// Adds what the file of a former version lacks, and writes it anew. Whether it lacked something.
    pub(crate) fn complete(mut self, path: &Path) -> std::result::Result<bool, Failure> {
        if !self.0.puk.0.is_empty() {
            return Ok(false);
        }
        self.add(Kind::Puk, Moment::MIN, path)?;
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
        let read = Self(written);
        let is_there = |kind: Kind| kind == Kind::Puk || !read.of(kind).0.is_empty();
        let is_whole = |kind: Kind| is_there(kind) && read.of(kind).0.values().all(Key::is_whole);
        if read.0.version != 1 || !Kind::ALL.into_iter().all(is_whole) {
            return Err(wrong("a key is missing, or the file is of another version".into()));
        }
        Ok(read)
    }

    /// Seals a PUK for what the parts name, with the current key: the key's version, and the envelope.
    pub(crate) fn seal(&self, parts: &[&str], secret: &[u8], now: Moment) -> Result<(i64, Vec<u8>)> {
        let version = self.current(Kind::Puk, now);
        let key = self.0.puk.0.get(&version).ok_or_else(|| {
            Error::Broken("the file of secrets has no key for PUKs; run `bank migrate`".into())
        })?;
        Ok((version, envelope::seal(key, parts, secret)?))
    }

    /// Opens the envelope of a PUK.
    ///
    /// # Errors
    /// The file lacks that version of the key, or the envelope is not of these parts.
    pub(crate) fn open(&self, version: i64, parts: &[&str], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let key = self.0.puk.0.get(&version).ok_or_else(|| missing(Kind::Puk, version))?;
        envelope::open(key, parts, sealed)
    }

    /// What may open the keys of the bank's CA, the newest first: a change that was interrupted leaves the former one in use.
    pub(crate) fn passphrases(&self) -> impl Iterator<Item = &[u8]> {
        self.0.authority.0.values().rev().map(|key| key.0.as_bytes())
    }

    /// HMAC-SHA-256 over the parts, each with its length before it, so that no two lists of parts are alike.
    pub(crate) fn mac(&self, purpose: Purpose, parts: &[&str]) -> Result<Zeroizing<[u8; 32]>> {
        let (kind, version) = match purpose {
            Purpose::Card(version) => (Kind::Card, version),
            Purpose::Audit(version) => (Kind::Audit, version),
            Purpose::Form(version) => (Kind::Form, version),
        };
        let missing = || missing(kind, version);
        let key = self.of(kind).0.get(&version).ok_or_else(missing)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(key.0.as_bytes()).map_err(|_| missing())?;
        mac.update(&frame::whole(parts));
        Ok(Zeroizing::new(mac.finalize().into_bytes().into()))
    }
}

fn place(kind: Kind, version: i64) -> String {
    format!("{} {version}", kind.name())
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
    use super::{Kind, Purpose, Secrets};
    use crate::clock::{DAY, HOUR, Moment};

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
        let (version, sealed) = secrets.seal(&parts, b"k7m2p9xq", 0).expect("sealed");
        assert_eq!(secrets.open(version, &parts, &sealed).expect("opened").as_slice(), b"k7m2p9xq");
        assert!(sealed.windows(8).all(|part| part != b"k7m2p9xq"));
        assert_ne!(secrets.seal(&parts, b"k7m2p9xq", 0).expect("sealed").1, sealed, "another nonce");
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
        secrets.0.puk.0.insert(2, super::Key::new().expect("random numbers"));
        assert_eq!(secrets.seal(&parts, b"k7m2p9xq", 0).expect("sealed").0, 2);
        assert!(secrets.open(1, &parts, &sealed).is_ok() && secrets.open(2, &parts, &sealed).is_err());
        assert!(secrets.open(3, &parts, &sealed).is_err());
    }

    #[test]
    fn a_file_from_before_there_were_envelopes_gets_a_key_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secrets.json");
        let mut old = Secrets::new().expect("random numbers");
        old.0.puk.0.clear();
        old.write(&path).expect("written");
        let old = Secrets::read(&path).expect("read");
        assert!(old.seal(&[], b"", 0).is_err());
        let mac = old.mac(Purpose::Audit(1), &["a"]).expect("a key");
        assert!(old.complete(&path).expect("completed"));
        let new = Secrets::read(&path).expect("read");
        assert_eq!(new.mac(Purpose::Audit(1), &["a"]).expect("a key"), mac, "the other keys stay");
        assert!(new.seal(&[], b"", 0).is_ok());
        assert!(!new.complete(&path).expect("nothing to do"));
    }

    #[test]
    fn a_new_key_makes_nothing_before_its_time_and_a_former_one_nothing_after_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secrets.json");
        let mut secrets = Secrets::new().expect("random numbers");
        secrets.write(&path).expect("written");
        let from: Moment = 1000 * DAY;
        for kind in Kind::ALL {
            assert_eq!(secrets.add(kind, from, &path).expect("added"), 2);
        }
        let secrets = Secrets::read(&path).expect("read");
        for kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.name()), Some(kind));
            assert_eq!(secrets.current(kind, from - 1), 1);
            assert_eq!(secrets.living(kind, from - 1), [1]);
            assert_eq!(secrets.current(kind, from), 2);
            assert_eq!(secrets.living(kind, from), [2, 1], "what somebody has open is good for a day");
            assert_eq!(secrets.living(kind, from + DAY), [2]);
            assert!(secrets.could_make(kind, 1, from + HOUR), "a node may be late");
            assert!(!secrets.could_make(kind, 1, from + 3 * HOUR));
            assert!(secrets.could_make(kind, 2, from + 1000 * DAY));
        }
        // Two changes in a day: what was made before the first is good for its day, too.
        let mut twice = Secrets::read(&path).expect("read");
        assert_eq!(twice.add(Kind::Form, from + HOUR, &path).expect("added"), 3);
        assert_eq!(twice.living(Kind::Form, from + HOUR), [3, 2, 1]);
        assert_eq!(twice.living(Kind::Form, from + DAY), [3, 2]);
        assert_eq!(twice.living(Kind::Form, from + DAY + HOUR), [3]);
        assert_ne!(
            secrets.mac(Purpose::Form(1), &["a"]).expect("a"),
            secrets.mac(Purpose::Form(2), &["a"]).expect("b")
        );
        assert_eq!(secrets.passphrases().count(), 2);
    }

    #[test]
    fn a_version_is_forgotten_and_the_last_one_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secrets.json");
        let mut secrets = Secrets::new().expect("random numbers");
        secrets.write(&path).expect("written");
        assert!(!secrets.forget(Kind::Card, 1, &path).expect("looked"), "there is no other");
        secrets.add(Kind::Card, 7, &path).expect("added");
        assert!(!secrets.forget(Kind::Card, 3, &path).expect("looked"), "there is no such version");
        assert!(secrets.forget(Kind::Card, 1, &path).expect("forgotten"));
        let secrets = Secrets::read(&path).expect("read");
        assert!(secrets.mac(Purpose::Card(1), &[]).is_err() && secrets.mac(Purpose::Card(2), &[]).is_ok());
        assert_eq!(secrets.current(Kind::Card, 0), 2, "the only one there is");
    }

    /// Files of programs that knew no versions have a text in their place.
    #[test]
    fn a_key_without_a_version_is_the_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secrets.json");
        Secrets::new().expect("random numbers").write(&path).expect("written");
        let new: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&path).expect("read")).expect("JSON");
        let mut old = new.clone();
        for name in ["audit", "form", "authority"] {
            old[name] = new[name]["1"].clone();
            assert!(old[name].is_string());
        }
        std::fs::write(&path, old.to_string()).expect("written");
        let read = Secrets::read(&path).expect("read");
        assert_eq!(read.passphrases().next(), new["authority"]["1"].as_str().map(str::as_bytes));
        assert!(read.mac(Purpose::Form(1), &[]).is_ok());
        for wrong in [serde_json::json!({"0": "a"}), serde_json::json!({}), serde_json::json!(7)] {
            old["audit"] = wrong;
            std::fs::write(&path, old.to_string()).expect("written");
            assert!(Secrets::read(&path).is_err(), "{}", old["audit"]);
        }
    }
}
