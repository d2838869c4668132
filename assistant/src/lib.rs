//! The Online Banking Assistant (网银助手): the bridge between a bank's page in a browser and the shield.
//!
//! A [`service::Service`] listens at 127.0.0.1 and answers the pages of the banks that its configuration names, and nobody else.
//! A page starts an operation, such as a payment; the assistant asks the holder for the PIN, and the shield asks the holder for OK.
//! No page sees the PIN. docs/assistant.md has the calls, and docs/threats.md says who attacks.
//!
//! The assistant signs nothing: what it hands to a page is what the shield showed and signed. A bank believes the signature and the
//! attestation, not the assistant.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
pub mod setup;
pub mod service;
mod door;
mod call;
pub mod desk;
mod work;
mod standing;
pub mod shield;
pub mod prompter;
mod trouble;
pub mod words;
pub mod origin;
mod stop;
mod clock;
