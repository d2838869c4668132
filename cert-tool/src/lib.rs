//! The personal ID: a bank's certification authority, requests signed on the token, and the self-download that
//! issues two certificates and installs them on the token in one step.
//!
//! [`enrol::enrol`] is the whole story; the modules below it are its steps. The authority stands behind
//! [`issuer::Issuer`] and the token behind [`token::Token`], so that either may be far away, or a test's.
//! The program `cert-tool` is [`commands`], thin over the rest.
//!
//! Every [`Error`] says what happened, why, in what state things are now, and what to do next.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
pub mod commands;
pub mod enrol;
pub mod install;
pub mod request;
pub mod progress;
pub mod readiness;
pub mod token;
pub mod attestation;
pub mod ca;
mod key;
pub mod index;
pub mod issuer;
pub mod csr;
pub mod certificate;
pub mod subject;
pub mod kind;
pub mod moment;
mod error;
#[cfg(test)]
pub(crate) mod openssl;

pub use error::{Error, Reason};
