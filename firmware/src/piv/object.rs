//! Data objects: GET DATA and PUT DATA (SP 800-73-4 part 2, 3.1.2 and 3.3.1).

use alloc::vec::Vec;

use hex_literal::hex;
use wire::{
    apdu::{Command, StatusWord},
    piv::{AID, Slot, certificate_object, key_history, object, tag},
    tlv,
};

use super::{Piv, data, factory, status::Refused};
use crate::{
    applet::Step,
    application::Application,
    seams::{CryptoRng, Storage},
};

/// P1-P2 of both commands: the current application (part 2, 3.1.2).
const CURRENT: (u8, u8) = (0x3F, 0xFF);
/// The PIN usage policy (part 1, 3.3.2): the application's PIN satisfies the access rules, no global PIN, no
/// on-card comparison, no secure messaging.
const PIN_USAGE: [u8; 2] = hex!("4000");
/// Objects outside the standard that stock tools keep their own settings in.
const VENDOR: core::ops::RangeInclusive<u32> = 0x5F_FF00..=0x5F_FF15;

/// The certificate of the attestation key (slot F9), where Yubico has it. Nobody replaces it: the personal ID's keys
/// are attested by it.
const ATTESTATION_CERTIFICATE: u32 = 0x5F_FF01;

/// GET DATA.
pub(super) fn get_data<S: Storage, R: CryptoRng>(
    application: &mut Application<S, R>,
    command: &Command<'_>,
) -> Result<Step, Refused> {
    if (command.p1, command.p2) != CURRENT {
        return Err(StatusWord::WRONG_P1P2.into());
    }
    let tag = object_tag(tlv::only(command.data, tag::TAG_LIST)?)?;
    if tag == object::DISCOVERY {
        return Ok(data(discovery()));
    }
    if tag == ATTESTATION_CERTIFICATE {
        let certificate = application.attestation_certificate()?.ok_or(StatusWord::NOT_FOUND)?;
        return Ok(data(tlv::object(tag::DATA, &certificate_object(&certificate))));
    }
    // Before it is told whether the object is there (part 1, table 2).
    if wants_pin(tag) && !application.verified() {
        return Err(StatusWord::SECURITY_NOT_SATISFIED.into());
    }
    let stored = if writable(tag) { application.object(tag)? } else { None };
    let content = match stored {
        Some(content) => Some(content),
        None if tag == object::KEY_HISTORY => history(application)?,
        None => factory::object(tag, application.serial()),
    };
    let content = content.ok_or(StatusWord::NOT_FOUND)?;
    Ok(data(tlv::object(tag::DATA, &content)))
}

impl Piv {
    /// PUT DATA. An empty object is removed; of those from the factory, the factory's comes back.
    pub(super) fn put_data<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        command: &Command<'_>,
    ) -> Result<Step, Refused> {
        if (command.p1, command.p2) != CURRENT {
            return Err(StatusWord::WRONG_P1P2.into());
        }
        self.need_management()?;
        let mut fields = tlv::Reader::new(command.data);
        let (Some(Ok(name)), Some(Ok(content)), None) = (fields.next(), fields.next(), fields.next()) else {
            return Err(StatusWord::WRONG_DATA.into());
        };
        if (name.tag, content.tag) != (tag::TAG_LIST, tag::DATA) {
            return Err(StatusWord::WRONG_DATA.into());
        }
        let tag = object_tag(name.value)?;
        if !writable(tag) {
            return Err(StatusWord::NOT_SUPPORTED.into());
        }
        application.put_object(tag, content.value)?;
        Ok(StatusWord::OK.into())
    }
}

/// The Discovery Object (part 1, table 18 and 3.3.2), which always stands in its own tag.
fn discovery() -> Vec<u8> {
    let mut inside = tlv::object(0x4F, &AID);
    tlv::put(&mut inside, 0x5F2F, &PIN_USAGE);
    tlv::object(object::DISCOVERY, &inside)
}

/// The Key History Object of the retired keys that are there, until somebody stores another (part 1, 3.3.3): stock hosts
/// look at no more of them than it says, from the first on. There is none without a retired certificate.
fn history<S: Storage, R: CryptoRng>(application: &Application<S, R>) -> Result<Option<Vec<u8>>, Refused> {
    let count = application.retired_certificates()?;
    Ok((count > 0).then(|| key_history(count)))
}

/// The tag in a tag list of one: one to three bytes.
fn object_tag(bytes: &[u8]) -> Result<u32, Refused> {
    match *bytes {
        [a] => Ok(u32::from(a)),
        [a, b] => Ok(u32::from_be_bytes([0, 0, a, b])),
        [a, b, c] => Ok(u32::from_be_bytes([0, a, b, c])),
        _ => Err(StatusWord::WRONG_DATA.into()),
    }
}

/// What only the holder may read (part 1, table 2).
const fn wants_pin(tag: u32) -> bool {
    matches!(
        tag,
        object::FINGERPRINTS | object::FACIAL_IMAGE | object::PRINTED_INFORMATION | object::IRIS_IMAGES
    )
}

/// The objects that are kept. Not the Discovery Object and the biometric group template, which tell what the token
/// can do; not the pairing code, because there is no virtual contact interface.
fn writable(tag: u32) -> bool {
    matches!(
        tag,
        object::CHUID
            | object::FINGERPRINTS
            | object::SECURITY_OBJECT
            | object::CCC
            | object::FACIAL_IMAGE
            | object::PRINTED_INFORMATION
            | object::KEY_HISTORY
            | object::IRIS_IMAGES
    ) || Slot::of_certificate(tag).is_some()
        || (VENDOR.contains(&tag) && tag != ATTESTATION_CERTIFICATE)
}
