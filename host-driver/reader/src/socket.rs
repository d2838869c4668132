//! The socket: where it is, and who may connect.

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io::{self, ErrorKind},
    os::unix::{
        fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, Gid, Mode, chown, flock},
    process::{getuid, umask},
};

/// The longest path of a Unix socket that Linux takes (unix(7): 108 bytes with the final zero).
const MAX_PATH: usize = 107;

/// Who may connect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// The user who runs the service, and root: the socket is closed to others (0600), and the peer's user is checked.
    #[default]
    Owner,
    /// Whoever the socket's mode lets in, for a sidecar under another user.
    Mode {
        /// Permission bits, such as 0o660.
        mode: u32,
        /// The group that owns the socket.
        group: Option<u32>,
    },
}

/// Why the socket cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The path is longer than the system takes.
    #[error("the socket's path has {0} bytes, and the system takes 107: name a shorter one")]
    TooLong(usize),
    /// Somebody listens there.
    #[error("a PC/SC service listens at {0} already: use that one, stop it, or name another socket")]
    Taken(PathBuf),
    /// Something else is there.
    #[error("{0} is there and is no socket: name another path")]
    NoSocket(PathBuf),
    /// The system refused.
    #[error("the socket {0} could not be made: {1}")]
    Io(PathBuf, #[source] io::Error),
}

/// A socket that listens. Dropping this removes the socket from the file system.
pub(crate) struct Socket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode of the socket, so that no other file is removed.
    identity: (u64, u64),
    access: Access,
}

impl Socket {
    /// Listens at `path`. Folders that are missing are made, for the owner only.
    pub(crate) fn bind(path: &Path, access: Access) -> Result<Self, SocketError> {
        let length = path.as_os_str().len();
        if length > MAX_PATH {
            return Err(SocketError::TooLong(length));
        }
        let fail = |error: io::Error| SocketError::Io(path.into(), error);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fail)?;
        // Two services that start at once must not each take the other's new socket for a dead one.
        let guard = File::open(folder).map_err(fail)?;
        flock(&guard, FlockOperation::LockExclusive).map_err(|error| fail(error.into()))?;
        vacate(path)?;
        // The socket is closed to other users from its first moment: they could connect between a bind and a chmod.
        // The mask holds for the whole process, so that whatever else is made in this moment is closed, too.
        let mask = umask(Mode::from_raw_mode(0o177));
        let bound = UnixListener::bind(path);
        umask(mask);
        let listener = bound.map_err(fail)?;
        let made = fs::symlink_metadata(path).map_err(fail)?;
        let socket = Self { listener, path: path.into(), identity: (made.dev(), made.ino()), access };
        if let Access::Mode { mode, group } = access {
            if let Some(group) = group {
                chown(path, None, Some(Gid::from_raw(group))).map_err(|error| fail(error.into()))?;
            }
            fs::set_permissions(path, Permissions::from_mode(mode & 0o777)).map_err(fail)?;
        }
        Ok(socket)
    }

    /// The next client that may connect.
    pub(crate) fn accept(&self) -> io::Result<UnixStream> {
        loop {
            let (stream, _) = self.listener.accept()?;
            if self.access != Access::Owner || is_own(&stream) {
                return Ok(stream);
            }
        }
    }

    /// Wakes the thread that waits in [`Self::accept`], and lets no client in any more.
    pub(crate) fn close(&self) {
        let _ = rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both);
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes a socket that nobody serves any more from the place.
fn vacate(path: &Path) -> Result<(), SocketError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(SocketError::Io(path.into(), error)),
        // Only a socket is removed, and never a file that the user named by mistake.
        Ok(found) if !found.file_type().is_socket() => return Err(SocketError::NoSocket(path.into())),
        Ok(_) => {}
    }
    if UnixStream::connect(path).is_ok() {
        return Err(SocketError::Taken(path.into()));
    }
    fs::remove_file(path).map_err(|error| SocketError::Io(path.into(), error))
}

/// Whether the peer is this user, or root. The socket's mode keeps other users out, too, but root may have changed
/// the mode.
fn is_own(stream: &UnixStream) -> bool {
    rustix::net::sockopt::socket_peercred(stream).is_ok_and(|peer| peer.uid == getuid() || peer.uid.is_root())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_to_others_and_gone_at_the_end() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("new/pcscd.comm");
        let socket = Socket::bind(&path, Access::Owner).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert!(matches!(Socket::bind(&path, Access::Owner), Err(SocketError::Taken(_))));
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn modes_and_what_stands_in_the_way() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("s");
        drop(UnixListener::bind(&path).unwrap()); // a dead one
        let access = Access::Mode { mode: 0o666, group: None };
        let socket = Socket::bind(&path, access).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o666);
        // Somebody put another in its place: that one stays.
        fs::remove_file(&path).unwrap();
        fs::write(&path, "").unwrap();
        drop(socket);
        assert!(path.exists());
        assert!(matches!(Socket::bind(&path, access), Err(SocketError::NoSocket(_))));
        let long = parent.path().join("x".repeat(108));
        assert!(matches!(Socket::bind(&long, access), Err(SocketError::TooLong(_))));
    }
}
