//! The Unix sockets of this user's own USB/IP servers.

use std::{fs, os::unix::fs::FileTypeExt, path::PathBuf};

use file::socket::{STANDARD, folders, is_closed};

use crate::environment;

/// The sockets at which a server may listen that a client need not be told of. A server that was killed has left its socket.
/// There is none for a process that has more rights than the user who started it: the folders are that user's.
pub(crate) fn standard() -> Vec<PathBuf> {
    if environment::is_privileged() {
        return Vec::new();
    }
    let folders = folders(&|name| environment::variable(name).map(PathBuf::from));
    in_closed(folders)
}

fn in_closed(folders: Vec<PathBuf>) -> Vec<PathBuf> {
    let is_socket =
        |path: &PathBuf| fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    folders
        .into_iter()
        .filter(|folder| is_closed(folder))
        .map(|folder| folder.join(STANDARD))
        .filter(is_socket)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::{fs::PermissionsExt, net::UnixListener};

    #[test]
    fn a_socket_in_a_folder_that_others_can_open_is_none() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("ushield");
        fs::create_dir(&folder).unwrap();
        let there = || in_closed(vec![folder.clone()]);
        let mode = |mode| fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
        mode(0o700);
        assert!(there().is_empty(), "no socket is there");
        fs::write(folder.join(STANDARD), "").unwrap();
        assert!(there().is_empty(), "a file is no socket");
        fs::remove_file(folder.join(STANDARD)).unwrap();
        let _listener = UnixListener::bind(folder.join(STANDARD)).unwrap();
        assert_eq!(there(), [folder.join(STANDARD)]);
        for open in [0o750, 0o701, 0o770] {
            mode(open);
            assert!(there().is_empty(), "{open:o}");
        }
        mode(0o700);
        let link = parent.path().join("link");
        std::os::unix::fs::symlink(&folder, &link).unwrap();
        assert!(in_closed(vec![link]).is_empty(), "a link is another's way in");
    }
}
