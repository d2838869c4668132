//! What people are shown. One rule for the token's screen ([`check_order`], feature `unicode`), which the token, the
//! sealer and the bank's verifier share; and one way to print a stranger's text on a terminal ([`escaped`]).
//!
//! The rule is of the text, not of a screen's size: another brand's screen may be larger. It brings tables of
//! Unicode, which driver libraries do not need, so it stands behind a feature.

// The order is the law: a module uses only modules listed below it.
#[cfg(feature = "unicode")]
mod order;
#[cfg(feature = "unicode")]
mod name;
#[cfg(feature = "unicode")]
mod text;
#[cfg(feature = "unicode")]
mod amount;
#[cfg(feature = "unicode")]
mod look;
#[cfg(feature = "unicode")]
mod script;
#[cfg(feature = "unicode")]
mod cell;
#[cfg(feature = "unicode")]
mod fault;
mod escape;

#[cfg(feature = "unicode")]
pub use cell::width;
pub use escape::{Escaped, escaped, json, printed, tamed};
#[cfg(feature = "unicode")]
pub use fault::Fault;
#[cfg(feature = "unicode")]
pub use name::check_name;
#[cfg(feature = "unicode")]
pub use order::{NotShown, check_order};
#[cfg(feature = "unicode")]
pub use text::{check_number, check_text, space};
