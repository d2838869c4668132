//! Records that live as long as the process.

use std::collections::BTreeMap;

use firmware::seams::{RecordName, Storage, StorageFault};
use zeroize::Zeroizing;

/// Records in memory.
#[derive(Clone, Default)]
pub struct MemoryStore {
    records: BTreeMap<RecordName, Zeroizing<Box<[u8]>>>,
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.records.keys()).finish()
    }
}

impl Storage for MemoryStore {
    fn load(&self, name: RecordName) -> Result<Option<Vec<u8>>, StorageFault> {
        Ok(self.records.get(&name).map(|record| record.to_vec()))
    }

    fn save(&mut self, name: RecordName, record: &[u8]) -> Result<(), StorageFault> {
        if record.len() > super::envelope::MAX_RECORD {
            return Err(StorageFault::Full);
        }
        self.records.insert(name, Zeroizing::new(record.into()));
        Ok(())
    }

    fn remove(&mut self, name: RecordName) -> Result<(), StorageFault> {
        self.records.remove(&name);
        Ok(())
    }

    fn names(&self) -> Result<Vec<RecordName>, StorageFault> {
        Ok(self.records.keys().copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_and_forgets() {
        let mut store = MemoryStore::default();
        store.save(RecordName::Pin, b"secret").unwrap();
        assert_eq!(store.load(RecordName::Pin), Ok(Some(b"secret".to_vec())));
        assert_eq!((store.names(), format!("{store:?}")), (Ok(vec![RecordName::Pin]), "{Pin}".into()));
        assert_eq!(store.save(RecordName::Pin, &[0; MAX + 1]), Err(StorageFault::Full));
        store.remove(RecordName::Pin).unwrap();
        assert_eq!(store.load(RecordName::Pin), Ok(None));
    }

    use crate::store::envelope::MAX_RECORD as MAX;
}
