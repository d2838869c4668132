//! The folder of one run, with its sockets, its PIN and its certificates. It is removed when the run ends. The
//! folder of a killed run is removed by the run's keeper, and where the keeper was killed too, when the next run starts.

use std::{
    fs,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use host_driver::paths;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use terminal::{Context, Failure};

const PREFIX: &str = "run-";
/// The file that the run holds locked. The kernel ends the lock, however the run ends.
const LOCK: &str = "lock";
/// The lock file's name before it is locked: a folder that has only this file is never swept.
const NEW_LOCK: &str = "lock.new";

/// The folder, for its owner only.
pub(super) struct Folder {
    path: PathBuf,
    _lock: OwnedFd,
}

impl Folder {
    /// Removes the folders of killed runs, and makes a new one.
    pub(super) fn make() -> Result<Self, Failure> {
        let runtime = paths::runtime()?;
        sweep(&runtime);
        Self::below(&runtime)
    }

    /// Removes the folders of killed runs.
    pub(super) fn sweep() {
        // Where there is no place for folders, there is none to remove.
        let _ = paths::runtime().map(|runtime| sweep(&runtime));
    }

    fn below(runtime: &Path) -> Result<Self, Failure> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).what("there is no randomness")?;
        let path = runtime.join(format!("{PREFIX}{:016x}", u64::from_le_bytes(random)));
        let name = path.display();
        file::make_private_folder(&path)?;
        let unlocked = || format!("the folder {name} could not be locked");
        let lock = lock(&path.join(NEW_LOCK)).what(unlocked())?;
        fs::rename(path.join(NEW_LOCK), path.join(LOCK)).what(unlocked())?;
        Ok(Self { path, _lock: lock })
    }

    /// The path of a file or a socket in the folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file for the owner only. Returns its path. The file ends with the run, so that nothing waits for a disk.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, Failure> {
        let path = self.path(name);
        file::write_fleeting(&path, bytes, file::Access::Owner, true)?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A file that cannot be removed is closed to others, and the next run sweeps it.
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn lock(file: &Path) -> rustix::io::Result<OwnedFd> {
    let mode = Mode::RUSR | Mode::WUSR;
    let file = open(file, OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC, mode)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

/// Removes the folders of killed runs: those whose lock nobody holds.
fn sweep(runtime: &Path) {
    for entry in fs::read_dir(runtime).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_run = entry.file_name().to_string_lossy().starts_with(PREFIX);
        // A folder without a lock file is being made at this moment, or its run was killed before it made one: it is empty.
        let file = path.join(LOCK);
        if is_run
            && file.exists()
            && let Ok(_lock) = lock(&file)
        {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_the_making_is_not_swept() {
        let runtime = tempfile::tempdir().unwrap();
        let made = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !made.load(std::sync::atomic::Ordering::Relaxed) {
                    sweep(runtime.path());
                }
            });
            for _ in 0..3000 {
                let folder = Folder::below(runtime.path()).map_err(|failure| failure.to_string());
                let there = folder.as_ref().map(|folder| folder.path(LOCK).exists());
                if there != Ok(true) {
                    made.store(true, std::sync::atomic::Ordering::Relaxed);
                    panic!("{there:?}");
                }
            }
            made.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    }

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
        let held = lock(&living.join(LOCK)).unwrap();
        drop(lock(&killed.join(LOCK)).unwrap());
        sweep(runtime.path());
        assert_eq!((living.exists(), killed.exists(), other.exists()), (true, false, true));
        drop(held);
        sweep(runtime.path());
        assert!(!living.exists());
    }
}
