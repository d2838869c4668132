//! What the token needs of the world: a place to keep records, a panel, randomness, and the time as an argument.
//! All hardware is on this page.

use alloc::{string::String, vec::Vec};
use core::fmt;

pub use rand_core::CryptoRng;

/// Milliseconds since some moment in the past; it never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub u64);

impl Millis {
    /// This moment, `milliseconds` later.
    pub const fn after(self, milliseconds: u64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }
}

/// The records that a token keeps. Their `Display` is a file name: lower-case ASCII, digits, dots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordName {
    /// Which records there are: the first that is written of a token.
    Inventory,
    /// Who the token is: serial number, format version.
    Device,
    /// The tries left of PIN and PUK: small, and written at each VERIFY.
    Tries,
    /// What PIN and PUK unwrap.
    Pin,
    /// The card management key.
    Management,
    /// A container's key and certificate, by its reference (`wire::shield::Container::reference`).
    Container(u8),
    /// A container's key that waits for its certificate.
    Pending(u8),
    /// Certificates on their way into several containers at once; gone when all have arrived.
    Install,
    /// The most tries of PIN and PUK, where they are not the brand's.
    Limits,
    /// New codes on their way in; gone when they have arrived.
    Renewal,
    /// The attestation key and its certificate, from manufacture on.
    Attestation,
    /// A PIV data object, by its tag.
    Object(u32),
    /// A data object of a host's, by its number (`wire::shield::DataObject`).
    Data(u8),
    /// The token's label.
    Label,
    /// The algorithm of the payment key, from manufacture on; there is none where it is P-256.
    Algorithm,
    /// An initialisation that was begun; gone when all is erased.
    Initialise,
}

impl RecordName {
    /// Reads the name that `Display` wrote.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "inventory" => return Some(Self::Inventory),
            "device" => return Some(Self::Device),
            "tries" => return Some(Self::Tries),
            "pin" => return Some(Self::Pin),
            "management" => return Some(Self::Management),
            "install" => return Some(Self::Install),
            "limits" => return Some(Self::Limits),
            "renewal" => return Some(Self::Renewal),
            "attestation" => return Some(Self::Attestation),
            "label" => return Some(Self::Label),
            "algorithm" => return Some(Self::Algorithm),
            "initialise" => return Some(Self::Initialise),
            _ => {}
        }
        let (kind, number) = name.split_once('.')?;
        let number = u32::from_str_radix(number, 16).ok()?;
        let found = match kind {
            "container" => Self::Container(u8::try_from(number).ok()?),
            "pending" => Self::Pending(u8::try_from(number).ok()?),
            "object" => Self::Object(number),
            "data" => Self::Data(u8::try_from(number).ok()?),
            _ => return None,
        };
        Some(found)
    }
}

impl fmt::Display for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inventory => f.write_str("inventory"),
            Self::Device => f.write_str("device"),
            Self::Tries => f.write_str("tries"),
            Self::Pin => f.write_str("pin"),
            Self::Management => f.write_str("management"),
            Self::Container(reference) => write!(f, "container.{reference:02x}"),
            Self::Pending(reference) => write!(f, "pending.{reference:02x}"),
            Self::Install => f.write_str("install"),
            Self::Limits => f.write_str("limits"),
            Self::Renewal => f.write_str("renewal"),
            Self::Attestation => f.write_str("attestation"),
            Self::Object(tag) => write!(f, "object.{tag:06x}"),
            Self::Data(number) => write!(f, "data.{number:02x}"),
            Self::Label => f.write_str("label"),
            Self::Algorithm => f.write_str("algorithm"),
            Self::Initialise => f.write_str("initialise"),
        }
    }
}

/// Why a record could not be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StorageFault {
    /// No room.
    #[error("no room left")]
    Full,
    /// The medium failed, or the power went.
    #[error("the medium failed")]
    Broken,
    /// A record is there and is not what was written.
    #[error("a record is damaged")]
    Damaged,
}

/// The token's flash.
///
/// Promises: a record is replaced wholly or not at all, whatever happens in between; after a fault it is the old
/// one or the new one. Records are at most 64 KiB.
pub trait Storage {
    /// The record, or `None` when there is none.
    ///
    /// # Errors
    /// The medium failed or the record is damaged.
    fn load(&self, name: RecordName) -> Result<Option<Vec<u8>>, StorageFault>;

    /// Replaces the record; it is durable when this returns.
    ///
    /// # Errors
    /// It could not be made durable: the record is the old one or the new one.
    fn save(&mut self, name: RecordName, record: &[u8]) -> Result<(), StorageFault>;

    /// Replaces the record, durable some time later: a power cut may bring the old one back. For a change whose
    /// loss does no harm, such as giving a paid PIN try back.
    ///
    /// # Errors
    /// As [`Self::save`].
    fn save_soon(&mut self, name: RecordName, record: &[u8]) -> Result<(), StorageFault> {
        self.save(name, record)
    }

    /// Removes the record, durably; nothing happens when there is none.
    ///
    /// # Errors
    /// As [`Self::save`].
    fn remove(&mut self, name: RecordName) -> Result<(), StorageFault>;

    /// Whether a newer state of the record than [`Self::load`] gives was there and is damaged.
    fn is_doubtful(&self, _name: RecordName) -> bool {
        false
    }

    /// All records there are, in any order.
    ///
    /// # Errors
    /// The medium failed.
    fn names(&self) -> Result<Vec<RecordName>, StorageFault>;
}

/// A flash that is lent.
impl<S: Storage + ?Sized> Storage for &mut S {
    fn load(&self, name: RecordName) -> Result<Option<Vec<u8>>, StorageFault> {
        (**self).load(name)
    }

    fn save(&mut self, name: RecordName, record: &[u8]) -> Result<(), StorageFault> {
        (**self).save(name, record)
    }

    fn save_soon(&mut self, name: RecordName, record: &[u8]) -> Result<(), StorageFault> {
        (**self).save_soon(name, record)
    }

    fn remove(&mut self, name: RecordName) -> Result<(), StorageFault> {
        (**self).remove(name)
    }

    fn is_doubtful(&self, name: RecordName) -> bool {
        (**self).is_doubtful(name)
    }

    fn names(&self) -> Result<Vec<RecordName>, StorageFault> {
        (**self).names()
    }
}

/// The buttons of a second-generation token. On a page that is not the last, OK turns the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Button {
    /// OK.
    Ok,
    /// Cancel.
    Cancel,
}

/// What the screen shows: one page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Screen {
    /// The lines of this page, each within the profile's columns.
    pub lines: Vec<String>,
    /// This page, from 1.
    pub page: usize,
    /// All pages.
    pub pages: usize,
}

/// How a prompt ended without OK.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Declined {
    /// Cancel was pressed.
    #[error("cancelled")]
    Cancelled,
    /// Nobody pressed in time.
    #[error("timed out")]
    TimedOut,
    /// The host aborted the command, or reset the slot.
    #[error("aborted")]
    Aborted,
}

/// Screen and buttons.
pub trait Panel {
    /// Shows a page until the next call; `None` clears the screen.
    fn show(&mut self, screen: Option<&Screen>);

    /// A button pressed since the last call, if any. What was pressed before [`Self::show`] does not count.
    fn pressed(&mut self) -> Option<Button>;

    /// The question whose pages were shown is over: the screen is cleared. A panel that tells others how questions end has a method
    /// of its own here.
    fn ended(&mut self, answer: Result<(), Declined>) {
        let _ = answer;
        self.show(None);
    }
}
