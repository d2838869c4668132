//! Unix sockets of the server's own user: closed to everybody else from their first moment, and removed when their server has died.

use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::UnixListener,
    },
    path::Path,
};

use rustix::{
    fs::Mode,
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with},
    process::umask,
};

/// Makes a socket for its owner only. [`remove_dead`] has made the path free, where a killed server had left one.
///
/// # Errors
/// The system's: the path is taken or too long, or the folder is not there.
pub(crate) fn bind(path: &Path) -> io::Result<UnixListener> {
    // The socket is closed to others from its first moment: between a bind and a chmod they could connect. The mask is
    // the whole process's, so that another file which is made in this moment is closed to others, too.
    let guard = guard(path);
    let mask = umask(Mode::from_raw_mode(0o077));
    let bound = UnixListener::bind(path);
    umask(mask);
    drop(guard);
    let listener = bound?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Removes a socket at which nobody listens. A file of another kind stays: the user may have named it by mistake.
pub(crate) fn remove_dead(path: &Path) -> bool {
    let _guard = guard(path);
    fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket())
        && is_dead(path)
        && fs::remove_file(path).is_ok()
}

/// Whether nobody listens at the socket. A server that was stopped by a signal listens still, and does not answer.
fn is_dead(path: &Path) -> bool {
    let (kind, flags) = (SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC);
    let tried = SocketAddrUnix::new(path)
        .and_then(|address| connect(socket_with(AddressFamily::UNIX, kind, flags, None)?, &address));
    tried == Err(Errno::CONNREFUSED)
}

/// A lock on the folder of a socket. Between bind and listen a socket looks as if its server had died, so sockets are made
/// and removed under this lock. Where the folder cannot be opened, nobody else can make sockets in it either.
fn guard(path: &Path) -> Option<fs::File> {
    let folder = fs::File::open(file::folder(path)).ok()?;
    folder.lock().ok()?;
    Some(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_socket_is_its_owners_and_only_a_dead_one_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("3240.usbip");
        let listener = bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!remove_dead(&path), "a server lives there");
        assert_eq!(bind(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(listener);
        assert!(UnixStream::connect(&path).is_err() && remove_dead(&path) && !path.exists());
        fs::write(&path, "").unwrap();
        assert!(!remove_dead(&path) && path.exists(), "a file is no socket");
    }
}
