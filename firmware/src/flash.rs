//! For tests, of this crate and of others: a flash in memory whose power can be cut at a write.

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::seams::{RecordName, Storage, StorageFault};

/// How the write at which the power goes ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Nothing was written.
    Before,
    /// All was written, and nobody was told.
    After,
}

/// A flash. A clone of it is another flash with the same records.
#[derive(Clone, Debug, Default)]
pub struct Flash {
    /// What lies in it.
    pub records: BTreeMap<RecordName, Vec<u8>>,
    /// Writes that were tried so far.
    pub writes: usize,
    /// Writes until the power goes; `None` for never.
    pub writes_left: Option<usize>,
    /// The write at which the power goes reaches the medium, and nobody is told.
    pub last_write_lands: bool,
    /// A newer write of the tries left is damaged.
    pub doubtful: bool,
}

impl Flash {
    /// The power goes at the `n`th write from now, from 0, and stays away.
    pub const fn cut_at(&mut self, n: usize, how: Cut) {
        self.writes_left = Some(n);
        self.last_write_lands = matches!(how, Cut::After);
    }

    fn write(&mut self, change: impl FnOnce(&mut BTreeMap<RecordName, Vec<u8>>)) -> Result<(), StorageFault> {
        self.writes = self.writes.saturating_add(1);
        match &mut self.writes_left {
            Some(0) => {
                if core::mem::take(&mut self.last_write_lands) {
                    change(&mut self.records);
                }
                return Err(StorageFault::Broken);
            }
            Some(left) => *left = left.saturating_sub(1),
            None => {}
        }
        change(&mut self.records);
        Ok(())
    }
}

impl Storage for Flash {
    fn load(&self, name: RecordName) -> Result<Option<Vec<u8>>, StorageFault> {
        Ok(self.records.get(&name).cloned())
    }

    fn save(&mut self, name: RecordName, record: &[u8]) -> Result<(), StorageFault> {
        self.write(|records| drop(records.insert(name, record.to_vec())))
    }

    fn remove(&mut self, name: RecordName) -> Result<(), StorageFault> {
        self.write(|records| drop(records.remove(&name)))
    }

    fn is_doubtful(&self, name: RecordName) -> bool {
        self.doubtful && name == RecordName::Tries
    }

    fn names(&self) -> Result<Vec<RecordName>, StorageFault> {
        Ok(self.records.keys().copied().collect())
    }
}

/// A flash that its clones share, as a chip is shared by the tokens that are plugged in with it one after another.
#[derive(Clone, Debug, Default)]
pub struct SharedFlash(Arc<Mutex<Flash>>);

impl SharedFlash {
    /// A second chip with the same records and with power.
    #[must_use]
    pub fn copy(&self) -> Self {
        let records = self.flash().records.clone();
        Self(Arc::new(Mutex::new(Flash { records, ..Flash::default() })))
    }

    /// The power goes at the `n`th write from now, from 0, and stays away.
    pub fn cut_at(&self, n: usize, how: Cut) {
        self.flash().cut_at(n, how);
    }

    /// The power is back.
    pub fn mend(&self) {
        self.flash().writes_left = None;
    }

    /// Writes that were tried so far.
    pub fn writes(&self) -> usize {
        self.flash().writes
    }

    fn flash(&self) -> MutexGuard<'_, Flash> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Storage for SharedFlash {
    fn load(&self, name: RecordName) -> Result<Option<Vec<u8>>, StorageFault> {
        self.flash().load(name)
    }

    fn save(&mut self, name: RecordName, record: &[u8]) -> Result<(), StorageFault> {
        self.flash().save(name, record)
    }

    fn remove(&mut self, name: RecordName) -> Result<(), StorageFault> {
        self.flash().remove(name)
    }

    fn is_doubtful(&self, name: RecordName) -> bool {
        self.flash().is_doubtful(name)
    }

    fn names(&self) -> Result<Vec<RecordName>, StorageFault> {
        self.flash().names()
    }
}
