//! The shield applet: what a bank's token does beyond PIV. Source: docs/shield-applet.md, which describes it
//! byte by byte. CLA is 80 but for SELECT, VERIFY and GET RESPONSE, which are ISO 7816-4's own.

use alloc::{string::String, vec::Vec};

use crate::{Malformed, apdu::StatusWord, piv::Slot, tlv};

/// The AID: category F (ISO 7816-4, 8.2.1.2: proprietary, not registered), "USHIELD", version 1.
pub const AID: [u8; 9] = *b"\xF0USHIELD\x01";
/// CLA of the commands below.
pub const CLASS: u8 = 0x80;
/// The version of the command set, as GET INFORMATION tells it.
pub const VERSION: u8 = 1;

/// INS of the shield's commands.
pub mod instruction {
    /// CLA 00, P2 80: the PIN, 6 to 30 bytes unpadded; no data asks for the tries left.
    pub const VERIFY: u8 = 0x20;
    /// P2 80 the PIN, 81 the PUK. Data: tag 80 the old one, tag 81 the new one.
    pub const CHANGE_REFERENCE_DATA: u8 = 0x24;
    /// P2 80. Data: tag 80 the PUK, tag 81 the new PIN.
    pub const RESET_RETRY_COUNTER: u8 = 0x2C;
    /// Data: the whole PaymentOrder, DER. Answer: the ECDSA signature, DER.
    pub const SIGN_PAYMENT: u8 = 0x2A;
    /// P2 the container. Data: the whole CertificationRequestInfo, DER. Answer: the signature, DER.
    pub const SIGN_REQUEST: u8 = 0x2B;
    /// P2 the container. Data: tag 80, the algorithm. Answer: the pending public key, tag 7F49.
    pub const GENERATE: u8 = 0x46;
    /// P1 one of [`super::get`], P2 the container.
    pub const GET_OBJECT: u8 = 0xCA;
    /// Data: for each container a tag A0 with tag 80 the container and tag 81 the certificate, all or none.
    pub const INSTALL_CERTIFICATES: u8 = 0xDB;
    /// Answer: the objects of [`super::Information`].
    pub const GET_INFORMATION: u8 = 0xF2;
}

/// P1 of GET OBJECT: what to get of a container.
pub mod get {
    /// The certificate, DER.
    pub const CERTIFICATE: u8 = 0;
    /// The public key in use, tag 7F49.
    pub const PUBLIC_KEY: u8 = 1;
    /// The public key that waits for its certificate, tag 7F49.
    pub const PENDING_PUBLIC_KEY: u8 = 2;
}

/// The shield's own status words, in ISO 7816-3's proprietary range '9XXX'.
pub mod status {
    use super::StatusWord;
    /// Cancel was pressed.
    pub const CANCELLED: StatusWord = StatusWord(0x9D01);
    /// Nobody pressed a button in time.
    pub const TIMED_OUT: StatusWord = StatusWord(0x9D02);
    /// The factory PIN must be changed before the payment key works.
    pub const FACTORY_PIN: StatusWord = StatusWord(0x9D03);
    /// The text cannot be shown honestly (control, bidirectional, zero-width characters, mixed scripts).
    pub const CANNOT_SHOW: StatusWord = StatusWord(0x9D04);
    /// No pending key, or the certificate is for another key.
    pub const NOT_PENDING: StatusWord = StatusWord(0x9D05);
    /// The new PIN is too easy (repeated or ascending) or has the wrong length.
    pub const WEAK_PIN: StatusWord = StatusWord(0x9D06);
}

/// A place for a key pair and its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Container {
    /// A PIV slot's; its reference is the slot's.
    Piv(Slot),
    /// The payment key's; reference 50.
    Payment,
}

impl Container {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Piv(Slot::Authentication),
        Self::Piv(Slot::Signature),
        Self::Piv(Slot::KeyManagement),
        Self::Piv(Slot::CardAuthentication),
        Self::Payment,
    ];

    /// The byte that names it in P2 and in tag 80.
    pub const fn reference(self) -> u8 {
        match self {
            Self::Piv(slot) => slot as u8,
            Self::Payment => 0x50,
        }
    }

    /// Reads a reference.
    pub fn parse(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|container| container.reference() == byte)
    }

    /// The name that people see: `payment`, `9a`, …
    pub const fn name(self) -> &'static str {
        match self {
            Self::Piv(Slot::Authentication) => "9a",
            Self::Piv(Slot::Signature) => "9c",
            Self::Piv(Slot::KeyManagement) => "9d",
            Self::Piv(Slot::CardAuthentication) => "9e",
            Self::Payment => "payment",
        }
    }
}

/// Tags of commands.
pub mod tag {
    #![allow(missing_docs)]
    pub const OLD: u32 = 0x80;
    pub const NEW: u32 = 0x81;
    pub const ALGORITHM: u32 = 0x80;
    pub const ITEM: u32 = 0xA0;
    pub const CONTAINER: u32 = 0x80;
    pub const CERTIFICATE: u32 = 0x81;
}

/// What the token says of itself (GET INFORMATION).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Information {
    /// Tag 80: the version of the command set.
    pub version: u8,
    /// Tag 81: the brand's name, UTF-8.
    pub brand: String,
    /// Tag 82: the serial number, ASCII.
    pub serial: String,
    /// Tag 83: 1 for a token without a screen, 2 for one with a screen and buttons.
    pub generation: u8,
    /// Tag 84: PIN tries left, PUK tries left, and the most of each.
    pub tries: [u8; 4],
    /// Tag 85: the shortest and longest PIN, in bytes.
    pub pin_length: [u8; 2],
    /// Tag 86: the format version of the stored state.
    pub state_version: u8,
    /// Tag 87: the flags below.
    pub flags: u8,
}

impl Information {
    /// Flag: the self-test passed; without it the token refuses to work.
    pub const HEALTHY: u8 = 0x01;
    /// Flag: the PIN is still the factory's.
    pub const FACTORY_PIN: u8 = 0x02;
    /// Flag: a payment key waits for its certificate.
    pub const PENDING: u8 = 0x04;
    /// Flag: the payment key and its certificate are installed.
    pub const ENROLLED: u8 = 0x08;
    /// Flag: an emulated token, for tests.
    pub const TEST_TOKEN: u8 = 0x10;

    /// Whether a flag is set.
    pub const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The answer's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        tlv::put(&mut out, 0x80, &[self.version]);
        tlv::put(&mut out, 0x81, self.brand.as_bytes());
        tlv::put(&mut out, 0x82, self.serial.as_bytes());
        tlv::put(&mut out, 0x83, &[self.generation]);
        tlv::put(&mut out, 0x84, &self.tries);
        tlv::put(&mut out, 0x85, &self.pin_length);
        tlv::put(&mut out, 0x86, &[self.state_version]);
        tlv::put(&mut out, 0x87, &[self.flags]);
        out
    }

    /// Reads the answer; tags that it does not know are passed over, so that newer tokens stay readable.
    ///
    /// # Errors
    /// A tag is missing, or has another length.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let wrong = || Malformed::new("token information", "an object is missing or of another length");
        let byte = |tag| match tlv::find(bytes, tag) {
            Some(&[byte]) => Ok(byte),
            _ => Err(wrong()),
        };
        let text = |tag| {
            let field = tlv::find(bytes, tag).ok_or_else(wrong)?;
            core::str::from_utf8(field).map(String::from).map_err(|_| wrong())
        };
        Ok(Self {
            version: byte(0x80)?,
            brand: text(0x81)?,
            serial: text(0x82)?,
            generation: byte(0x83)?,
            tries: tlv::find(bytes, 0x84).and_then(|field| field.try_into().ok()).ok_or_else(wrong)?,
            pin_length: tlv::find(bytes, 0x85).and_then(|field| field.try_into().ok()).ok_or_else(wrong)?,
            state_version: byte(0x86)?,
            flags: byte(0x87)?,
        })
    }
}

/// Reads the data of INSTALL CERTIFICATES: at least one container, none twice.
///
/// # Errors
/// Anything else.
pub fn parse_install(data: &[u8]) -> Result<Vec<(Container, &[u8])>, Malformed> {
    let wrong = |fault| Malformed::new("INSTALL CERTIFICATES", fault);
    let mut items: Vec<(Container, &[u8])> = Vec::new();
    for item in tlv::Reader::new(data) {
        let item = item?;
        if item.tag != tag::ITEM {
            return Err(wrong("an object that is not A0"));
        }
        let container = match tlv::find(item.value, tag::CONTAINER) {
            Some(&[byte]) => Container::parse(byte).ok_or(wrong("an unknown container"))?,
            _ => return Err(wrong("an item without its container")),
        };
        let certificate =
            tlv::find(item.value, tag::CERTIFICATE).ok_or(wrong("an item without a certificate"))?;
        if items.iter().any(|(other, _)| *other == container) {
            return Err(wrong("a container twice"));
        }
        items.push((container, certificate));
    }
    if items.is_empty() { Err(wrong("no item")) } else { Ok(items) }
}

/// Writes the data of INSTALL CERTIFICATES.
pub fn install(items: &[(Container, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (container, certificate) in items {
        let mut item = tlv::object(tag::CONTAINER, &[container.reference()]);
        tlv::put(&mut item, tag::CERTIFICATE, certificate);
        tlv::put(&mut out, tag::ITEM, &item);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn information_travels() {
        let information = Information {
            version: VERSION,
            brand: "上行".into(),
            serial: "00C0FFEE".into(),
            generation: 2,
            tries: [6, 6, 6, 6],
            pin_length: [6, 8],
            state_version: 1,
            flags: Information::HEALTHY | Information::PENDING,
        };
        assert_eq!(Information::parse(&information.bytes()), Ok(information.clone()));
        let mut newer = information.bytes();
        tlv::put(&mut newer, 0x9F01, &[1]);
        assert_eq!(Information::parse(&newer), Ok(information));
        assert!(Information::parse(&[]).is_err());
    }

    #[test]
    fn install_is_all_or_nothing() {
        let nine_a = Container::Piv(Slot::Authentication);
        let items = [(Container::Payment, &[0x30, 0][..]), (nine_a, &[0x30, 1, 0][..])];
        assert_eq!(parse_install(&install(&items)).unwrap(), items);
        assert!(parse_install(&[]).is_err());
        assert!(parse_install(&install(&[items[0], items[0]])).is_err());
    }
}
