//! Unix sockets of the user's own: closed to everybody else from their first moment, and gone when their server ends.

use std::{
    fmt,
    fs::{self, File},
    io,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixListener,
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::Mode,
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with},
    process::umask,
};

use super::LONGEST;
use crate::folder;

/// Why a socket cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The path is longer than the system takes.
    #[error("the socket's path has {0} bytes, and the system takes 107: name a shorter one")]
    TooLong(usize),
    /// A server listens there, or may listen there.
    #[error("a server listens at {path} already: use that server, stop it, or name another socket", path = .0.display())]
    Taken(PathBuf),
    /// Something else is there.
    #[error("{path} is there and is no socket: name another path", path = .0.display())]
    NoSocket(PathBuf),
    /// Another program holds a lock on the folder.
    #[error("another program locks the folder of the socket {path} (lslocks names the program): name a socket in a folder of your own", path = .0.display())]
    Locked(PathBuf),
    /// The system refused.
    #[error("the socket {path} could not be made: {error}", path = .0.display(), error = .1)]
    System(PathBuf, #[source] io::Error),
}

/// The name of a socket that this process has made. Dropping this removes the name, but never what another program has put
/// in its place.
pub struct Bound {
    path: PathBuf,
    /// Device and inode of the socket.
    identity: (u64, u64),
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bound({})", self.path.display())
    }
}

impl Bound {
    /// Where the socket is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|found| found == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes a socket that listens, for its owner only (0600). The folder is there already. A socket that a killed server has left is
/// removed first; a server's socket and a file of another kind stay.
///
/// # Errors
/// The path is too long or taken, the folder is locked, or the system refuses.
pub fn bind(path: &Path) -> Result<(UnixListener, Bound), SocketError> {
    let length = path.as_os_str().len();
    if length > LONGEST {
        return Err(SocketError::TooLong(length));
    }
    let failed = |error: io::Error| SocketError::System(path.into(), error);
    let _guard = guard(path)?;
    vacate(path)?;
    // The socket is closed to others from its first moment: between a bind and a chmod they could connect. The mask is
    // the whole process's, so that another file which is made in this moment is closed to others, too.
    let mask = umask(Mode::from_raw_mode(0o077));
    let made = UnixListener::bind(path);
    umask(mask);
    let listener = made.map_err(failed)?;
    let bound = Bound { path: path.into(), identity: identity(path).map_err(failed)? };
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok((listener, bound))
}

/// Removes a socket at which nobody listens, and says whether there was one. A file of another kind stays: the user may have named
/// the file by mistake.
pub fn remove_dead(path: &Path) -> bool {
    guard(path).is_ok_and(|_guard| is_socket(path) && is_dead(path) && fs::remove_file(path).is_ok())
}

/// Makes the path free for a socket. The folder is locked.
fn vacate(path: &Path) -> Result<(), SocketError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(SocketError::System(path.into(), error)),
        Ok(found) if !found.file_type().is_socket() => Err(SocketError::NoSocket(path.into())),
        Ok(_) if !is_dead(path) => Err(SocketError::Taken(path.into())),
        Ok(_) => fs::remove_file(path).map_err(|error| SocketError::System(path.into(), error)),
    }
}

fn is_socket(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket())
}

/// Whether nobody listens at the socket. A server that was stopped by a signal listens still, and does not answer; so does one
/// whose queue is full, and one that speaks in datagrams.
fn is_dead(path: &Path) -> bool {
    let (kind, flags) = (SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC);
    let tried = SocketAddrUnix::new(path)
        .and_then(|address| connect(socket_with(AddressFamily::UNIX, kind, flags, None)?, &address));
    tried == Err(Errno::CONNREFUSED)
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}

/// A lock on the folder of a socket. Between bind and listen a socket looks as if its server had died, so sockets are made
/// and removed under this lock. Where the folder cannot be opened, nobody else can make sockets in it either.
fn guard(path: &Path) -> Result<Option<File>, SocketError> {
    match folder::lock(path) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(SocketError::Locked(path.into())),
        locked => Ok(locked.ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::{UnixDatagram, UnixStream};

    #[test]
    fn a_socket_is_its_owners_and_gone_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let (listener, bound) = bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!remove_dead(&path), "a server lives there");
        assert!(matches!(bind(&path), Err(SocketError::Taken(_))));
        drop((listener, bound));
        assert!(!path.exists());
        let long = folder.path().join("x".repeat(108));
        assert!(matches!(bind(&long), Err(SocketError::TooLong(_))));
    }

    #[test]
    fn only_a_dead_socket_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let leave = || drop(UnixListener::bind(&path).unwrap());
        leave();
        assert!(UnixStream::connect(&path).is_err() && remove_dead(&path) && !path.exists());
        leave();
        drop(bind(&path).unwrap());
        // A file that the user has named by mistake, and a server that speaks in datagrams.
        fs::write(&path, "mine").unwrap();
        assert!(!remove_dead(&path) && matches!(bind(&path), Err(SocketError::NoSocket(_))));
        assert_eq!(fs::read(&path).unwrap(), b"mine");
        fs::remove_file(&path).unwrap();
        let datagrams = UnixDatagram::bind(&path).unwrap();
        assert!(!remove_dead(&path) && matches!(bind(&path), Err(SocketError::Taken(_))));
        UnixDatagram::unbound().unwrap().send_to(b"alive", &path).unwrap();
        drop(datagrams);
    }

    #[test]
    fn a_server_whose_queue_is_full_lives() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let (listener, _bound) = bind(&path).unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let _waiting = UnixStream::connect(&path).unwrap();
        assert!(!remove_dead(&path) && matches!(bind(&path), Err(SocketError::Taken(_))));
    }

    #[test]
    fn what_another_put_in_the_place_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let (_listener, bound) = bind(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "another's").unwrap();
        drop(bound);
        assert!(path.exists());
    }

    #[test]
    fn a_folder_that_stays_locked_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let stranger = File::open(folder.path()).unwrap();
        stranger.lock().unwrap();
        assert!(matches!(bind(&path), Err(SocketError::Locked(_))) && !path.exists());
        stranger.unlock().unwrap();
        drop(bind(&path).unwrap());
    }
}
