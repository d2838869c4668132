//! What a container holds.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};
use wire::{
    piv::PinPolicy,
    shield::{self, KeyPolicy, Uses},
};

use crate::refusal::Refusal;

/// Where a private key comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// Made on the token.
    Generated,
    /// Brought in from outside, for ever marked so.
    Imported,
}

/// What a host calls an object (PKCS#11: CKA_LABEL and CKA_ID), and its notes on it. Empty until somebody names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Name {
    pub label: String,
    pub id: Vec<u8>,
    pub notes: Vec<u8>,
}

impl From<shield::Name> for Name {
    fn from(shield::Name { label, id, notes }: shield::Name) -> Self {
        Self { label, id, notes }
    }
}

impl From<Name> for shield::Name {
    fn from(Name { label, id, notes }: Name) -> Self {
        Self { label, id, notes }
    }
}

/// A private key, sealed, with its public half.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Key {
    /// Its algorithm (`wire::piv::Algorithm`).
    pub algorithm: u8,
    pub origin: Origin,
    /// Its `wire::piv::PinPolicy` and `wire::shield::Uses`.
    policy: (u8, u8),
    /// The private key: sealed to the vault key, or wrapped by the device secret when it never needs a PIN.
    pub sealed: Vec<u8>,
    /// The public key template, tag 7F49.
    pub public: Vec<u8>,
    /// SubjectPublicKeyInfo, DER.
    pub spki: Vec<u8>,
    pub name: Name,
}

impl Key {
    /// A new key, without a name.
    pub(crate) const fn new(
        algorithm: u8,
        origin: Origin,
        policy: KeyPolicy,
        sealed: Vec<u8>,
        public: Vec<u8>,
        spki: Vec<u8>,
    ) -> Self {
        let policy = (policy.pin as u8, policy.uses.bits());
        Self {
            algorithm,
            origin,
            policy,
            sealed,
            public,
            spki,
            name: Name { label: String::new(), id: Vec::new(), notes: Vec::new() },
        }
    }

    /// As it was stored.
    pub(super) fn of_record(
        (algorithm, origin, policy): (u8, Origin, (u8, u8)),
        [sealed, public, spki]: [Vec<u8>; 3],
        name: Name,
    ) -> Self {
        Self { algorithm, origin, policy, sealed, public, spki, name }
    }

    /// The policy that it was made with.
    pub(crate) fn policy(&self) -> Result<KeyPolicy, Refusal> {
        match (PinPolicy::parse(self.policy.0), Uses::from_bits(self.policy.1)) {
            (Some(pin), Some(uses)) => Ok(KeyPolicy { pin, uses }),
            _ => Err(Refusal::Fault),
        }
    }
}

/// A certificate as PIV stores it (tags 70, 71, FE), and its name.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Certificate {
    pub object: Vec<u8>,
    pub name: Name,
}

impl From<Vec<u8>> for Certificate {
    fn from(object: Vec<u8>) -> Self {
        Self { object, name: Name::default() }
    }
}

/// A container: a key and the certificate for it, replaced together.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Container {
    pub key: Option<Key>,
    pub certificate: Option<Certificate>,
}

impl Container {
    /// Nothing is in it.
    pub(crate) const fn is_empty(&self) -> bool {
        self.key.is_none() && self.certificate.is_none()
    }
}
