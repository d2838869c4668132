//! Whose files and folders are used: the user's own, closed to others.

use std::{fs, io, path::Path};

use crate::Error;

/// Makes a folder that only its owner may enter, with its parents. A folder that is there already must be the user's own
/// and closed to others. So must a link be that leads to the folder: in `/tmp` anybody may have made a link that leads to
/// a folder of the user's.
///
/// # Errors
/// [`Error::Stranger`], [`Error::Open`], or the system's fault.
pub fn make_private_folder(path: &Path) -> Result<(), Error> {
    make_folder(path).map_err(|fault| Error::system("make the folder", path, fault))?;
    check_link(path)?;
    check_private(path, "700")
}

/// Refuses a file or folder that others than its owner may open, or that is another user's.
///
/// # Errors
/// [`Error::Stranger`], [`Error::Open`], or the system's fault.
pub fn check_private(path: &Path, right: &'static str) -> Result<(), Error> {
    check_private_found(&look(path)?, path, right)
}

/// As [`check_private`], of a file that was looked at already, perhaps because it is open: no other file can take its name
/// in between.
///
/// # Errors
/// [`Error::Stranger`] or [`Error::Open`].
pub fn check_private_found(found: &fs::Metadata, path: &Path, right: &'static str) -> Result<(), Error> {
    check(found, path, 0o077, right, "what is in it is for its owner only")
}

/// Refuses a file or folder that others than its owner may write, or that is another user's.
///
/// # Errors
/// [`Error::Stranger`], [`Error::Open`], or the system's fault.
pub fn check_closed(path: &Path, right: &'static str) -> Result<(), Error> {
    check(&look(path)?, path, 0o022, right, "others could put their own files there, or take ours away")
}

fn look(path: &Path) -> Result<fs::Metadata, Error> {
    fs::metadata(path).map_err(|fault| Error::system("read", path, fault))
}

#[cfg(unix)]
fn check(
    found: &fs::Metadata,
    path: &Path,
    open: u32,
    right: &'static str,
    why: &'static str,
) -> Result<(), Error> {
    use std::os::unix::fs::MetadataExt;
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
fn check(
    _found: &fs::Metadata,
    _path: &Path,
    _open: u32,
    _right: &'static str,
    _why: &'static str,
) -> Result<(), Error> {
    Ok(())
}

/// The user that this program runs as.
#[cfg(unix)]
pub(crate) fn own() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Whether a user of this machine is trusted as this program's own user is: root, and that user.
#[cfg(unix)]
pub fn is_trusted(user: u32) -> bool {
    user == 0 || user == own()
}

/// Whether a file is a trusted user's.
#[cfg(unix)]
pub(crate) fn is_trusted_owner(found: &fs::Metadata) -> bool {
    is_trusted(std::os::unix::fs::MetadataExt::uid(found))
}

#[cfg(not(unix))]
pub(crate) fn is_trusted_owner(_found: &fs::Metadata) -> bool {
    true
}

/// Whether a path lies where only the system makes links: `/dev/stdout` and its like. What it leads to is written to, and the link
/// stays.
pub(crate) fn is_of_the_system(path: &Path) -> bool {
    path.parent().is_some_and(|folder| folder == "/dev" || folder == "/dev/fd")
}

/// Refuses a link that another user has put there. Root's links are trusted, as `/dev/stdout` is.
#[cfg(unix)]
pub(crate) fn check_link(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::MetadataExt;
    let found = fs::symlink_metadata(path).map_err(|fault| Error::system("read", path, fault))?;
    let (owner, own) = (found.uid(), own());
    if !found.is_symlink() || is_trusted(owner) {
        return Ok(());
    }
    Err(Error::Stranger { path: path.into(), owner, own })
}

#[cfg(not(unix))]
pub(crate) fn check_link(_path: &Path) -> Result<(), Error> {
    Ok(())
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

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    #[test]
    fn a_folder_open_to_others_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/b");
        make_private_folder(&folder).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        make_private_folder(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(make_private_folder(&folder).unwrap_err().to_string().contains("chmod 700"));
        let file = parent.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(make_private_folder(&file).is_err());
    }

    /// Root can make what another user left.
    #[test]
    fn a_strangers_link_to_a_folder_of_ours_is_refused() {
        if own() != 0 {
            return; // Only root can give a link away.
        }
        let parent = tempfile::tempdir().unwrap();
        let (folder, link) = (parent.path().join("folder"), parent.path().join("link"));
        make_private_folder(&folder).unwrap();
        std::os::unix::fs::symlink(&folder, &link).unwrap();
        make_private_folder(&link).unwrap();
        std::os::unix::fs::lchown(&link, Some(65_534), None).unwrap();
        assert!(matches!(make_private_folder(&link), Err(Error::Stranger { owner: 65_534, .. })));
    }
}
