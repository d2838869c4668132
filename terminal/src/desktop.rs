//! What the session of whoever started this program has: a language, windows, and programs.

use std::{
    env,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Whether the person speaks Chinese (POSIX.1, 8.2: the first of these variables that is set counts).
#[must_use]
pub fn speaks_chinese() -> bool {
    let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(set);
    locale.is_some_and(|locale| locale.starts_with("zh"))
}

/// Whether there is a window system: Wayland's variable or that of X is set.
#[must_use]
pub fn has_windows() -> bool {
    ["WAYLAND_DISPLAY", "DISPLAY"].iter().any(|name| env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// A program that can be run, in the folders of PATH.
#[must_use]
pub fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    file.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_can_be_run() {
        assert!(program("sh").is_some_and(|path| path.ends_with("sh")));
        assert!(program("no-such-program-anywhere").is_none());
        assert!(!is_program(Path::new("/etc/passwd")) && !is_program(Path::new("/etc")));
    }
}
