//! GB/T 32907, Annex A, and each mode against the block cipher, bit by bit as the clauses of GB/T 17964 say it.

use std::vec::Vec;

use hex_literal::hex;
use proptest::prelude::*;

use super::*;

const KEY_AND_BLOCK: [u8; 16] = hex!("0123456789abcdeffedcba9876543210");
const ENCRYPTED: [u8; 16] = hex!("681edf34d206965e86b3e94f536e4246");

/// A mode, with its IV and the text.
type Mode = fn(&mut [u8; 16], &mut [u8]);

fn key() -> Key {
    Key::new(&KEY_AND_BLOCK)
}

fn block(of: &[u8]) -> [u8; 16] {
    let mut block: [u8; 16] = of.try_into().unwrap();
    key().encrypt_block(&mut block);
    block
}

/// Annex A.1, encrypted and decrypted again.
#[test]
fn one_block() {
    let mut text = KEY_AND_BLOCK;
    key().encrypt_ecb(&mut text).unwrap();
    assert_eq!(text, ENCRYPTED);
    key().decrypt_ecb(&mut text).unwrap();
    assert_eq!(text, KEY_AND_BLOCK);
    assert_eq!(std::format!("{:?}", key()), "Key(SM4)");
}

/// Annex A.2: a million times.
#[test]
fn a_million_times() {
    let (key, mut text) = (key(), KEY_AND_BLOCK);
    for _ in 0..1_000_000 {
        key.encrypt_block(&mut text);
    }
    assert_eq!(text, hex!("595298c7c6fd271f0402f804c33d3f66"));
}

/// The same block twice: CBC chains the second one to the first, and the last block is the MAC.
#[test]
fn cbc_and_its_mac() {
    let plain = KEY_AND_BLOCK.repeat(2);
    let mut text = plain.clone();
    key().encrypt_cbc(&mut [0; 16], &mut text).unwrap();
    assert_eq!(text, hex!("681edf34d206965e86b3e94f536e4246 9ff11dcfd3afaa236c76090babc3bb85"));
    assert_eq!(key().mac(&mut [0; 16], &plain).unwrap(), text[16..]);
    assert_ne!(key().mac(&mut [1; 16], &plain).unwrap(), text[16..]);
    key().decrypt_cbc(&mut [0; 16], &mut text).unwrap();
    assert_eq!(text, plain);
}

#[test]
fn modes_of_whole_blocks_take_nothing_else() {
    for length in [1, 15, 17, 31] {
        let (mut text, mut iv) = (std::vec![0; length], [0; 16]);
        assert_eq!(key().encrypt_ecb(&mut text), Err(Refusal::WrongData));
        assert_eq!(key().decrypt_ecb(&mut text), Err(Refusal::WrongData));
        assert_eq!(key().encrypt_cbc(&mut iv, &mut text), Err(Refusal::WrongData));
        assert_eq!(key().decrypt_cbc(&mut iv, &mut text), Err(Refusal::WrongData));
        assert_eq!(key().mac(&mut iv, &text), Err(Refusal::WrongData));
        assert_eq!((text, iv), (std::vec![0; length], [0; 16]), "nothing was touched");
    }
}

fn xor(a: &[u8], b: &[u8]) -> Vec<u8> {
    a.iter().zip(b).map(|(a, b)| a ^ b).collect()
}

proptest! {
    /// GB/T 17964, clauses 6 to 8, written down once more and slowly.
    #[test]
    fn each_mode_is_its_formula(plain in prop::collection::vec(any::<u8>(), 0..100), iv: [u8; 16]) {
        let whole = &plain[..plain.len() / 16 * 16];
        let mut text = whole.to_vec();
        key().encrypt_cbc(&mut iv.clone(), &mut text).unwrap();
        let mut last = iv.to_vec();
        for (plain, found) in whole.chunks(16).zip(text.chunks(16)) {
            last = block(&xor(plain, &last)).to_vec();
            prop_assert_eq!(&last, found);
        }
        key().decrypt_cbc(&mut iv.clone(), &mut text).unwrap();
        prop_assert_eq!(text, whole);

        let mut text = plain.clone();
        key().encrypt_cfb(&mut iv.clone(), &mut text);
        let mut last = iv.to_vec();
        for (plain, found) in plain.chunks(16).zip(text.chunks(16)) {
            prop_assert_eq!(xor(plain, &block(&last)), found);
            last = found.to_vec();
        }
        key().decrypt_cfb(&mut iv.clone(), &mut text);
        prop_assert_eq!(&text, &plain);

        key().apply_ofb(&mut iv.clone(), &mut text);
        let mut last = iv;
        for (plain, found) in plain.chunks(16).zip(text.chunks(16)) {
            last = block(&last);
            prop_assert_eq!(xor(plain, &last), found);
        }
        key().apply_ofb(&mut iv.clone(), &mut text);
        prop_assert_eq!(&text, &plain);
    }

    /// A text that comes in two pieces, cut between blocks, is the same text.
    #[test]
    fn a_text_in_pieces(plain in prop::collection::vec(any::<u8>(), 0..100), cut in 0usize..7, iv: [u8; 16]) {
        let cut = (cut * 16).min(plain.len() / 16 * 16);
        let modes: [Mode; 3] = [
            |iv, text| key().encrypt_cfb(iv, text),
            |iv, text| key().decrypt_cfb(iv, text),
            |iv, text| key().apply_ofb(iv, text),
        ];
        for mode in modes {
            let (mut at_once, mut pieces) = (plain.clone(), plain.clone());
            mode(&mut iv.clone(), &mut at_once);
            let mut chained = iv;
            let (first, second) = pieces.split_at_mut(cut);
            mode(&mut chained, first);
            mode(&mut chained, second);
            prop_assert_eq!(at_once, pieces);
        }
        let whole = &plain[..plain.len() / 16 * 16];
        let mut chained = iv;
        let _ = key().mac(&mut chained, &whole[..cut]).unwrap();
        prop_assert_eq!(key().mac(&mut chained, &whole[cut..]), key().mac(&mut iv.clone(), whole));
    }
}
