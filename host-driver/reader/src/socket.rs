//! The socket: where it is, and who may connect.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::{
        fs::{DirBuilderExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::Path,
};

use file::socket::{self, Bound, Peer, SocketError};
use rustix::fs::{Gid, chown};

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

/// A socket that listens. Dropping this removes the socket from the file system.
pub(crate) struct Socket {
    listener: UnixListener,
    bound: Bound,
    access: Access,
}

impl Socket {
    /// Listens at `path`. Folders that are missing are made, for the owner only.
    pub(crate) fn bind(path: &Path, access: Access) -> Result<Self, SocketError> {
        let failed = |error: io::Error| SocketError::System(path.into(), error);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(file::folder(path)).map_err(failed)?;
        let (listener, bound) = socket::bind(path)?;
        if let Access::Mode { mode, group } = access {
            if let Some(group) = group {
                chown(path, None, Some(Gid::from_raw(group))).map_err(|error| failed(error.into()))?;
            }
            fs::set_permissions(path, Permissions::from_mode(mode & 0o777)).map_err(failed)?;
        }
        Ok(Self { listener, bound, access })
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
        self.bound.path()
    }
}

/// Whether the peer is this user, or root. The socket's mode keeps other users out, too, but root may have changed
/// the mode.
fn is_own(stream: &UnixStream) -> bool {
    Peer::of(stream).is_ok_and(|peer| file::is_trusted(peer.user))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn closed_to_others_and_gone_at_the_end() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("new/pcscd.comm");
        let socket = Socket::bind(&path, Access::Owner).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn a_mode_lets_others_in() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("s");
        let _socket = Socket::bind(&path, Access::Mode { mode: 0o666, group: None }).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o666);
    }
}
