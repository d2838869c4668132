//! The user's settings, for every program and driver library: `ushield/config.toml` in the config folder
//! (`XDG_CONFIG_HOME`, else `~/.config`). The environment wins over the file, and an option wins over both.
//!
//! ```toml
//! usbip  = "192.168.122.1:3240/1-1"    # the USB/IP server, as in USHIELD_USBIP
//! pcsc   = "/run/user/1000/ushield/pcscd.comm"   # the PC/SC service, as in PCSCLITE_CSOCK_NAME
//! serial = "00C0FFEE"                  # the token, where there are several
//! debug  = "/home/me/ushield.trace"    # as in USHIELD_DEBUG: a file in a folder of your own
//! payment_key = "show"                 # to PKCS#11 programs, as in USHIELD_PAYMENT_KEY; else "hide"
//! ```

use std::{
    ffi::OsStr,
    fs,
    io::{self, Read as _},
    path::PathBuf,
};

use serde::Deserialize;

use crate::{environment, error::Error};

/// What the file may say. Each key is optional, and any other key is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The USB/IP server, `HOST:PORT` or `HOST:PORT/BUSID`.
    pub usbip: Option<String>,
    /// The socket of the PC/SC service.
    pub pcsc: Option<String>,
    /// iSerialNumber of the token.
    pub serial: Option<String>,
    /// Where APDUs are traced to.
    pub debug: Option<String>,
    /// Whether the PKCS#11 library shows the payment key.
    pub payment_key: Option<PaymentKey>,
}

/// What the PKCS#11 library does with the payment key. Programs that take the first private key they find, or offer every
/// certificate that has one, fail with a key that signs nothing but payment orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PaymentKey {
    /// The payment key is hidden, and its certificate is shown.
    #[default]
    Hide,
    /// The payment key and its certificate are shown.
    Show,
}

/// The environment variable that wins over `payment_key`.
pub const PAYMENT_KEY: &str = "USHIELD_PAYMENT_KEY";

impl PaymentKey {
    /// What the environment says, else what the config file says.
    ///
    /// # Errors
    /// [`Error::Settings`]: one of them says neither "show" nor "hide".
    pub fn chosen() -> Result<Self, Error> {
        match environment::variable(PAYMENT_KEY).filter(|value| !value.is_empty()) {
            Some(value) => Self::parse(&value).ok_or_else(|| {
                Error::Settings(format!(
                    "{PAYMENT_KEY} is neither \"show\" nor \"hide\": no token is shown\nSet it to one of them, or unset it."
                ))
            }),
            None => Ok(read()?.payment_key.unwrap_or_default()),
        }
    }

    fn parse(value: &OsStr) -> Option<Self> {
        match value.to_str() {
            Some("show") => Some(Self::Show),
            Some("hide") => Some(Self::Hide),
            _ => None,
        }
    }
}

/// Most bytes of a config file. A longer file is not read.
const MOST: u64 = 65_536;

/// Where the file is; `None` when the environment names no folder.
pub fn path() -> Option<PathBuf> {
    let absolute =
        |name: &str| environment::variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
    Some(folder.join("ushield/config.toml"))
}

/// The user's settings; none when there is no file.
///
/// # Errors
/// [`Error::Settings`]: the file cannot be read or understood.
pub fn read() -> Result<Config, Error> {
    path().map_or_else(|| Ok(Config::default()), |path| read_from(&path))
}

fn read_from(path: &std::path::Path) -> Result<Config, Error> {
    let wrong = |why: String| {
        let name = path.display();
        Error::Settings(format!(
            "the settings in {name} are not used: {why}\nCorrect the file, or move it away."
        ))
    };
    let text = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Config::default()),
        Ok(found) if found.len() > MOST => return Err(wrong("it is too long for a config file".into())),
        // A pipe would keep every program that loads this library waiting.
        Ok(found) if !found.is_file() => return Err(wrong("it is no file".into())),
        _ => {
            let mut text = String::new();
            let read = fs::File::open(path).and_then(|file| file.take(MOST).read_to_string(&mut text));
            read.map_err(|error| wrong(error.to_string()))?;
            text
        }
    };
    toml::from_str(&text).map_err(|error| wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::env;

    /// Programs that load our libraries read the settings: what is no file must not keep them waiting.
    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let socket = folder.path().join("socket");
        drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
        let device = folder.path().join("device");
        std::os::unix::fs::symlink("/dev/zero", &device).unwrap();
        for path in [&pipe, &socket, &device, &folder.path().to_owned()] {
            let error = read_from(path).unwrap_err().to_string();
            assert!(error.contains("no file"), "{error}");
        }
        let huge = folder.path().join("huge");
        fs::File::create(&huge).unwrap().set_len(1 << 40).unwrap();
        assert!(read_from(&huge).unwrap_err().to_string().contains("too long"));
    }

    #[test]
    fn each_key_is_read_and_no_other_is_taken() {
        let folder = env::temp_dir().join(format!("ushield-config-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("config.toml");
        assert_eq!(read_from(&file).unwrap(), Config::default());
        fs::write(&file, "usbip = \"h:1/1-1\"\npcsc = \"/s\"\nserial = \"1\"\ndebug = \"1\"\npayment_key = \"show\" # all\n")
            .unwrap();
        let all = Config {
            usbip: Some("h:1/1-1".into()),
            pcsc: Some("/s".into()),
            serial: Some("1".into()),
            debug: Some("1".into()),
            payment_key: Some(PaymentKey::Show),
        };
        assert_eq!(read_from(&file).unwrap(), all);
        for wrong in ["usb = 1", "usbip = 3240", "usbip", "[token]\nserial = \"1\"", "payment_key = true"] {
            fs::write(&file, wrong).unwrap();
            let error = read_from(&file).unwrap_err().to_string();
            assert!(error.contains("config.toml") && error.contains("Correct"), "{error}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_payment_key_is_shown_or_hidden_and_nothing_between() {
        assert_eq!(PaymentKey::default(), PaymentKey::Hide);
        assert_eq!(PaymentKey::parse("show".as_ref()), Some(PaymentKey::Show));
        assert_eq!(PaymentKey::parse("hide".as_ref()), Some(PaymentKey::Hide));
        assert_eq!(PaymentKey::parse("1".as_ref()), None);
    }
}
