//! SM3 (GB/T 32905-2016).

use sm3::{Digest as _, Sm3};

/// Bytes of a hash.
pub const LENGTH: usize = 32;

/// SM3 of the parts, one after another.
pub fn hash(parts: &[&[u8]]) -> [u8; LENGTH] {
    let mut hash = Sm3::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;

    /// GB/T 32905, A.1 and A.2: one block, and two. The hash of no bytes is not the standard's; OpenSSL computes the same.
    #[test]
    fn known_answers() {
        assert_eq!(hash(&[b"abc"]), hex!("66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"));
        let blocks = b"abcd".repeat(16);
        let expected = hex!("debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732");
        assert_eq!(hash(&[&blocks]), expected);
        assert_eq!(hash(&[&blocks[..1], &[], &blocks[1..60], &blocks[60..]]), expected);
        assert_eq!(hash(&[]), hex!("1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b"));
    }
}
