//! Reading what a user named, within bounds of size and time.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
    sync::mpsc,
    time::Duration,
};

use zeroize::Zeroizing;

use crate::Error;

/// The most that any of our files may hold, in bytes; an index of 100,000 certificates stays below it.
pub const MAX_FILE: u64 = 64 << 20;
/// The most of a file with a secret, in bytes; its first line is the secret.
const MAX_SECRET: usize = 4096;
/// How long the writer of a pipe may take to open it, and to write everything.
const OPENED: Duration = Duration::from_secs(5);
const SAID: Duration = Duration::from_secs(60);

/// Reads a file of at most [`MAX_FILE`] bytes. A pipe is read too, such as a shell's `<(command)`, but not for ever: the writer
/// must open the pipe within five seconds, and must have written everything within a minute.
///
/// # Errors
/// [`Error::TooLong`], or the system's fault.
pub fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let bytes = take(path, |file| {
        let mut bytes = Vec::new();
        file.take(MAX_FILE + 1).read_to_end(&mut bytes).map(|_| bytes)
    })?;
    if bytes.len() as u64 > MAX_FILE {
        Err(too_long(path, "64 MiB, and nothing that belongs here is"))
    } else {
        Ok(bytes)
    }
}

/// Reads a file with a secret into one buffer that never grows: a vector that grows leaves a copy behind that nobody wipes.
///
/// # Errors
/// As [`read`].
pub fn read_secret(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let bytes = take(path, |mut file| {
        let mut bytes = Zeroizing::new(vec![0; MAX_SECRET + 1]);
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match file.read(rest) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
                Err(fault) => return Err(fault),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    })?;
    if bytes.len() > MAX_SECRET { Err(too_long(path, "4 KiB, and no secret is")) } else { Ok(bytes) }
}

fn too_long(path: &Path, than: &'static str) -> Error {
    Error::TooLong { path: path.into(), than }
}

/// Opens what a path names and hands it to `read`, which takes a bounded part of it.
fn take<T: Send + 'static>(
    path: &Path,
    read: impl FnOnce(File) -> io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    let failed = |fault: io::Error| Error::system("read", path, fault);
    if fs::metadata(path).map_err(failed)?.is_file() {
        return File::open(path).and_then(read).map_err(failed);
    }
    listen(path, read).map_err(failed)
}

/// Reads a pipe or a device on a thread of its own, which is left behind if nothing ever comes.
fn listen<T: Send + 'static>(
    path: &Path,
    read: impl FnOnce(File) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (opened, hears) = mpsc::channel();
    let (said, all) = mpsc::channel();
    let own = path.to_owned();
    std::thread::Builder::new().name("listen".into()).spawn(move || {
        let file = File::open(own);
        // Where nothing can be sent, the reader has given up: there is nobody to tell.
        let _ = opened.send(());
        let _ = said.send(file.and_then(read));
    })?;
    let slow = |why| io::Error::new(io::ErrorKind::TimedOut, why);
    hears.recv_timeout(OPENED).map_err(|_| slow("it is a pipe, and nobody writes to it"))?;
    all.recv_timeout(SAID)
        .map_err(|_| slow("it is no file, and what writes to it does not come to an end"))?
}
