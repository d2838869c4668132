//! How a running `up` is controlled: HTTP and JSON over an owner-only Unix socket. `curl` can be its client, too.

pub(crate) mod bench;
pub(crate) mod client;
mod crowd;
pub(crate) mod server;
pub(crate) mod view;
