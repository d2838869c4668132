//! The folder of the sockets: the first of [`file::socket::folders`] that is the user's own, or can be made so.

use std::{
    env, fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use file::socket::folders;
use terminal::Failure;

/// The folder of the sockets. It is made if it is not there.
///
/// # Errors
/// None of the folders can be used.
pub fn runtime() -> Result<PathBuf, Failure> {
    first(&folders(&|name| env::var_os(name).map(PathBuf::from)))
}

/// Every folder in which a socket of this user's may be. The program that made the socket may have had another environment
/// than this one.
pub fn runtimes() -> Vec<PathBuf> {
    let mut folders = folders(&|name| env::var_os(name).map(PathBuf::from));
    folders.retain(|folder| owner(folder) == Some(own()) && file::make_private_folder(folder).is_ok());
    folders
}

fn own() -> u32 {
    rustix::process::getuid().as_raw()
}

/// The owner of a path; `None` when nothing is there. Links are not followed.
fn owner(path: &Path) -> Option<u32> {
    fs::symlink_metadata(path).ok().map(|found| found.uid())
}

/// The first folder that is ours and closed to others. A folder of ours that is open to others is an error and not passed
/// over: a program that was started while it was closed may listen there.
fn first(candidates: &[PathBuf]) -> Result<PathBuf, Failure> {
    let mut why = Vec::new();
    for folder in candidates {
        match file::make_private_folder(folder).map_err(Failure::from) {
            Ok(()) => return Ok(folder.clone()),
            Err(failure) if owner(folder) == Some(own()) => return Err(failure),
            Err(failure) => why.push(failure.to_string().replace('\n', ";")),
        }
    }
    Err(Failure::new("there is no folder for sockets")
        .because(why.join("\n"))
        .next("name a folder of your own that others cannot open (chmod 700): export XDG_RUNTIME_DIR=FOLDER"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A folder with this mode.
    fn folder(parent: &Path, name: &str, mode: u32) -> PathBuf {
        let path = parent.join(name);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn the_users_own_runtime_folder_comes_first_and_no_one_elses_is_used() {
        let parent = tempfile::Builder::new().prefix("us").tempdir().unwrap();
        let (mine, temporary) = (folder(parent.path(), "r", 0o700), folder(parent.path(), "t", 0o700));
        let shared = temporary.join(format!("ushield-{}", own()));
        let with = |runtime: &Path| {
            folders(&|name| match name {
                "XDG_RUNTIME_DIR" => Some(runtime.into()),
                "TMPDIR" => Some(temporary.clone()),
                _ => None,
            })
        };
        assert_eq!(first(&with(&mine)).unwrap(), mine.join("ushield"));
        // Others may write there, it is missing, its name is relative or leaves no room for a socket's.
        let open = folder(parent.path(), "o", 0o777);
        let long = folder(parent.path(), &"x".repeat(80), 0o700);
        for runtime in [&open, Path::new("/no/such/folder"), Path::new("r"), &long] {
            assert_eq!(first(&with(runtime)).unwrap(), shared, "{}", runtime.display());
        }
        // Ours, and open to others: said, not passed over.
        fs::set_permissions(mine.join("ushield"), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(first(&with(&mine)).unwrap_err().to_string().contains("chmod 700"));
    }

    #[test]
    fn a_place_that_another_took_is_passed_over() {
        let parent = tempfile::Builder::new().prefix("us").tempdir().unwrap();
        // What no user owns here stands for what another made: a file of the kernel's, where nothing can be made.
        let taken = PathBuf::from("/proc/sys");
        let (file, free) = (parent.path().join("file"), parent.path().join("free"));
        fs::write(&file, "").unwrap();
        if own() != 0 {
            assert_eq!(first(&[taken.clone(), free.clone()]).unwrap(), free);
        }
        assert_eq!(first(&[file.join("below"), free.clone()]).unwrap(), free);
        let none = first(&[file.join("below")]).unwrap_err().to_string();
        assert!(none.contains("XDG_RUNTIME_DIR"), "{none}");
    }

    /// Root can make what another user left.
    #[test]
    fn what_is_another_users_is_passed_over() {
        if own() != 0 {
            return; // Only root can give a folder away.
        }
        let parent = tempfile::Builder::new().prefix("us").tempdir().unwrap();
        let (squatted, free) = (folder(parent.path(), "squatted", 0o700), parent.path().join("free"));
        std::os::unix::fs::chown(&squatted, Some(65_534), Some(65_534)).unwrap();
        assert_eq!(first(&[squatted.clone(), free.clone()]).unwrap(), free);
        let runtime = folders(&|name| (name == "XDG_RUNTIME_DIR").then(|| squatted.clone()));
        assert!(!runtime.contains(&squatted.join("ushield")), "{runtime:?}");
        // A link of somebody else's that leads to our own folder.
        let link = parent.path().join("link");
        std::os::unix::fs::symlink(&free, &link).unwrap();
        std::os::unix::fs::lchown(&link, Some(65_534), None).unwrap();
        let other = parent.path().join("other");
        assert_eq!(first(&[link, other.clone()]).unwrap(), other);
    }
}
