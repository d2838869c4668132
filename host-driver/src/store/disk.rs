//! What a store does to the file system. Each operation is one call, so that a test can put a file system in its place that
//! loses its power after any of them.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, FileExt, FileTypeExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

use super::error::OpenError;

/// The longest file that a store reads: a record of 64 KiB and its envelope.
const MAX: u64 = (64 << 10) + 128;
/// More files than a token can have records.
const MOST: usize = 1024;

/// One folder of files.
pub trait Folder {
    /// A file that stays open, to be written in place.
    type Open: Open;

    /// The names of the files.
    ///
    /// # Errors
    /// The file system's.
    fn names(&self) -> io::Result<Vec<String>>;

    /// All of a file; `None` when there is none.
    ///
    /// # Errors
    /// The file system's, or a file that is too long, or not the owner's alone.
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>>;

    /// Makes a file, for its owner only, and makes its content durable, but not its name.
    ///
    /// # Errors
    /// The file system's.
    fn create(&mut self, name: &str, content: &[u8]) -> io::Result<()>;

    /// Gives a file another's name, in one step; not yet durable.
    ///
    /// # Errors
    /// The file system's.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file's name; not yet durable.
    ///
    /// # Errors
    /// The file system's.
    fn remove(&mut self, name: &str) -> io::Result<()>;

    /// Makes names durable.
    ///
    /// # Errors
    /// The file system's.
    fn sync(&mut self) -> io::Result<()>;

    /// Opens a file to be written in place.
    ///
    /// # Errors
    /// The file system's.
    fn open(&self, name: &str) -> io::Result<Self::Open>;
}

/// An open file.
pub trait Open {
    /// Writes in place; not yet durable.
    ///
    /// # Errors
    /// The file system's.
    fn write_at(&mut self, offset: u64, content: &[u8]) -> io::Result<()>;

    /// Makes the content durable.
    ///
    /// # Errors
    /// The file system's; what was written since the last time may be lost.
    fn sync(&mut self) -> io::Result<()>;
}

/// A folder of the real file system, locked for this process.
#[derive(Debug)]
pub struct Disk {
    path: PathBuf,
    /// The lock ends when this file is closed, even by a crash.
    _lock: File,
}

/// The file that is locked; it says who holds it.
const LOCK: &str = "lock";
/// Bytes of the longest: a process number and the end of the line.
const LOCK_MOST: u64 = 20;

impl Disk {
    /// Opens a folder, which is made if it is not there, and locks it.
    ///
    /// # Errors
    /// It cannot be made or read, others than its owner can read it, or another process holds it.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let failed = |error| OpenError::Folder(path.into(), error);
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        if !path.exists() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
            // The new name is durable with its parent.
            let parent = File::open(parent.unwrap_or(Path::new("."))).map_err(failed)?;
            parent.sync_all().map_err(failed)?;
        }
        let found = fs::metadata(path).map_err(failed)?;
        if !found.is_dir() {
            return Err(OpenError::Kind { path: path.into(), what: kind(&found) });
        }
        file::check_private_found(&found, path, "700")?;
        let lock = lock(path)?;
        Ok(Self { path: path.into(), _lock: lock })
    }
}

/// What stands there instead of a file.
fn kind(found: &fs::Metadata) -> &'static str {
    let kind = found.file_type();
    if kind.is_symlink() {
        "a link"
    } else if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_file() {
        "a file"
    } else {
        "a device"
    }
}

/// Opens a file for reading. A pipe or a device is refused before it is opened, because to open a pipe may wait for ever, and
/// to open a device may change its state. `follow` says whether a link may lead to the file, as to a secret elsewhere.
pub(super) fn open_file(path: &Path, follow: bool) -> io::Result<File> {
    let look = if follow { fs::metadata } else { fs::symlink_metadata };
    let refuse = |found: &fs::Metadata| {
        Err(io::Error::other(OpenError::Kind { path: path.into(), what: kind(found) }))
    };
    let found = look(path)?;
    if !found.is_file() {
        return refuse(&found);
    }
    // Between the look and the opening, another file may have taken the name.
    let link = if follow { OFlags::empty() } else { OFlags::NOFOLLOW };
    let file = OpenOptions::new().read(true).custom_flags(flags(OFlags::NONBLOCK | link)).open(path)?;
    let found = file.metadata()?;
    if found.is_file() { Ok(file) } else { refuse(&found) }
}

const fn flags(flags: OFlags) -> i32 {
    flags.bits().cast_signed()
}

/// Whether this folder has a record of a token. No record is read.
pub fn has_records(folder: &Path) -> bool {
    fs::read_dir(folder).into_iter().flatten().flatten().any(|entry| entry.file_name() != LOCK)
}

fn lock(folder: &Path) -> Result<File, OpenError> {
    let path = folder.join(LOCK);
    let failed = |error| OpenError::Folder(path.clone(), error);
    if let Ok(found) = fs::symlink_metadata(&path)
        && (!found.is_file() || found.len() > LOCK_MOST)
    {
        let what = if found.is_file() { "a file that holds something else" } else { kind(&found) };
        return Err(OpenError::Kind { path, what });
    }
    let mut options = OpenOptions::new();
    let mut file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(flags(OFlags::NOFOLLOW | OFlags::NONBLOCK))
        .open(&path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = (&mut file).take(LOCK_MOST).read_to_string(&mut holder);
            return Err(OpenError::Held { folder: folder.into(), pid: holder.trim().parse().ok() });
        }
        Err(fs::TryLockError::Error(error)) => return Err(failed(error)),
    }
    file.set_len(0).map_err(failed)?;
    writeln!(file, "{}", std::process::id()).map_err(failed)?;
    Ok(file)
}

impl Folder for Disk {
    type Open = File;

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name != LOCK {
                names.push(name);
            }
            if names.len() > MOST {
                return Err(io::Error::other(
                    "it holds more than a thousand files, and no token has so many",
                ));
            }
        }
        Ok(names)
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let path = self.path.join(name);
        let file = match open_file(&path, false) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let found = file.metadata()?;
        file::check_private_found(&found, &path, "600")
            .map_err(|error| io::Error::other(OpenError::from(error)))?;
        let mut content = Vec::new();
        if found.len() <= MAX {
            file.take(MAX + 1).read_to_end(&mut content)?;
        }
        if found.len().max(content.len() as u64) > MAX {
            let why = "it is longer than any record";
            return Err(io::Error::other(OpenError::Damaged { name: name.into(), why }));
        }
        Ok(Some(content))
    }

    fn create(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        // A pipe or a link that was put there meanwhile is not opened.
        options.custom_flags(flags(OFlags::NOFOLLOW | OFlags::NONBLOCK));
        let mut file = options.open(self.path.join(name))?;
        file.write_all(content)?;
        file.sync_all()
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync(&mut self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn open(&self, name: &str) -> io::Result<File> {
        let flags = flags(OFlags::NOFOLLOW | OFlags::NONBLOCK);
        OpenOptions::new().write(true).custom_flags(flags).open(self.path.join(name))
    }
}

impl Open for File {
    fn write_at(&mut self, offset: u64, content: &[u8]) -> io::Result<()> {
        self.write_all_at(content, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}
