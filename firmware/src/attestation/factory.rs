//! The TEST factory at which an emulated token of a brand is made: a CA whose key follows from the brand's name, so that
//! everybody has it. It shows how a real factory's certificate would get into a token; it proves nothing about where a
//! token was made, and its certificates say TEST in every name.

use alloc::vec::Vec;

use wire::attest;

use super::key_identifier;
use crate::{
    crypto::{self, PrivateKey},
    profile::Profile,
    refusal::Refusal,
};

/// The certificate for a new token's attestation key, DER.
pub(super) fn certify(
    profile: &Profile,
    serial: &str,
    spki: &[u8],
    number: [u8; 16],
) -> Result<Vec<u8>, Refusal> {
    let authority = authority(&profile.brand.name).ok_or(Refusal::Fault)?;
    let (key, factory_key) = (key_identifier(spki)?, key_identifier(&authority.spki())?);
    let tbs = attest::token(number, &profile.brand.name, serial, spki, &key, &factory_key);
    let signature = authority.sign_reproducibly(&tbs)?;
    Ok(attest::certificate(&tbs, &signature))
}

/// The brand's CA key (`wire::attest::factory_seed`).
fn authority(brand: &str) -> Option<PrivateKey> {
    (0..=u8::MAX).find_map(|counter| {
        let scalar = crypto::sha256(&attest::factory_seed(brand, counter));
        PrivateKey::from_bytes(attest::ALGORITHM, &scalar).ok()
    })
}

#[cfg(test)]
pub(super) fn certificate(brand: &str) -> Vec<u8> {
    let authority = authority(brand).unwrap();
    let tbs = attest::factory(brand, &authority.spki(), &key_identifier(&authority.spki()).unwrap());
    attest::certificate(&tbs, &authority.sign_reproducibly(&tbs).unwrap())
}
