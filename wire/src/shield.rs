//! The shield applet: what a bank's token does beyond PIV. Source: docs/shield-applet.md, which describes it
//! byte by byte. CLA is 80 but for SELECT, VERIFY and GET RESPONSE, which are ISO 7816-4's own.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
mod command;
mod data_field;
mod information;
mod install;
mod import;
mod inventory;
mod object;
mod data;
mod name;
mod container;
mod field;

pub use self::{
    command::{Attested, Command, Deleted, Listed, Named, Object},
    container::{Container, KeyPolicy, Uses},
    data::{DataHead, DataObject, MAX_DATA, MAX_VALUE, number, parse_number},
    data_field::{Initialising, OldAndNew, Wished},
    import::{Import, PrivateParts},
    information::Information,
    install::{install, parse_install},
    inventory::{Inventory, MAX_INVENTORY, Shelf},
    name::{MAX_ID, MAX_LABEL, MAX_NOTES, Name},
    object::{
        CertificateHead, Contents, KeyHead, NewKey, Place, created, parse_created, parse_placed,
        parse_put_certificate, placed, put_certificate,
    },
};
use crate::apdu::StatusWord;

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
    /// P1 one of [`super::attest`], P2 the container. Answer: a certificate, DER (`crate::attest`).
    pub const ATTEST: u8 = 0xF9;
    /// Answer: the objects of [`super::Information`].
    pub const GET_INFORMATION: u8 = 0xF2;
    /// P1 and P2 a [`super::Place`]. Data: a [`super::NewKey`]. Answer: [`super::created`].
    pub const CREATE_KEY: u8 = 0x48;
    /// P1 and P2 a [`super::Place`]. Data: a [`super::Import`]. Answer: [`super::created`].
    pub const IMPORT_KEY: u8 = 0x49;
    /// P1 one of [`super::Uses`], P2 the container. Data: a digest, a point or a padded block. Answer: a signature, a shared
    /// secret or a block.
    pub const USE_KEY: u8 = 0x2D;
    /// P1 and P2 a [`super::Place`]. Data: [`super::put_certificate`]. Answer: [`super::placed`].
    pub const PUT_CERTIFICATE: u8 = 0xDA;
    /// P1 [`super::what`] (key or certificate), P2 the container. Data: a [`super::Name`].
    pub const SET_NAME: u8 = 0xDC;
    /// P1 [`super::what`], several of them for a container; P2 the container, or the number of a data object.
    pub const DELETE: u8 = 0xE4;
    /// P1 00: a [`super::Contents`] for each container that is not empty; [`super::what::DATA`]: a
    /// [`super::DataHead`] for each data object that may be seen. P1 00, P2 01: a [`super::Inventory`].
    pub const LIST: u8 = 0xF4;
    /// Data: a [`super::DataObject`]. Answer: its number.
    pub const CREATE_DATA: u8 = 0xE0;
    /// P2 the number. Answer: a [`super::DataObject`].
    pub const READ_DATA: u8 = 0xB0;
    /// P2 the number. Data: the [`super::DataObject`] that takes the place of the former.
    pub const UPDATE_DATA: u8 = 0xD6;
    /// Data: tag 80 the PUK, tag 81 the token's new label, UTF-8.
    pub const INITIALISE: u8 = 0xF6;
    /// CLA 00 (ISO 7816-4, 11.5.3). Answer: Ne random bytes, at most [`super::MAX_CHALLENGE`].
    pub const GET_CHALLENGE: u8 = 0x84;
}

/// Most bytes of a token's label.
pub const MAX_TOKEN_LABEL: usize = 64;
/// Most bytes of one GET CHALLENGE.
pub const MAX_CHALLENGE: usize = 1024;

/// P1 of SET NAME, DELETE and LIST: what of a container, or that it is about data objects.
pub mod what {
    /// The key.
    pub const KEY: u8 = 1;
    /// The certificate.
    pub const CERTIFICATE: u8 = 2;
    /// A data object.
    pub const DATA: u8 = 4;
}

/// P1 of GET OBJECT: what to get of a container.
pub mod get {
    /// The certificate, DER.
    pub const CERTIFICATE: u8 = 0;
    /// The public key in use, tag 7F49.
    pub const PUBLIC_KEY: u8 = 1;
    /// The public key that waits for its certificate, tag 7F49.
    pub const PENDING_PUBLIC_KEY: u8 = 2;
    /// A host's notes on the key.
    pub const KEY_NOTES: u8 = 3;
    /// A host's notes on the certificate.
    pub const CERTIFICATE_NOTES: u8 = 4;
}

/// P1 of ATTEST: what to attest.
pub mod attest {
    /// P2 00: the certificate of the token's attestation key.
    pub const TOKEN: u8 = 0;
    /// The container's key in use.
    pub const KEY: u8 = 1;
    /// The key that waits for its certificate.
    pub const PENDING_KEY: u8 = 2;
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
    /// The text cannot be shown honestly: it breaks the rule of [`crate::display`].
    pub const CANNOT_SHOW: StatusWord = StatusWord(0x9D04);
    /// No pending key, or the certificate is for another key.
    pub const NOT_PENDING: StatusWord = StatusWord(0x9D05);
    /// The new PIN is too easy (repeated or ascending) or has the wrong length.
    pub const WEAK_PIN: StatusWord = StatusWord(0x9D06);
    /// A reset set the PUK that everybody knows; it must be changed before the payment key works.
    pub const KNOWN_PUK: StatusWord = StatusWord(0x9D07);
    /// This token's screen has no room for the text, such as an amount that is longer than its line.
    pub const NO_ROOM: StatusWord = StatusWord(0x9D08);
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
    pub const PIN_POLICY: u32 = 0x81;
    pub const USES: u32 = 0x82;
    pub const LABEL: u32 = 0x83;
    pub const ID: u32 = 0x84;
    pub const ORIGIN: u32 = 0x85;
    pub const APPLICATION: u32 = 0x85;
    pub const PRIVATE: u32 = 0x86;
    pub const VALUE: u32 = 0x87;
    pub const LENGTH: u32 = 0x88;
    pub const NOTES: u32 = 0x89;
    pub const NOTED: u32 = 0x8A;
    pub const KEY_NOTES: u32 = 0x8B;
    pub const CERTIFICATE_NOTES: u32 = 0x8C;
    pub const NUMBER: u32 = 0x80;
    pub const PRIVATE_PARTS: u32 = 0xA4;
    pub const KEY: u32 = 0xA1;
    pub const CERTIFICATE_HEAD: u32 = 0xA2;
    pub const DATA: u32 = 0xA3;
}
