//! Parts as one row of bytes, each with its length before it, so that no two lists of parts are alike.

use zeroize::Zeroizing;

/// The parts, each after its length in eight bytes, big-endian. A part may be a secret.
pub(crate) fn whole(parts: &[&str]) -> Zeroizing<Vec<u8>> {
    // Room for all from the start: bytes that grow leave copies behind that nobody wipes.
    let length = parts.iter().map(|part| part.len().saturating_add(8)).sum();
    let mut bytes = Zeroizing::new(Vec::with_capacity(length));
    for part in parts {
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend(part.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn no_two_lists_of_parts_are_alike() {
        let lists: [&[&str]; 6] = [&[], &[""], &["", ""], &["ab"], &["a", "b"], &["", "ab"]];
        for (at, one) in lists.iter().enumerate() {
            for other in lists.get(at + 1..).unwrap_or_default() {
                assert_ne!(*whole(one), *whole(other), "{one:?} {other:?}");
            }
        }
        // What was written before there was this function must stay as it was: the audit's hashes depend on each byte.
        assert_eq!(whole(&["a", ""]).as_slice(), b"\0\0\0\0\0\0\0\x01a\0\0\0\0\0\0\0\0");
    }
}
