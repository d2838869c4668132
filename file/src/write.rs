//! Writing a file that is there wholly or not at all.

use std::{
    ffi::OsString,
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use atomic_write_file::AtomicWriteFile;

use crate::{Error, owner};

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Its owner only: keys, the index.
    Owner,
    /// Everyone that the folder lets in: certificates, CRLs, requests.
    Everyone,
}

/// Writes a file, which is durable when this function returns. A process that is killed meanwhile leaves the former file,
/// or none. Without `force` a file that is there already is refused, and of two processes that create the same file at
/// once one wins. A device or a pipe is written to, and stays what it is.
///
/// # Errors
/// [`Error::Exists`], or the system's fault; what was there before is untouched then.
pub fn write(path: &Path, bytes: &[u8], access: Access, force: bool) -> Result<(), Error> {
    if force && owner::is_no_strangers_link(path) && is_no_file(path) {
        // Replacing a device would take /dev/null away from the whole machine.
        return pour(path, bytes).map_err(|fault| Error::system("write", path, fault));
    }
    if force {
        return replace(path, bytes, access).map_err(|fault| Error::system("write", path, fault));
    }
    create(path, bytes, access).map_err(|fault| match fault.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists(path.into()),
        _ => Error::system("write", path, fault),
    })
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
        Ok(there) if !there.is_file() => return Ok(()),
        _ => {}
    }
    let probe = beside(path).map_err(|fault| Error::system("write", path, fault))?;
    let tried = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&probe)
        .and_then(|mut file| file.write_all(&[0; 16 * 1024]));
    let _it_may_never_have_been_there = fs::remove_file(&probe);
    tried.map_err(|fault| Error::system("write", path, fault))
}

/// A device or a pipe.
fn is_no_file(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir())
}

fn pour(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::OpenOptions::new().write(true).open(path)?.write_all(bytes)
}

fn replace(path: &Path, bytes: &[u8], access: Access) -> io::Result<()> {
    let mut file = atomic(access).open(path)?;
    file.write_all(bytes)?;
    file.commit()?;
    sync_folder(path)
}

#[cfg(unix)]
fn mode(access: Access) -> u32 {
    match access {
        Access::Owner => 0o600,
        Access::Everyone => 0o644,
    }
}

#[cfg(unix)]
fn atomic(access: Access) -> atomic_write_file::OpenOptions {
    use atomic_write_file::unix::OpenOptionsExt as Theirs;
    use std::os::unix::fs::OpenOptionsExt as Standard;
    let mut options = AtomicWriteFile::options();
    Theirs::preserve_mode(&mut options, false);
    Standard::mode(&mut options, mode(access));
    options
}

#[cfg(not(unix))]
fn atomic(_access: Access) -> atomic_write_file::OpenOptions {
    AtomicWriteFile::options()
}

/// Writes a file beside its place and then gives it its name, which must be free. So nobody ever sees an empty or a half file
/// under that name, and of two processes that create the same file one wins.
fn create(path: &Path, bytes: &[u8], access: Access) -> io::Result<()> {
    let beside = beside(path)?;
    let made = write_new(&beside, bytes, access).and_then(|()| name(&beside, path));
    if made.is_err() {
        // This process made the file beside, under a name that nobody else knows.
        let _ = fs::remove_file(&beside);
    }
    made?;
    sync_folder(path)
}

/// A name in the same folder that nobody else uses.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let unique = getrandom::u64().map_err(|fault| io::Error::other(fault.to_string()))?;
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{unique:016x}.tmp"));
    Ok(path.with_file_name(hidden))
}

fn write_new(path: &Path, bytes: &[u8], access: Access) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(mode(access));
    }
    #[cfg(not(unix))]
    let _ = access;
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Moves a file to a name that must be free. Where the file system cannot do that in one step, the file gets a second name by a
/// hard link and loses the first. Where there are no hard links either, the name is looked at before the file is renamed.
fn name(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::EXIST) => return Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => {}
        }
    }
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from),
        Err(fault) if fault.kind() == io::ErrorKind::AlreadyExists => Err(fault),
        Err(_) if fs::symlink_metadata(to).is_ok() => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => fs::rename(from, to),
    }
}

/// Makes a rename durable: the name is durable once its folder is.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{check_private, read};

    #[cfg(unix)]
    #[test]
    fn a_place_is_checked_and_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        check_place(&path, false).unwrap();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        fs::write(&path, b"mine").unwrap();
        assert_eq!(check_place(&path, false).unwrap_err().code(), "exists");
        check_place(&path, true).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"mine");
        for wrong in [folder.path().join("not/there"), path.join("below a file")] {
            assert!(check_place(&wrong, false).is_err(), "{}", wrong.display());
        }
        assert!(check_place(folder.path(), true).is_err(), "a folder");
        check_place(Path::new("/dev/null"), true).unwrap();
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

    #[test]
    fn never_overwrites_unless_forced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pem");
        write(&path, b"first", Access::Everyone, false).unwrap();
        assert_eq!(write(&path, b"second", Access::Everyone, false).unwrap_err().code(), "exists");
        assert_eq!(read(&path).unwrap(), b"first");
        write(&path, b"second", Access::Everyone, true).unwrap();
        assert_eq!(read(&path).unwrap(), b"second");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[cfg(unix)]
    #[test]
    fn keys_are_for_their_owner() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        write(&path, b"secret", Access::Owner, false).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        write(&path, b"secret", Access::Owner, true).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        check_private(&path, "600").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(check_private(&path, "600").unwrap_err().code(), "too-open");
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
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
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
        assert!(looks > 0);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 100, "no temporary file is left");
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_is_taken_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::write(&from, "new").unwrap();
        fs::write(&to, "old").unwrap();
        assert_eq!(name(&from, &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&to).unwrap(), b"old");
        fs::remove_file(&to).unwrap();
        name(&from, &to).unwrap();
        assert_eq!((fs::read(&to).unwrap(), from.exists()), (b"new".to_vec(), false));
    }

    #[test]
    fn a_missing_folder_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let fault = write(&folder.path().join("no/a.pem"), b"", Access::Everyone, false).unwrap_err();
        assert_eq!(fault.code(), "missing");
        assert_eq!(read(&folder.path().join("b")).unwrap_err().code(), "missing");
    }
}
