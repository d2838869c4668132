//! The device secret: 32 random bytes in a file of their own, so that a copied state folder alone is worth nothing.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::DirBuilderExt,
    path::Path,
};

use zeroize::Zeroizing;

use super::{disk::open_file, envelope, error::OpenError};

/// The name under which the checksum is made.
const NAME: &str = "secret";

/// The device secret. It is on the heap, because a value that is moved leaves a copy on the stack.
pub type DeviceSecret = Box<Zeroizing<[u8; 32]>>;

/// Reads the secret. If there is none, a new one is made for its owner only.
///
/// # Errors
/// The file cannot be read or made, others can read it, or it is not a secret of this version.
pub fn secret(path: &Path) -> Result<DeviceSecret, OpenError> {
    // What processes that were killed have left in [`create`].
    file::sweep(file::folder(path));
    if let Some(secret) = read(path)? {
        return Ok(secret);
    }
    let failed = |error| OpenError::Folder(path.into(), error);
    create(path)?;
    // Another process may have made a secret first. Then that secret counts, and must be durable before it is used.
    let secret = read(path)?.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
    File::open(file::folder(path)).and_then(|folder| folder.sync_all()).map_err(failed)?;
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
    file::check_private_found(&file.metadata().map_err(failed)?, path, "600")?;
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

/// Makes a new secret, unless another process has made one meanwhile.
fn create(path: &Path) -> Result<(), OpenError> {
    let failed = |error| OpenError::Folder(path.into(), error);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(file::folder(path)).map_err(failed)?;
    let mut secret = DeviceSecret::default();
    getrandom::fill(secret.as_mut_slice()).map_err(|error| OpenError::Random(error.to_string()))?;
    let content = Zeroizing::new(envelope::seal(NAME, 0, secret.as_slice()));
    match file::write(path, &content, file::Access::Owner, false) {
        Ok(()) | Err(file::Error::Exists(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
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
            fs::write(folder.path().join(".secret.0123456789abcdef.tmp"), "half").unwrap();
            fs::write(folder.path().join(".secret.notes.tmp"), "not ours").unwrap();
            secret(&path).unwrap();
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        }
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
