//! The seals of the audit outside the database: a line `NUMBER:SHA-256` for each seal, in the bank's folder. Whoever puts a former state
//! of the database back, with all its seals, is betrayed by the lines of the seals that came after it.

use std::{
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use file::Access;

use crate::{
    books::seal::Known,
    error::{Error, Result},
};

/// The file of a bank's folder.
#[derive(Clone, Debug)]
pub(crate) struct SealsFile(PathBuf);

impl SealsFile {
    pub(crate) fn of(folder: &Path) -> Self {
        Self(folder.join("audit-seals"))
    }

    /// Says that the copy of this name in the bank's folder is about to become the database, to which these lines do not belong. Whoever
    /// opens the bank next finishes the switch, if the copy has got its place: no power cut between the two leaves lines that accuse
    /// nobody.
    pub(crate) fn expect_restored(&self, copy: &str) -> std::result::Result<(), file::Error> {
        file::write(&self.mark(), copy.as_bytes(), Access::Owner, true)
    }

    /// The copy does not become the database.
    pub(crate) fn expect_nothing(&self) -> std::io::Result<()> {
        match std::fs::remove_file(self.mark()) {
            Err(fault) if fault.kind() != ErrorKind::NotFound => Err(fault),
            _ => Ok(()),
        }
    }

    /// Finishes the switch to a copy that has got its place.
    pub(crate) fn settle(&self, now: i64) -> std::io::Result<()> {
        let copy = match std::fs::read_to_string(self.mark()) {
            Ok(copy) => self.0.with_file_name(copy),
            Err(fault) if fault.kind() == ErrorKind::NotFound => return Ok(()),
            Err(fault) => return Err(fault),
        };
        if copy.exists() {
            return Ok(());
        }
        self.move_away(now)?;
        self.expect_nothing()
    }

    fn mark(&self) -> PathBuf {
        self.0.with_extension("restoring")
    }

    /// All lines; none where nothing was sealed yet. The power may have gone in the middle of the last one, which counts as not written:
    /// the database has its seal still.
    ///
    /// # Errors
    /// A line is none of these, or the file cannot be read.
    pub(crate) fn read(&self) -> Result<Vec<Known>> {
        let text = self.text()?;
        whole(&text).lines().map(|line| parse(line).ok_or_else(|| self.broken())).collect()
    }

    fn text(&self) -> Result<String> {
        match std::fs::read_to_string(&self.0) {
            Err(fault) if fault.kind() == ErrorKind::NotFound => Ok(String::new()),
            read => {
                read.map_err(|fault| Error::Broken(format!("{} was not read: {fault}", self.0.display())))
            }
        }
    }

    /// Adds seals behind what is there, on the disk before anything else is done.
    pub(crate) fn add(&self, seals: &[Known]) -> Result<()> {
        if seals.is_empty() {
            return Ok(());
        }
        let lines: String = seals.iter().map(line).collect();
        let length = whole(&self.text()?).len() as u64;
        let mut file = file::append(&self.0).map_err(|fault| Error::Broken(fault.why()))?;
        let written = file.set_len(length).and_then(|()| file.write_all(lines.as_bytes()));
        let written = written.and_then(|()| file.sync_data());
        written.map_err(|fault| Error::Broken(format!("{} was not written: {fault}", self.0.display())))
    }

    /// The former seals belong to a state of the books that a restore has given up. They are kept beside.
    pub(crate) fn move_away(&self, now: i64) -> std::io::Result<()> {
        let mut beside = self.0.as_os_str().to_owned();
        beside.push(format!(".{now}"));
        match std::fs::rename(&self.0, beside) {
            Err(fault) if fault.kind() != ErrorKind::NotFound => Err(fault),
            _ => Ok(()),
        }
    }

    /// The database has another seal of this number than the file, or none.
    pub(crate) fn contradicted(&self, number: i64) -> Error {
        let file = self.0.display();
        Error::Broken(format!(
            "seal {number} in {file} is not the database's: somebody has put a former state of the database back. After `bank restore` on another \
             node, move {file} away"
        ))
    }

    fn broken(&self) -> Error {
        Error::Broken(format!("{} has a line that is no seal: NUMBER:SHA-256", self.0.display()))
    }
}

/// The whole lines.
fn whole(text: &str) -> &str {
    text.rfind('\n').map_or("", |end| text.get(..=end).unwrap_or_default())
}

/// A seal as it is written down.
pub(crate) fn line((number, hash): &Known) -> String {
    format!("{number}:{hash}\n")
}

/// Reads a seal that was written down.
pub(crate) fn parse(text: &str) -> Option<Known> {
    let (number, hash) = text.split_once(':')?;
    let number = number.parse().ok().filter(|number| *number > 0)?;
    let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| (number, hash.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seals_are_read_as_they_were_written_and_half_a_line_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let seals = SealsFile::of(folder.path());
        assert_eq!(seals.read().expect("none"), []);
        let known = [(1, "a".repeat(64)), (2, "b".repeat(64)), (3, "c".repeat(64))];
        seals.add(&known[..2]).expect("written");
        assert_eq!(seals.read().expect("two"), known[..2]);
        let path = folder.path().join("audit-seals");
        let torn = std::fs::read_to_string(&path).expect("text") + "3:ccc";
        std::fs::write(&path, torn).expect("the power went");
        assert_eq!(seals.read().expect("two"), known[..2]);
        seals.add(&known[2..]).expect("mended");
        assert_eq!(seals.read().expect("three"), known);
        // A restore that is cut before the copy has its place changes nothing, and one that is cut after it is finished.
        let copy = folder.path().join("bank.restored");
        std::fs::write(&copy, "").expect("a copy");
        seals.expect_restored("bank.restored").expect("noted");
        seals.settle(7).expect("too early");
        assert_eq!(seals.read().expect("three"), known);
        std::fs::rename(&copy, folder.path().join("bank.sqlite")).expect("in its place");
        seals.settle(7).expect("finished");
        seals.settle(8).expect("nothing to do");
        assert_eq!(seals.read().expect("none"), []);
        std::fs::write(folder.path().join("audit-seals"), "1:abc\n").expect("written");
        assert!(seals.read().is_err());
    }
}
