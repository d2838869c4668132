//! IMPORT ASYMMETRIC KEY: a private key from outside, marked so for ever.

use wire::{
    apdu::{Command, StatusWord},
    piv::{Algorithm, Slot},
    shield::KeyPolicy,
    tlv,
};

use super::super::{
    Piv,
    policy::{self, key},
    status::Refused,
};
use crate::{
    applet::Step,
    application::{Application, Making},
    crypto::{Crt, KeyAlgorithm, PrivateKey},
    seams::{CryptoRng, Storage},
};

/// Tags 01 to 05: p, q, d mod (p − 1), d mod (q − 1), q⁻¹ mod p.
const CRT: core::ops::RangeInclusive<u32> = 0x01..=0x05;
/// The scalar of an elliptic key.
const SCALAR: u32 = 0x06;

impl Piv {
    /// P1 the algorithm, P2 the slot; the key's parts, and when it wants the PIN and a touch.
    pub(super) fn import<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        command: &Command<'_>,
    ) -> Result<Step, Refused> {
        let (Some(algorithm), Some(slot)) = (Algorithm::parse(command.p1), Slot::parse(command.p2)) else {
            return Err(StatusWord::WRONG_P1P2.into());
        };
        self.need_management()?;
        let algorithm = algorithm.of_key_pair().ok_or(StatusWord::WRONG_P1P2)?;
        let mut making = Making::from(key(slot));
        let private = private_key(application, command.data, algorithm, &mut making.policy)?;
        application.import(making, &private)?;
        Ok(StatusWord::OK.into())
    }
}

/// Reads the key's parts; none twice, none of another algorithm's. What is said of its policy goes into `policy`.
fn private_key<S: Storage, R: CryptoRng>(
    application: &mut Application<S, R>,
    data: &[u8],
    algorithm: KeyAlgorithm,
    policy: &mut KeyPolicy,
) -> Result<PrivateKey, Refused> {
    let wrong = Refused::from(StatusWord::WRONG_DATA);
    let (mut scalar, mut crt) = (None, [None; 5]);
    for object in tlv::Reader::new(data) {
        let object = object?;
        let place = match (object.tag, algorithm) {
            (SCALAR, KeyAlgorithm::P256 | KeyAlgorithm::P384) => &mut scalar,
            (tag, KeyAlgorithm::Rsa2048) if CRT.contains(&tag) => {
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
        (Some(scalar), _) => Ok(PrivateKey::from_bytes(algorithm, scalar)?),
        (None, [Some(p), Some(q), Some(dp), Some(dq), Some(qinv)]) => {
            Ok(application.rsa_key(&Crt { p, q, dp, dq, qinv })?)
        }
        _ => Err(wrong),
    }
}
