//! The formats of version 1: keys had their container's policy, and nothing had a name.

use alloc::vec::Vec;

use serde::Deserialize;
use wire::shield::{self, KeyPolicy};

use super::container::{Container, Key, Origin};
use crate::seams::RecordName;

#[derive(Deserialize)]
struct StoredKey {
    algorithm: u8,
    origin: Origin,
    sealed: Vec<u8>,
    public: Vec<u8>,
    spki: Vec<u8>,
}

#[derive(Deserialize)]
struct StoredContainer {
    key: Option<StoredKey>,
    certificate: Option<Vec<u8>>,
}

/// A pending key.
pub(super) fn key(name: RecordName, fields: &[u8]) -> postcard::Result<Key> {
    with_policy(name, postcard::from_bytes(fields)?)
}

/// A container.
pub(super) fn container(name: RecordName, fields: &[u8]) -> postcard::Result<Container> {
    let stored: StoredContainer = postcard::from_bytes(fields)?;
    Ok(Container {
        key: stored.key.map(|key| with_policy(name, key)).transpose()?,
        certificate: stored.certificate.map(Into::into),
    })
}

fn with_policy(name: RecordName, key: StoredKey) -> postcard::Result<Key> {
    let container = match name {
        RecordName::Container(reference) | RecordName::Pending(reference) => {
            shield::Container::parse(reference)
        }
        _ => None,
    };
    let policy = KeyPolicy::of(container.ok_or(postcard::Error::SerdeDeCustom)?);
    let StoredKey { algorithm, origin, sealed, public, spki } = key;
    Ok(Key::new(algorithm, origin, policy, sealed, public, spki))
}
