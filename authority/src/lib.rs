//! A bank's certification authority: it judges certification requests, issues the two certificates of a personal ID,
//! revokes certificates, and checks where a key was made.
//!
//! The authority knows neither cards nor terminals. A bank's server may link this crate alone: whoever has a request as
//! bytes hands it to an [`issuer::Issuer`], of which [`ca::Authority`], a CA in a folder, is one. A passphrase is handed in
//! as a value; asking for it is the program's business.
//!
//! Every [`Error`] says what happened, why, in what state things are now, and what to do next.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
pub mod ca;
mod key;
pub mod register;
pub mod index;
pub mod issuer;
pub mod attestation;
pub mod csr;
pub mod succession;
pub mod certificate;
pub mod signature;
pub mod subject;
pub mod certificate_kind;
pub mod moment;
mod error;
#[cfg(test)]
pub(crate) mod openssl;

pub use error::{Error, Reason};
