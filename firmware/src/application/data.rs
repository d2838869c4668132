//! Data objects of hosts, under the PIN; the private ones are sealed, names and all.

use alloc::vec::Vec;

use wire::shield::{DataHead, DataObject, MAX_DATA};
use zeroize::Zeroizing;

use super::Application;
use crate::{
    record::Data,
    refusal::Refusal,
    seams::{CryptoRng, RecordName, Storage},
};

/// Most bytes of all data objects together, as they are stored.
const MAX_TOTAL: usize = 64 * 1024;

impl<S: Storage, R: CryptoRng> Application<S, R> {
    /// The data objects that may be seen now, without their values.
    ///
    /// # Errors
    /// A record is damaged.
    pub fn data_heads(&self) -> Result<Vec<DataHead>, Refusal> {
        let mut heads = Vec::new();
        for number in 1..=MAX_DATA {
            let Some(mut object) = self.data(number)? else { continue };
            object.notes.clear();
            let value = Zeroizing::new(core::mem::take(&mut object.value));
            let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
            heads.push(DataHead { number, object, length });
        }
        Ok(heads)
    }

    /// The data objects that may be seen now: the public ones with value and notes, the private ones without.
    ///
    /// # Errors
    /// A record is damaged.
    pub(super) fn data_inventory(&self) -> Result<Vec<(DataHead, bool)>, Refusal> {
        let mut all = Vec::new();
        for head in self.data_heads()? {
            let whole = !head.object.private;
            let found = if whole { self.data(head.number)? } else { None };
            let DataHead { number, object, length } = head;
            all.push((DataHead { number, object: found.unwrap_or(object), length }, whole));
        }
        Ok(all)
    }

    /// A data object; `None` when there is none, or it is private and the PIN is not verified.
    ///
    /// # Errors
    /// Its record is damaged.
    pub fn data(&self, number: u8) -> Result<Option<DataObject>, Refusal> {
        let state = self.state.as_ref().map_err(|refusal| *refusal)?;
        let bytes = match self.store.load(RecordName::Data(number))? {
            Some(Data::Public(bytes)) => Zeroizing::new(bytes),
            Some(Data::Private(sealed)) if state.pins.verified().is_some() => {
                state.vault.open_data(&context(number), &sealed)?
            }
            _ => return Ok(None),
        };
        DataObject::parse(&bytes).map(Some).map_err(|_| Refusal::Fault)
    }

    /// Stores a new data object, and gives its number.
    ///
    /// # Errors
    /// `NotVerified`, `Full`, or the state was not written.
    pub fn create_data(&mut self, object: &DataObject) -> Result<u8, Refusal> {
        self.need_pin()?;
        for number in 1..=MAX_DATA {
            if self.store.storage.load(RecordName::Data(number))?.is_none() {
                self.save_data(number, object)?;
                return Ok(number);
            }
        }
        Err(Refusal::Full)
    }

    /// Puts a data object in the place of the one that has this number.
    ///
    /// # Errors
    /// As [`Self::create_data`]; `NotFound`.
    pub fn update_data(&mut self, number: u8, object: &DataObject) -> Result<(), Refusal> {
        self.need_pin()?;
        self.data(number)?.ok_or(Refusal::NotFound)?;
        self.save_data(number, object)
    }

    /// Removes a data object.
    ///
    /// # Errors
    /// `NotVerified`, `NotFound`, or the state was not written.
    pub fn delete_data(&mut self, number: u8) -> Result<(), Refusal> {
        self.need_pin()?;
        self.data(number)?.ok_or(Refusal::NotFound)?;
        self.store.remove(&[RecordName::Data(number)])
    }

    fn save_data(&mut self, number: u8, object: &DataObject) -> Result<(), Refusal> {
        let state = self.state.as_ref().map_err(|refusal| *refusal)?;
        let bytes = Zeroizing::new(object.bytes());
        let record = if object.private {
            Data::Private(state.vault.seal_data(&mut self.store, &context(number), &bytes))
        } else {
            Data::Public(bytes.to_vec())
        };
        let length = match &record {
            Data::Public(bytes) | Data::Private(bytes) => bytes.len(),
        };
        if self.others(number)?.saturating_add(length) > MAX_TOTAL {
            return Err(Refusal::Full);
        }
        self.store.save(RecordName::Data(number), &record)
    }

    /// Bytes of all data objects but this one.
    fn others(&self, number: u8) -> Result<usize, Refusal> {
        let mut total = 0usize;
        for other in (1..=MAX_DATA).filter(|other| *other != number) {
            let record = self.store.storage.load(RecordName::Data(other))?;
            total = total.saturating_add(record.map_or(0, |record| record.len()));
        }
        Ok(total)
    }
}

/// What a sealed data object is bound to.
fn context(number: u8) -> [u8; 5] {
    let [d, a, t, o] = *b"data";
    [d, a, t, o, number]
}
