//! How much fits: readers, names, values and buffers. Source: pcsc-lite, `pcsclite.h` and `reader.h`.

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
