//! A bundle of pcscd's: a folder with a library, and an Info.plist that says which readers the library serves.

use std::path::{Path, PathBuf};

use plist::{Dictionary, Value};

use super::Usb;
use crate::system::System;

/// A bundle as its Info.plist has it.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// The bundle's folder: a path of the machine.
    pub folder: PathBuf,
    /// CFBundleExecutable.
    executable: String,
    /// The readers that it serves.
    pub readers: Vec<Reader>,
}

/// A reader that a bundle serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// The identifiers of the reader's USB device.
    pub usb: Usb,
    /// The reader's name in pcscd, to which pcscd appends a serial number.
    pub name: String,
}

impl Bundle {
    /// Reads a bundle; `None` when it has no Info.plist that pcscd would take.
    pub(super) fn read(system: &System, folder: PathBuf) -> Option<Self> {
        let file = system.follow(folder.join("Contents/Info.plist"));
        let plist = Value::from_file(system.path(file)).ok()?.into_dictionary()?;
        let vendors = strings(&plist, "ifdVendorID")?;
        let products = strings(&plist, "ifdProductID")?;
        let names = strings(&plist, "ifdFriendlyName")?;
        // pcscd, src/hotplug_libudev.c: three lists of one length, numbers of base 16.
        if vendors.len() != products.len() || vendors.len() != names.len() {
            return None;
        }
        let number =
            |text: &str| u16::from_str_radix(text.trim_start_matches("0x").trim_start_matches("0X"), 16).ok();
        let readers = vendors.iter().zip(&products).zip(names);
        let readers = readers.filter_map(|((vendor, product), name)| {
            Some(Reader { usb: Usb((number(vendor)?, number(product)?)), name })
        });
        let readers = readers.collect();
        Some(Self { executable: strings(&plist, "CFBundleExecutable")?.pop()?, folder, readers })
    }

    /// The folder's own name.
    pub fn name(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The library that pcscd loads, where links are followed.
    pub fn library(&self, system: &System) -> PathBuf {
        system.follow(self.folder.join("Contents/Linux").join(&self.executable))
    }

    /// Whether the bundle is the system's CCID driver.
    pub(super) fn is_ccid(&self) -> bool {
        self.folder.file_name() == Some(Path::new("ifd-ccid.bundle").as_os_str())
    }
}

/// A text, or a list of texts.
fn strings(plist: &Dictionary, key: &str) -> Option<Vec<String>> {
    match plist.get(key)? {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(values) => values.iter().map(|value| value.as_string().map(ToOwned::to_owned)).collect(),
        _ => None,
    }
}

/// The Info.plist of a brand's bundle: what pcscd reads of it, and what libccid reads. CFBundleName is not that of the class
/// driver, so that pcscd prefers this bundle to one that merely lists the reader too.
pub(super) fn plist(reader: &str, usb: Usb) -> Vec<u8> {
    let Usb((vendor, product)) = usb;
    let one = |text: String| Value::Array(vec![Value::String(text)]);
    let text = |text: &str| Value::String(text.into());
    let mut plist = Dictionary::new();
    for (key, value) in [
        ("CFBundleExecutable", text("libccid.so")),
        ("CFBundleName", text("USHIELDBRAND")),
        ("ifdCapabilities", text("0x00000000")),
        ("ifdProtocolSupport", text("0x00000001")),
        ("ifdVersionNumber", text("0x00000001")),
        ("ifdLogLevel", text("0x0003")),
        ("ifdDriverOptions", text("0x0000")),
        ("ifdManufacturerString", text("U-shield test tokens")),
        ("ifdProductString", text("CCID driver of one brand")),
        ("ifdVendorID", one(format!("0x{vendor:04X}"))),
        ("ifdProductID", one(format!("0x{product:04X}"))),
        ("ifdFriendlyName", one(reader.into())),
        (
            "Copyright",
            text(
                "The library is libccid, under the GNU Lesser General Public License, version 2.1 or later.",
            ),
        ),
    ] {
        plist.insert(key.into(), value);
    }
    let mut bytes = Vec::new();
    // Writing texts to memory cannot fail.
    Value::Dictionary(plist).to_writer_xml(&mut bytes).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}
