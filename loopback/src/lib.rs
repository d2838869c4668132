//! Services for pages of a browser at 127.0.0.1.
//!
//! Whatever listens there can be reached by every program of the machine and by every page of every browser. The rules by which such
//! requests are told apart are here once: [`Service`] serves root and the own user only, [`request`] compares Host, Origin and the
//! kind of fetch, and [`Passes`] lets in whoever has a link that was used once. The assistant answers pages of a bank's by these
//! rules, and the panel and the prompter answer pages of their own ([`page`]).

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
pub mod page;
mod pass;
pub mod request;
mod service;

pub use pass::Passes;
pub use service::{PATIENCE, Service};
