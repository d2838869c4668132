//! Writing a file that is there wholly or not at all.

use std::{fs, io, io::Write, path::Path};

use crate::{
    Error,
    draft::{Access, Draft, Flush, sweep_for},
    owner,
};

/// Writes a file, which is durable when this function returns. A process that is killed meanwhile leaves the former file,
/// or none. Without `force` a file that is there already is refused, and of two processes that create the same file at
/// once one wins. What a killed writer of the same file has left is removed. A device or a pipe is written to, and stays what it is.
///
/// # Errors
/// [`Error::Exists`], or the system's fault; what was there before is untouched then.
pub fn write(path: &Path, bytes: &[u8], access: Access, force: bool) -> Result<(), Error> {
    put(path, bytes, access, force, Flush::All)
}

/// As [`write()`], but the file need not outlive a power cut: it is for what ends with the process that writes it, such as the
/// files of one run. Each flush that is left out saves the time of a disk.
///
/// # Errors
/// As [`write()`].
pub fn write_fleeting(path: &Path, bytes: &[u8], access: Access, force: bool) -> Result<(), Error> {
    put(path, bytes, access, force, Flush::Nothing)
}

/// A way to write a file: [`write()`] or [`write_fleeting`].
pub type Writing = fn(&Path, &[u8], Access, bool) -> Result<(), Error>;

fn put(path: &Path, bytes: &[u8], access: Access, force: bool, flush: Flush) -> Result<(), Error> {
    if force && owner::check_link(path).is_ok() && stays(path) {
        return pour(path, bytes).map_err(|fault| Error::system("write", path, fault));
    }
    let made = Draft::begin(path, access).and_then(|mut draft| {
        draft.write(bytes)?;
        draft.take(path, force, flush)
    });
    made.map_err(|fault| match fault.kind() {
        io::ErrorKind::AlreadyExists if !force => Error::Exists(path.into()),
        _ => Error::system("write", path, fault),
    })?;
    sweep_for(path);
    Ok(())
}

/// Refuses now what [`write`] would refuse later, so that nobody presses a button for nothing: a file that is there (but
/// with `force`), a folder that is not there, is another user's, or has no room for 16 KiB.
///
/// # Errors
/// [`Error::Exists`], or the system's fault. The place is as it was before.
pub fn check_place(path: &Path, force: bool) -> Result<(), Error> {
    match fs::metadata(path) {
        Ok(_) if !force => return Err(Error::Exists(path.into())),
        Ok(there) if there.is_dir() => {
            return Err(Error::system("write", path, io::ErrorKind::IsADirectory.into()));
        }
        // A pipe is not tried: the reader of a pipe would see its end as soon as it was closed again.
        Ok(there) if is_stream(&there) => return Ok(()),
        _ => {}
    }
    let tried = Draft::begin(path, Access::Owner).and_then(|mut draft| draft.write(&[0; 16 * 1024]));
    tried.map_err(|fault| Error::system("write", path, fault))
}

/// Removes what [`write()`] has made under this name, or would replace, and says nothing when nothing is there. What `write` writes to and
/// leaves as it is stays here, too.
pub fn remove(path: &Path) {
    if !stays(path) {
        let _ = fs::remove_file(path);
    }
}

/// Whether a file is written to in its place. To replace or remove a device or a link of the system would take /dev/null or
/// /dev/stdout away from the whole machine, and whoever reads a pipe would wait for ever.
fn stays(path: &Path) -> bool {
    owner::is_of_the_system(path) || fs::metadata(path).is_ok_and(|there| is_stream(&there))
}

/// Whether this is a device or a pipe of the user's own, or of root. Another user's pipe is replaced as a file is: its owner would
/// read along, or let the writer wait for ever.
fn is_stream(found: &fs::Metadata) -> bool {
    !found.is_file() && !found.is_dir() && owner::is_trusted_owner(found)
}

fn pour(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut stream = fs::OpenOptions::new().write(true).open(path)?;
    // Another user may have put a pipe in the place since the place was looked at.
    if !owner::is_trusted_owner(&stream.metadata()?) && !owner::is_of_the_system(path) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to another user"));
    }
    stream.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{check_private, read};
    use wire::reason::Reason;

    #[cfg(unix)]
    #[test]
    fn a_place_is_checked_and_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        check_place(&path, false).unwrap();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        fs::write(&path, b"mine").unwrap();
        assert_eq!(check_place(&path, false).unwrap_err().reason(), Reason::Exists);
        check_place(&path, true).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"mine");
        for wrong in [folder.path().join("not/there"), path.join("below a file")] {
            assert!(check_place(&wrong, false).is_err(), "{}", wrong.display());
        }
        assert!(check_place(folder.path(), true).is_err(), "a folder");
        check_place(Path::new("/dev/null"), true).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn only_what_was_written_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (made, pipe) = (folder.path().join("ready"), folder.path().join("pipe"));
        remove(&made);
        write(&made, b"{}", Access::Owner, true).unwrap();
        remove(&made);
        assert!(!made.exists());
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        remove(&pipe);
        assert!(pipe.exists());
        for of_the_system in ["/dev/null", "/dev/stdout"] {
            remove(Path::new(of_the_system));
            assert!(fs::symlink_metadata(of_the_system).is_ok(), "{of_the_system}");
        }
    }

    #[test]
    fn a_pipe_is_written_to_and_stays_one() {
        use std::os::unix::fs::FileTypeExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let reader = std::thread::spawn({
            let path = path.clone();
            move || fs::read(path).unwrap()
        });
        write(&path, b"through", Access::Everyone, true).unwrap();
        assert_eq!(reader.join().unwrap(), b"through");
        assert!(fs::metadata(&path).unwrap().file_type().is_fifo());
    }

    /// Only root can give a pipe away.
    #[cfg(unix)]
    #[test]
    fn a_strangers_pipe_is_replaced_and_not_written_to() {
        if owner::own() != 0 {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("order.json");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        std::os::unix::fs::chown(&path, Some(65_534), None).unwrap();
        check_place(&path, true).unwrap();
        write(&path, b"mine", Access::Owner, true).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"mine");
        // A pipe that was put there after the look.
        assert!(
            std::process::Command::new("mkfifo").arg(folder.path().join("late")).status().unwrap().success()
        );
        std::os::unix::fs::chown(folder.path().join("late"), Some(65_534), None).unwrap();
        let _reader = fs::File::options().read(true).write(true).open(folder.path().join("late")).unwrap();
        assert!(pour(&folder.path().join("late"), b"mine").is_err());
    }

    #[test]
    fn never_overwrites_unless_forced() {
        for write in [write as Writing, write_fleeting] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.pem");
            write(&path, b"first", Access::Everyone, false).unwrap();
            assert_eq!(
                write(&path, b"second", Access::Everyone, false).unwrap_err().reason(),
                Reason::Exists
            );
            assert_eq!(read(&path).unwrap(), b"first");
            write(&path, b"second", Access::Everyone, true).unwrap();
            assert_eq!(read(&path).unwrap(), b"second");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
        }
    }

    #[cfg(unix)]
    #[test]
    fn keys_are_for_their_owner() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        for (write, force) in [(write as Writing, false), (write, true), (write_fleeting, true)] {
            write(&path, b"secret", Access::Owner, force).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        check_private(&path, "600").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(check_private(&path, "600").unwrap_err().reason(), Reason::TooOpen);
    }

    #[test]
    fn a_new_file_is_never_seen_half_written() {
        let folder = tempfile::tempdir().unwrap();
        let content = vec![7; 1 << 16];
        let over = std::sync::atomic::AtomicBool::new(false);
        let file = |number: usize| folder.path().join(format!("{number}.pem"));
        let looks = std::thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                let (mut number, mut looks) = (0, 0_usize);
                while looks == 0 || !over.load(std::sync::atomic::Ordering::Relaxed) {
                    if let Ok(found) = fs::metadata(file(number)) {
                        assert_eq!(found.len(), 1 << 16, "{number}");
                        number += 1;
                        looks += 1;
                    }
                }
                looks
            });
            for number in 0..100 {
                write(&file(number), &content, Access::Owner, false).unwrap();
            }
            over.store(true, std::sync::atomic::Ordering::Relaxed);
            watcher.join().unwrap()
        });
        assert!((1..=100).contains(&looks), "{looks}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 100, "no temporary file is left");
    }

    #[test]
    fn a_missing_folder_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let fault = write(&folder.path().join("no/a.pem"), b"", Access::Everyone, false).unwrap_err();
        assert_eq!(fault.reason(), Reason::Missing);
        assert_eq!(read(&folder.path().join("b")).unwrap_err().reason(), Reason::Missing);
    }
}
