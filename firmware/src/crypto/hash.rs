//! SHA-256 (FIPS 180-4) and HMAC with it (FIPS 198-1).

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// SHA-256 of the bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// HMAC-SHA-256 of the parts, one after another. Whoever gives several parts sees to it that their borders are
/// clear: the parts are not told apart here.
pub fn hmac_sha256(key: impl AsRef<[u8]>, parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of any length (FIPS 198-1, 4), so that the error below cannot come.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_ref()) else { return [0; 32] };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;

    /// FIPS 180-4's example "abc", and RFC 4231 test cases 1 and 6 (a key longer than the block).
    #[test]
    fn known_answers() {
        assert_eq!(sha256(b"abc"), hex!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
        assert_eq!(
            hmac_sha256([0x0b; 20], &[b"Hi ", b"There"]),
            hex!("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
        );
        assert_eq!(
            hmac_sha256([0xaa; 131], &[b"Test Using Larger Than Block-Size Key - Hash Key First"]),
            hex!("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
        );
    }
}
