//! The card management key: Triple-DES or AES, one block at a time in ECB (SP 800-73-4 part 2, 3.2.4; SP 800-78-4,
//! table 6-2).

use alloc::vec::Vec;
use core::fmt;

use aes::{Aes128, Aes192, Aes256};
use des::{
    TdesEde3,
    cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit},
};
use subtle::{Choice, ConstantTimeEq};
use wire::piv::Algorithm;
use zeroize::Zeroizing;

use crate::refusal::Refusal;

/// What management keys there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManagementAlgorithm {
    /// Three-key Triple-DES.
    Tdes,
    /// AES-128.
    Aes128,
    /// AES-192.
    Aes192,
    /// AES-256.
    Aes256,
}

impl ManagementAlgorithm {
    /// Bytes of a key.
    pub const fn key_length(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Tdes | Self::Aes192 => 24,
            Self::Aes256 => 32,
        }
    }

    /// Bytes of a block.
    pub const fn block_length(self) -> usize {
        match self {
            Self::Tdes => 8,
            Self::Aes128 | Self::Aes192 | Self::Aes256 => 16,
        }
    }
}

impl From<ManagementAlgorithm> for Algorithm {
    fn from(algorithm: ManagementAlgorithm) -> Self {
        match algorithm {
            ManagementAlgorithm::Tdes => Self::Tdes,
            ManagementAlgorithm::Aes128 => Self::Aes128,
            ManagementAlgorithm::Aes192 => Self::Aes192,
            ManagementAlgorithm::Aes256 => Self::Aes256,
        }
    }
}

impl TryFrom<Algorithm> for ManagementAlgorithm {
    type Error = Refusal;

    fn try_from(algorithm: Algorithm) -> Result<Self, Refusal> {
        match algorithm {
            Algorithm::Tdes => Ok(Self::Tdes),
            Algorithm::Aes128 => Ok(Self::Aes128),
            Algorithm::Aes192 => Ok(Self::Aes192),
            Algorithm::Aes256 => Ok(Self::Aes256),
            Algorithm::P256 | Algorithm::P384 | Algorithm::Rsa2048 | Algorithm::Sm2 => Err(Refusal::WrongUse),
        }
    }
}

/// The card management key. Wiped when dropped; `Debug` names the algorithm only.
#[derive(Clone)]
pub struct ManagementKey {
    algorithm: ManagementAlgorithm,
    bytes: Zeroizing<Vec<u8>>,
}

impl ManagementKey {
    /// A key of this algorithm. DES parity bits are not looked at, as stock tools do not set them.
    ///
    /// # Errors
    /// `WrongData`: not the algorithm's key length.
    pub fn new(algorithm: ManagementAlgorithm, bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() != algorithm.key_length() {
            return Err(Refusal::WrongData);
        }
        Ok(Self { algorithm, bytes: Zeroizing::new(bytes.to_vec()) })
    }

    /// The factory's, which stock tools expect: Triple-DES, 01 02 03 04 05 06 07 08 three times.
    pub fn factory() -> Self {
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8].repeat(3);
        Self { algorithm: ManagementAlgorithm::Tdes, bytes: Zeroizing::new(bytes) }
    }

    /// Which algorithm.
    pub const fn algorithm(&self) -> ManagementAlgorithm {
        self.algorithm
    }

    /// For sealed storage: the algorithm identifier, then the key.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(self.bytes.len().saturating_add(1)));
        out.push(Algorithm::from(self.algorithm) as u8);
        out.extend_from_slice(&self.bytes);
        out
    }

    /// Reads [`Self::to_bytes`].
    ///
    /// # Errors
    /// `WrongData` or `WrongUse`: not what it wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        let (&identifier, key) = bytes.split_first().ok_or(Refusal::WrongData)?;
        let algorithm = Algorithm::parse(identifier).ok_or(Refusal::WrongData)?;
        Self::new(algorithm.try_into()?, key)
    }

    /// Encrypts one block in place.
    ///
    /// # Errors
    /// `WrongData`: not the algorithm's block length.
    pub fn encrypt_block(&self, block: &mut [u8]) -> Result<(), Refusal> {
        match self.algorithm {
            ManagementAlgorithm::Tdes => encrypt::<TdesEde3>(&self.bytes, block),
            ManagementAlgorithm::Aes128 => encrypt::<Aes128>(&self.bytes, block),
            ManagementAlgorithm::Aes192 => encrypt::<Aes192>(&self.bytes, block),
            ManagementAlgorithm::Aes256 => encrypt::<Aes256>(&self.bytes, block),
        }
    }

    /// Decrypts one block in place.
    ///
    /// # Errors
    /// `WrongData`: not the algorithm's block length.
    pub fn decrypt_block(&self, block: &mut [u8]) -> Result<(), Refusal> {
        match self.algorithm {
            ManagementAlgorithm::Tdes => decrypt::<TdesEde3>(&self.bytes, block),
            ManagementAlgorithm::Aes128 => decrypt::<Aes128>(&self.bytes, block),
            ManagementAlgorithm::Aes192 => decrypt::<Aes192>(&self.bytes, block),
            ManagementAlgorithm::Aes256 => decrypt::<Aes256>(&self.bytes, block),
        }
    }
}

impl ConstantTimeEq for ManagementKey {
    fn ct_eq(&self, other: &Self) -> Choice {
        Choice::from(u8::from(self.algorithm == other.algorithm)) & self.bytes.ct_eq(&other.bytes)
    }
}

impl fmt::Debug for ManagementKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManagementKey({:?})", self.algorithm)
    }
}

fn encrypt<C: KeyInit + BlockCipherEncrypt>(key: &[u8], block: &mut [u8]) -> Result<(), Refusal> {
    let cipher = C::new_from_slice(key).map_err(|_| Refusal::WrongData)?;
    cipher.encrypt_block(block.try_into().map_err(|_| Refusal::WrongData)?);
    Ok(())
}

fn decrypt<C: KeyInit + BlockCipherDecrypt>(key: &[u8], block: &mut [u8]) -> Result<(), Refusal> {
    let cipher = C::new_from_slice(key).map_err(|_| Refusal::WrongData)?;
    cipher.decrypt_block(block.try_into().map_err(|_| Refusal::WrongData)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;

    fn check(algorithm: ManagementAlgorithm, key: &[u8], plain: &[u8], cipher: &[u8]) {
        let key = ManagementKey::new(algorithm, key).unwrap();
        let mut block = plain.to_vec();
        key.encrypt_block(&mut block).unwrap();
        assert_eq!(block, cipher, "{algorithm:?}");
        key.decrypt_block(&mut block).unwrap();
        assert_eq!(block, plain, "{algorithm:?}");
        assert_eq!(key.encrypt_block(&mut [0; 5]), Err(Refusal::WrongData));
        let again = ManagementKey::from_bytes(&key.to_bytes()).unwrap();
        assert!(bool::from(again.ct_eq(&key)));
        assert!(!bool::from(ManagementKey::factory().ct_eq(&key)));
    }

    /// FIPS 197, appendix C.1 to C.3.
    #[test]
    fn aes() {
        let plain = hex!("00112233445566778899aabbccddeeff");
        let key = hex!("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
        let table = [
            (ManagementAlgorithm::Aes128, hex!("69c4e0d86a7b0430d8cdb78070b4c55a")),
            (ManagementAlgorithm::Aes192, hex!("dda97ca4864cdfe06eaf70a0ec0d7191")),
            (ManagementAlgorithm::Aes256, hex!("8ea2b7ca516745bfeafc49904b496089")),
        ];
        for (algorithm, cipher) in table {
            check(algorithm, &key[..algorithm.key_length()], &plain, &cipher);
        }
    }

    /// SP 800-67 revision 1, appendix B: three keys, the first block.
    #[test]
    fn triple_des() {
        let key = hex!("0123456789ABCDEF 23456789ABCDEF01 456789ABCDEF0123");
        check(ManagementAlgorithm::Tdes, &key, b"The qufc", &hex!("A826FD8CE53B855F"));
    }

    #[test]
    fn what_is_not_a_key() {
        assert!(ManagementKey::new(ManagementAlgorithm::Aes128, &[0; 24]).is_err());
        for bytes in [&[][..], &[0x11; 33], &[0x08; 16], &[0xFF; 17]] {
            assert!(ManagementKey::from_bytes(bytes).is_err());
        }
        assert_eq!(std::format!("{:?}", ManagementKey::factory()), "ManagementKey(Tdes)");
    }
}
