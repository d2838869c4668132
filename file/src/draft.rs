//! A file in the making: hidden, beside its place, until it is whole.
//!
//! Its name is `.NAME.0123456789abcdef.tmp`. Its writer holds a lock on it (flock(2)) for as long as it writes, and the
//! system ends the lock when the writer dies, however it dies. So whoever finds such a file with a free lock knows that
//! nobody writes it any more, and may remove it.

#[cfg(all(test, unix))]
mod tests;

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::folder::{self, folder};

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Its owner only: keys, the index.
    Owner,
    /// Everyone that the folder lets in: certificates, CRLs, requests.
    Everyone,
}

/// What is on the disk before a function returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flush {
    /// The content and the name.
    All,
    /// Nothing: what ends with the process that writes it need not outlive a power cut.
    Nothing,
}

/// How often a new file may be swept, or locked by somebody else, in the moment before its writer has the lock.
const MOST_SWEPT: usize = 100;

/// A file in the making. It is removed when this value is dropped before the file has its name.
#[derive(Debug)]
pub(crate) struct Draft {
    path: PathBuf,
    file: File,
    named: bool,
}

impl Draft {
    /// Makes an empty file beside `place`, and locks it.
    pub(crate) fn begin(place: &Path, access: Access) -> io::Result<Self> {
        for _ in 0..MOST_SWEPT {
            let path = beside(place)?;
            let draft = Self { file: new(&path, access)?, path, named: false };
            // The lock is not awaited: somebody who sweeps holds it for a moment, and another user could hold it for ever.
            // Where the file system knows no locks, this call fails, and so does whoever would sweep: nothing is swept there.
            let is_taken = matches!(draft.file.try_lock(), Err(fs::TryLockError::WouldBlock));
            if !is_taken && has_name(&draft.file)? {
                return Ok(draft);
            }
        }
        Err(io::Error::other("another program removes or locks each file that is begun there"))
    }

    /// Writes the content.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Gives the file its name. With `replace` a former file of that name is gone; without it, the name must be free.
    pub(crate) fn take(mut self, place: &Path, replace: bool, flush: Flush) -> io::Result<()> {
        if flush == Flush::All {
            self.file.sync_all()?;
        }
        if replace {
            fs::rename(&self.path, place)?
        } else {
            name(&self.path, place)?
        }
        self.named = true;
        if flush == Flush::All { sync_folder(place) } else { Ok(()) }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.named {
            // A file that cannot be removed now is swept later.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes from a folder what writers that were killed have left there: files of our own hidden names that belong to this
/// user, and that nobody writes. Nothing else is touched. What cannot be removed stays, and nobody is told: it is in nobody's
/// way.
pub fn sweep(folder: &Path) {
    sweep_if(folder, |_| true);
}

/// As [`sweep`], but only what was to become this file.
pub(crate) fn sweep_for(place: &Path) {
    let Some(wanted) = place.file_name() else { return };
    sweep_if(folder(place), |name| name == wanted.as_encoded_bytes());
}

fn sweep_if(folder: &Path, is_wanted: impl Fn(&[u8]) -> bool) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if name_of(&entry.file_name()).is_some_and(&is_wanted)
            && let Some(_lock) = abandoned(&path)
        {
            // The lock is held meanwhile: a writer that finds the lock taken, or its file gone, begins again.
            let _ = fs::remove_file(&path);
        }
    }
}

/// The name that a file of this hidden name was to have.
fn name_of(hidden: &OsStr) -> Option<&[u8]> {
    let inside = hidden.as_encoded_bytes().strip_prefix(b".")?.strip_suffix(b".tmp")?;
    let (name, unique) = inside.split_at_checked(inside.len().checked_sub(17)?)?;
    let is_ours = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let unique = unique.strip_prefix(b".")?;
    (!name.is_empty() && unique.iter().all(is_ours)).then_some(name)
}

/// A file of the user's own that nobody had locked, and that is locked now.
fn abandoned(path: &Path) -> Option<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        // A link, a pipe or a device of such a name is not ours.
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    }
    let file = options.open(path).ok()?;
    let is_file_of_ours = file.metadata().is_ok_and(|found| found.is_file() && is_own(&found));
    // The writer may have given its file the name meanwhile. Then there is nothing left under the hidden name.
    (is_file_of_ours && file.try_lock().is_ok()).then_some(file)
}

#[cfg(unix)]
fn is_own(found: &fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::uid(found) == crate::owner::own()
}

#[cfg(not(unix))]
fn is_own(_found: &fs::Metadata) -> bool {
    true
}

/// Whether an open file has a name: it has none when it was removed.
#[cfg(unix)]
fn has_name(file: &File) -> io::Result<bool> {
    Ok(std::os::unix::fs::MetadataExt::nlink(&file.metadata()?) > 0)
}

/// Other systems remove no file that is open.
#[cfg(not(unix))]
fn has_name(_file: &File) -> io::Result<bool> {
    Ok(true)
}

/// A name in the same folder that nobody else uses.
fn beside(place: &Path) -> io::Result<PathBuf> {
    let unique = getrandom::u64().map_err(|fault| io::Error::other(fault.to_string()))?;
    let name = place.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{unique:016x}.tmp"));
    Ok(place.with_file_name(hidden))
}

fn new(path: &Path, access: Access) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(match access {
            Access::Owner => 0o600,
            Access::Everyone => 0o644,
        });
    }
    #[cfg(not(unix))]
    let _ = access;
    options.open(path)
}

/// Moves a file to a name that must be free. Where the file system cannot do that in one step, the file gets a second name
/// by a hard link and loses the first.
fn name(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::EXIST) => return Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => {}
        }
    }
    name_by(from, to, |from, to| fs::hard_link(from, to))
}

/// Where there are no hard links either (FAT and exFAT), a lock on the folder lets one process at a time look and rename.
fn name_by(from: &Path, to: &Path, link: impl Fn(&Path, &Path) -> io::Result<()>) -> io::Result<()> {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    match link(from, to) {
        Ok(()) => fs::remove_file(from),
        // link(2) fails with EPERM on a file system without links; some file systems say EOPNOTSUPP, ENOSYS or EINVAL.
        Err(fault) if [PermissionDenied, Unsupported, InvalidInput].contains(&fault.kind()) => {
            let _lock = folder::lock(to)?;
            if fs::symlink_metadata(to).is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            fs::rename(from, to)
        }
        failed => failed,
    }
}

/// Makes a rename durable: the name is durable once its folder is.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder(path))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}
