//! pcsc-lite's daemon protocol: what libpcsclite writes to pcscd's Unix socket, and what comes back.
//! Source: pcsc-lite 1.9.9, 2.3.3 and 2.5.2 (BSD), `winscard_msg.h` and `winscard_svc.c`: protocol 4.4, 4.5 and 4.6.
//!
//! A request is a [`Header`] and the structure of its command; the answer is that structure filled in, without a
//! header. TRANSMIT and CONTROL have a buffer behind the structure, both ways. Numbers are in the machine's own byte
//! order: both ends are on it. Structures are those of a C compiler: 4-byte fields at multiples of 4.

mod constants;
mod message;
mod request;

pub use constants::{attribute, disposition, protocol, rv, scope, share, sharing, state};
pub use message::{
    Attribute, Begin, Cancel, Connect, Control, Disconnect, End, Establish, ReaderEvents, ReaderState,
    Reconnect, Release, Status, Transmit, Version, Wait, reader_name, reader_states,
};
pub use request::{Header, Request};

/// The major version of the protocol.
pub const MAJOR: i32 = 4;
/// The minor versions that clients in use speak: pcsc-lite 1.9, 2.3 and 2.5.
pub const MINORS: [i32; 3] = [4, 5, 6];
/// Slots for readers in the answer to GET_READERS_STATE (PCSCLITE_MAX_READERS_CONTEXTS).
pub const MAX_READERS: usize = 16;
/// Bytes of a reader's name, its final zero included (MAX_READERNAME).
pub const NAME: usize = 128;
/// Longest ATR (ISO 7816-3, 8.2.1: TS and 32 characters).
pub const MAX_ATR: usize = 33;
/// Bytes of an attribute's value (MAX_BUFFER_SIZE).
pub const MAX_ATTRIBUTE: usize = 264;
/// Longest buffer behind a structure: header, Lc of 3, 64 KiB, Le of 3, status word (MAX_BUFFER_SIZE_EXTENDED).
pub const MAX_BUFFER: usize = 4 + 3 + 65_536 + 3 + 2;
/// Where the system's pcscd listens (PCSCLITE_CSOCK_NAME of Debian, Fedora and Arch).
pub const SYSTEM_SOCKET: &str = "/run/pcscd/pcscd.comm";
/// The environment variable that names another socket, to libpcsclite and to us.
pub const ENVIRONMENT: &str = "PCSCLITE_CSOCK_NAME";

#[cfg(test)]
mod tests;
