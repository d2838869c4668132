//! The token's attestation key, and the statements that it signs: this key was made on this token.
//!
//! The key is made at manufacture, and the brand's TEST factory certifies it then: see [`factory`]. It belongs to the
//! token as its serial number does: nothing replaces it and no reset reaches it.

mod factory;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use wire::{
    attest::{self, Confirmation, KeyDescription, Origin, Standing, Statement},
    pkix,
};

use crate::{
    crypto::{self, PrivateKey},
    profile::{Generation, Profile},
    record::{self, Attestation, Store},
    refusal::Refusal,
    seams::{CryptoRng, RecordName, Storage},
    vault::{Confirm, KeyId, Policy},
};

/// The version whose PIV command set this is, by Yubico's numbers: metadata came with 5.3 and AES management keys with
/// 5.4.2; what 5.7 brought (moving keys, RSA-3072, Ed25519) is not here, and tools ask for it only from there on.
pub(crate) const VERSION: [u8; 3] = [5, 4, 3];

/// The context of the wrapped attestation key.
const CONTEXT: &[u8] = b"attestation";

/// Makes the key, has the factory certify it, and stores both.
pub(crate) fn manufacture(
    store: &mut Store<impl Storage, impl CryptoRng>,
    profile: &Profile,
    serial: &str,
) -> Result<(), Refusal> {
    let private = PrivateKey::generate_ec(attest::ALGORITHM, &mut store.rng).ok_or(Refusal::Fault)?;
    let certificate = factory::certify(profile, serial, &private.spki(), number(store.random()))?;
    let sealed = store.wrap(CONTEXT, &private.to_bytes());
    store.save(RecordName::Attestation, &Attestation { sealed, certificate })
}

/// The token's own certificate, DER; `None` on a token that was made before tokens could attest.
pub(crate) fn certificate(store: &Store<impl Storage, impl CryptoRng>) -> Result<Option<Vec<u8>>, Refusal> {
    let record: Option<Attestation> = store.load(RecordName::Attestation)?;
    Ok(record.map(|record| record.certificate))
}

/// A statement on a key: a certificate for it, DER; `None` on a token that was made before tokens could attest.
///
/// # Errors
/// `WrongUse`: the key was not made here.
pub(crate) fn state(
    store: &mut Store<impl Storage, impl CryptoRng>,
    profile: &Profile,
    serial: &str,
    id: KeyId,
    key: &record::Key,
) -> Result<Option<Vec<u8>>, Refusal> {
    if key.origin != record::Origin::Generated {
        return Err(Refusal::WrongUse);
    }
    let Some(record) = store.load::<Attestation>(RecordName::Attestation)? else { return Ok(None) };
    let private = PrivateKey::from_bytes(attest::ALGORITHM, &store.unwrap(CONTEXT, &record.sealed)?)?;
    let own = pkix::Certificate::parse(&record.certificate).map_err(|_| Refusal::Fault)?;
    let statement = Statement {
        number: number(store.random()),
        issuer: own.subject,
        validity: own.validity,
        issuer_key: key_identifier(own.public_key)?,
        name: id.container().name(),
        public_key: &key.spki,
        version: VERSION,
        serial: u32::from_str_radix(serial, 16).map_err(|_| Refusal::Fault)?,
        description: describe(id, key, profile)?,
    };
    let tbs = statement.tbs();
    let signature = private.sign(&tbs, &mut store.rng)?;
    Ok(Some(attest::certificate(&tbs, &signature)))
}

/// What the holder must do before the key works, once it is in use.
fn describe(id: KeyId, key: &record::Key, profile: &Profile) -> Result<KeyDescription, Refusal> {
    let policy = Policy::of(KeyId::Current(id.container()), key.policy()?);
    let shown = policy.confirm == Confirm::Payment && profile.brand.generation != Generation::One;
    Ok(KeyDescription {
        container: id.container().reference(),
        standing: match id {
            KeyId::Current(_) => Standing::Current,
            KeyId::Pending(_) => Standing::Pending,
        },
        origin: Origin::Generated,
        pin: policy.pin.into(),
        confirmation: if shown { Confirmation::Screen } else { Confirmation::Nothing },
    })
}

/// A certificate's serial number: random and positive (RFC 5280, 4.1.2.2).
const fn number(random: [u8; 16]) -> [u8; 16] {
    let mut number = random;
    let [first, ..] = &mut number;
    *first = *first & 0x7F | 0x40;
    number
}

/// The leftmost 160 bits of the SHA-256 of the public key's bits (RFC 7093, 2, method 1).
fn key_identifier(spki: &[u8]) -> Result<[u8; 20], Refusal> {
    let digest = crypto::sha256(pkix::public_key_bits(spki).map_err(|_| Refusal::Fault)?);
    digest.first_chunk().copied().ok_or(Refusal::Fault)
}
