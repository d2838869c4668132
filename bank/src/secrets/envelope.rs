//! What the books keep sealed: AES-256-GCM (NIST SP 800-38D), with a nonce of 96 random bits before each ciphertext. What it belongs to is
//! the associated data, so that nobody moves one envelope to another row.

use aes_gcm::{
    Aes256Gcm, KeyInit as _, Nonce,
    aead::{Aead as _, Payload},
};
use zeroize::Zeroizing;

use super::Key;
use crate::{
    error::{Error, Result},
    frame, random,
};

const NONCE: usize = 12;

fn cipher(key: &Key) -> Result<Aes256Gcm> {
    let broken = || Error::Broken("a key in the file of secrets is not one".into());
    let mut bytes = Zeroizing::new([0; 32]);
    for (byte, digits) in bytes.iter_mut().zip(key.0.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).map_err(|_| broken())?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| broken())?;
    }
    Aes256Gcm::new_from_slice(bytes.as_slice()).map_err(|_| broken())
}

/// Seals a secret for what the parts name.
pub(super) fn seal(key: &Key, parts: &[&str], secret: &[u8]) -> Result<Vec<u8>> {
    let nonce = random::bytes::<NONCE>()?;
    let payload = Payload { msg: secret, aad: &frame::whole(parts) };
    let sealed = cipher(key)?.encrypt(&Nonce::from(nonce), payload);
    let sealed = sealed.map_err(|_| Error::Broken("a secret was not sealed".into()))?;
    Ok([&nonce[..], &sealed].concat())
}

/// Opens what was sealed for the same parts.
///
/// # Errors
/// The envelope was made with another key or for other parts, or somebody has changed it.
pub(super) fn open(key: &Key, parts: &[&str], envelope: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let broken = || Error::Broken("a sealed secret in the database does not open".into());
    let (nonce, sealed) = envelope.split_first_chunk::<NONCE>().ok_or_else(broken)?;
    let payload = Payload { msg: sealed, aad: &frame::whole(parts) };
    let opened = cipher(key)?.decrypt(&Nonce::from(*nonce), payload);
    opened.map(Zeroizing::new).map_err(|_| broken())
}
