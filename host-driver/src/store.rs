//! The token's flash on the host: in memory, or a folder of files.
//!
//! A folder belongs to one token and to one process at a time, and nobody but its owner can read it. Each file carries
//! its format's version and a checksum; what is damaged or unknown is refused with a word on what to do, and is never
//! written over. The device secret lives in a file elsewhere ([`secret`]).

#[cfg(test)]
mod fault;
mod memory;
mod folder;
mod secret;
mod tries;
pub mod disk;
mod error;
mod envelope;

pub use disk::has_records;
pub use error::OpenError;
pub use folder::FileStore;
pub use memory::MemoryStore;
pub use secret::{DeviceSecret, secret};
