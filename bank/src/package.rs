//! The package of the Online Banking Assistant, which customers install: one file that the bank reads when it starts.

use std::path::Path;

use axum::body::Bytes;
use sha2::{Digest, Sha256};
use terminal::Failure;

use crate::random::hex;

/// A package has at most so many bytes: the bank holds it in memory.
const LARGEST: u64 = 256 << 20;

/// The file, as it was when the bank started: so the page tells the SHA-256 of the bytes that customers get.
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) sha256: String,
    pub(crate) bytes: Bytes,
}

impl Package {
    /// Reads the file.
    ///
    /// # Errors
    /// It is not there, too large, or its name could not stand in an address and in a command.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let not = |why: String, next: &str| {
            Failure::new(format!("the package {} was not read", path.display())).because(why).next(next)
        };
        let plain =
            |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte));
        let name = path.file_name().and_then(|name| name.to_str()).filter(|name| plain(name));
        let name = name.ok_or_else(|| {
            not(
                "its name has other characters than letters, digits and -_.+".into(),
                "name it as `just dist` does: ushield-VERSION-ARCH-linux.tar.gz",
            )
        })?;
        let made = "make it with `just dist`, and name the file that lies in target/dist";
        let size = std::fs::metadata(path).map_err(|error| not(error.to_string(), made))?.len();
        if size > LARGEST {
            return Err(not(format!("it has {size} bytes, and {LARGEST} are the most"), made));
        }
        let bytes = Bytes::from(file::read(path)?);
        Ok(Self { name: name.to_owned(), sha256: hex(&Sha256::digest(&bytes)), bytes })
    }

    /// The version, as the name has it.
    pub(crate) fn version(&self) -> Option<&str> {
        let version = self.name.strip_prefix("ushield-")?.split('-').next()?;
        version.starts_with(|c: char| c.is_ascii_digit()).then_some(version)
    }

    /// The size in MiB, with one place.
    pub(crate) fn mebibytes(&self) -> String {
        let tenths = (self.bytes.len() * 10).div_ceil(1 << 20);
        format!("{}.{}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::Package;

    #[test]
    fn a_package_is_told_with_its_version_its_size_and_the_hash_of_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ushield-0.1.0-x86_64-linux.tar.gz");
        std::fs::write(&path, b"abc").unwrap();
        let package = Package::read(&path).unwrap();
        assert_eq!((package.version(), package.mebibytes().as_str()), (Some("0.1.0"), "0.1"));
        // FIPS 180-2, B.1.
        assert_eq!(package.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        for odd in ["nothing.tar.gz", "a b.tar.gz", "包.tar.gz"] {
            let path = folder.path().join(odd);
            if odd != "nothing.tar.gz" {
                std::fs::write(&path, b"abc").unwrap();
            }
            assert!(Package::read(&path).is_err(), "{odd}");
        }
    }
}
