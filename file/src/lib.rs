//! Files of the user's own: a file is there wholly or not at all, a key is closed to everybody but its owner, what is
//! written as things happen goes through no link, and whatever a user names is read within bounds of size and time.
//!
//! The certification authority, the programs, the token's store and the driver libraries stand on this crate. It asks nobody anything and
//! prints nothing: an [`Error`] says what happened, why, and what to do next.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
mod write;
mod read;
mod stream;
#[cfg(unix)]
pub mod socket;
mod draft;
mod folder;
mod owner;
mod error;

pub use draft::{Access, sweep};
pub use error::Error;
pub use folder::folder;
#[cfg(unix)]
pub use owner::is_trusted;
pub use owner::{check_closed, check_private, check_private_found, make_private_folder};
pub use read::{MAX_FILE, read, read_secret};
pub use stream::{append, begin};
pub use write::{Writing, check_place, remove, write, write_fleeting};
