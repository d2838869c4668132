//! The card management key's cipher: single blocks, ECB (SP 800-78-4, table 6-2).

use aes::{Aes128, Aes192, Aes256};
use des::{
    TdesEde3,
    cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit},
};
use wire::piv::Algorithm;

use crate::error::Error;

/// One of the four ciphers, with its key. Dropping it wipes the key schedule.
pub(super) enum Cipher {
    Tdes(Box<TdesEde3>),
    Aes128(Box<Aes128>),
    Aes192(Box<Aes192>),
    Aes256(Box<Aes256>),
}

impl Cipher {
    pub(super) fn new(algorithm: Algorithm, key: &[u8]) -> Result<Self, Error> {
        fn keyed<C: KeyInit>(key: &[u8]) -> Result<Box<C>, Error> {
            C::new_from_slice(key)
                .map(Box::new)
                .map_err(|_| Error::Invalid("the management key's length is not its algorithm's"))
        }
        Ok(match algorithm {
            Algorithm::Tdes => Self::Tdes(keyed(key)?),
            Algorithm::Aes128 => Self::Aes128(keyed(key)?),
            Algorithm::Aes192 => Self::Aes192(keyed(key)?),
            Algorithm::Aes256 => Self::Aes256(keyed(key)?),
            _ => return Err(Error::Invalid("a management key is of TDES or AES")),
        })
    }

    pub(super) fn encrypt(&self, block: &mut [u8]) -> Result<(), Error> {
        fn run<C: BlockCipherEncrypt>(cipher: &C, block: &mut [u8]) -> Result<(), Error> {
            cipher.encrypt_block(block.try_into().map_err(|_| length())?);
            Ok(())
        }
        match self {
            Self::Tdes(cipher) => run(&**cipher, block),
            Self::Aes128(cipher) => run(&**cipher, block),
            Self::Aes192(cipher) => run(&**cipher, block),
            Self::Aes256(cipher) => run(&**cipher, block),
        }
    }

    pub(super) fn decrypt(&self, block: &mut [u8]) -> Result<(), Error> {
        fn run<C: BlockCipherDecrypt>(cipher: &C, block: &mut [u8]) -> Result<(), Error> {
            cipher.decrypt_block(block.try_into().map_err(|_| length())?);
            Ok(())
        }
        match self {
            Self::Tdes(cipher) => run(&**cipher, block),
            Self::Aes128(cipher) => run(&**cipher, block),
            Self::Aes192(cipher) => run(&**cipher, block),
            Self::Aes256(cipher) => run(&**cipher, block),
        }
    }
}

fn length() -> Error {
    Error::nonsense("GENERAL AUTHENTICATE", "a witness that is not one block long")
}
