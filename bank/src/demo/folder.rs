//! Where a demo's bank stands: in a folder that goes away with the demo, or in one that the next demo finds again.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use terminal::Failure;

use super::Seeded;
use crate::random;

/// What a later demo needs of a former one. The file is written last: a demo that was ended before has made no bank.
const RECORD: &str = "demo.json";

/// The folder of a demo.
pub(crate) struct Folder {
    path: PathBuf,
    stays: bool,
}

/// What is kept of a demo.
#[derive(Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) made: Seeded,
    /// Where the shop was. The books know the shop by this address.
    pub(crate) shop: Option<String>,
}

impl Folder {
    /// This folder, which stays; without one, a folder that goes away with the demo.
    pub(crate) fn open(kept: Option<PathBuf>) -> Result<Self, Failure> {
        let (path, stays) = match kept {
            Some(path) => (path, true),
            None => {
                let name = random::id().map_err(|error| Failure::new("no folder was made").because(error))?;
                (std::env::temp_dir().join(format!("bank-demo-{name}")), false)
            }
        };
        file::make_private_folder(&path)?;
        Ok(Self { path, stays })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What a former demo has left here. None, where the folder is empty.
    ///
    /// # Errors
    /// The folder holds something, and it is no demo's bank.
    pub(crate) fn kept(&self) -> Result<Option<Kept>, Failure> {
        let refused = |why: String| {
            let next = "name another folder, or remove this one";
            Failure::new(format!("no demo was opened in {}", self.path.display())).because(why).next(next)
        };
        let record = self.path.join(RECORD);
        if record.exists() {
            let kept = serde_json::from_slice(&file::read_secret(&record)?);
            return kept.map(Some).map_err(|_| refused(format!("{RECORD} in it is not a demo's")));
        }
        let mut entries = std::fs::read_dir(&self.path).map_err(|fault| refused(fault.to_string()))?;
        match entries.next() {
            None => Ok(None),
            Some(_) => {
                let why = format!(
                    "it is not empty, and has no {RECORD}: its bank is no demo's, or was never finished"
                );
                Err(refused(why))
            }
        }
    }

    /// Keeps this for a later demo, where the folder stays.
    pub(crate) fn keep(&self, kept: &Kept) -> Result<(), Failure> {
        if !self.stays {
            return Ok(());
        }
        let failed = |fault| Failure::new("the demo was not kept").because(fault);
        let bytes = serde_json::to_vec(kept).map_err(failed)?;
        Ok(file::write(&self.path.join(RECORD), &bytes, file::Access::Owner, true)?)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.stays {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Folder;

    #[test]
    fn a_folder_of_something_else_is_refused_and_left() {
        let parent = tempfile::tempdir().expect("a folder");
        let path = parent.path().join("bank");
        let folder = Folder::open(Some(path.clone())).expect("a folder");
        assert!(folder.kept().expect("an empty folder").is_none());
        std::fs::write(path.join("secrets.json"), "{}").expect("a file");
        let Err(refused) = folder.kept() else { panic!("a bank that is no demo's was taken") };
        assert!(refused.to_string().contains("demo.json"), "{refused}");
        drop(folder);
        assert!(path.join("secrets.json").exists(), "a folder that stays was removed");
    }
}
