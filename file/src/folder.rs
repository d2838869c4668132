//! The folder that a file lies in, and a lock on the folder.

use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// How long a lock is awaited. Our own programs hold one for a moment, and any user who can read the folder can hold one for ever.
const PATIENCE: Duration = Duration::from_secs(2);
const GLANCE: Duration = Duration::from_millis(5);

/// The folder that a path lies in: "." for a bare name.
pub fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Locks the folder that a path lies in (flock(2)), until the value is dropped. Some file systems know no locks, and there the value
/// is no lock.
///
/// # Errors
/// [`io::ErrorKind::WouldBlock`]: another program holds the lock. Otherwise the folder cannot be opened.
pub(crate) fn lock(path: &Path) -> io::Result<File> {
    let folder = File::open(folder(path))?;
    let end = Instant::now() + PATIENCE;
    loop {
        match folder.try_lock() {
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(folder),
            Err(TryLockError::WouldBlock) if Instant::now() < end => thread::sleep(GLANCE),
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(
                    io::ErrorKind::WouldBlock,
                    "another program locks the folder (lslocks names the program)",
                ));
            }
        }
    }
}
