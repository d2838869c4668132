//! Data objects: GET DATA and PUT DATA (SP 800-73-4 part 2, 3.1.2 and 3.3.1).

use alloc::vec::Vec;

use hex_literal::hex;
use wire::{
    apdu::StatusWord,
    piv::{AID, Slot, certificate_object, key_history, object, object_tag, tag},
    tlv,
};

use super::{Piv, data, factory, status::Refused};
use crate::{
    applet::{Step, Turn},
    seams::{CryptoRng, Storage},
};

/// The PIN usage policy (part 1, 3.3.2): the application's PIN satisfies the access rules, no global PIN, no
/// on-card comparison, no secure messaging.
const PIN_USAGE: [u8; 2] = hex!("4000");
/// Objects outside the standard that stock tools keep their own settings in.
const VENDOR: core::ops::RangeInclusive<u32> = 0x5F_FF00..=0x5F_FF15;

/// The certificate of the attestation key (slot F9), where Yubico has it. Nobody may replace this certificate, because the
/// attestation key attests the personal ID's keys.
const ATTESTATION_CERTIFICATE: u32 = 0x5F_FF01;

impl<S: Storage, R: CryptoRng> Turn<'_, Piv, S, R> {
    /// GET DATA.
    pub(super) fn data(&self, tag: u32) -> Result<Step, Refused> {
        if tag == object::DISCOVERY {
            return Ok(data(discovery()));
        }
        if tag == ATTESTATION_CERTIFICATE {
            let certificate = self.application.attestation_certificate()?.ok_or(StatusWord::NOT_FOUND)?;
            return Ok(data(tlv::object(tag::DATA, &certificate_object(&certificate))));
        }
        // The PIN is asked for before the answer tells whether the object is there (part 1, table 2).
        if wants_pin(tag) && !self.application.verified() {
            return Err(StatusWord::SECURITY_NOT_SATISFIED.into());
        }
        let stored = if writable(tag) { self.application.object(tag)? } else { None };
        let content = match stored {
            Some(content) => Some(content),
            None if tag == object::KEY_HISTORY => self.history()?,
            None => factory::object(tag, self.application.serial()),
        };
        let content = content.ok_or(StatusWord::NOT_FOUND)?;
        Ok(data(tlv::object(tag::DATA, &content)))
    }

    /// PUT DATA. An empty object is removed. Where the factory made an object, removing brings the factory's back.
    pub(super) fn put_data(&mut self, data: &[u8]) -> Result<Step, Refused> {
        self.applet.need_management()?;
        let mut fields = tlv::Reader::new(data);
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
        self.application.put_object(tag, content.value)?;
        Ok(StatusWord::OK.into())
    }

    /// The Key History Object of the retired keys that are there, until somebody stores another (part 1, 3.3.3). Stock hosts
    /// look at no more retired keys than it says, from the first on. There is none without a retired certificate.
    fn history(&self) -> Result<Option<Vec<u8>>, Refused> {
        let count = self.application.retired_certificates()?;
        Ok((count > 0).then(|| key_history(count)))
    }
}

/// The Discovery Object (part 1, table 18 and 3.3.2), which always stands in its own tag.
fn discovery() -> Vec<u8> {
    let mut inside = tlv::object(0x4F, &AID);
    tlv::put(&mut inside, 0x5F2F, &PIN_USAGE);
    tlv::object(object::DISCOVERY, &inside)
}

/// What only the holder may read (part 1, table 2).
const fn wants_pin(tag: u32) -> bool {
    matches!(
        tag,
        object::FINGERPRINTS | object::FACIAL_IMAGE | object::PRINTED_INFORMATION | object::IRIS_IMAGES
    )
}

/// The objects that a host may store. The Discovery Object and the biometric group template are not among them, because they
/// tell what the token can do. The pairing code is not, because there is no virtual contact interface.
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
