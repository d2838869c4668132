//! pcscd's folder of drivers.

use std::path::PathBuf;

use super::{Bundle, Reader, Usb};
use terminal::Failure;

use crate::{pcscd, system::System};

/// Where distributions have that folder: Debian and Arch, Fedora, openSUSE, and what is built from source.
const FOLDERS: [&str; 5] = [
    "/usr/lib/pcsc/drivers",
    "/usr/lib64/pcsc/drivers",
    "/usr/lib64/readers",
    "/usr/lib/readers",
    "/usr/local/lib/pcsc/drivers",
];

/// The drivers that pcscd would read if it started now.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// The folder: a path of the machine.
    pub folder: PathBuf,
    /// The bundles in the folder.
    pub bundles: Vec<Bundle>,
}

impl Catalogue {
    /// Reads the folder that pcscd names, or else the first known folder that has the CCID driver.
    ///
    /// # Errors
    /// No folder has the CCID driver.
    pub fn find(system: &System) -> Result<Self, Failure> {
        let said = said_by_pcscd(system);
        let known = FOLDERS.map(PathBuf::from).into_iter();
        let there = |folder: &PathBuf| system.has(folder.join("ifd-ccid.bundle"));
        let Some(folder) = said.clone().into_iter().chain(known).find(there) else {
            let places = said.map_or_else(|| FOLDERS.join(", "), |folder| folder.display().to_string());
            return Err(Failure::new("the system has no CCID driver")
                .because(format!("there is no ifd-ccid.bundle in {places}"))
                .next(
                    "install it: apt install libccid pcscd, or dnf install pcsc-lite-ccid, or pacman -S ccid",
                ));
        };
        let names = system.names(&folder).into_iter().filter(|name| name.contains(".bundle"));
        let bundles = names.filter_map(|name| Bundle::read(system, folder.join(name))).collect();
        Ok(Self { folder, bundles })
    }

    /// The system's CCID driver.
    ///
    /// # Errors
    /// Its Info.plist cannot be read.
    pub fn ccid(&self) -> Result<&Bundle, Failure> {
        self.bundles.iter().find(|bundle| bundle.is_ccid()).ok_or_else(|| {
            Failure::new("the system's CCID driver is not whole")
                .because(format!(
                    "{}/ifd-ccid.bundle has no Info.plist that can be read",
                    self.folder.display()
                ))
                .next("install libccid again: apt install --reinstall libccid")
        })
    }

    /// The bundle that serves the reader with these identifiers, and the reader's entry in that bundle. pcscd prefers a
    /// bundle of the reader's own to the class driver.
    pub fn server_of(&self, usb: Usb) -> Option<(&Bundle, &Reader)> {
        let serving = self.bundles.iter().filter_map(|bundle| {
            bundle.readers.iter().find(|reader| reader.usb == usb).map(|reader| (bundle, reader))
        });
        serving.min_by_key(|(bundle, _)| bundle.is_ccid())
    }
}

/// The folder that pcscd names: `usbdropdir`, one of the features that it was built with.
fn said_by_pcscd(system: &System) -> Option<PathBuf> {
    let mut words = pcscd::features(system)?.iter();
    words.find_map(|word| word.strip_prefix("usbdropdir=")).map(PathBuf::from)
}
