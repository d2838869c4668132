//! The folder of a world that stays: `--state DIR`.
//!
//! ```text
//! DIR/world.lock   locked while a world is there; also says that the folder is a world's
//! DIR/bank/        the bank, as `bank demo --folder` keeps it
//! DIR/shield/      the shield, as `ushield run --state` keeps it
//! ```

use std::{
    fs::{self, DirBuilder, File, TryLockError},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use terminal::{Context, Failure};

const LOCK: &str = "world.lock";
/// What `bank demo` writes last. A bank without it was never finished: its world was killed while the bank was founded.
const FINISHED: &str = "demo.json";

/// The folder of a world, held by this process: no other world takes it meanwhile.
pub(crate) struct State {
    dir: PathBuf,
    _lock: File,
}

impl State {
    /// Takes the folder, and makes it where there is none. The kernel frees it, however this process ends.
    ///
    /// # Errors
    /// Another world holds the folder, or the folder is something else's.
    pub(crate) fn take(dir: &Path) -> Result<Self, Failure> {
        let refused = || Failure::new(format!("the world was not started from {}", dir.display()));
        let unusable = || format!("the folder {} cannot be used", dir.display());
        DirBuilder::new().recursive(true).mode(0o700).create(dir).what(unusable())?;
        let dir = fs::canonicalize(dir).what(unusable())?;
        let lock = dir.join(LOCK);
        let is_empty = fs::read_dir(&dir).what(unusable())?.next().is_none();
        if !is_empty && !lock.is_file() {
            return Err(refused()
                .because("the folder is not empty, and no world has made it")
                .next("name an empty folder, or one that is not there yet"));
        }
        let file = File::options().create(true).append(true).open(&lock).what(unusable())?;
        match file.try_lock() {
            Ok(()) => Ok(Self { dir, _lock: file }),
            Err(TryLockError::WouldBlock) => Err(refused()
                .because("another world holds it")
                .next("end that world, or name another folder")),
            Err(TryLockError::Error(fault)) => Err(refused().because(fault)),
        }
    }

    /// The whole folder.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The shield's folder.
    pub(crate) fn shield(&self) -> PathBuf {
        self.dir.join("shield")
    }

    /// Removes a bank that was never finished: nobody has seen its customers. Returns the bank's folder.
    pub(crate) fn sweep_bank(&self) -> Result<PathBuf, Failure> {
        let bank = self.dir.join("bank");
        if bank.exists() && !bank.join(FINISHED).exists() {
            fs::remove_dir_all(&bank)
                .what(format!("the unfinished bank {} was not removed", bank.display()))?;
        }
        Ok(bank)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of this test's, which goes away with it.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("world-{name}-{}", std::process::id()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn why(dir: &Path) -> String {
        State::take(dir).err().map(|failure| failure.to_string()).unwrap_or_default()
    }

    #[test]
    fn one_world_at_a_time_holds_a_folder() {
        let scratch = Scratch::new("held");
        let dir = scratch.0.join("state");
        let held = State::take(&dir).unwrap();
        assert!(why(&dir).contains("another world holds it"), "{}", why(&dir));
        drop(held);
        assert_eq!(why(&dir), "", "a folder that was let go");
    }

    #[test]
    fn a_folder_of_something_else_is_refused_and_left() {
        let scratch = Scratch::new("other");
        let file = scratch.0.join("letter");
        fs::write(&file, "mine").unwrap();
        assert!(why(&scratch.0).contains("no world has made it"), "{}", why(&scratch.0));
        assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1);
    }

    #[test]
    fn only_a_bank_that_was_never_finished_is_removed() {
        let scratch = Scratch::new("bank");
        let state = State::take(&scratch.0).unwrap();
        let books = scratch.0.join("bank/bank.sqlite");
        fs::create_dir(scratch.0.join("bank")).unwrap();
        fs::write(&books, "").unwrap();
        state.sweep_bank().unwrap();
        assert!(!books.exists(), "an unfinished bank was left");
        fs::create_dir(scratch.0.join("bank")).unwrap();
        fs::write(&books, "").unwrap();
        fs::write(scratch.0.join("bank").join(FINISHED), "").unwrap();
        state.sweep_bank().unwrap();
        assert!(books.exists(), "a finished bank was removed");
    }
}
