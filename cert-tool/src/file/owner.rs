//! Whose files and folders are used: the user's own, closed to others.

use std::{fs, io, path::Path};

use super::disk;
use crate::{Error, Reason};

/// Makes a folder that only its owner enters; one that is there already must be so.
///
/// # Errors
/// [`Reason::TooOpen`], or the disk's fault.
pub fn make_private_folder(path: &Path) -> Result<(), Error> {
    if !path.exists() {
        make_folder(path).map_err(|fault| disk("make the folder", path, &fault))?;
    }
    check_private(path, "700")
}

/// Refuses a file or folder that others than its owner may open, or that is another user's.
///
/// # Errors
/// [`Reason::TooOpen`], or the disk's fault.
pub fn check_private(path: &Path, right: &str) -> Result<(), Error> {
    check(path, 0o077, right, "what keys are in is for their owner only")
}

/// Refuses a file or folder that others than its owner may write, or that is another user's.
///
/// # Errors
/// [`Reason::TooOpen`], or the disk's fault.
pub fn check_closed(path: &Path, right: &str) -> Result<(), Error> {
    check(path, 0o022, right, "others could put their own files there, or take ours away")
}

#[cfg(unix)]
fn check(path: &Path, open: u32, right: &str, why: &str) -> Result<(), Error> {
    use std::os::unix::fs::MetadataExt;
    let found = fs::metadata(path).map_err(|fault| disk("read", path, &fault))?;
    let name = path.display();
    let own = rustix::process::geteuid().as_raw();
    if found.uid() != own {
        return Err(Error::new(
            Reason::TooOpen,
            format!("{name} is not used"),
            format!("it belongs to user {}, and this program runs as user {own}", found.uid()),
            "run the program as that user, or name a folder of your own",
        ));
    }
    if found.mode() & open == 0 {
        return Ok(());
    }
    Err(Error::new(
        Reason::TooOpen,
        format!("{name} is open to others"),
        format!("its permissions are {:03o}, and {why}", found.mode() & 0o777),
        format!("chmod {right} {name}   (or name a folder that is not there yet)"),
    ))
}

/// Other systems keep the user's own folders private by their access lists.
#[cfg(not(unix))]
fn check(_path: &Path, _open: u32, _right: &str, _why: &str) -> Result<(), Error> {
    Ok(())
}

/// Whether this is no link that somebody else has put there: `/dev/stdout` is root's.
#[cfg(unix)]
pub(super) fn is_no_strangers_link(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let own = rustix::process::geteuid().as_raw();
    fs::symlink_metadata(path).is_ok_and(|found| !found.is_symlink() || [0, own].contains(&found.uid()))
}

#[cfg(not(unix))]
pub(super) fn is_no_strangers_link(_path: &Path) -> bool {
    true
}

fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
}
