//! How a running `up` is controlled: HTTP and JSON over an owner-only Unix socket. `curl` can be a client of it, too.

pub(crate) mod server;
mod crowd;
pub(crate) mod rack;
pub(crate) mod client;
pub(crate) mod view;
