//! Commands that people are told to run with sudo, as sudo finds them.

use std::{borrow::Cow, path::Path, sync::OnceLock};

/// Where sudo looks for programs (sudoers' secure_path, as Debian and Fedora set it): not in the caller's PATH.
const SECURE_PATH: [&str; 6] =
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// This program's own path, where sudo does not find it by its name.
pub(crate) fn own_path() -> Option<&'static str> {
    static PATH: OnceLock<Option<String>> = OnceLock::new();
    let path = PATH.get_or_init(|| {
        let path = std::env::current_exe().ok()?;
        let found = SECURE_PATH.iter().any(|folder| Path::new(folder).join("ushield") == path);
        let text = path.to_str()?;
        // A shell and JSON take it as it is.
        let plain = text.chars().all(|c| c.is_alphanumeric() || "/._+-@".contains(c));
        (!found && plain && text.ends_with("/ushield")).then(|| text.to_owned())
    });
    path.as_deref()
}

/// Every command that we tell people to run with sudo is one that sudo finds.
pub(crate) fn as_sudo_finds_us<'a>(text: &'a str, path: Option<&str>) -> Cow<'a, str> {
    match path {
        Some(path) if text.contains("sudo ushield ") => {
            text.replace("sudo ushield ", &format!("sudo {path} ")).into()
        }
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sudo_is_told_the_path_where_it_does_not_know_it() {
        let hint = "see `ushield ports`; sudo ushield detach 3\nsudo ushield detach all";
        assert_eq!(as_sudo_finds_us(hint, None), hint);
        assert_eq!(
            as_sudo_finds_us(hint, Some("/home/a/target/release/ushield")),
            "see `ushield ports`; sudo /home/a/target/release/ushield detach 3\nsudo /home/a/target/release/ushield detach all"
        );
    }
}
