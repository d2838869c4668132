//! The formats of version 2: nobody had notes on a key or a certificate.

use alloc::{string::String, vec::Vec};

use serde::Deserialize;

use super::super::container::{Certificate, Container, Key, Name, Origin};

#[derive(Deserialize)]
struct FormerName {
    label: String,
    id: Vec<u8>,
}

#[derive(Deserialize)]
struct FormerKey {
    algorithm: u8,
    origin: Origin,
    policy: (u8, u8),
    sealed: Vec<u8>,
    public: Vec<u8>,
    spki: Vec<u8>,
    name: FormerName,
}

#[derive(Deserialize)]
struct FormerCertificate {
    object: Vec<u8>,
    name: FormerName,
}

#[derive(Deserialize)]
struct FormerContainer {
    key: Option<FormerKey>,
    certificate: Option<FormerCertificate>,
}

/// A pending key.
pub(in super::super) fn key(fields: &[u8]) -> postcard::Result<Key> {
    postcard::from_bytes::<FormerKey>(fields).map(Into::into)
}

/// A container.
pub(in super::super) fn container(fields: &[u8]) -> postcard::Result<Container> {
    let FormerContainer { key, certificate } = postcard::from_bytes(fields)?;
    let certificate =
        certificate.map(|FormerCertificate { object, name }| Certificate { object, name: name.into() });
    Ok(Container { key: key.map(Into::into), certificate })
}

impl From<FormerName> for Name {
    fn from(FormerName { label, id }: FormerName) -> Self {
        Self { label, id, notes: Vec::new() }
    }
}

impl From<FormerKey> for Key {
    fn from(former: FormerKey) -> Self {
        let FormerKey { algorithm, origin, policy, sealed, public, spki, name } = former;
        Self::of_record((algorithm, origin, policy), [sealed, public, spki], name.into())
    }
}
