//! Whose files and folders are used: the user's own, closed to others.

use std::{fs, io, path::Path};

use crate::Error;

/// Makes a folder that only its owner may enter. A folder that is there already must be closed to others.
///
/// # Errors
/// [`Error::Stranger`], [`Error::Open`], or the system's fault.
pub fn make_private_folder(path: &Path) -> Result<(), Error> {
    if !path.exists() {
        make_folder(path).map_err(|fault| Error::system("make the folder", path, fault))?;
    }
    check_private(path, "700")
}

/// Refuses a file or folder that others than its owner may open, or that is another user's.
///
/// # Errors
/// [`Error::Stranger`], [`Error::Open`], or the system's fault.
pub fn check_private(path: &Path, right: &'static str) -> Result<(), Error> {
    check(path, 0o077, right, "what keys are in is for their owner only")
}

/// Refuses a file or folder that others than its owner may write, or that is another user's.
///
/// # Errors
/// [`Error::Stranger`], [`Error::Open`], or the system's fault.
pub fn check_closed(path: &Path, right: &'static str) -> Result<(), Error> {
    check(path, 0o022, right, "others could put their own files there, or take ours away")
}

#[cfg(unix)]
fn check(path: &Path, open: u32, right: &'static str, why: &'static str) -> Result<(), Error> {
    use std::os::unix::fs::MetadataExt;
    let found = fs::metadata(path).map_err(|fault| Error::system("read", path, fault))?;
    let own = own();
    if found.uid() != own {
        return Err(Error::Stranger { path: path.into(), owner: found.uid(), own });
    }
    if found.mode() & open != 0 {
        return Err(Error::Open { path: path.into(), mode: found.mode(), why, right });
    }
    Ok(())
}

/// Other systems keep the user's own folders private by their access lists.
#[cfg(not(unix))]
fn check(_path: &Path, _open: u32, _right: &'static str, _why: &'static str) -> Result<(), Error> {
    Ok(())
}

/// The user that this program runs as.
#[cfg(unix)]
pub(crate) fn own() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Whether this is no link that somebody else has put there: `/dev/stdout` is root's.
#[cfg(unix)]
pub(crate) fn is_no_strangers_link(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let own = own();
    fs::symlink_metadata(path).is_ok_and(|found| !found.is_symlink() || [0, own].contains(&found.uid()))
}

#[cfg(not(unix))]
pub(crate) fn is_no_strangers_link(_path: &Path) -> bool {
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
