//! Certificates that a host stored compressed: bit 0 of CertInfo, and gzip (SP 800-73-4 part 1, table 10 and its note; RFC 1952).

use std::io::Read as _;

use flate2::read::GzDecoder;

use crate::error::Error;

/// Most bytes of a certificate that is unpacked: four times what an object holds. Whatever is longer is no
/// certificate.
const MOST: usize = 65_536;

/// Whether these bytes are a gzip member. No certificate begins like one: the first byte of a certificate is 30.
pub(crate) const fn is_compressed(stored: &[u8]) -> bool {
    matches!(stored, [0x1F, 0x8B, ..])
}

/// The certificate in what is stored. A compressed one is unpacked.
///
/// # Errors
/// [`Error::Nonsense`]: the certificate cannot be unpacked, or has over 65,536 bytes.
pub(crate) fn certificate(stored: Vec<u8>) -> Result<Vec<u8>, Error> {
    if !is_compressed(&stored) {
        return Ok(stored);
    }
    let mut certificate = Vec::new();
    let limit = u64::try_from(MOST).unwrap_or(u64::MAX).saturating_add(1);
    match GzDecoder::new(stored.as_slice()).take(limit).read_to_end(&mut certificate) {
        Ok(_) if certificate.len() <= MOST => Ok(certificate),
        Ok(_) => Err(Error::nonsense("certificate object", "it unpacks to over 65,536 bytes")),
        Err(_) => Err(Error::nonsense("certificate object", "it is compressed and cannot be unpacked")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write as _;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_was_packed_is_unpacked() {
        let der = [&[0x30, 0x82, 3, 0xE8][..], &[7; 1000]].concat();
        assert_eq!(certificate(der.clone()).unwrap(), der);
        assert_eq!(certificate(packed(&der)).unwrap(), der);
        assert_eq!(certificate(Vec::new()).unwrap(), Vec::<u8>::new());
    }

    #[test]
    fn a_bomb_and_a_torso_are_refused() {
        let bomb = packed(&vec![0; 20_000_000]);
        assert!(bomb.len() < 30_000);
        assert!(matches!(certificate(bomb), Err(Error::Nonsense(_))));
        assert!(certificate(packed(&vec![0; MOST])).is_ok());
        let whole = packed(b"a certificate");
        for cut in 2..whole.len() {
            assert!(certificate(whole[..cut].to_vec()).is_err(), "{cut}");
        }
        let mut changed = whole;
        let last = changed.len() - 8;
        changed[last] ^= 1; // its checksum
        assert!(certificate(changed).is_err());
    }
}
