//! IMPORT ASYMMETRIC KEY: a private key from outside, marked so for ever.

use wire::{
    apdu::StatusWord,
    piv::Slot,
    shield::{KeyPolicy, PrivateParts},
    tlv,
};

use super::super::{
    Piv,
    policy::{self, key},
    status::Refused,
};
use crate::{
    applet::{Step, Turn},
    application::Making,
    crypto::KeyAlgorithm,
    seams::{CryptoRng, Storage},
};

/// Tags 01 to 05: p, q, d mod (p − 1), d mod (q − 1), q⁻¹ mod p.
const CRT: core::ops::RangeInclusive<u32> = 0x01..=0x05;
/// The scalar of an elliptic key.
const SCALAR: u32 = 0x06;

impl<S: Storage, R: CryptoRng> Turn<'_, Piv, S, R> {
    /// The key's parts, and when it wants the PIN and a touch.
    pub(in crate::piv) fn import(
        &mut self,
        algorithm: KeyAlgorithm,
        slot: Slot,
        parts: &[u8],
    ) -> Result<Step, Refused> {
        self.applet.need_management()?;
        let mut making = Making::from(key(slot));
        let parts = read(parts, algorithm, &mut making.policy)?;
        let private = self.application.private_key(algorithm, parts)?;
        self.application.import(making, &private)?;
        Ok(StatusWord::OK.into())
    }
}

/// Reads the key's parts; none twice, none of another algorithm's. What is said of its policy goes into `policy`.
fn read<'a>(
    data: &'a [u8],
    algorithm: KeyAlgorithm,
    policy: &mut KeyPolicy,
) -> Result<PrivateParts<'a>, Refused> {
    let wrong = Refused::from(StatusWord::WRONG_DATA);
    let (mut scalar, mut crt) = (None, [None; 5]);
    for object in tlv::Reader::new(data) {
        let object = object?;
        let place = match (object.tag, algorithm.curve()) {
            (SCALAR, Some(_)) => &mut scalar,
            (tag, None) if CRT.contains(&tag) => {
                let index = usize::try_from(tag.saturating_sub(*CRT.start())).map_err(|_| wrong)?;
                crt.get_mut(index).ok_or(wrong)?
            }
            (tag, _) => {
                policy::read(policy, tag, object.value)?;
                continue;
            }
        };
        if place.replace(object.value).is_some() {
            return Err(wrong);
        }
    }
    match (scalar, crt) {
        (Some(scalar), _) => Ok(PrivateParts::Scalar(scalar)),
        (None, [Some(p), Some(q), Some(dp), Some(dq), Some(qinv)]) => {
            Ok(PrivateParts::Crt([p, q, dp, dq, qinv]))
        }
        _ => Err(wrong),
    }
}
