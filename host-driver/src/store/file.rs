//! What a store does to the file system, one call an operation: on the real one, and in tests on one that loses its
//! power.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::error::OpenError;

/// The longest file that a store reads: a record of 64 KiB and its envelope.
const MAX: u64 = (64 << 10) + 128;

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
    /// The lock goes when this is closed, even by a crash.
    _lock: File,
}

/// The file that is locked; it says who holds it.
const LOCK: &str = "lock";

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
            return Err(failed(io::ErrorKind::NotADirectory.into()));
        }
        private(&found, path, "700")?;
        let lock = lock(path)?;
        Ok(Self { path: path.into(), _lock: lock })
    }
}

/// Refuses what is not the owner's alone. `mode` is what it should have, for the text.
pub(super) fn private(found: &fs::Metadata, path: &Path, mode: &'static str) -> Result<(), OpenError> {
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(OpenError::Owner(path.into(), found.uid()));
    }
    if found.mode() & 0o077 != 0 {
        return Err(OpenError::Public { path: path.into(), mode });
    }
    Ok(())
}

fn lock(folder: &Path) -> Result<File, OpenError> {
    let path = folder.join(LOCK);
    let failed = |error| OpenError::Folder(path.clone(), error);
    let mut options = OpenOptions::new();
    let mut file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = (&mut file).take(20).read_to_string(&mut holder);
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
        }
        Ok(names)
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let path = self.path.join(name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        private(&file.metadata()?, &path, "600").map_err(io::Error::other)?;
        let mut content = Vec::new();
        file.take(MAX + 1).read_to_end(&mut content)?;
        if content.len() as u64 > MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is longer than any record"));
        }
        Ok(Some(content))
    }

    fn create(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
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
        OpenOptions::new().write(true).open(self.path.join(name))
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
