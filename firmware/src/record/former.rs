//! The formats of former versions.

// The order is the law: a module uses only modules listed below it.
pub(super) mod first;
pub(super) mod second;
