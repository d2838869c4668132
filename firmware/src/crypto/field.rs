//! Digests as ECDSA takes them.

use crate::refusal::Refusal;

/// The digest as the bytes of a field element: cut on the right, or zeros on the left (FIPS 186-5, 6.4.1).
///
/// # Errors
/// `WrongData`: no usual length of a digest, which is 20 to 64 bytes.
pub(super) fn field_of_digest<const FIELD: usize>(digest: &[u8]) -> Result<[u8; FIELD], Refusal> {
    if !(20..=64).contains(&digest.len()) {
        return Err(Refusal::WrongData);
    }
    let leftmost = digest.get(..FIELD).unwrap_or(digest);
    let mut field = [0; FIELD];
    let zeros = FIELD.saturating_sub(leftmost.len());
    field.get_mut(zeros..).ok_or(Refusal::WrongData)?.copy_from_slice(leftmost);
    Ok(field)
}
