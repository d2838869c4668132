//! How a running `up` is controlled: HTTP and JSON over an owner-only Unix socket. `curl` can be a client of it, too.

pub mod server;
mod rejection;
pub(crate) mod stream;
mod crowd;
pub mod rack;
pub mod client;
pub mod view;
