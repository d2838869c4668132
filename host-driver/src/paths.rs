//! Paths of what `ushield` keeps: the state of the tokens, the device secret, the socket of a running `up`. All of it is
//! closed to everybody but its owner.

mod runtime;

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use file::socket::LONGEST;
pub use runtime::{runtime, runtimes};
use terminal::{Context, Failure};

/// The folder of the tokens when `--state` names none: below the user's state folder (XDG Base Directory).
///
/// # Errors
/// Neither the environment nor HOME names a folder.
pub fn state() -> Result<PathBuf, Failure> {
    below("XDG_STATE_HOME", ".local/state", "--state DIR")
}

/// The file of the device secret when `--secret` names none: apart from the state, below the config folder.
///
/// # Errors
/// As [`state`].
pub fn secret() -> Result<PathBuf, Failure> {
    Ok(below("XDG_CONFIG_HOME", ".config", "--secret FILE")?.join("secret"))
}

fn below(variable: &str, usual: &str, option: &str) -> Result<PathBuf, Failure> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute(variable)
        .or_else(|| absolute("HOME").map(|home| home.join(usual)))
        .map(|folder| folder.join("ushield"))
        .ok_or_else(|| {
            Failure::new("there is no folder to use")
                .because(format!("neither {variable} nor HOME says where yours is"))
                .next(format!("say {option}"))
        })
}

/// The absolute form of a path: it stays right when the working folder changes, and in another process.
///
/// # Errors
/// The working folder is gone.
pub fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).what(format!("{} is no path here", path.display()))
}

/// The folder of the demo's files, among the temporary files. All demos of a user share one folder; where another user has
/// taken its name, the folder is a new one.
///
/// # Errors
/// The folder cannot be made.
pub fn demo() -> Result<PathBuf, Failure> {
    let parent = std::env::temp_dir();
    let folder = parent.join(format!("ushield-demo-{}", rustix::process::getuid().as_raw()));
    file::make_private_folder(&folder).map(|()| folder).or_else(|_| fresh_folder_in(&parent, "ushield-demo"))
}

/// Makes a new folder for the owner only; its name begins with `name`.
///
/// # Errors
/// The folder cannot be made.
pub fn fresh_folder_in(parent: &Path, name: &str) -> Result<PathBuf, Failure> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).what("there is no randomness")?;
    let folder = parent.join(format!("{name}-{:016x}", u64::from_le_bytes(random)));
    let made = fs::DirBuilder::new().mode(0o700).create(&folder);
    made.what(format!("the folder {} could not be made", folder.display()))?;
    Ok(folder)
}

/// A folder that is removed when this value is dropped.
#[derive(Debug)]
pub struct Scratch(pub PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // A file that cannot be removed is closed to others, and the system sweeps temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The control socket of the `up` that serves this state. For tokens in memory, the name has the number of this process.
pub fn socket(runtime: &Path, state: Option<&Path>) -> PathBuf {
    match state {
        Some(state) => runtime.join(format!("{:016x}.sock", fingerprint(state))),
        None => runtime.join(format!("memory-{}.sock", std::process::id())),
    }
}

/// Whether this is the address of the server that a client means that was told no address. The Unix socket of such a server has
/// the name that every client knows ([`file::socket::STANDARD`]).
pub fn is_standard(listen: SocketAddr) -> bool {
    let ip = listen.ip();
    (ip == Ipv4Addr::LOCALHOST || ip.is_unspecified()) && listen.port() == wire::usbip::PORT
}

/// The Unix socket of any other USB/IP server: it stands beside the server's control socket, so that a server whose control socket
/// was named leaves nothing anywhere else.
pub fn beside(control: &Path) -> PathBuf {
    let taken = control.extension().is_some_and(|end| end == "usbip");
    control.with_extension(if taken { "usbip.usbip" } else { "usbip" })
}

/// FNV-1a of a path. It is the same in every build; the standard library does not promise that of its hasher.
fn fingerprint(path: &Path) -> u64 {
    let bytes = path.as_os_str().as_encoded_bytes();
    bytes
        .iter()
        .fold(0xCBF2_9CE4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3))
}

/// Checks that the system takes a socket's path.
///
/// # Errors
/// The path is too long.
pub fn check_socket(path: &Path) -> Result<(), Failure> {
    let length = path.as_os_str().len();
    if length <= LONGEST {
        return Ok(());
    }
    Err(Failure::new(format!("the socket {} cannot be made", path.display()))
        .because(format!("its path has {length} bytes, and the system takes {LONGEST}"))
        .next("name a shorter one"))
}

/// The text, quoted where a shell would not read it as one word.
pub fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@%".contains(&byte);
    if text.bytes().all(plain) { text.into() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use file::socket::LONGEST_NAME;

    #[test]
    fn sockets_are_short_and_told_apart() {
        let runtime = Path::new("/tmp/ushield-0");
        let one = socket(runtime, Some(Path::new("/a")));
        assert_ne!(one, socket(runtime, Some(Path::new("/b"))));
        assert!(one.file_name().unwrap().len() <= LONGEST_NAME);
        assert!("run-0123456789abcdef/control.sock".len() <= LONGEST_NAME);
        assert!(check_socket(Path::new(&"x".repeat(108))).is_err());
        for known in ["127.0.0.1:3240", "0.0.0.0:3240", "[::]:3240"] {
            assert!(is_standard(known.parse().unwrap()), "{known}");
        }
        // A client that was told no address does not mean these.
        for other in ["127.0.0.1:3241", "127.0.0.2:3240", "[::1]:3240", "192.168.122.1:3240"] {
            assert!(!is_standard(other.parse().unwrap()), "{other}");
        }
        assert_eq!(beside(&one), one.with_extension("usbip"));
        assert_eq!(beside(Path::new("/w/control")), Path::new("/w/control.usbip"));
        assert_eq!(beside(Path::new("/w/a.usbip")), Path::new("/w/a.usbip.usbip"));
    }

    #[test]
    fn what_a_shell_reads_back() {
        assert_eq!(quoted("/run/user/0/ushield/pcscd.comm"), "/run/user/0/ushield/pcscd.comm");
        assert_eq!(quoted("/tmp/it's mine"), r"'/tmp/it'\''s mine'");
    }
}
