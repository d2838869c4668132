//! The payee's name, which stands right above the amount.

use super::{amount, fault::Fault, look, text::check_text};

/// A payee's name: text that nobody takes for the amount, which stands on the next line.
///
/// # Errors
/// What [`check_text`] refuses; a dash that passes for 一; a name that as a whole is a number with a currency, is a
/// number only, has a currency's sign, or opens with an amount in a well-known currency.
pub fn check_name(name: &str) -> Result<(), Fault> {
    check_text(name)?;
    look::check_dashes(name)?;
    if amount::reads_like_one(name) { Err(Fault::LooksLikeAmount) } else { Ok(()) }
}

#[cfg(test)]
#[path = "name/tests.rs"]
mod tests;
