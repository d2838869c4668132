//! The personal ID: requests signed on the token, and the self-download that has two certificates issued and installs them
//! on the token in one step.
//!
//! [`enrol::enrol`] is the whole story; the modules below it are its steps. The certification authority is the crate
//! `authority`, behind [`authority::issuer::Issuer`]; the token stands behind [`token::Token`]. So either may be far away,
//! or a test's. The program `cert-tool` is [`commands`], thin over the rest.
//!
//! Every [`terminal::Failure`] says what happened, why, in what state things are now, and what to do next.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
pub mod commands;
pub mod enrol;
pub mod bank;
pub mod install;
pub mod request;
pub mod progress;
pub mod readiness;
pub mod token;
