//! The folder of one run: its sockets, its PIN, its certificates. It goes when the run ends; what a killed run left goes
//! when the next one starts.

use std::{
    fs,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};

use crate::{
    failure::{Context, Failure},
    place,
};

const PREFIX: &str = "run-";
/// Held for as long as the run lives: the kernel lets go of it, however the run ends.
const LOCK: &str = "lock";

/// The folder, for its owner only.
pub(super) struct Folder {
    path: PathBuf,
    _lock: OwnedFd,
}

impl Folder {
    /// A new one, after those of killed runs are gone.
    pub(super) fn make() -> Result<Self, Failure> {
        let runtime = place::runtime()?;
        sweep(&runtime);
        let mut random = [0; 8];
        getrandom::fill(&mut random).what("there is no randomness")?;
        let path = runtime.join(format!("{PREFIX}{:016x}", u64::from_le_bytes(random)));
        let name = path.display();
        place::private_folder(&path)?;
        let lock = lock(&path).what(format!("the folder {name} could not be locked"))?;
        Ok(Self { path, _lock: lock })
    }

    /// A file or socket in it.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file for the owner only; its path.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, Failure> {
        let path = self.path(name);
        cert_tool::file::write(&path, bytes, cert_tool::file::Access::Owner, true)?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays behind is for its owner only, and the next run sweeps it.
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn lock(folder: &Path) -> rustix::io::Result<OwnedFd> {
    let mode = Mode::RUSR | Mode::WUSR;
    let file = open(folder.join(LOCK), OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC, mode)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

/// Removes the folders whose run was killed: nobody holds their lock.
fn sweep(runtime: &Path) {
    for entry in fs::read_dir(runtime).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_run = entry.file_name().to_string_lossy().starts_with(PREFIX);
        // One without a lock file is being made just now, or was killed before it had one: it holds nothing.
        if is_run && path.join(LOCK).exists() && lock(&path).is_ok() {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_left_is_swept_and_what_lives_is_not() {
        let runtime = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let path = runtime.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::write(path.join("pin"), "135246").unwrap();
            path
        };
        let (living, killed, other) = (folder("run-1"), folder("run-2"), folder("else"));
        let held = lock(&living).unwrap();
        drop(lock(&killed).unwrap());
        sweep(runtime.path());
        assert_eq!((living.exists(), killed.exists(), other.exists()), (true, false, true));
        drop(held);
        sweep(runtime.path());
        assert!(!living.exists());
    }
}
