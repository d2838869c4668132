//! A folder in memory that loses its power, or fails, at a chosen operation: for tests of what must survive.
//!
//! As on a real file system, content is durable after its sync, and names after the folder's; until then either may or
//! may not be there, and a write may be there in part.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard},
};

use lock::lock;

use super::disk::{Folder, Open};

/// What is left, after a power cut, of what was not yet durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survives {
    /// Nothing.
    Nothing,
    /// All of it, and the operation that was cut as well.
    All,
    /// All names, and the first half of each write.
    Halves,
    /// All names; no content.
    Names,
    /// All content; no names.
    Content,
}

impl Survives {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Nothing, Self::All, Self::Halves, Self::Names, Self::Content];
}

/// A folder whose clones are the same folder.
#[derive(Clone, Debug, Default)]
pub struct FaultyDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<usize, File>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    operations: usize,
    cut: Option<(usize, Survives)>,
    fail: Option<(usize, io::ErrorKind)>,
    off: bool,
}

#[derive(Clone, Debug, Default)]
struct File {
    now: Vec<u8>,
    durable: Vec<u8>,
    /// Since the last sync: offsets and what was written there.
    writes: Vec<(usize, Vec<u8>)>,
}

impl File {
    fn write(content: &mut Vec<u8>, offset: usize, data: &[u8]) {
        let end = offset + data.len();
        if content.len() < end {
            content.resize(end, 0);
        }
        content[offset..end].copy_from_slice(data);
    }

    fn after(&self, survives: Survives) -> Vec<u8> {
        let mut content = self.durable.clone();
        for (offset, data) in &self.writes {
            match survives {
                Survives::Nothing | Survives::Names => {}
                Survives::All | Survives::Content => Self::write(&mut content, *offset, data),
                Survives::Halves => Self::write(&mut content, *offset, &data[..data.len() / 2]),
            }
        }
        content
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Change,
    Sync,
}

impl FaultyDisk {
    /// Cuts the power at an operation, counted from 0 for the next one.
    pub fn cut(&self, operation: usize, survives: Survives) {
        let mut state = lock(&self.state);
        state.cut = Some((state.operations + operation, survives));
    }

    /// Lets an operation fail, counted from 0 for the next one; those after it work.
    pub fn fail(&self, operation: usize, kind: io::ErrorKind) {
        let mut state = lock(&self.state);
        state.fail = Some((state.operations + operation, kind));
    }

    /// Whether the power is off.
    pub fn is_off(&self) -> bool {
        lock(&self.state).off
    }

    /// The folder after the power came back; this one stays as it is. Without a power cut, as if it came now.
    pub fn remount(&self) -> Self {
        let state = lock(&self.state);
        let survives = state.cut.map_or(Survives::Nothing, |(_, survives)| survives);
        let names = match survives {
            Survives::Nothing | Survives::Content => &state.durable_names,
            Survives::All | Survives::Halves | Survives::Names => &state.names,
        };
        let file = |file: &File| {
            let content = file.after(survives);
            File { now: content.clone(), durable: content, writes: Vec::new() }
        };
        let files =
            names.values().map(|id| (*id, state.files.get(id).map(file).unwrap_or_default())).collect();
        let next = State { files, names: names.clone(), durable_names: names.clone(), ..State::default() };
        Self { state: Arc::new(Mutex::new(next)) }
    }

    /// An operation that changes something. `change` is carried out, unless the power goes or the operation fails; when
    /// the power goes, it may yet be carried out in part, by what survives.
    fn operate<T>(&self, kind: Kind, change: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state: MutexGuard<'_, State> = lock(&self.state);
        if state.off {
            return Err(io::Error::other("the power is off"));
        }
        let number = state.operations;
        state.operations += 1;
        if let Some((at, survives)) = state.cut
            && at == number
        {
            // A sync that was cut is no promise; a change may have been made already.
            if survives == Survives::All || survives != Survives::Nothing && kind == Kind::Change {
                let _ = change(&mut state);
            }
            state.off = true;
            return Err(io::Error::other("the power went"));
        }
        match state.fail {
            Some((at, kind)) if at == number => Err(kind.into()),
            _ => change(&mut state),
        }
    }
}

impl State {
    fn named(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_file(&mut self, id: usize) {
        if let Some(file) = self.files.get_mut(&id) {
            file.durable.clone_from(&file.now);
            file.writes.clear();
        }
    }

    fn write(&mut self, id: usize, offset: usize, data: &[u8]) {
        let file = self.files.entry(id).or_default();
        File::write(&mut file.now, offset, data);
        file.writes.push((offset, data.to_vec()));
    }
}

impl Folder for FaultyDisk {
    type Open = OpenFile;

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(lock(&self.state).names.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let state = lock(&self.state);
        Ok(state.names.get(name).and_then(|id| state.files.get(id)).map(|file| file.now.clone()))
    }

    fn create(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        let id = self.operate(Kind::Change, |state| {
            let id = state.files.last_key_value().map_or(0, |(last, _)| last + 1);
            state.files.insert(id, File::default());
            state.names.insert(name.into(), id);
            state.write(id, 0, content);
            Ok(id)
        })?;
        self.operate(Kind::Sync, |state| {
            state.sync_file(id);
            Ok(())
        })
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.operate(Kind::Change, |state| {
            let id = state.named(from)?;
            state.names.remove(from);
            state.names.insert(to.into(), id);
            Ok(())
        })
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.operate(Kind::Change, |state| {
            state.named(name)?;
            state.names.remove(name);
            Ok(())
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        self.operate(Kind::Sync, |state| {
            state.durable_names = state.names.clone();
            Ok(())
        })
    }

    fn open(&self, name: &str) -> io::Result<OpenFile> {
        let id = lock(&self.state).named(name)?;
        Ok(OpenFile { disk: self.clone(), id })
    }
}

/// An open file of a [`FaultyDisk`].
#[derive(Debug)]
pub struct OpenFile {
    disk: FaultyDisk,
    id: usize,
}

impl Open for OpenFile {
    fn write_at(&mut self, offset: u64, content: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        self.disk.operate(Kind::Change, |state| {
            state.write(self.id, offset, content);
            Ok(())
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.operate(Kind::Sync, |state| {
            state.sync_file(self.id);
            Ok(())
        })
    }
}
