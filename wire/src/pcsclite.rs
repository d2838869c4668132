//! pcsc-lite's daemon protocol: what libpcsclite writes to pcscd's Unix socket, and what comes back.
//! Source: pcsc-lite 1.9.9, 2.3.3 and 2.5.2 (BSD), `winscard_msg.h` and `winscard_svc.c`: protocol 4.4, 4.5 and 4.6.
//!
//! A request is a [`Header`] and the structure of its command; the answer is that structure filled in, without a
//! header. TRANSMIT and CONTROL have a buffer behind the structure, both ways. Numbers are in the machine's own byte
//! order: both ends are on it. Structures are those of a C compiler: 4-byte fields at multiples of 4.

// The order is the law: a module uses only modules listed below it.
mod request;
mod structure;
pub mod extension;
mod constants;
mod limit;

pub use constants::{attribute, disposition, protocol, rv, scope, share, sharing, state};
pub use limit::{MAX_ATR, MAX_ATTRIBUTE, MAX_BUFFER, MAX_READERS, NAME};
pub use request::{Header, Request};
pub use structure::{
    Attribute, Begin, Cancel, Connect, Control, Disconnect, End, Establish, Open, ReaderEvents, ReaderState,
    Reconnect, Release, Status, Transmit, Turn, Version, Wait, reader_name, reader_states,
};

/// The major version of the protocol.
pub const MAJOR: i32 = 4;
/// The minor versions that clients in use speak: pcsc-lite 1.9, 2.3 and 2.5.
pub const MINORS: [i32; 3] = [4, 5, 6];
/// Where the system's pcscd listens (PCSCLITE_CSOCK_NAME of Debian, Fedora and Arch).
pub const SYSTEM_SOCKET: &str = "/run/pcscd/pcscd.comm";
/// The environment variable that names another socket, to libpcsclite and to us.
pub const ENVIRONMENT: &str = "PCSCLITE_CSOCK_NAME";

#[cfg(test)]
mod tests;
