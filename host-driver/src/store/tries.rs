//! A record that is written often, and that must be durable after each write. It has two slots in one preallocated file, and
//! they are written in turn: a write costs one fdatasync, and a write that the power cuts short leaves the other slot whole.
//!
//! A damaged slot may have held the newest record. Then the record in the other slot may be an older one, and it is called
//! doubtful. A file with a slot of another version is refused, because nobody knows what that slot means.

use std::io;

use super::{
    disk::Open,
    envelope::{self, Fault, OVERHEAD},
};

/// Bytes of a slot. A slot is a page, so that no device damages one slot while it writes the other.
const SLOT: usize = 4096;
/// The turn of the first record.
const FIRST: u64 = 1;
/// The longest record.
pub(super) const MAX: usize = SLOT - OVERHEAD;

/// The record, and the open file that holds it.
#[derive(Debug)]
pub(super) struct Tries<O> {
    name: &'static str,
    file: O,
    record: Vec<u8>,
    turn: u64,
    /// The slot with the last durable record. The next write goes to the other slot.
    durable: usize,
    /// The other slot is damaged, and may have held a newer record than this one.
    doubtful: bool,
    /// A write failed. What the medium holds is not known, so every further write is refused.
    broken: bool,
}

/// The first content of the file. Both slots hold the record, so that an empty slot is known to be damage. All bytes are
/// written and not only reserved, so that later writes change no metadata.
pub(super) fn first(name: &str, record: &[u8]) -> Vec<u8> {
    let mut file = Vec::with_capacity(2 * SLOT);
    for (slot, turn) in [FIRST, FIRST + 1].into_iter().enumerate() {
        file.extend(envelope::seal(name, turn, record));
        file.resize((slot + 1) * SLOT, 0);
    }
    file
}

/// What a slot holds.
enum Slot<'a> {
    Whole(u64, &'a [u8]),
    NeverWritten,
    Damaged(Fault),
}

impl<'a> Slot<'a> {
    /// Reads a slot. A slot of another version is an error, because nobody knows what it means.
    fn read(name: &str, slot: &'a [u8]) -> Result<Self, Fault> {
        match envelope::open(name, slot) {
            Ok((turn, record, _)) => Ok(Self::Whole(turn, record)),
            Err(fault) if envelope::is_other_version(slot) => Err(fault),
            Err(_) if slot.iter().all(|byte| *byte == 0) => Ok(Self::NeverWritten),
            Err(fault) => Ok(Self::Damaged(fault)),
        }
    }
}

/// What the file says.
#[derive(Debug, PartialEq, Eq)]
struct Found<'a> {
    /// The slot that was written last, as far as can be told.
    slot: usize,
    turn: u64,
    record: &'a [u8],
    doubtful: bool,
}

fn read<'a>(name: &str, file: &'a [u8]) -> Result<Found<'a>, Fault> {
    use Slot::{Damaged, NeverWritten, Whole};
    if file.len() != 2 * SLOT {
        return Err(Fault { unknown: false, why: "it has the wrong length" });
    }
    let (one, two) = file.split_at(SLOT);
    let (slot, turn, record, doubtful) = match (Slot::read(name, one)?, Slot::read(name, two)?) {
        (Whole(first, _), Whole(second, record)) if second > first => (1, second, record, false),
        // Turns are never the same: then one of them is not what was written.
        (Whole(turn, record), Whole(second, _)) => (0, turn, record, turn == second),
        // As the first record was written before both slots were: the second came with the second turn.
        (Whole(FIRST, record), NeverWritten) => (0, FIRST, record, false),
        (Whole(turn, record), _) => (0, turn, record, true),
        (_, Whole(turn, record)) => (1, turn, record, true),
        (Damaged(fault), _) | (_, Damaged(fault)) => return Err(fault),
        _ => return Err(Fault { unknown: false, why: "it is empty" }),
    };
    Ok(Found { slot, turn, record, doubtful })
}

impl<O: Open> Tries<O> {
    /// Takes the content of a file, which is durable, and the file.
    pub(super) fn open(name: &'static str, content: &[u8], file: O) -> Result<Self, Fault> {
        let Found { slot: durable, turn, record, doubtful } = read(name, content)?;
        Ok(Self { name, file, record: record.to_vec(), turn, durable, doubtful, broken: false })
    }

    /// Whether a newer record may have been there, which is damaged. Until the next one is written.
    pub(super) const fn is_doubtful(&self) -> bool {
        self.doubtful
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
            self.doubtful = false;
        }
        self.broken = false;
        self.turn += 1;
        self.record.clear();
        self.record.extend_from_slice(record);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "tries";

    /// A file in memory.
    #[derive(Debug, Default)]
    struct Page(Vec<u8>);

    impl Open for Page {
        fn write_at(&mut self, offset: u64, content: &[u8]) -> io::Result<()> {
            let at = usize::try_from(offset).unwrap();
            self.0[at..at + content.len()].copy_from_slice(content);
            Ok(())
        }

        fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What the file holds after so many records, one digit each, from 9 down.
    fn written(records: u8) -> Vec<u8> {
        let content = first(NAME, b"9");
        let mut tries = Tries::open(NAME, &content, Page(content.clone())).unwrap();
        (1..records).for_each(|turn| tries.save(&[b'9' - turn], true).unwrap());
        tries.file.0
    }

    /// Every byte, every bit: what is given is the newest record, or an older one that is said to be doubtful.
    #[test]
    fn no_changed_bit_brings_an_older_record_back_unsaid() {
        for records in 1..=4 {
            let whole = written(records);
            let newest = [b'9' + 1 - records];
            for at in 0..whole.len() {
                for bit in 0..8 {
                    let mut changed = whole.clone();
                    changed[at] ^= 1 << bit;
                    let Ok(found) = read(NAME, &changed) else { continue };
                    let before = [newest[0] + 1];
                    let fits = if found.doubtful {
                        found.record == newest || found.record == before
                    } else {
                        found.record == newest
                    };
                    assert!(fits, "{records} records, bit {bit} of byte {at}: {found:?}");
                }
            }
            // A whole slot gone, or another version's.
            for slot in 0..2 {
                let mut gone = whole.clone();
                gone[slot * SLOT..(slot + 1) * SLOT].fill(0);
                let found = read(NAME, &gone).unwrap();
                assert!(found.doubtful || found.record == newest, "{records}, {slot}");
                let mut other = whole.clone();
                other[slot * SLOT + 5] = 2;
                assert_eq!(read(NAME, &other).unwrap_err().why, "its format version is not 1");
            }
        }
    }

    /// A file whose second slot was never written, as former versions left it.
    #[test]
    fn a_former_file_is_read() {
        let mut former = first(NAME, b"9");
        former[SLOT..].fill(0);
        let found = read(NAME, &former).unwrap();
        assert_eq!((found.slot, found.record, found.doubtful), (0, &b"9"[..], false));
        let mut tries = Tries::open(NAME, &former, Page(former.clone())).unwrap();
        tries.save(b"8", true).unwrap();
        assert_eq!(read(NAME, &tries.file.0).unwrap().record, b"8");
    }

    /// A first write that was cut at any byte leaves the former record, and the file can be opened.
    #[test]
    fn a_torn_write_is_doubtful_and_no_other_version() {
        for records in 1..=3 {
            let (before, after) = (written(records), written(records + 1));
            let torn = (0..before.len()).find(|at| before[*at] != after[*at]).unwrap() / SLOT * SLOT;
            for length in 0..=OVERHEAD {
                let mut half = before.clone();
                half[torn..torn + length].copy_from_slice(&after[torn..torn + length]);
                let found = read(NAME, &half).unwrap();
                assert_eq!(found.record, [b'9' + 1 - records], "{length} bytes");
            }
        }
        let mut damaged = written(2);
        damaged[SLOT + 40] ^= 1;
        let mut tries = Tries::open(NAME, &damaged, Page(damaged.clone())).unwrap();
        assert!(tries.is_doubtful());
        tries.save(b"7", false).unwrap();
        assert!(tries.is_doubtful(), "until one is durable");
        tries.save(b"7", true).unwrap();
        assert!(!tries.is_doubtful());
        let found = read(NAME, &tries.file.0).unwrap();
        assert_eq!((found.record, found.doubtful), (&b"7"[..], false));
    }
}
