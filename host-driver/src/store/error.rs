//! Why a store, or the device secret, cannot be opened, and what to do about it.

use std::{io, path::PathBuf};

/// Why a store cannot be opened. Nothing was changed then; the text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder, or a file in it, could not be used.
    #[error("{0} cannot be used: {1}. Name another folder, or make this one yours to read and write")]
    Folder(PathBuf, #[source] io::Error),
    /// The folder, or a file in it, belongs to another user.
    #[error("{0} belongs to user {1}: run as that user, or name another")]
    Owner(PathBuf, u32),
    /// Other users can read the folder, or a file in it.
    #[error(
        "{path} can be read by others than you, and so may have been: close it with `chmod {mode} {path}`, and think \
         about new keys and PINs"
    )]
    Public {
        /// What can be read.
        path: PathBuf,
        /// The mode that closes it.
        mode: &'static str,
    },
    /// Something else stands where a file should be.
    #[error(
        "{path} is {what}, and only a file of its own belongs there: move it away, and put the file back from a copy if \
         there was one. Nothing was changed"
    )]
    Kind {
        /// What was found.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// Another process serves this token.
    #[error(
        "{folder} is in use by {}: stop that one first, or name another folder",
        .pid.map_or_else(|| "another process".into(), |pid| format!("process {pid}"))
    )]
    Held {
        /// The token's folder.
        folder: PathBuf,
        /// Who holds it, as far as is known.
        pid: Option<u32>,
    },
    /// A file that this version did not write.
    #[error(
        "{name} is not a file that this version of ushield writes ({why}). If a newer version did, run that one; if it is \
         something else, move it out of the folder. Nothing was changed"
    )]
    Unknown {
        /// The file.
        name: String,
        /// What is not known about it.
        why: &'static str,
    },
    /// A file whose content is not what was written.
    #[error(
        "{name} is damaged ({why}). Put the folder back from a copy, or move it away to start with a new token; its keys \
         are lost then. Nothing was changed"
    )]
    Damaged {
        /// The file.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The system has no randomness to make a secret of.
    #[error("the system gave no random bytes: {0}. Try again once it is up")]
    Random(String),
}

/// Whose a file or folder is, the crate `file` judges. What that means for a token is said here.
impl From<file::Error> for OpenError {
    fn from(error: file::Error) -> Self {
        match error {
            file::Error::Stranger { path, owner, .. } => Self::Owner(path, owner),
            file::Error::Open { path, right, .. } => Self::Public { path, mode: right },
            file::Error::System { path, fault, .. } => Self::Folder(path, fault),
            file::Error::Foreign { ref path, .. }
            | file::Error::Exists(ref path)
            | file::Error::TooLong { ref path, .. } => Self::Folder(path.clone(), error.into()),
        }
    }
}

impl OpenError {
    /// The error for a file of this name whose envelope has this fault.
    pub(super) fn of(name: impl Into<String>, fault: super::envelope::Fault) -> Self {
        let name = name.into();
        if fault.unknown {
            Self::Unknown { name, why: fault.why }
        } else {
            Self::Damaged { name, why: fault.why }
        }
    }
}
