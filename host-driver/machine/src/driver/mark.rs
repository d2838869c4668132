//! The mark in a bundle: it says that the bundle is ours, which brand it serves, and which library it was made from.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Usb;
use terminal::Failure;

use crate::{brand::NamedBrand, system::System};

/// The name of the mark's file, below a bundle's Contents.
pub(super) const FILE: &str = "ushield.json";

/// A bundle's mark.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Mark {
    /// The version of the program that made the bundle.
    version: String,
    pub(super) brand: String,
    /// The text of the brand file, from which the driver can be made again.
    pub(super) toml: String,
    #[serde(with = "text")]
    pub(super) usb: Usb,
    /// The system's library, from which ours was made.
    pub(super) source: PathBuf,
    /// SHA-256 of the system's library when ours was made.
    source_sha256: String,
    /// Each file below Contents, with its SHA-256.
    files: BTreeMap<String, String>,
}

impl Mark {
    pub(super) fn new(
        brand: &NamedBrand,
        usb: Usb,
        source: &Path,
        read: &[u8],
        files: &[(&str, &[u8])],
    ) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            brand: brand.name.clone(),
            toml: brand.text.clone(),
            usb,
            source: source.into(),
            source_sha256: digest(read),
            files: files.iter().map(|(name, bytes)| ((*name).into(), digest(bytes))).collect(),
        }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// The mark of a bundle of ours.
    pub(super) fn read(system: &System, bundle: &Path) -> Option<Self> {
        serde_json::from_str(&system.text(bundle.join("Contents").join(FILE))?).ok()
    }

    /// Refuses a bundle that we did not make, or in which somebody has put other files.
    pub(super) fn check(system: &System, bundle: &Path) -> Result<Self, Failure> {
        let refuse = |why: String| {
            Failure::new(format!("{} is left alone", bundle.display()))
                .because(why)
                .next("look into it; what is not of ushield has to be moved away by hand")
        };
        let mark = Self::read(system, bundle)
            .ok_or_else(|| refuse(format!("ushield did not make it: it has no Contents/{FILE}")))?;
        let mut names = Vec::new();
        below(&system.path(bundle), "", &mut names);
        let ours = |name: &str| {
            name.strip_prefix("Contents/").is_some_and(|name| name == FILE || mark.files.contains_key(name))
        };
        match names.iter().find(|name| !ours(name)) {
            Some(stranger) => Err(refuse(format!("ushield did not make {stranger} in it"))),
            None => Ok(mark),
        }
    }

    /// Whether each file is as we made it.
    pub(super) fn is_whole(&self, system: &System, bundle: &Path) -> bool {
        self.files.iter().all(|(name, made)| {
            fs::read(system.path(bundle.join("Contents").join(name)))
                .is_ok_and(|bytes| digest(&bytes) == *made)
        })
    }

    /// Whether the bundle was made from the library that is installed now.
    pub(super) fn is_current(&self, system: &System, library: &Path) -> bool {
        fs::read(system.path(library)).is_ok_and(|bytes| digest(&bytes) == self.source_sha256)
    }
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The files below a folder, links too.
fn below(folder: &Path, prefix: &str, into: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            below(&entry.path(), &format!("{name}/"), into);
        } else {
            into.push(name);
        }
    }
}

/// [`Usb`] as people write it.
mod text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::Usb;

    pub(super) fn serialize<S: Serializer>(usb: &Usb, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(usb)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Usb, D::Error> {
        let text = String::deserialize(deserializer)?;
        Usb::parse(&text).ok_or_else(|| D::Error::custom("no idVendor:idProduct"))
    }
}
