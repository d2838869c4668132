//! Drivers of brands for pcscd: each brand has a bundle of its own, which serves that brand and no other, on the CCID
//! driver that the system has (docs/decisions/0014-brands-and-drivers.md).

pub mod ifd;
mod list;
mod catalogue;
mod bundle;
mod library;
mod mark;

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, symlink},
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, RenameFlags, renameat_with};

pub use bundle::{Bundle, Reader};
pub use catalogue::Catalogue;
pub use list::{Condition, Installed};

use terminal::{Context, Failure};
use wire::brand::Brand;

use crate::{
    brand::{self, NamedBrand},
    system::System,
};
use mark::Mark;

/// What came of an installation.
#[derive(Clone, Debug)]
pub enum Deed {
    /// The brand has a driver now, in this bundle.
    Installed(PathBuf),
    /// Another bundle serves the brand already, and nothing was made.
    Needless {
        /// The name of the bundle.
        bundle: String,
        /// What pcscd calls the reader.
        reader: String,
    },
}

/// Installs the driver of a brand. pcscd takes the driver from its next start on.
///
/// # Errors
/// The system has no CCID driver that we understand, or a file is in the way, or only root may write there.
pub fn install(system: &System, brand: &NamedBrand) -> Result<Deed, Failure> {
    let catalogue = Catalogue::find(system)?;
    inside(system, &catalogue.folder)?;
    let name = Name::of(brand)?;
    let usb = Usb(brand.brand.usb);
    let own = catalogue.folder.join(name.bundle());
    if let Some((bundle, reader)) = catalogue.server_of(usb).filter(|(bundle, _)| bundle.folder != own) {
        if Mark::read(system, &bundle.folder).is_some() {
            return Err(Failure::new(format!("no driver was installed for {}", brand.name))
                .because(format!(
                    "{} is of another brand with the same USB identifiers {usb}",
                    bundle.folder.display()
                ))
                .next("give the brands identifiers of their own, or remove the other driver first"));
        }
        return Ok(Deed::Needless { bundle: bundle.name(), reader: reader.name.clone() });
    }
    if system.has(&own) {
        Mark::check(system, &own)?;
    }
    let ccid = catalogue.ccid()?;
    let source = ccid.library(system);
    let read = fs::read(system.path(&source)).what(format!("{} could not be read", source.display()))?;
    let library = library::renamed(&read, usb).map_err(|why| {
        Failure::new(format!("no driver was installed for {}", brand.name))
            .because(format!("{}: {why}", source.display()))
            .next("this CCID driver is built in a way that we do not know; add the identifiers to its Info.plist")
    })?;
    let plist = bundle::plist(&reader_name(&brand.brand)?, usb);
    let mark = Mark::new(brand, usb, &source, &read, &[("Info.plist", &plist), (LIBRARY, &library)]);
    let link = catalogue.folder.join(usb.link());
    let place = |error: io::Error| {
        let failure = Failure::new(format!("no driver was installed for {}", brand.name))
            .because(format!("{}: {error}", catalogue.folder.display()));
        if error.kind() == io::ErrorKind::PermissionDenied {
            failure.next("run it with sudo")
        } else {
            failure
        }
    };
    let fresh = Fresh::new(system.path(&catalogue.folder), &name).map_err(place)?;
    fresh.file("Contents/Info.plist", &plist).map_err(place)?;
    fresh.file(&format!("Contents/{LIBRARY}"), &library).map_err(place)?;
    fresh.file(&format!("Contents/{}", mark::FILE), &mark.bytes()).map_err(place)?;
    fresh.take_place(&system.path(&own)).map_err(place)?;
    relink(&system.path(&link), &name.bundle()).map_err(place)?;
    Ok(Deed::Installed(own))
}

/// Removes the driver of a brand: what [`install`] made, and nothing else. Returns the bundle's folder.
///
/// # Errors
/// There is no such driver, or it is not ours alone, or only root may remove it.
pub fn remove(system: &System, brand: &str) -> Result<PathBuf, Failure> {
    let catalogue = Catalogue::find(system)?;
    inside(system, &catalogue.folder)?;
    let name = Name::new(brand)?;
    let own = catalogue.folder.join(name.bundle());
    if !system.has(&own) {
        return Err(Failure::new(format!("{brand} has no driver here"))
            .because(format!("there is no {}", own.display()))
            .next("see `ushield driver list`"));
    }
    let mark = Mark::check(system, &own)?;
    let failed = |error: io::Error| {
        let failure = Failure::new(format!("the driver of {brand} was not removed")).because(error);
        failure.next("run it with sudo")
    };
    // One step takes the bundle out of pcscd's sight; then its files are removed.
    let away = system.path(&catalogue.folder).join(name.scratch("old"));
    fs::rename(system.path(&own), &away).map_err(failed)?;
    let link = system.path(catalogue.folder.join(mark.usb.link()));
    if fs::read_link(&link).is_ok_and(|target| target == Path::new(&name.bundle())) {
        fs::remove_file(&link).map_err(failed)?;
    }
    fs::remove_dir_all(&away).map_err(failed)?;
    Ok(own)
}

/// Makes the driver of a brand again, from the brand file that it was made with.
///
/// # Errors
/// As [`install`].
pub fn renew(system: &System, brand: &str) -> Result<(), Failure> {
    let catalogue = Catalogue::find(system)?;
    let mark = Mark::check(system, &catalogue.folder.join(Name::new(brand)?.bundle()))?;
    install(system, &brand::of_text(mark.brand, mark.toml)?).map(drop)
}

/// Refuses a path that a link leads out of the image: a file that is made there would be made on the machine that runs us.
fn inside(system: &System, place: &Path) -> Result<(), Failure> {
    if system.holds(place) {
        return Ok(());
    }
    Err(Failure::new("nothing was changed")
        .because(format!("a link at {} leads out of the root folder", place.display()))
        .next("make it a relative link, which leads to the same place below any root"))
}

/// The path of the library, below a bundle's Contents.
const LIBRARY: &str = "Linux/libccid.so";

/// A brand's name, as the names of its driver's files contain it.
struct Name(String);

impl Name {
    fn new(name: &str) -> Result<Self, Failure> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if (1..=32).contains(&name.len()) && name.chars().all(plain) {
            return Ok(Self(name.into()));
        }
        Err(Failure::new(format!("{name:?} cannot name a driver"))
            .because("its files are named after it: 1 to 32 of a-z, 0-9, - and _")
            .next("rename the brand's file"))
    }

    fn of(brand: &NamedBrand) -> Result<Self, Failure> {
        Self::new(&brand.name)
    }

    /// The bundle's folder. pcscd reads what has ".bundle" in its name.
    fn bundle(&self) -> String {
        format!("ushield-{}.bundle", self.0)
    }

    /// The name of a folder that pcscd does not read.
    fn scratch(&self, what: &str) -> String {
        format!(".ushield-{}.{what}-{}", self.0, std::process::id())
    }
}

/// idVendor and idProduct.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usb(pub (u16, u16));

impl Usb {
    /// Reads the identifiers as they are printed: `163c:0407`.
    pub fn parse(text: &str) -> Option<Self> {
        let (vendor, product) = text.split_once(':')?;
        Some(Self((u16::from_str_radix(vendor, 16).ok()?, u16::from_str_radix(product, 16).ok()?)))
    }

    /// The name by which the library finds its bundle. It is as long as the name that the system's library has.
    fn link(self) -> String {
        let Self((vendor, product)) = self;
        format!("ushield{vendor:04x}{product:04x}")
    }
}

impl std::fmt::Display for Usb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04x}:{:04x}", self.0.0, self.0.1)
    }
}

/// The name that pcscd gives the reader.
fn reader_name(brand: &Brand) -> Result<String, Failure> {
    let [name, _] = &brand.product;
    if name.len() <= 80 && name.chars().all(|c| (' '..='~').contains(&c) && !"<>&".contains(c)) {
        return Ok(name.clone());
    }
    Err(Failure::new("the reader has no name that pcscd takes")
        .because("it is the first text of `product`: 80 ASCII characters at most, without < > &")
        .next("correct the brand's file"))
}

/// A folder in the making. It is removed unless [`Self::take_place`] puts it in its place.
struct Fresh {
    folder: PathBuf,
}

impl Fresh {
    fn new(parent: PathBuf, name: &Name) -> io::Result<Self> {
        let folder = parent.join(name.scratch("new"));
        fs::DirBuilder::new().mode(0o755).create(&folder)?;
        Ok(Self { folder })
    }

    fn file(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.folder.join(name);
        if let Some(parent) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o755).create(parent)?;
        }
        fs::write(path, bytes)
    }

    /// Moves the folder to its place, in one step. A folder that is there is exchanged for it.
    fn take_place(self, place: &Path) -> io::Result<()> {
        if place.exists() {
            // The former folder is now where this one was; dropping this value removes it.
            return Ok(renameat_with(CWD, &self.folder, CWD, place, RenameFlags::EXCHANGE)?);
        }
        fs::rename(&self.folder, place)
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Makes a link, in one step. A link that is there is replaced.
fn relink(link: &Path, target: &str) -> io::Result<()> {
    let fresh = link.with_extension(format!("new-{}", std::process::id()));
    symlink(target, &fresh)?;
    fs::rename(&fresh, link)
}

#[cfg(test)]
pub(crate) mod tests;
