//! The signed payment document: [`seal`] it at the customer's, [`Verifier::verify`] it at the bank's.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
mod verify;
mod seal;
mod trust;
mod document;
mod certificate;
mod payer;
mod replay;
mod reason;
pub mod order;

pub use document::{MAX_CERTIFICATES, MAX_DOCUMENT};
pub use order::PaymentOrder;
pub use payer::{Accounts, Holder, PayerBook, SameId};
pub use reason::Reason;
pub use replay::{MemoryReplay, OrderKey, Recorded, ReplayStore, Unavailable};
pub use seal::{SealError, seal};
pub use trust::TrustError;
pub use verify::{CLOCK_SKEW, Check, Payment, Verifier};
