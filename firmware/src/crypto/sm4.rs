//! SM4 (GB/T 32907-2016) and its modes of operation (GB/T 17964-2021): ECB, CBC, CFB, OFB, and CBC-MAC (GB/T 15852.1-2020).
//!
//! Each mode works in place. A chained mode leaves in `iv` what the next piece of the same text goes on with, so that a long
//! text may come in pieces. Padding is for who calls.

use core::fmt;

use sm4::{
    Sm4,
    cipher::{BlockCipherDecrypt as _, BlockCipherEncrypt as _, KeyInit as _},
};
use zeroize::Zeroizing;

use crate::refusal::Refusal;

/// Bytes of a key.
pub const KEY: usize = 16;
/// Bytes of a block.
pub const BLOCK: usize = 16;

/// A key, ready for use. Wiped when dropped.
#[derive(Clone)]
pub struct Key(Sm4);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(SM4)")
    }
}

impl Key {
    /// Computes the round keys (GB/T 32907, 7.3).
    pub fn new(key: &[u8; KEY]) -> Self {
        Self(Sm4::new(key.into()))
    }

    fn encrypt_block(&self, block: &mut [u8; BLOCK]) {
        self.0.encrypt_block(block.into());
    }

    fn decrypt_block(&self, block: &mut [u8; BLOCK]) {
        self.0.decrypt_block(block.into());
    }

    /// ECB.
    ///
    /// # Errors
    /// `WrongData`: not whole blocks.
    pub fn encrypt_ecb(&self, text: &mut [u8]) -> Result<(), Refusal> {
        for block in whole(text)? {
            self.encrypt_block(block);
        }
        Ok(())
    }

    /// ECB.
    ///
    /// # Errors
    /// `WrongData`: not whole blocks.
    pub fn decrypt_ecb(&self, text: &mut [u8]) -> Result<(), Refusal> {
        for block in whole(text)? {
            self.decrypt_block(block);
        }
        Ok(())
    }

    /// CBC.
    ///
    /// # Errors
    /// `WrongData`: not whole blocks.
    pub fn encrypt_cbc(&self, iv: &mut [u8; BLOCK], text: &mut [u8]) -> Result<(), Refusal> {
        for block in whole(text)? {
            add(block, iv);
            self.encrypt_block(block);
            *iv = *block;
        }
        Ok(())
    }

    /// CBC.
    ///
    /// # Errors
    /// `WrongData`: not whole blocks.
    pub fn decrypt_cbc(&self, iv: &mut [u8; BLOCK], text: &mut [u8]) -> Result<(), Refusal> {
        for block in whole(text)? {
            let encrypted = *block;
            self.decrypt_block(block);
            add(block, iv);
            *iv = encrypted;
        }
        Ok(())
    }

    /// CFB with feedback of a whole block. The text may end within a block; nothing goes on after such an end.
    pub fn encrypt_cfb(&self, iv: &mut [u8; BLOCK], text: &mut [u8]) {
        for piece in text.chunks_mut(BLOCK) {
            self.encrypt_block(iv);
            add(piece, iv);
            keep(iv, piece);
        }
    }

    /// CFB with feedback of a whole block, as [`Self::encrypt_cfb`].
    pub fn decrypt_cfb(&self, iv: &mut [u8; BLOCK], text: &mut [u8]) {
        for piece in text.chunks_mut(BLOCK) {
            let mut stream = Zeroizing::new(*iv);
            self.encrypt_block(&mut stream);
            keep(iv, piece);
            add(piece, &stream[..]);
        }
    }

    /// OFB, which encrypts and decrypts by one operation. The text may end within a block; nothing goes on after such an end.
    pub fn apply_ofb(&self, iv: &mut [u8; BLOCK], text: &mut [u8]) {
        for piece in text.chunks_mut(BLOCK) {
            self.encrypt_block(iv);
            add(piece, iv);
        }
    }

    /// CBC-MAC: the last block of the text's CBC. The mode is safe only for texts of one length under one key: whoever
    /// calls sees to it.
    ///
    /// # Errors
    /// `WrongData`: not whole blocks.
    pub fn mac(&self, iv: &mut [u8; BLOCK], text: &[u8]) -> Result<[u8; BLOCK], Refusal> {
        let (blocks, []) = text.as_chunks::<BLOCK>() else { return Err(Refusal::WrongData) };
        for block in blocks {
            add(iv, block);
            self.encrypt_block(iv);
        }
        Ok(*iv)
    }
}

/// The text as whole blocks.
fn whole(text: &mut [u8]) -> Result<&mut [[u8; BLOCK]], Refusal> {
    match text.as_chunks_mut() {
        (blocks, []) => Ok(blocks),
        _ => Err(Refusal::WrongData),
    }
}

/// XOR, over as many bytes as both have.
fn add(to: &mut [u8], what: &[u8]) {
    for (to, what) in to.iter_mut().zip(what) {
        *to ^= what;
    }
}

/// Takes the encrypted piece over as what comes next is chained to.
fn keep(iv: &mut [u8; BLOCK], piece: &[u8]) {
    for (iv, piece) in iv.iter_mut().zip(piece) {
        *iv = *piece;
    }
}

#[cfg(test)]
mod tests;
