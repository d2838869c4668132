//! The versions of one kind of key. What a key protects names the key's version; a form names none, and is good for a day.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error as _, MapAccess, Visitor},
};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{
    error::Result,
    random::{self, hex},
};

/// 256 bits in hexadecimal.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
pub(super) struct Key(pub(super) String);

impl Key {
    pub(super) fn new() -> Result<Self> {
        Ok(Self(hex(Zeroizing::new(random::bytes::<32>()?).as_slice())))
    }

    pub(super) fn is_whole(&self) -> bool {
        self.0.len() == 64 && self.0.bytes().all(|byte| byte.is_ascii_hexdigit())
    }
}

/// Keys by version; each wipes itself. A file of a former program has one key in place of the versions: that is version 1.
#[derive(Default, Serialize)]
#[serde(transparent)]
pub(super) struct Versions(pub(super) BTreeMap<i64, Key>);

impl Versions {
    pub(super) fn first() -> Result<Self> {
        Ok(Self(BTreeMap::from([(1, Key::new()?)])))
    }

    pub(super) fn newest(&self) -> i64 {
        self.0.keys().next_back().copied().unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Versions {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        // Nothing is kept in between, as serde's untagged enums would keep it: no copy of a key is left behind.
        from.deserialize_any(Read)
    }
}

struct Read;

impl<'de> Visitor<'de> for Read {
    type Value = Versions;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key, or keys by version")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> std::result::Result<Versions, E> {
        Ok(Versions(BTreeMap::from([(1, Key(key.to_owned()))])))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Versions, A::Error> {
        let mut versions = BTreeMap::new();
        while let Some((version, key)) = map.next_entry::<i64, Key>()? {
            if version < 1 || versions.insert(version, key).is_some() {
                return Err(A::Error::custom("a version is below 1, or stands twice"));
            }
        }
        Ok(Versions(versions))
    }
}
