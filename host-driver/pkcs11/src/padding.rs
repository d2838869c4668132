//! RSA's paddings (RFC 8017). The token applies its private exponent to a block. This file makes the block, and takes
//! apart the block that comes back. The length k is that of the modulus, in bytes.

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::{
    ckr::{Ckr, Result},
    hash::Hash,
};

/// The least that surrounds a message in EMSA-PKCS1-v1_5 and in EME-PKCS1-v1_5, in bytes: 00, type, eight bytes, 00.
pub const OVERHEAD: usize = 11;

/// The parameters of PSS (RFC 8017, 9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pss {
    /// The message's digest.
    pub hash: Hash,
    /// The mask's.
    pub mgf: Hash,
    /// Bytes of salt.
    pub salt: usize,
}

/// The parameters of OAEP (RFC 8017, 7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oaep {
    /// The label's digest.
    pub hash: Hash,
    /// The mask's.
    pub mgf: Hash,
    /// The label.
    pub label: Vec<u8>,
}

/// Random bytes from the operating system.
fn random(length: usize) -> Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; length]);
    getrandom::fill(&mut bytes).map_err(|_| Ckr::GENERAL_ERROR)?;
    Ok(bytes)
}

fn xor(into: &mut [u8], mask: &[u8]) {
    for (byte, mask) in into.iter_mut().zip(mask) {
        *byte ^= mask;
    }
}

/// 00 01 FF … 00 T (9.2, steps 4 and 5).
///
/// # Errors
/// CKR_DATA_LEN_RANGE: T is longer than k less 11.
pub fn pkcs1_signature(t: &[u8], k: usize) -> Result<Vec<u8>> {
    if t.len() + OVERHEAD > k {
        return Err(Ckr::DATA_LEN_RANGE);
    }
    let mut block = vec![0xFF; k - t.len()];
    block[..2].copy_from_slice(&[0x00, 0x01]);
    block[k - t.len() - 1] = 0x00;
    block.extend_from_slice(t);
    Ok(block)
}

/// Takes T, which C_VerifyRecover returns, out of a block of a signature (9.2 backwards).
pub fn pkcs1_recover(block: &[u8]) -> Option<&[u8]> {
    let padded = block.strip_prefix(&[0x00, 0x01])?;
    let end = padded.iter().position(|byte| *byte != 0xFF)?;
    (end >= 8 && padded[end] == 0x00).then(|| &padded[end + 1..])
}

/// 00 02 random 00 M (7.2.1, step 2).
///
/// # Errors
/// CKR_DATA_LEN_RANGE: M is longer than k less 11.
pub fn pkcs1_encryption(message: &[u8], k: usize) -> Result<Zeroizing<Vec<u8>>> {
    if message.len() + OVERHEAD > k {
        return Err(Ckr::DATA_LEN_RANGE);
    }
    let mut block = Zeroizing::new(vec![0x00, 0x02]);
    block.reserve_exact(k);
    while block.len() < k - message.len() - 1 {
        let missing = k - message.len() - 1 - block.len();
        block.extend(random(missing)?.iter().filter(|byte| **byte != 0));
    }
    block.push(0x00);
    block.extend_from_slice(message);
    Ok(block)
}

/// Takes M out of 00 02 random 00 M (7.2.2, step 3). The time does not tell which of the checks failed.
///
/// # Errors
/// CKR_ENCRYPTED_DATA_INVALID.
pub fn pkcs1_decryption(block: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    if block.len() < OVERHEAD {
        return Err(Ckr::ENCRYPTED_DATA_INVALID);
    }
    let mut good = block[0].ct_eq(&0x00) & block[1].ct_eq(&0x02);
    let (mut found, mut at) = (Choice::from(0), 0_u32);
    for (place, byte) in (0_u32..).zip(block).skip(2) {
        let here = byte.ct_eq(&0x00) & !found;
        at.conditional_assign(&place, here);
        found |= here;
    }
    good &= found & !Choice::from(u8::from(at < 10));
    if bool::from(good) {
        Ok(Zeroizing::new(block[at as usize + 1..].to_vec()))
    } else {
        Err(Ckr::ENCRYPTED_DATA_INVALID)
    }
}

/// EMSA-PSS-ENCODE (9.1.1) of a digest, for a modulus of `bits` bits: a block of k bytes.
///
/// # Errors
/// CKR_KEY_SIZE_RANGE: the modulus is too short for digest and salt.
pub fn pss_signature(digest: &[u8], pss: Pss, bits: usize) -> Result<Vec<u8>> {
    let salt = random(pss.salt)?;
    let length = (bits - 1).div_ceil(8);
    let h = pss.hash.length();
    if length < h + pss.salt + 2 {
        return Err(Ckr::KEY_SIZE_RANGE);
    }
    let seed = pss.hash.of(&[&[0; 8], digest, &salt]);
    let mut db = vec![0; length - h - 1];
    let from = db.len() - pss.salt;
    db[from - 1] = 0x01;
    db[from..].copy_from_slice(&salt);
    xor(&mut db, &pss.mgf.mask(&seed, length - h - 1));
    db[0] &= 0xFF >> (8 * length - (bits - 1));
    db.extend_from_slice(&seed);
    db.push(0xBC);
    // A modulus of 8 n + 1 bits has one byte more than the encoded message.
    db.splice(0..0, std::iter::repeat_n(0, bits.div_ceil(8) - length));
    Ok(db)
}

/// EMSA-PSS-VERIFY (9.1.2): whether the block is one of this digest.
pub fn pss_holds(block: &[u8], digest: &[u8], pss: Pss, bits: usize) -> bool {
    let length = (bits - 1).div_ceil(8);
    let h = pss.hash.length();
    let (over, block) = block.split_at(block.len().saturating_sub(length));
    if digest.len() != h || length < h + pss.salt + 2 || block.len() != length || over.iter().any(|b| *b != 0)
    {
        return false;
    }
    let Some((&0xBC, block)) = block.split_last() else { return false };
    let (masked, seed) = block.split_at(length - h - 1);
    let free = 8 * length - (bits - 1);
    if u32::from(masked[0]) >> (8 - free) != 0 {
        return false;
    }
    let mut db = masked.to_vec();
    xor(&mut db, &pss.mgf.mask(seed, masked.len()));
    db[0] &= 0xFF >> free;
    let (zeros, salt) = db.split_at(db.len() - pss.salt);
    let Some((0x01, zeros)) = zeros.split_last() else { return false };
    zeros.iter().all(|byte| *byte == 0) && pss.hash.of(&[&[0; 8], digest, salt]) == seed
}

/// Most bytes that OAEP carries (7.1.1, step 1).
pub const fn oaep_room(oaep: &Oaep, k: usize) -> usize {
    k.saturating_sub(2 * oaep.hash.length() + 2)
}

/// EME-OAEP encoding (7.1.1, step 2).
///
/// # Errors
/// CKR_DATA_LEN_RANGE: the message is too long.
pub fn oaep_encryption(message: &[u8], oaep: &Oaep, k: usize) -> Result<Zeroizing<Vec<u8>>> {
    let h = oaep.hash.length();
    if k < 2 * h + 2 || message.len() > oaep_room(oaep, k) {
        return Err(Ckr::DATA_LEN_RANGE);
    }
    let mut seed = random(h)?;
    let mut db = Zeroizing::new(oaep.hash.of(&[&oaep.label]));
    db.reserve_exact(k);
    db.resize(k - h - 1 - message.len() - 1, 0);
    db.push(0x01);
    db.extend_from_slice(message);
    xor(&mut db, &oaep.mgf.mask(&seed, k - h - 1));
    xor(&mut seed, &oaep.mgf.mask(&db, h));
    let mut block = Zeroizing::new(Vec::with_capacity(k));
    block.push(0x00);
    block.extend_from_slice(&seed);
    block.extend_from_slice(&db);
    Ok(block)
}

/// EME-OAEP decoding (7.1.2, step 3). The time does not tell which of the checks failed.
///
/// # Errors
/// CKR_ENCRYPTED_DATA_INVALID.
pub fn oaep_decryption(block: &[u8], oaep: &Oaep) -> Result<Zeroizing<Vec<u8>>> {
    let h = oaep.hash.length();
    if block.len() < 2 * h + 2 {
        return Err(Ckr::ENCRYPTED_DATA_INVALID);
    }
    let mut seed = Zeroizing::new(block[1..=h].to_vec());
    let mut db = Zeroizing::new(block[h + 1..].to_vec());
    xor(&mut seed, &oaep.mgf.mask(&db, h));
    xor(&mut db, &oaep.mgf.mask(&seed, block.len() - h - 1));
    let mut good = block[0].ct_eq(&0x00) & db[..h].ct_eq(oaep.hash.of(&[&oaep.label]).as_slice());
    let (mut found, mut at) = (Choice::from(0), 0_u32);
    for (place, byte) in (0_u32..).zip(db.iter()).skip(h) {
        let one = byte.ct_eq(&0x01) & !found;
        good &= found | one | byte.ct_eq(&0x00);
        at.conditional_assign(&place, one);
        found |= one;
    }
    if bool::from(good & found) {
        Ok(Zeroizing::new(db[at as usize + 1..].to_vec()))
    } else {
        Err(Ckr::ENCRYPTED_DATA_INVALID)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pkcs1_both_ways() {
        let block = pkcs1_signature(b"T", 16).unwrap();
        assert_eq!(block, b"\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00T");
        assert_eq!(pkcs1_recover(&block), Some(&b"T"[..]));
        assert_eq!(pkcs1_signature(&[0; 6], 16), Err(Ckr::DATA_LEN_RANGE));
        for wrong in
            [&b"\x00\x01\xff\x00T"[..], b"\x00\x02\xff\xff\xff\xff\xff\xff\xff\xff\x00T", b"", b"\x00\x01"]
        {
            assert_eq!(pkcs1_recover(wrong), None);
        }
        let block = pkcs1_encryption(b"secret", 32).unwrap();
        assert_eq!((block.len(), &block[..2]), (32, &b"\x00\x02"[..]));
        assert_eq!(pkcs1_decryption(&block).unwrap().as_slice(), b"secret");
        let mut short = block.to_vec();
        short[5] = 0; // the message begins before eight bytes of padding
        assert!(pkcs1_decryption(&short).is_err());
        assert!(pkcs1_decryption(&[1; 32]).is_err());
    }

    #[test]
    fn pss_of_every_length_of_modulus() {
        let pss = Pss { hash: Hash::Sha256, mgf: Hash::Sha384, salt: 20 };
        let digest = Hash::Sha256.of(&[b"message"]);
        for bits in 2041..=2050 {
            let block = pss_signature(&digest, pss, bits).unwrap();
            assert_eq!(block.len(), bits.div_ceil(8), "{bits}");
            assert!(pss_holds(&block, &digest, pss, bits), "{bits}");
            assert!(!pss_holds(&block, &Hash::Sha256.of(&[b"other"]), pss, bits));
            assert!(!pss_holds(&block, &digest, Pss { salt: 21, ..pss }, bits));
            assert!(!pss_holds(&block[1..], &digest, pss, bits) || bits % 8 == 1);
        }
        assert_eq!(pss_signature(&digest, pss, 400), Err(Ckr::KEY_SIZE_RANGE));
    }

    #[test]
    fn oaep_both_ways() {
        let oaep = Oaep { hash: Hash::Sha256, mgf: Hash::Sha1, label: b"L".to_vec() };
        for length in [0, 1, 190] {
            let message = vec![7; length];
            let block = oaep_encryption(&message, &oaep, 256).unwrap();
            assert_eq!(block.len(), 256);
            assert_eq!(oaep_decryption(&block, &oaep).unwrap().as_slice(), message);
            let other = Oaep { label: Vec::new(), ..oaep.clone() };
            assert_eq!(oaep_decryption(&block, &other), Err(Ckr::ENCRYPTED_DATA_INVALID));
        }
        assert_eq!(oaep_encryption(&[7; 191], &oaep, 256), Err(Ckr::DATA_LEN_RANGE));
    }
}
