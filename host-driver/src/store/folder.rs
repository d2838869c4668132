//! A token's records as files of a folder.

use std::{io, path::Path};

use firmware::seams::{RecordName, Storage, StorageFault};

use super::{
    disk::{Disk, Folder, Open},
    envelope::{self, MAX_RECORD},
    error::OpenError,
    tries::{self, Tries},
};

/// The ending of a file that is being written. Such files are swept when the store is opened.
const TEMPORARY: &str = ".tmp";
const TRIES: &str = "tries";

/// The records of one token, one file each.
#[derive(Debug)]
pub struct FileStore<F: Folder = Disk> {
    folder: F,
    tries: Option<Tries<F::Open>>,
}

impl FileStore {
    /// Opens the folder of a token, which is made if it is not there, and checks each file in it.
    ///
    /// # Errors
    /// See [`OpenError`]; nothing was changed then.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        Self::over(Disk::open(folder)?)
    }
}

impl<F: Folder> FileStore<F> {
    /// As [`FileStore::open`], over any folder.
    ///
    /// # Errors
    /// As [`FileStore::open`].
    pub fn over(mut folder: F) -> Result<Self, OpenError> {
        let failed = |name: &str| {
            let name = name.to_owned();
            // The folder has said more exactly what is wrong.
            move |error: io::Error| {
                error.downcast().unwrap_or_else(|error| OpenError::Folder(name.into(), error))
            }
        };
        let names = folder.names().map_err(failed("the folder"))?;
        let mut tries = None;
        let (mut left, mut records) = (Vec::new(), Vec::new());
        for name in &names {
            let record = name.strip_suffix(TEMPORARY).unwrap_or(name);
            if RecordName::parse(record).is_none_or(|parsed| parsed.to_string() != record) {
                return Err(OpenError::Unknown { name: name.clone(), why: "its name is none of a record" });
            }
            if record.len() == name.len() { records.push(name) } else { left.push(name) }
        }
        for name in records {
            let content = folder.read(name).map_err(failed(name))?.unwrap_or_default();
            if name == TRIES {
                let mut file = folder.open(name).map_err(failed(name))?;
                // A process that was killed may have left content that it had not yet made durable.
                file.sync().map_err(failed(name))?;
                tries = Some(Tries::open(TRIES, &content, file).map_err(|fault| OpenError::of(name, fault))?);
            } else {
                envelope::open_whole(name, &content).map_err(|fault| OpenError::of(name, fault))?;
            }
        }
        for name in left {
            // The power went while this record was written, and the write was never promised. Only files are swept: something
            // else of this name is not ours.
            match folder.read(name).map_err(failed(name)) {
                Ok(_) | Err(OpenError::Public { .. }) => {}
                Err(error) => return Err(error),
            }
            folder.remove(name).map_err(failed(name))?;
        }
        folder.sync().map_err(failed("the folder"))?;
        Ok(Self { folder, tries })
    }

    /// Writes a file beside the old one, durably, and lets it take the name.
    fn replace(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        let temporary = format!("{name}{TEMPORARY}");
        let written = self
            .folder
            .create(&temporary, content)
            .and_then(|()| self.folder.rename(&temporary, name))
            .and_then(|()| self.folder.sync());
        if written.is_err() {
            // The file may be gone, or may have its new name already. If it is still there, the next start sweeps it.
            let _ = self.folder.remove(&temporary);
        }
        written
    }

    fn save_tries(&mut self, record: &[u8], durably: bool) -> Result<(), StorageFault> {
        if record.len() > tries::MAX {
            return Err(StorageFault::Full);
        }
        if let Some(tries) = &mut self.tries {
            return tries.save(record, durably).map_err(fault(RecordName::Tries));
        }
        let failed = fault(RecordName::Tries);
        let content = tries::first(TRIES, record);
        self.replace(TRIES, &content).map_err(failed)?;
        let file = self.folder.open(TRIES).map_err(failed)?;
        self.tries = Some(Tries::open(TRIES, &content, file).map_err(|_| StorageFault::Damaged)?);
        Ok(())
    }
}

/// The fault that the token is told of; the log gets the reason.
fn fault(name: RecordName) -> impl Fn(io::Error) -> StorageFault + Copy {
    move |error| {
        tracing::error!(record = %name, %error, "a record could not be read or written");
        match error.kind() {
            // FBIG comes of the limit that `ulimit -f` sets.
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                StorageFault::Full
            }
            _ => StorageFault::Broken,
        }
    }
}

impl<F: Folder> Storage for FileStore<F> {
    fn load(&self, name: RecordName) -> Result<Option<Vec<u8>>, StorageFault> {
        if name == RecordName::Tries {
            return Ok(self.tries.as_ref().map(|tries| tries.record().to_vec()));
        }
        let file_name = name.to_string();
        let Some(content) = self.folder.read(&file_name).map_err(fault(name))? else { return Ok(None) };
        match envelope::open_whole(&file_name, &content) {
            Ok(record) => Ok(Some(record.to_vec())),
            Err(found) => {
                tracing::error!(record = %name, "{}", OpenError::of(file_name, found));
                Err(StorageFault::Damaged)
            }
        }
    }

    fn save(&mut self, name: RecordName, record: &[u8]) -> Result<(), StorageFault> {
        if name == RecordName::Tries {
            return self.save_tries(record, true);
        }
        if record.len() > MAX_RECORD {
            return Err(StorageFault::Full);
        }
        let file_name = name.to_string();
        let content = envelope::seal(&file_name, 0, record);
        self.replace(&file_name, &content).map_err(fault(name))
    }

    fn save_soon(&mut self, name: RecordName, record: &[u8]) -> Result<(), StorageFault> {
        if name == RecordName::Tries { self.save_tries(record, false) } else { self.save(name, record) }
    }

    fn is_doubtful(&self, name: RecordName) -> bool {
        name == RecordName::Tries && self.tries.as_ref().is_some_and(Tries::is_doubtful)
    }

    fn remove(&mut self, name: RecordName) -> Result<(), StorageFault> {
        match self.folder.remove(&name.to_string()) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(fault(name)(error)),
        }
        if name == RecordName::Tries {
            self.tries = None;
        }
        self.folder.sync().map_err(fault(name))
    }

    fn names(&self) -> Result<Vec<RecordName>, StorageFault> {
        let names = self.folder.names().map_err(fault(RecordName::Device))?;
        Ok(names.iter().filter_map(|name| RecordName::parse(name)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fault::{FaultyDisk, Survives};
    use RecordName::{Container, Device, Pin, Tries as TriesName};
    use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt};

    fn temporary() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        (folder, path)
    }

    #[test]
    fn records_outlive_the_process() {
        let (_folder, path) = temporary();
        let mut store = FileStore::open(&path).unwrap();
        for (name, record) in [(Device, &b"one"[..]), (TriesName, b"66"), (Container(0x9A), &[7; MAX_RECORD])]
        {
            store.save(name, record).unwrap();
            store.save(name, record).unwrap();
        }
        store.save_soon(TriesName, b"65").unwrap();
        store.save(Pin, b"gone").unwrap();
        store.remove(Pin).unwrap();
        store.remove(Pin).unwrap();
        drop(store);
        let store = FileStore::open(&path).unwrap();
        assert_eq!(store.load(Device), Ok(Some(b"one".to_vec())));
        assert_eq!(store.load(TriesName), Ok(Some(b"65".to_vec())));
        assert_eq!(store.load(Container(0x9A)).unwrap().unwrap().len(), MAX_RECORD);
        assert_eq!(store.load(Pin), Ok(None));
        let mut names = store.names().unwrap();
        names.sort();
        assert_eq!(names, [Device, TriesName, Container(0x9A)]);
        for entry in fs::read_dir(&path).unwrap() {
            let found = entry.unwrap().metadata().unwrap().permissions().mode();
            assert_eq!(found & 0o777, 0o600);
        }
    }

    #[test]
    fn a_record_that_is_too_long_is_refused() {
        let (_folder, path) = temporary();
        let mut store = FileStore::open(&path).unwrap();
        assert_eq!(store.save(Pin, &[0; MAX_RECORD + 1]), Err(StorageFault::Full));
        assert_eq!(store.save(TriesName, &[0; tries::MAX + 1]), Err(StorageFault::Full));
        store.save(TriesName, &[1; tries::MAX]).unwrap();
    }

    #[test]
    fn the_second_process_learns_who_holds_the_token() {
        let (_folder, path) = temporary();
        let first = FileStore::open(&path).unwrap();
        let error = FileStore::open(&path).unwrap_err();
        assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
        drop(first);
        FileStore::open(&path).unwrap();
    }

    #[test]
    fn what_is_open_to_others_damaged_or_unknown_is_refused_and_kept() {
        let (_folder, path) = temporary();
        let refused = || FileStore::open(&path).unwrap_err().to_string();
        let mut store = FileStore::open(&path).unwrap();
        store.save(Pin, b"record").unwrap();
        store.save(TriesName, b"66").unwrap();
        drop(store);
        for (file, open, closed) in [("", 0o750, 0o700), ("pin", 0o640, 0o600)] {
            let file = path.join(file);
            fs::set_permissions(&file, fs::Permissions::from_mode(open)).unwrap();
            assert!(refused().contains("chmod"));
            fs::set_permissions(&file, fs::Permissions::from_mode(closed)).unwrap();
        }
        for (name, at, word) in
            [("pin", 55, "damaged"), ("pin", 5, "newer version"), ("tries", 4, "newer version")]
        {
            let whole = fs::read(path.join(name)).unwrap();
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(path.join(name), &changed).unwrap();
            assert!(refused().contains(word), "{}", refused());
            assert_eq!(fs::read(path.join(name)).unwrap(), changed);
            fs::write(path.join(name), whole).unwrap();
        }
        fs::write(path.join("notes"), "").unwrap();
        assert!(refused().contains("move it out"));
        fs::remove_file(path.join("notes")).unwrap();
        fs::write(path.join("pin.tmp"), "half").unwrap();
        FileStore::open(&path).unwrap();
        assert!(!path.join("pin.tmp").exists());
    }

    /// What a record may be after a power cut: what was last durable, and what came after it.
    type Allowed = BTreeMap<RecordName, Vec<Option<Vec<u8>>>>;

    enum Step {
        Save(RecordName, &'static [u8]),
        Soon(RecordName, &'static [u8]),
        Remove(RecordName),
    }

    /// A day of a token: tries paid and given back, records written, replaced and removed.
    const DAY: &[Step] = {
        use Step::{Remove, Save, Soon};
        &[
            Save(Device, b"serial"),
            Save(TriesName, b"6"),
            Save(Pin, b"first PIN"),
            Save(TriesName, b"5"),
            Soon(TriesName, b"6"),
            Save(TriesName, b"5"),
            Save(TriesName, b"4"),
            Soon(TriesName, b"6"),
            Soon(TriesName, b"six"),
            Save(Container(0x9A), b"key"),
            Save(Container(0x9A), b"key and certificate"),
            Save(TriesName, b"5"),
            Soon(TriesName, b"6"),
            Save(Pin, b"second PIN"),
            Remove(Container(0x9A)),
            Soon(Container(0x9A), b"key again"),
            Save(TriesName, b"5"),
            Save(TriesName, b"4"),
        ]
    };

    /// Lives until the power goes; what may be there then.
    fn live(disk: &FaultyDisk) -> Allowed {
        let mut allowed = Allowed::new();
        let Ok(mut store) = FileStore::over(disk.clone()) else { return allowed };
        for step in DAY {
            let (name, value, durable, done) = match step {
                Step::Save(name, value) => (*name, Some(value.to_vec()), true, store.save(*name, value)),
                Step::Soon(name, value) => {
                    (*name, Some(value.to_vec()), *name != TriesName, store.save_soon(*name, value))
                }
                Step::Remove(name) => (*name, None, true, store.remove(*name)),
            };
            let values = allowed.entry(name).or_insert_with(|| vec![None]);
            if done.is_ok() && durable {
                values.clear();
            }
            values.push(value);
            if done.is_err() {
                break;
            }
        }
        allowed
    }

    #[test]
    fn after_every_power_cut_each_record_is_the_old_one_or_the_new_one() {
        let mut cuts = 0;
        for survives in Survives::ALL {
            for at in 0.. {
                let disk = FaultyDisk::default();
                disk.cut(at, survives);
                let allowed = live(&disk);
                let ended = !disk.is_off();
                // The power may go again while the store is opened.
                let again = disk.remount();
                again.cut(at % 4, survives);
                drop(FileStore::over(again.clone()));
                let store = FileStore::over(again.remount()).unwrap();
                for (name, values) in &allowed {
                    let found = store.load(*name).unwrap();
                    assert!(values.contains(&found), "cut {at}, {survives:?}: {name} is {found:?}");
                }
                if ended {
                    break;
                }
                cuts += 1;
            }
        }
        println!("{cuts} power cuts");
        assert!(cuts > 150);
    }

    #[test]
    fn a_process_that_was_killed_leaves_nothing_half_durable() {
        for survives in Survives::ALL {
            for at in 0.. {
                let disk = FaultyDisk::default();
                let mut store = FileStore::over(disk.clone()).unwrap();
                store.save(TriesName, b"6").unwrap();
                store.save(TriesName, b"5").unwrap();
                store.save_soon(TriesName, b"6").unwrap();
                // The next process finds what the kernel still has, and the power goes.
                disk.cut(at, survives);
                let saved = FileStore::over(disk.clone()).map(|mut next| next.save(TriesName, b"4"));
                let found = FileStore::over(disk.remount()).unwrap().load(TriesName).unwrap().unwrap();
                assert!([b"5", b"6", b"4"].contains(&&found[..].try_into().unwrap()), "cut {at}: {found:?}");
                if matches!(saved, Ok(Ok(()))) {
                    assert_eq!(found, b"4");
                    break;
                }
            }
        }
    }

    #[test]
    fn a_full_disk_loses_nothing() {
        let mut failures = 0;
        for at in 0.. {
            let disk = FaultyDisk::default();
            let mut store = FileStore::over(disk.clone()).unwrap();
            store.save(Pin, b"old").unwrap();
            disk.fail(at, io::ErrorKind::StorageFull);
            let saved = store.save(Pin, b"new");
            if saved.is_ok() {
                break;
            }
            failures += 1;
            assert_eq!(saved, Err(StorageFault::Full));
            let found = store.load(Pin).unwrap().unwrap();
            assert!(found == b"old" || found == b"new");
            store.save(Pin, b"newer").unwrap();
            assert_eq!(store.load(Pin), Ok(Some(b"newer".to_vec())));
        }
        assert_eq!(failures, 4);
    }
}
