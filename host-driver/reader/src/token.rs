//! A token that this service holds: the CCID host over a USB/IP line of its own.

use std::{
    sync::{Mutex, MutexGuard, TryLockError},
    time::Duration,
};

use card::{
    Error, Pipe,
    ccid::{BLOCK_TIMEOUT, Reader},
    pipe::Interface,
    usbip::{Link, Stream},
};
use lock::lock;
use wire::display::tamed;

/// The card behind its reader, which takes one command at a time.
pub(crate) type Ccid = Reader<Link>;

/// What the token's descriptors say, for names and attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Texts {
    /// iManufacturer.
    pub(crate) manufacturer: Option<String>,
    /// iProduct.
    pub(crate) product: Option<String>,
    /// iSerialNumber.
    pub(crate) serial: Option<String>,
}

impl Texts {
    /// A reader's name, as pcscd makes it for a USB reader: vendor, product, serial number in brackets, then the
    /// number of the reader and of the slot in two hexadecimal digits each. Programs print the name as it is, so that
    /// it holds nothing that a terminal obeys.
    pub(crate) fn reader(&self, number: usize) -> String {
        let text = |text: &Option<String>| {
            text.as_deref().unwrap_or_default().trim().chars().map(tamed).collect::<String>()
        };
        let (manufacturer, product, serial) =
            (text(&self.manufacturer), text(&self.product), text(&self.serial));
        let name = [manufacturer, product].join(" ");
        let name = if name.trim().is_empty() { "USB reader" } else { name.trim() };
        let serial = if serial.is_empty() { serial } else { format!(" ({serial})") };
        let tail = format!("{serial} {number:02X} 00");
        // The tail tells readers apart, so that a long name is cut before it (MAX_READERNAME is 128, with its zero).
        let mut end = name.len().min((wire::pcsclite::NAME - 1).saturating_sub(tail.len()));
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        format!("{}{tail}", name.get(..end).unwrap_or_default())
    }
}

/// A token in use.
pub(crate) struct Token {
    /// The token's name on the server.
    pub(crate) bus_id: String,
    /// busnum and devnum on the server.
    pub(crate) device_id: u32,
    pub(crate) interface: Interface,
    pub(crate) texts: Texts,
    ccid: Mutex<Ccid>,
    line: Stream,
}

impl Token {
    /// Imports a token, whose card is not powered yet. `patience` is for one command.
    pub(crate) fn import(address: &str, bus_id: &str, patience: Duration) -> Result<Self, Error> {
        let mut link = Link::import(address, bus_id)?;
        let interface = link.interface().clone();
        let [manufacturer, product, serial] = interface.device.strings;
        let texts = Texts {
            manufacturer: link.text(manufacturer)?,
            product: link.text(product)?,
            serial: link.text(serial)?,
        };
        let (line, device_id) = (link.line()?, link.device_id());
        let ccid = Reader::new(link)?.patience(patience, BLOCK_TIMEOUT.min(patience));
        Ok(Self { bus_id: bus_id.into(), device_id, interface, texts, ccid: Mutex::new(ccid), line })
    }

    /// The card. Waits until a command that runs is done.
    pub(crate) fn ccid(&self) -> MutexGuard<'_, Ccid> {
        lock(&self.ccid)
    }

    /// The card, unless a command runs.
    pub(crate) fn idle(&self) -> Option<MutexGuard<'_, Ccid>> {
        match self.ccid.try_lock() {
            Ok(ccid) => Some(ccid),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// The connection, to wait for its end.
    pub(crate) const fn line(&self) -> &Stream {
        &self.line
    }

    /// Hangs up, whatever runs, so that the server powers the token off.
    pub(crate) fn cut(&self) {
        let _ = self.line.shutdown();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_pcscds() {
        let text = |text: &str| Some(text.to_owned());
        let mut texts =
            Texts { manufacturer: text("Example"), product: text("U-shield"), serial: text("0102") };
        assert_eq!(texts.reader(10), "Example U-shield (0102) 0A 00");
        texts.serial = None;
        texts.manufacturer = None;
        assert_eq!(texts.reader(0), "U-shield 00 00");
        assert_eq!(Texts::default().reader(0), "USB reader 00 00");
        texts.product = text("x\u{1b}[2J\n");
        assert_eq!(texts.reader(2), "x?[2J 02 00");
        texts.product = text(&"盾".repeat(60));
        let name = texts.reader(1);
        assert!(name.len() <= 127 && name.ends_with("盾 01 00"), "{name}");
    }
}
