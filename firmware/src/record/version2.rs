//! The formats of version 2: nobody had notes on a key or a certificate.

use alloc::{string::String, vec::Vec};

use serde::Deserialize;

use super::container::{Certificate, Container, Key, Name, Origin};

#[derive(Deserialize)]
struct StoredName {
    label: String,
    id: Vec<u8>,
}

#[derive(Deserialize)]
struct StoredKey {
    algorithm: u8,
    origin: Origin,
    policy: (u8, u8),
    sealed: Vec<u8>,
    public: Vec<u8>,
    spki: Vec<u8>,
    name: StoredName,
}

#[derive(Deserialize)]
struct StoredCertificate {
    object: Vec<u8>,
    name: StoredName,
}

#[derive(Deserialize)]
struct StoredContainer {
    key: Option<StoredKey>,
    certificate: Option<StoredCertificate>,
}

/// A pending key.
pub(super) fn key(fields: &[u8]) -> postcard::Result<Key> {
    postcard::from_bytes::<StoredKey>(fields).map(Into::into)
}

/// A container.
pub(super) fn container(fields: &[u8]) -> postcard::Result<Container> {
    let StoredContainer { key, certificate } = postcard::from_bytes(fields)?;
    let certificate =
        certificate.map(|StoredCertificate { object, name }| Certificate { object, name: name.into() });
    Ok(Container { key: key.map(Into::into), certificate })
}

impl From<StoredName> for Name {
    fn from(StoredName { label, id }: StoredName) -> Self {
        Self { label, id, notes: Vec::new() }
    }
}

impl From<StoredKey> for Key {
    fn from(stored: StoredKey) -> Self {
        let StoredKey { algorithm, origin, policy, sealed, public, spki, name } = stored;
        Self::of_record((algorithm, origin, policy), [sealed, public, spki], name.into())
    }
}
