//! The readers of this process, by the Lun that pcscd gave each.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use lock::lock;

use crate::{
    code::{self, Code, Dword},
    slot::Slot,
};

/// As many readers as pcscd holds (PCSCLITE_MAX_READERS_CONTEXTS).
pub(crate) const MOST: u8 = 16;

static READERS: Mutex<BTreeMap<Dword, Arc<Mutex<Slot>>>> = Mutex::new(BTreeMap::new());

/// Adds a reader. A reader of the same Lun goes.
pub(crate) fn open(lun: Dword, slot: Slot) {
    lock(&READERS).insert(lun, Arc::new(Mutex::new(slot)));
}

/// Removes a reader: the token is let go.
pub(crate) fn close(lun: Dword) -> Result<(), Code> {
    let closed = lock(&READERS).remove(&lun);
    closed.map(drop).ok_or(code::NO_SUCH_DEVICE)
}

/// Works with a reader. Another one is never delayed by it.
pub(crate) fn with<T>(lun: Dword, work: impl FnOnce(&mut Slot) -> Result<T, Code>) -> Result<T, Code> {
    let slot = lock(&READERS).get(&lun).map(Arc::clone).ok_or(code::NO_SUCH_DEVICE)?;
    let mut slot = lock(&slot);
    work(&mut slot)
}
