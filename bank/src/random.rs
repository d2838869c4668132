//! Random numbers of the system.

use crate::error::{Error, Result};

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

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
