//! Why a file was not read, written or used.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use wire::reason::Reason;

/// Why a file was not read, written or used. `Display` is one line; [`Self::what`], [`Self::why`] and [`Self::next`] are
/// its parts. A file's name stands there as it is: whoever prints it to a terminal escapes it.
#[derive(Debug)]
pub enum Error {
    /// There is a file of that name, and nobody said that it may be replaced.
    Exists(PathBuf),
    /// The file is longer than anything that belongs here.
    TooLong {
        /// The file.
        path: PathBuf,
        /// The most that it may hold, and why, for people.
        than: &'static str,
    },
    /// The file or folder belongs to another user.
    Stranger {
        /// The file or folder.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// The user that the program runs as.
        own: u32,
    },
    /// Others than the owner may open the file or folder, or write to it.
    Open {
        /// The file or folder.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
        /// Why that matters, for people.
        why: &'static str,
        /// The permissions that it should have, as chmod(1) takes them.
        right: &'static str,
    },
    /// What stands under this name may be somebody else's, or lead to what is somebody else's.
    Foreign {
        /// The file.
        path: PathBuf,
        /// What stands there, for people.
        why: &'static str,
    },
    /// The system refused.
    System {
        /// What was tried: "read", "write".
        deed: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        fault: io::Error,
    },
}

impl Error {
    /// The system refused what was tried with this file.
    pub fn system(deed: &'static str, path: &Path, fault: io::Error) -> Self {
        Self::System { deed, path: path.into(), fault }
    }

    /// The reason, for programs.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Exists(_) => Reason::Exists,
            Self::TooLong { .. } => Reason::Damaged,
            Self::Stranger { .. } | Self::Open { .. } | Self::Foreign { .. } => Reason::TooOpen,
            Self::System { fault, .. } if fault.kind() == io::ErrorKind::NotFound => Reason::Missing,
            Self::System { .. } => Reason::Disk,
        }
    }

    /// What happened.
    pub fn what(&self) -> String {
        match self {
            Self::Exists(path) => format!("{} was not written", path.display()),
            Self::TooLong { path, .. } => format!("{} was not read", path.display()),
            Self::Stranger { path, .. } | Self::Foreign { path, .. } => {
                format!("{} is not used", path.display())
            }
            Self::Open { path, .. } => format!("{} is open to others", path.display()),
            Self::System { deed, path, .. } => format!("could not {deed} {}", path.display()),
        }
    }

    /// Why.
    pub fn why(&self) -> String {
        match self {
            Self::Exists(_) => "there is a file of that name".into(),
            Self::TooLong { than, .. } => format!("it is longer than {than}"),
            Self::Stranger { owner, own, .. } => {
                format!("it belongs to user {owner}, and this program runs as user {own}")
            }
            Self::Open { mode, why, .. } => format!("its permissions are {:03o}, and {why}", mode & 0o777),
            Self::Foreign { why, .. } => (*why).into(),
            Self::System { fault, .. } => fault.to_string(),
        }
    }

    /// What to do next.
    pub fn next(&self) -> String {
        let fault = match self {
            Self::Exists(_) => return "name another file, or say --force to replace it".into(),
            Self::TooLong { .. } => return "name the right file".into(),
            Self::Stranger { .. } => {
                return "run the program as that user, or name a folder of your own".into();
            }
            Self::Open { path, right, .. } => {
                return format!(
                    "chmod {right} {}   (or name a folder that is not there yet)",
                    path.display()
                );
            }
            Self::Foreign { .. } => return "name a file in a folder of your own".into(),
            Self::System { fault, .. } => fault,
        };
        match fault.kind() {
            io::ErrorKind::NotFound => "check the name and the folder",
            io::ErrorKind::PermissionDenied => "take a place where you may write, or ask its owner",
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "make room on that disk and run the command again"
            }
            io::ErrorKind::FileTooLarge => {
                "raise the limit of file sizes (ulimit -f; the file system may have one, too) and run the command again"
            }
            _ => "check the disk and run the command again",
        }
        .into()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.what(), self.why(), self.next())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::System { fault, .. } => Some(fault),
            _ => None,
        }
    }
}

/// For those who write into the file themselves, and have one kind of error for both.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::System { fault, .. } => fault.kind(),
            Error::Exists(_) => io::ErrorKind::AlreadyExists,
            Error::TooLong { .. } => io::ErrorKind::FileTooLarge,
            Error::Stranger { .. } | Error::Open { .. } | Error::Foreign { .. } => {
                io::ErrorKind::PermissionDenied
            }
        };
        Self::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_why_and_next() {
        let fault = Error::system("write", Path::new("a"), io::ErrorKind::StorageFull.into());
        assert_eq!(fault.reason(), Reason::Disk);
        let text = fault.to_string();
        assert!(text.starts_with("could not write a: ") && text.ends_with("run the command again"), "{text}");
        let missing = Error::system("read", Path::new("a"), io::ErrorKind::NotFound.into());
        assert_eq!(
            (missing.reason(), missing.next().as_str()),
            (Reason::Missing, "check the name and the folder")
        );
    }
}
