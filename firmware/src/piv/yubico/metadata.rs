//! GET METADATA: what is known of a reference without using it.

use alloc::vec::Vec;

use subtle::ConstantTimeEq;
use wire::{
    apdu::StatusWord,
    attest,
    pin::Reference,
    piv::{self, Algorithm, Described, Slot},
    pkix, tlv,
};

use super::super::{
    Piv, data,
    policy::{self, key},
    status::Refused,
};
use crate::{
    applet::{Step, Turn},
    crypto::ManagementKey,
    record::Origin,
    seams::{CryptoRng, Storage},
};

mod tag {
    pub(super) const ALGORITHM: u32 = 0x01;
    pub(super) const POLICY: u32 = 0x02;
    pub(super) const ORIGIN: u32 = 0x03;
    pub(super) const PUBLIC_KEY: u32 = 0x04;
    pub(super) const DEFAULT: u32 = 0x05;
    pub(super) const RETRIES: u32 = 0x06;
}

/// The PIN policy of a key that never wants it.
const NEVER: u8 = 1;
/// The two origins.
const GENERATED: u8 = 1;
const IMPORTED: u8 = 2;
/// The algorithm of what is no key.
const NO_KEY: u8 = 0xFF;

impl<S: Storage, R: CryptoRng> Turn<'_, Piv, S, R> {
    /// GET METADATA of PIN, PUK, management key or a slot.
    pub(in crate::piv) fn metadata(&self, of: Described) -> Result<Step, Refused> {
        let [pin, puk, most_pin, most_puk] = self.application.tries();
        Ok(data(match of {
            Described::Code(Reference::Pin) => secret(self.application.is_factory_pin(), [most_pin, pin]),
            Described::Code(Reference::Puk) => secret(self.application.is_factory_puk(), [most_puk, puk]),
            Described::Management => self.management_key()?,
            Described::Slot(slot) => self.key_pair(slot)?,
            Described::Attestation => self.attestation_key()?,
        }))
    }

    /// The card management key: algorithm, that it wants no touch, whether it is the factory's.
    fn management_key(&self) -> Result<Vec<u8>, Refused> {
        let key = self.application.management_key()?;
        let mut out = tlv::object(tag::ALGORITHM, &[Algorithm::from(key.algorithm()) as u8]);
        tlv::put(&mut out, tag::POLICY, &[0, policy::NO_TOUCH]);
        tlv::put(&mut out, tag::DEFAULT, &[key.ct_eq(&ManagementKey::factory()).unwrap_u8()]);
        Ok(out)
    }

    /// A slot's key: algorithm, when it wants the PIN and a touch, where it comes from, its public half.
    fn key_pair(&self, slot: Slot) -> Result<Vec<u8>, Refused> {
        let (id, application) = (key(slot), &self.application);
        let Some(algorithm) = application.algorithm(id)? else { return Err(StatusWord::NO_SUCH_KEY.into()) };
        let origin = match application.origin(id)?.ok_or(StatusWord::FAULT)? {
            Origin::Generated => GENERATED,
            Origin::Imported => IMPORTED,
        };
        let pin = application.policy(id)?.ok_or(StatusWord::FAULT)?.pin as u8;
        let public = application.public_key(id)?.ok_or(StatusWord::FAULT)?;
        let mut out = tlv::object(tag::ALGORITHM, &[Algorithm::from(algorithm) as u8]);
        tlv::put(&mut out, tag::POLICY, &[pin, policy::NO_TOUCH]);
        tlv::put(&mut out, tag::ORIGIN, &[origin]);
        tlv::put(&mut out, tag::PUBLIC_KEY, tlv::only(&public, piv::tag::PUBLIC_KEY)?);
        Ok(out)
    }

    /// The token's own key, which was made with the token and asks for nothing.
    fn attestation_key(&self) -> Result<Vec<u8>, Refused> {
        let certificate = self.application.attestation_certificate()?.ok_or(StatusWord::NO_SUCH_KEY)?;
        let point = pkix::public_key_bits(pkix::certificate_public_key(&certificate)?)?;
        let mut out = tlv::object(tag::ALGORITHM, &[Algorithm::from(attest::ALGORITHM) as u8]);
        tlv::put(&mut out, tag::POLICY, &[NEVER, policy::NO_TOUCH]);
        tlv::put(&mut out, tag::ORIGIN, &[GENERATED]);
        tlv::put(&mut out, tag::PUBLIC_KEY, &tlv::object(piv::tag::POINT, point));
        Ok(out)
    }
}

/// PIN and PUK: whether everybody knows it, the most tries and those left.
fn secret(default: bool, tries: [u8; 2]) -> Vec<u8> {
    let mut out = tlv::object(tag::ALGORITHM, &[NO_KEY]);
    tlv::put(&mut out, tag::DEFAULT, &[u8::from(default)]);
    tlv::put(&mut out, tag::RETRIES, &tries);
    out
}
