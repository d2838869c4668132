//! Unix sockets of this user's programs: where they are, and how they are made.
//!
//! A folder of sockets is the user's own, and closed to everybody else. The folders are, in this order:
//!
//! 1. `$XDG_RUNTIME_DIR/ushield`, where that folder is the user's (XDG Base Directory: it must be, and closed to others). After
//!    `su` or `sudo -E` the variable names a former user's.
//! 2. `ushield-UID` in `$TMPDIR`, and in `/tmp`. Anybody may have made a folder of that name before.
//! 3. `ushield/run` in `$XDG_CACHE_HOME`, else in `~/.cache`.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

mod bound;
#[cfg(target_os = "linux")]
mod peer;

pub use bound::{Bound, SocketError, bind, remove_dead};
#[cfg(target_os = "linux")]
pub use peer::Peer;

use crate::owner::own;

/// The longest path of a Unix socket that Linux takes (unix(7): 108 bytes with the final zero).
pub const LONGEST: usize = 107;
/// Bytes of the longest name below a folder of sockets: `run-0123456789abcdef/control.sock`.
pub const LONGEST_NAME: usize = 33;
/// The socket of the USB/IP server that also listens at 127.0.0.1:3240, where every client looks that was told no address.
pub const STANDARD: &str = "3240.usbip";

/// The folders in which a socket may be, whether they are there or not. `variable` reads the environment.
pub fn folders(variable: &dyn Fn(&str) -> Option<PathBuf>) -> Vec<PathBuf> {
    let folder = |name: &str| variable(name).filter(|path| path.is_absolute() && path.is_dir());
    let is_ours = |path: &PathBuf| {
        fs::metadata(path).is_ok_and(|found| found.uid() == own() && found.mode() & 0o022 == 0)
    };
    let shared = format!("ushield-{}", own());
    let cache = folder("XDG_CACHE_HOME")
        .or_else(|| folder("HOME").map(|home| home.join(".cache")))
        // A folder that is not there yet is judged by the lowest parent that is there.
        .filter(|path| {
            path.ancestors()
                .find_map(|path| fs::metadata(path).ok())
                .is_some_and(|found| found.uid() == own())
        });
    let mut all: Vec<PathBuf> = [
        folder("XDG_RUNTIME_DIR").filter(is_ours).map(|path| path.join("ushield")),
        folder("TMPDIR").map(|path| path.join(&shared)),
        Some(Path::new("/tmp").join(&shared)),
        cache.map(|path| path.join("ushield/run")),
    ]
    .into_iter()
    .flatten()
    .filter(|path| path.as_os_str().len() + 1 + LONGEST_NAME <= LONGEST)
    .collect();
    all.dedup();
    all
}

/// Whether a folder is there, is the user's own, and is closed to others. A link is none, wherever it leads: in /tmp a stranger
/// may have made it.
pub fn is_closed(folder: &Path) -> bool {
    fs::symlink_metadata(folder)
        .is_ok_and(|found| found.is_dir() && found.uid() == own() && found.mode() & 0o077 == 0)
}
