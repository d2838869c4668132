//! The rootless reader, spoken to as libpcsclite speaks to pcscd: over real USB/IP, with the real firmware behind.

mod world;
mod raw;
mod sharing;
mod news;
mod many;
mod hostile;
mod own;
mod turns;
