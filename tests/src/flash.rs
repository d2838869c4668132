//! A flash in memory that many tokens may be put on one after another, and whose power can be cut at a write.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use firmware::seams::{RecordName, Storage, StorageFault};

/// How the write at which the power goes ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Nothing was written.
    Before,
    /// All was written, and nobody was told.
    After,
}

/// Shared by its clones, as a chip is by the tokens that are plugged in with it.
#[derive(Clone, Debug, Default)]
pub struct Flash(Arc<Mutex<State>>);

#[derive(Clone, Debug, Default)]
struct State {
    records: BTreeMap<RecordName, Vec<u8>>,
    writes: usize,
    cut: Option<(usize, Cut)>,
}

impl Flash {
    /// A second chip with the same contents and with power.
    pub fn copy(&self) -> Self {
        let records = self.state().records.clone();
        Self(Arc::new(Mutex::new(State { records, ..State::default() })))
    }

    /// The power goes at the `n`th write from now, from 0, and stays away.
    pub fn cut_at(&self, n: usize, how: Cut) {
        let mut state = self.state();
        state.cut = Some((state.writes + n, how));
    }

    /// The power is back.
    pub fn mend(&self) {
        self.state().cut = None;
    }

    /// Writes so far.
    pub fn writes(&self) -> usize {
        self.state().writes
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics while it holds the flash")
    }

    fn write(&self, change: impl FnOnce(&mut BTreeMap<RecordName, Vec<u8>>)) -> Result<(), StorageFault> {
        let mut state = self.state();
        let now = state.writes;
        state.writes += 1;
        match state.cut {
            Some((at, Cut::After)) if at == now => {
                change(&mut state.records);
                Err(StorageFault::Broken)
            }
            Some((at, _)) if at <= now => Err(StorageFault::Broken),
            _ => {
                change(&mut state.records);
                Ok(())
            }
        }
    }
}

impl Storage for Flash {
    fn load(&self, name: RecordName) -> Result<Option<Vec<u8>>, StorageFault> {
        Ok(self.state().records.get(&name).cloned())
    }

    fn save(&mut self, name: RecordName, record: &[u8]) -> Result<(), StorageFault> {
        self.write(|records| drop(records.insert(name, record.to_vec())))
    }

    fn remove(&mut self, name: RecordName) -> Result<(), StorageFault> {
        self.write(|records| drop(records.remove(&name)))
    }

    fn names(&self) -> Result<Vec<RecordName>, StorageFault> {
        Ok(self.state().records.keys().copied().collect())
    }
}
