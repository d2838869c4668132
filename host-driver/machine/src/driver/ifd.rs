//! The IFD handler: a driver that gives pcscd a reader whose token is on a USB/IP server, or on this machine's USB. It is for
//! machines without vhci_hcd.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use file::Access;

use super::inside;
use terminal::{Context, Failure};

use crate::{pcscd, system::System};

/// The file of the handler's library.
pub const LIBRARY: &str = "libifd_ushield.so";
/// The folder in which the library is installed.
const FOLDER: &str = "/usr/local/lib/ushield";
/// pcscd's folder of readers, unless it was built with another.
const READERS: &str = "/etc/reader.conf.d";
/// The name of our file in that folder.
const READER: &str = "ushield";
/// The first line of a reader's file that we made.
const MARK: &str = "# Made by `ushield driver install --ifd`; `ushield driver remove --ifd` undoes it.";

/// Installs a copy of `library`, and a reader whose token `device` names. Returns the reader's file.
///
/// # Errors
/// `device` names no token, a file of somebody else's is in the way, or only root may write there.
pub fn install(system: &System, library: &Path, device: &str) -> Result<PathBuf, Failure> {
    check(device)?;
    let (reader, installed) = places(system);
    refuse_strangers(system, &reader)?;
    [&reader, &installed].into_iter().try_for_each(|place| inside(system, place))?;
    let bytes = fs::read(library).what(format!("{} could not be read", library.display()))?;
    let text = format!(
        "{MARK}\nFRIENDLYNAME \"U-shield\"\nDEVICENAME   \"{device}\"\nLIBPATH      {}\nCHANNELID    0\n",
        installed.display()
    );
    // The library is written first: pcscd must not find a reader without its driver.
    for (place, bytes) in [(&installed, &bytes[..]), (&reader, text.as_bytes())] {
        let path = system.path(place);
        let folder = path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(folder).map_err(|error| failed("installed", folder, &error))?;
        file::write(&path, bytes, Access::Everyone, true)
            .map_err(|error| Failure::from(error).next("run it with sudo"))?;
    }
    Ok(reader)
}

/// Removes what [`install`] made. Returns the reader's file.
///
/// # Errors
/// The handler is not installed, or only root may remove it.
pub fn remove(system: &System) -> Result<PathBuf, Failure> {
    let (reader, installed) = places(system);
    if !system.has(&reader) && !system.has(&installed) {
        return Err(Failure::new("the IFD handler is not installed here")
            .because(format!("there is no {}", reader.display())));
    }
    refuse_strangers(system, &reader)?;
    [&reader, &installed].into_iter().try_for_each(|place| inside(system, place))?;
    for place in [&reader, &installed] {
        match fs::remove_file(system.path(place)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("removed", place, &error));
            }
            _ => {}
        }
    }
    // This fails when something else is in the folder, and then the folder stays.
    let _ = fs::remove_dir(system.path(FOLDER));
    Ok(reader)
}

/// The paths of the reader's file and of the library.
fn places(system: &System) -> (PathBuf, PathBuf) {
    let said = || pcscd::features(system)?.iter().find_map(|word| word.strip_prefix("configdir="));
    (Path::new(said().unwrap_or(READERS)).join(READER), Path::new(FOLDER).join(LIBRARY))
}

fn refuse_strangers(system: &System, reader: &Path) -> Result<(), Failure> {
    match system.text(reader) {
        Some(text) if !text.starts_with(MARK) => Err(Failure::new("nothing was changed")
            .because(format!("{} is there, and we did not make it", reader.display()))
            .next("move it away, then run the same command again")),
        _ => Ok(()),
    }
}

/// Checks a DEVICENAME. The documentation of the crate `ifd` has all forms.
fn check(device: &str) -> Result<(), Failure> {
    let known = ["usbip:", "usb:"].iter().any(|kind| device.starts_with(kind));
    if known && device.chars().all(|c| c.is_ascii_graphic() && c != '"') {
        return Ok(());
    }
    Err(Failure::new(format!("{device:?} names no token"))
        .next("write usbip:HOST:PORT, usbip:HOST:PORT/BUSID or usb:, and ,serial=SERIAL after it where there are several"))
}

fn failed(what: &str, place: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("the IFD handler was not {what}"))
        .because(format!("{}: {error}", place.display()))
        .next("run it with sudo")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::fake::Fake;

    #[test]
    fn installed_where_pcscd_looks_and_undone_without_a_trace() {
        for (says, folder) in [("usb filter", READERS), ("usb configdir=/opt/readers", "/opt/readers")] {
            let fake = Fake::new();
            fake.answers("pcscd --version", 0, &format!("Enabled features: {says}\n"));
            fake.file("/build/libifd_ushield.so", "library").file(&format!("{folder}/other"), "other");
            let (system, built) = (fake.system(), fake.folder.path().join("build/libifd_ushield.so"));
            let device = "usbip:[::1]:3240,serial=00C0FFEE";
            for _ in 0..2 {
                assert_eq!(install(&system, &built, device).unwrap(), Path::new(folder).join(READER));
            }
            let text = fake.read(&format!("{folder}/ushield")).unwrap();
            assert!(text.contains(&format!("DEVICENAME   \"{device}\"")), "{text}");
            assert!(text.contains("LIBPATH      /usr/local/lib/ushield/libifd_ushield.so"), "{text}");
            assert_eq!(fake.read("/usr/local/lib/ushield/libifd_ushield.so").unwrap(), "library");
            remove(&system).unwrap();
            assert_eq!(system.names(folder), ["other"]);
            assert!(!system.has(FOLDER));
            assert!(remove(&system).unwrap_err().to_string().contains("not installed"));
        }
    }

    #[test]
    fn an_image_does_not_lead_out_of_itself() {
        let (fake, host) = (Fake::new(), tempfile::tempdir().unwrap());
        fake.file("/etc/hostname", "image").file("/l.so", "library");
        std::os::unix::fs::symlink(host.path(), fake.folder.path().join("etc/reader.conf.d")).unwrap();
        let (system, built) = (fake.system(), fake.folder.path().join("l.so"));
        assert!(install(&system, &built, "usb:").unwrap_err().to_string().contains("leads out of"));
        assert_eq!(fs::read_dir(host.path()).unwrap().count(), 0);
        fs::write(host.path().join(READER), MARK).unwrap();
        assert!(remove(&system).unwrap_err().to_string().contains("leads out of"));
        assert!(host.path().join(READER).exists() && !system.has(FOLDER));
    }

    #[test]
    fn what_it_did_not_make_is_left_alone() {
        let fake = Fake::new();
        fake.file("/etc/reader.conf.d/ushield", "FRIENDLYNAME mine\n").file("/l.so", "library");
        let (system, built) = (fake.system(), fake.folder.path().join("l.so"));
        for refused in [install(&system, &built, "usb:"), remove(&system)] {
            assert!(refused.unwrap_err().to_string().contains("we did not make it"));
        }
        assert_eq!(fake.read("/etc/reader.conf.d/ushield").unwrap(), "FRIENDLYNAME mine\n");
        for device in ["/dev/ttyS0", "", "usbip:a b", "usb:\"", "usbip:x\nLIBPATH /evil"] {
            assert!(install(&system, &built, device).unwrap_err().to_string().contains("usbip:HOST:PORT"));
        }
    }
}
