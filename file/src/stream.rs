//! Files that are written as things happen, where a variable, a setting or an option says. The folder may be open to other
//! users, as `/tmp` is. Another user may have put a link there that leads to a file of this user's, or a file of their
//! own, in order to read what is written.

use std::{
    fs::{File, OpenOptions},
    path::Path,
};

use crate::Error;
#[cfg(unix)]
use crate::owner;

/// Opens a file of the user's own, to write behind what is in the file. A new file is for its owner only.
///
/// # Errors
/// [`Error::Foreign`] for a link or another user's file, or the system's fault.
pub fn append(path: &Path) -> Result<File, Error> {
    open(path, OpenOptions::new().append(true))
}

/// As [`append`], but the former contents are gone.
///
/// # Errors
/// As [`append`]. After an error the former contents are still there.
pub fn begin(path: &Path) -> Result<File, Error> {
    let file = open(path, OpenOptions::new().write(true))?;
    // O_TRUNC would empty the file before its owner was looked at.
    let emptied = file.metadata().and_then(|found| if found.is_file() { file.set_len(0) } else { Ok(()) });
    emptied.map_err(|fault| Error::system("write", path, fault))?;
    Ok(file)
}

#[cfg(unix)]
fn open(path: &Path, options: &mut OpenOptions) -> Result<File, Error> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
    let refused = |why| Error::Foreign { path: path.into(), why };
    let failed = |fault| Error::system("open", path, fault);
    // With O_NONBLOCK a pipe that nobody reads is an error at once, and nothing waits for ever.
    let flags =
        OFlags::NONBLOCK | if owner::is_of_the_system(path) { OFlags::empty() } else { OFlags::NOFOLLOW };
    let is_link = || std::fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
    let opened = options.create(true).mode(0o600).custom_flags(flags.bits().cast_signed()).open(path);
    let file = opened.map_err(|fault| if is_link() { refused("it is a link") } else { failed(fault) })?;
    // From here on a write waits for the reader of a pipe. Otherwise lines would be torn or lost.
    wait_for_readers(&file).map_err(failed)?;
    let found = file.metadata().map_err(failed)?;
    if !found.is_file() && (owner::is_trusted(found.uid()) || owner::is_of_the_system(path)) {
        // A terminal, /dev/null, a pipe: nothing stays there for others to read.
        return Ok(file);
    }
    if found.uid() != owner::own() {
        // A pipe, too: its owner would read along, or let the writer wait for ever.
        return Err(refused("it belongs to another user"));
    }
    if found.nlink() > 1 {
        return Err(refused("it has another name, which may be somebody else's"));
    }
    if found.mode() & 0o077 != 0 {
        file.set_permissions(std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    }
    Ok(file)
}

#[cfg(unix)]
fn wait_for_readers(file: &File) -> std::io::Result<()> {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    Ok(fcntl_setfl(file, fcntl_getfl(file)? - OFlags::NONBLOCK)?)
}

/// Other systems keep the user's own folders private by their own rules.
#[cfg(not(unix))]
fn open(path: &Path, options: &mut OpenOptions) -> Result<File, Error> {
    options.create(true).open(path).map_err(|fault| Error::system("open", path, fault))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::{
        fs,
        io::{Read, Write},
        os::unix::fs::{PermissionsExt, chown, symlink},
    };

    #[test]
    fn own_files_are_written_and_closed_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace");
        append(&path).unwrap().write_all(b"one").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        append(&path).unwrap().write_all(b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"onetwo");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        begin(&path).unwrap().write_all(b"three").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        append(Path::new("/dev/null")).unwrap().write_all(b"gone").unwrap();
    }

    #[test]
    fn links_and_files_of_others_are_refused_and_stay_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let (mine, link, name) =
            (folder.path().join("mine"), folder.path().join("link"), folder.path().join("name"));
        fs::write(&mine, "mine").unwrap();
        symlink(&mine, &link).unwrap();
        symlink(folder.path().join("new"), folder.path().join("dangling")).unwrap();
        fs::hard_link(&mine, &name).unwrap();
        for path in [&link, &name, &folder.path().join("dangling")] {
            assert!(append(path).is_err() && begin(path).is_err(), "{}", path.display());
        }
        assert!(!folder.path().join("new").exists());
        fs::remove_file(&name).unwrap();
        // Only root can give a file away.
        if owner::own() == 0 {
            chown(&mine, Some(65_534), None).unwrap();
            assert!(append(&mine).is_err() && begin(&mine).is_err());
        }
        assert_eq!(fs::read(&mine).unwrap(), b"mine");
        // A pipe that another user reads, and one that nobody reads.
        if owner::own() == 0 {
            let pipe = folder.path().join("strangers");
            assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
            chown(&pipe, Some(65_534), None).unwrap();
            let _reader = File::options().read(true).write(true).open(&pipe).unwrap();
            assert!(append(&pipe).is_err() && begin(&pipe).is_err());
        }
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(append(&pipe).is_err());
    }

    /// A pipe holds 64 KiB: the rest waits, and nothing is lost.
    #[test]
    fn a_pipe_whose_reader_is_slow_gets_all() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let mut reader = File::options().read(true).write(true).open(&pipe).unwrap();
        let mut file = append(&pipe).unwrap();
        let sent: Vec<u8> = (0..300_000_u32).map(|at| at.to_le_bytes()[1]).collect();
        let mut got = vec![0; sent.len()];
        std::thread::scope(|scope| {
            let writing = scope.spawn(|| file.write_all(&sent));
            // Long enough for the write to fail, if the write did not wait.
            std::thread::sleep(std::time::Duration::from_millis(50));
            assert!(!writing.is_finished());
            reader.read_exact(&mut got).unwrap();
        });
        assert_eq!(got, sent);
    }
}
