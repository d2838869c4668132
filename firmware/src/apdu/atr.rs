//! The answer to reset (ISO 7816-3, 8.2).

use alloc::vec::Vec;

/// The ATR: T=1 only, IFSC 254, BWI 4 and CWI 13, at most 15 historical bytes.
pub(super) fn atr(historical: &[u8]) -> Vec<u8> {
    let historical = historical.get(..15).unwrap_or(historical);
    let count = u8::try_from(historical.len()).unwrap_or(0);
    let mut atr = Vec::with_capacity(historical.len().saturating_add(7));
    // TS: direct convention. T0: TD1 follows. TD1: T=1, TD2 follows. TD2: T=1, TA3 and TB3 follow.
    atr.extend_from_slice(&[0x3B, 0x80 | count, 0x81, 0x31, 0xFE, 0x4D]);
    atr.extend_from_slice(historical);
    // TCK: the exclusive-or of all from T0 on is zero (8.2.5).
    atr.push(atr.iter().skip(1).fold(0, |sum, byte| sum ^ byte));
    atr
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;

    #[test]
    fn of_the_standard_profile() {
        assert_eq!(atr(b"U-shield T1"), hex!("3B 8B 81 31 FE 4D 55 2D 73 68 69 65 6C 64 20 54 31 AA"));
    }

    #[test]
    fn check_byte_and_length_hold_for_every_history() {
        for length in 0..20 {
            let atr = atr(&std::vec![0xA5; length]);
            assert_eq!(usize::from(atr[1] & 0x0F), length.min(15));
            assert_eq!(atr.len(), 7 + length.min(15));
            assert_eq!(atr[1..].iter().fold(0, |sum, byte| sum ^ byte), 0);
        }
    }
}
