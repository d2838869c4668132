//! Random numbers of the system.

use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// Letters and digits that nobody confuses: eight of them are 39 bits.
pub(crate) const CLEAR: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
/// Ten of them are 33 bits.
pub(crate) const DIGITS: &[u8] = b"0123456789";

/// So many random bytes.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|fault| Error::Broken(format!("no random numbers: {fault}")))?;
    Ok(bytes)
}

/// A name that nobody guesses: 128 random bits in hexadecimal (ASVS 7.2.3).
pub(crate) fn id() -> Result<String> {
    Ok(hex(&bytes::<16>()?))
}

/// Whether this can be such a name.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A number below `below`, which is not zero, each equally likely.
pub(crate) fn below(below: u32) -> Result<u32> {
    // What is above the largest multiple would make small numbers likelier.
    let fair = u32::MAX - u32::MAX % below;
    loop {
        let drawn = u32::from_be_bytes(bytes()?);
        if drawn < fair {
            return Ok(drawn % below);
        }
    }
}

/// So many of these signs, which are ASCII, each equally likely.
pub(crate) fn signs(of: &[u8], count: usize) -> Result<Zeroizing<String>> {
    let mut drawn = Zeroizing::new(String::with_capacity(count));
    for _ in 0..count {
        let at = below(u32::try_from(of.len()).unwrap_or(1))?;
        drawn.push(of.get(at as usize).map_or('x', |sign| char::from(*sign)));
    }
    Ok(drawn)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
