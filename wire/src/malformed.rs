//! The one error of this crate.

/// Bytes that do not follow the standard: which structure, and what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed {structure}: {fault}")]
pub struct Malformed {
    /// The structure, in the standard's words ("command APDU").
    pub structure: &'static str,
    /// What is wrong with it ("Lc exceeds the data").
    pub fault: &'static str,
}

impl Malformed {
    /// Names the structure and its fault.
    pub const fn new(structure: &'static str, fault: &'static str) -> Self {
        Self { structure, fault }
    }
}
