//! The seals of the audit outside the database: a line `NUMBER:SHA-256` for each seal, in the bank's folder. Whoever puts a former state
//! of the database back, with all its seals, is betrayed by the lines of the seals that came after it.

use std::{
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

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

    /// All lines; none where nothing was sealed here yet.
    ///
    /// # Errors
    /// A line is none of these, or the file cannot be read.
    pub(crate) fn read(&self) -> Result<Vec<Known>> {
        match std::fs::read_to_string(&self.0) {
            Ok(text) => text.lines().map(|line| parse(line).ok_or_else(|| self.broken())).collect(),
            Err(fault) if fault.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(fault) => Err(Error::Broken(format!("{} was not read: {fault}", self.0.display()))),
        }
    }

    /// Adds a seal that is not there yet, on the disk before anything else is done.
    pub(crate) fn add(&self, seal: &Known) -> Result<()> {
        if self.read()?.iter().any(|(number, _)| *number == seal.0) {
            return Ok(());
        }
        let mut file = file::append(&self.0).map_err(|fault| Error::Broken(fault.why()))?;
        let written = file.write_all(line(seal).as_bytes()).and_then(|()| file.sync_data());
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

    fn broken(&self) -> Error {
        Error::Broken(format!("{} has a line that is no seal: NUMBER:SHA-256", self.0.display()))
    }
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
    fn a_seal_is_written_once_and_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let seals = SealsFile::of(folder.path());
        assert_eq!(seals.read().expect("none"), []);
        let known = [(1, "a".repeat(64)), (2, "b".repeat(64))];
        for seal in [&known[0], &known[1], &known[1]] {
            seals.add(seal).expect("written");
        }
        assert_eq!(seals.read().expect("two"), known);
        seals.move_away(7).expect("moved");
        assert_eq!(seals.read().expect("none"), []);
        std::fs::write(folder.path().join("audit-seals"), "1:abc\n").expect("written");
        assert!(seals.read().is_err());
    }
}
