//! A flash in memory that many tokens may be put on one after another, and whose power can be cut at a write.

pub use firmware::flash::{Cut, SharedFlash as Flash};
