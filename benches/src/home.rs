//! `ushield` with a home folder of its own, so that no file of the user changes a figure and no file stays behind.

use std::{
    fs,
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::PathBuf,
    process::Command,
};

use anyhow::Context;
use serde_json::Value;
use tempfile::TempDir;
use ushield_tests::bench::PIN;

use crate::process::{Running, beside, start_ready};

/// A folder that stands for the user's.
pub(crate) struct Home(TempDir);

/// Tokens on a USB/IP server.
pub(crate) struct Up {
    pub(crate) running: Running,
    pub(crate) address: String,
    /// Its Unix socket, as `USHIELD_USBIP` names it.
    pub(crate) unix: String,
}

impl Home {
    pub(crate) fn new() -> anyhow::Result<Self> {
        // A short name: sockets live below it.
        let home = Self(tempfile::Builder::new().prefix("usb").tempdir()?);
        fs::set_permissions(home.0.path(), fs::Permissions::from_mode(0o700))?;
        home.file("pin", PIN)?;
        Ok(home)
    }

    /// A new file for its owner only.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> anyhow::Result<PathBuf> {
        let path = self.0.path().join(name);
        fs::File::options().write(true).create_new(true).mode(0o600).open(&path)?.write_all(bytes)?;
        Ok(path)
    }

    /// A new folder.
    pub(crate) fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.0.path().join(name);
        fs::create_dir(&path)?;
        Ok(path)
    }

    /// The environment of a program of ours, with these settings besides.
    pub(crate) fn settings(&self, more: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
        let home = self.0.path().display().to_string();
        let folders = ["HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"];
        folders.into_iter().map(|name| (name, home.clone())).chain(more.iter().cloned()).collect()
    }

    /// `ushield`, in this home.
    pub(crate) fn ushield(&self) -> anyhow::Result<Command> {
        let mut command = Command::new(beside("ushield")?);
        command.env_remove(wire::pcsclite::ENVIRONMENT).env_remove(card::road::ENVIRONMENT);
        command.envs(self.settings(&[]));
        Ok(command)
    }

    /// `ushield up --memory`, under this name.
    pub(crate) fn up(&self, name: &str, tokens: u16) -> anyhow::Result<Up> {
        let mut command = self.ushield()?;
        command.args(["up", "--memory", "--listen", "127.0.0.1:0", "--panel", "accept"]);
        command.args(["--tokens", &tokens.to_string(), "--pin-file"]).arg(self.0.path().join("pin"));
        command.arg("--control").arg(self.0.path().join(format!("{name}.control")));
        let (running, ready) = start_ready(command, &self.0.path().join(format!("{name}-up.ready")))?;
        Ok(Up { running, address: text(&ready, "listen")?, unix: text(&ready, "unix")? })
    }

    /// `ushield up` with tokens on the disk, which are made by the first call. Returns once they can be attached.
    pub(crate) fn up_on_disk(&self, name: &str, tokens: u16) -> anyhow::Result<Running> {
        let at = |ending: &str| self.0.path().join(format!("{name}.{ending}"));
        let mut command = self.ushield()?;
        command.args(["up", "--listen", "127.0.0.1:0", "--panel", "accept", "--tokens", &tokens.to_string()]);
        command.arg("--pin-file").arg(self.0.path().join("pin")).arg("--control").arg(at("control"));
        command.arg("--state").arg(at("state")).arg("--secret").arg(at("secret"));
        // A killed server leaves its file.
        let _ = fs::remove_file(at("ready"));
        Ok(start_ready(command, &at("ready"))?.0)
    }

    /// `ushield reader` before these tokens, and its socket.
    pub(crate) fn reader(&self, name: &str, up: &Up) -> anyhow::Result<(Running, String)> {
        let mut command = self.ushield()?;
        command.args(["reader", "--usbip", &up.unix]);
        command.arg("--socket").arg(self.0.path().join(format!("{name}.pcscd")));
        let (running, ready) = start_ready(command, &self.0.path().join(format!("{name}-reader.ready")))?;
        Ok((running, text(&ready, "socket")?))
    }
}

fn text(ready: &Value, name: &str) -> anyhow::Result<String> {
    Ok(ready[name].as_str().with_context(|| format!("the ready file has no {name}"))?.to_owned())
}
