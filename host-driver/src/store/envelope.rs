//! The envelope: what stands around each record in its file.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `USHD` |
//! | 2 | format version, big-endian: 1 |
//! | 2 | 0 |
//! | 8 | turn: how often a record that is written in place was written; 0 for others |
//! | 4 | length of the record |
//! | 32 | SHA-256 of the record's name, a zero byte, the 20 bytes before, and the record |
//! | length | the record |

use sha2::{Digest, Sha256};

const MAGIC: &[u8; 4] = b"USHD";
const VERSION: u16 = 1;
const HEAD: usize = 20;
/// Bytes before the record.
pub(super) const OVERHEAD: usize = HEAD + 32;
/// The longest record (firmware::seams::Storage).
pub(super) const MAX_RECORD: usize = 64 << 10;

/// Why a file is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The file is not damaged: it is of another kind or version.
    pub(super) unknown: bool,
    pub(super) why: &'static str,
}

/// Puts a record in its envelope.
pub(super) fn seal(name: &str, turn: u64, record: &[u8]) -> Vec<u8> {
    let mut file = Vec::with_capacity(OVERHEAD + record.len());
    file.extend(MAGIC);
    file.extend(VERSION.to_be_bytes());
    file.extend([0; 2]);
    file.extend(turn.to_be_bytes());
    file.extend(u32::try_from(record.len()).unwrap_or(u32::MAX).to_be_bytes());
    let sum = checksum(name, &file, record);
    file.extend(sum);
    file.extend(record);
    file
}

/// Takes a record out of its envelope, with its turn. Bytes behind the record are for the caller to judge.
pub(super) fn open<'a>(name: &str, file: &'a [u8]) -> Result<(u64, &'a [u8], &'a [u8]), Fault> {
    let damaged = |why| Fault { unknown: false, why };
    let (head, rest) = file.split_at_checked(HEAD).ok_or(damaged("it is too short"))?;
    let (magic, fields) = head.split_at(4);
    if magic != MAGIC {
        return Err(Fault { unknown: true, why: "it does not begin with USHD" });
    }
    if fields[..4] != [0, 1, 0, 0] {
        return Err(Fault { unknown: true, why: "its format version is not 1" });
    }
    let turn = u64::from_be_bytes(fields[4..12].try_into().unwrap_or_default());
    let length = u32::from_be_bytes(fields[12..].try_into().unwrap_or_default()) as usize;
    let (sum, rest) = rest.split_at_checked(32).ok_or(damaged("it is too short"))?;
    let (record, behind) = rest.split_at_checked(length).ok_or(damaged("it is too short"))?;
    if checksum(name, head, record) != *sum {
        return Err(damaged("its checksum is wrong"));
    }
    Ok((turn, record, behind))
}

/// Whether these bytes begin as an envelope of another version does. Version 0 does not count: half of a first write looks
/// like it.
pub(super) fn is_other_version(file: &[u8]) -> bool {
    let version =
        file.strip_prefix(MAGIC).and_then(|rest| rest.first_chunk().copied()).map(u16::from_be_bytes);
    version.is_some_and(|version| ![0, VERSION].contains(&version))
}

/// As [`open`], for a file that is one envelope and nothing else.
pub(super) fn open_whole<'a>(name: &str, file: &'a [u8]) -> Result<&'a [u8], Fault> {
    match open(name, file)? {
        (0, record, []) => Ok(record),
        _ => Err(Fault { unknown: false, why: "it is too long" }),
    }
}

fn checksum(name: &str, head: &[u8], record: &[u8]) -> [u8; 32] {
    let digest = Sha256::new().chain_update(name).chain_update([0]).chain_update(head).chain_update(record);
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_changed_byte_is_found() {
        let file = seal("pin", 0, b"record");
        assert_eq!(open_whole("pin", &file), Ok(&b"record"[..]));
        assert!(!open_whole("puk", &file).unwrap_err().unknown);
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 1;
            let fault = open_whole("pin", &changed).unwrap_err();
            assert_eq!(fault.unknown, at < 8, "byte {at}");
            assert!(open_whole("pin", &file[..at]).is_err());
        }
        assert!(open_whole("pin", &[file, vec![0]].concat()).is_err());
    }
}
