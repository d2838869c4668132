//! A record that is written often and must be durable each time: two slots of one preallocated file, written in turn, so
//! that a write costs one fdatasync, and a torn one leaves the other slot.

use std::io;

use super::{
    envelope::{self, Fault, OVERHEAD},
    file::Open,
};

/// Bytes of a slot: a page, so that no device tears one slot while it writes the other.
const SLOT: usize = 4096;
/// The longest record.
pub(super) const MAX: usize = SLOT - OVERHEAD;

/// The record, with its open file.
#[derive(Debug)]
pub(super) struct Tries<O> {
    name: &'static str,
    file: O,
    record: Vec<u8>,
    turn: u64,
    /// The slot with the last durable record: never the one to be written.
    durable: usize,
    /// A write failed: what is on the medium is not known, so that nothing is promised any more.
    broken: bool,
}

/// The first content of the file.
pub(super) fn first(name: &str, record: &[u8]) -> Vec<u8> {
    let mut file = envelope::seal(name, 1, record);
    // Written, not only reserved: later writes change no metadata.
    file.resize(2 * SLOT, 0);
    file
}

/// The slot that was written last, its turn, and its record.
pub(super) fn read<'a>(name: &str, file: &'a [u8]) -> Result<(usize, u64, &'a [u8]), Fault> {
    if file.len() != 2 * SLOT {
        return Err(Fault { unknown: false, why: "it has the wrong length" });
    }
    let (one, two) = file.split_at(SLOT);
    let newest = match (envelope::open(name, one), envelope::open(name, two)) {
        (Ok((first, ..)), Ok((second, record, _))) if second > first => (1, second, record),
        (Ok((turn, record, _)), _) => (0, turn, record),
        (Err(_), Ok((turn, record, _))) => (1, turn, record),
        // A newer version's file is not a damaged one; a slot never written says nothing about that.
        (Err(fault), Err(_)) => return Err(fault),
    };
    Ok(newest)
}

impl<O: Open> Tries<O> {
    /// Takes the content of a file, which is durable, and the file.
    pub(super) fn open(name: &'static str, content: &[u8], file: O) -> Result<Self, Fault> {
        let (durable, turn, record) = read(name, content)?;
        Ok(Self { name, file, record: record.to_vec(), turn, durable, broken: false })
    }

    pub(super) fn record(&self) -> &[u8] {
        &self.record
    }

    /// Writes the record into the slot that is not the last durable one. `durably` makes it that.
    pub(super) fn save(&mut self, record: &[u8], durably: bool) -> io::Result<()> {
        if self.broken || record.len() > MAX {
            return Err(io::ErrorKind::Other.into());
        }
        self.broken = true;
        let slot = 1 - self.durable;
        let sealed = envelope::seal(self.name, self.turn + 1, record);
        self.file.write_at((slot * SLOT) as u64, &sealed)?;
        if durably {
            // A failed fdatasync is not tried again: the kernel may have dropped the page and would say yes.
            self.file.sync()?;
            self.durable = slot;
        }
        self.broken = false;
        self.turn += 1;
        self.record.clear();
        self.record.extend_from_slice(record);
        Ok(())
    }
}
