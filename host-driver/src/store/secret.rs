//! The device secret: 32 random bytes in a file of their own, so that a copied state folder alone is worth nothing.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::{
    envelope,
    error::OpenError,
    file::{open_file, private},
};

/// The name under which the checksum is made.
const NAME: &str = "secret";

/// The device secret. It is on the heap, because a value that is moved leaves a copy on the stack.
pub type DeviceSecret = Box<Zeroizing<[u8; 32]>>;

/// Reads the secret. If there is none, a new one is made for its owner only.
///
/// # Errors
/// The file cannot be read or made, others can read it, or it is not a secret of this version.
pub fn secret(path: &Path) -> Result<DeviceSecret, OpenError> {
    if let Some(secret) = read(path)? {
        sweep(path);
        return Ok(secret);
    }
    let failed = |error| OpenError::Folder(path.into(), error);
    let made = create(path);
    // Another process may have made a secret first. Then that secret counts, and ours may have been swept away.
    let Some(secret) = read(path)? else {
        return Err(made.err().unwrap_or_else(|| failed(io::ErrorKind::NotFound.into())));
    };
    sweep(path);
    File::open(folder(path)).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(secret)
}

fn read(path: &Path) -> Result<Option<DeviceSecret>, OpenError> {
    let failed =
        |error: io::Error| error.downcast().unwrap_or_else(|error| OpenError::Folder(path.into(), error));
    let file = match open_file(path, true) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    private(&file.metadata().map_err(failed)?, path, "600")?;
    let mut content = Zeroizing::new(Vec::with_capacity(256));
    file.take(256).read_to_end(&mut content).map_err(failed)?;
    let name = path.display().to_string();
    let record = envelope::open_whole(NAME, &content).map_err(|fault| OpenError::of(&*name, fault))?;
    if record.len() != 32 {
        return Err(OpenError::Damaged { name, why: "it is not 32 bytes" });
    }
    let mut secret = DeviceSecret::default();
    secret.copy_from_slice(record);
    Ok(Some(secret))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes the whole file under another name, and then gives it the secret's name if that name is still free. The name is not
/// yet durable then.
fn create(path: &Path) -> Result<(), OpenError> {
    let failed = |error| OpenError::Folder(path.into(), error);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder(path)).map_err(failed)?;
    let mut secret = DeviceSecret::default();
    getrandom::fill(secret.as_mut_slice()).map_err(|error| OpenError::Random(error.to_string()))?;
    let content = Zeroizing::new(envelope::seal(NAME, 0, secret.as_slice()));
    let temporary = beside(path)?;
    let made =
        write(&temporary, &content).and_then(|()| name(&temporary, path, |from, to| fs::hard_link(from, to)));
    let swept = match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    made.and(swept).map_err(failed)
}

/// Gives a file a name, unless another file has it. A hard link does that in one step. FAT and exFAT have no links: there a
/// lock on the folder lets one process at a time look and rename.
fn name(temporary: &Path, path: &Path, link: impl Fn(&Path, &Path) -> io::Result<()>) -> io::Result<()> {
    use io::ErrorKind::{AlreadyExists, InvalidInput, PermissionDenied, Unsupported};
    match link(temporary, path) {
        Err(error) if error.kind() == AlreadyExists => Ok(()),
        // link(2) fails with EPERM on a file system without links; some file systems say EOPNOTSUPP, ENOSYS or EINVAL.
        Err(error) if [PermissionDenied, Unsupported, InvalidInput].contains(&error.kind()) => {
            let folder = File::open(folder(path))?;
            folder.lock()?;
            if path.symlink_metadata().is_ok() { Ok(()) } else { fs::rename(temporary, path) }
        }
        linked => linked,
    }
}

/// Removes the files that killed processes have left in [`create`]. A process that is still in `create` will find the secret
/// that is there.
fn sweep(path: &Path) {
    let Some(own) = path.file_name() else { return };
    for entry in fs::read_dir(folder(path)).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let rest = name.as_encoded_bytes().strip_prefix(own.as_encoded_bytes());
        let unique = rest.and_then(|rest| rest.strip_prefix(b".")?.strip_suffix(b".tmp"));
        if unique.is_some_and(|unique| unique.len() == 16 && unique.iter().all(u8::is_ascii_hexdigit)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// A name that nobody else uses at this moment.
fn beside(path: &Path) -> Result<PathBuf, OpenError> {
    let unique = getrandom::u64().map_err(|error| OpenError::Random(error.to_string()))?;
    let mut name = OsString::from(path);
    name.push(format!(".{unique:016x}.tmp"));
    Ok(name.into())
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn is_made_once_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config/ushield/secret");
        let first = secret(&path).unwrap();
        assert_eq!(secret(&path).unwrap(), first);
        assert_ne!(**first, [0; 32]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn one_that_others_can_read_or_that_is_damaged_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        secret(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(secret(&path).unwrap_err().to_string().contains("chmod 600"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "short").unwrap();
        assert!(matches!(secret(&path), Err(OpenError::Damaged { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"short");
    }

    #[test]
    fn what_a_killed_process_left_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for _made_and_found in 0..2 {
            fs::write(folder.path().join("secret.0123456789abcdef.tmp"), "half").unwrap();
            fs::write(folder.path().join("secret.notes.tmp"), "not ours").unwrap();
            secret(&path).unwrap();
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        }
    }

    #[test]
    fn without_links_the_first_stays_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let no_links = |_: &Path, _: &Path| Err(io::Error::from_raw_os_error(1)); // EPERM, as exFAT says
        std::thread::scope(|scope| {
            for number in 0..8 {
                let (temporary, path) = (folder.path().join(format!("{number}.tmp")), &path);
                scope.spawn(move || {
                    fs::write(&temporary, format!("{number}")).unwrap();
                    name(&temporary, path, no_links).unwrap();
                    // Whoever was second finds the first one's.
                    let found = fs::read(path).unwrap();
                    name(&temporary, path, no_links).unwrap();
                    assert_eq!(fs::read(path).unwrap(), found);
                });
            }
        });
        // Another fault is one: nothing takes the name.
        let other = folder.path().join("other");
        let full = |_: &Path, _: &Path| Err(io::ErrorKind::StorageFull.into());
        assert!(name(&path, &other, full).is_err() && !other.exists());
    }

    #[test]
    fn those_who_race_get_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let secrets = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..8).map(|_| scope.spawn(|| secret(&path).unwrap())).collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(secrets.iter().all(|secret| *secret == secrets[0]));
    }
}
