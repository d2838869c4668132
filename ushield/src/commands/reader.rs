//! `ushield reader`.

use std::{
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use clap::Args;
use host_driver::{log, memory, paths, runtime};
use reader::{Access, Config, Service};
use rustix::process::{Signal, kill_process};
use terminal::{Context, Exit, Failure, Outcome, say, say_bytes, signal::go_on_in_background, warn};

use super::{background, ends::Ends};
use crate::process::Process;

/// How long a service may take to end.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Show tokens to programs that speak PC/SC, without root, pcscd or a kernel module
///
/// It plays pcscd: every program that links libpcsclite finds the tokens when PCSCLITE_CSOCK_NAME names its socket. It
/// holds its tokens as long as it runs, and shares them among up to 256 clients.
#[derive(Args)]
#[command(after_help = "Examples:
  eval \"$(ushield reader -d)\" && opensc-tool -l      in the background, for this shell
  ushield reader --stop
  ushield reader --socket /shared/pcscd.comm --socket-mode 660 --socket-group ci      for a sidecar")]
pub(crate) struct Reader {
    /// The socket [default: pcscd.comm in $XDG_RUNTIME_DIR/ushield]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// The USB/IP server of the tokens: HOST:PORT or unix:PATH, either with /BUSID behind it [default: the Unix socket of
    /// your `up`, else 127.0.0.1:3240]
    #[arg(long, value_name = "SERVER", env = card::road::ENVIRONMENT)]
    usbip: Option<String>,
    /// Only this token; may be repeated [default: all there are, and that come, 16 at most]
    #[arg(long, value_name = "BUSID")]
    token: Vec<String>,
    /// Let others than you connect: the socket's mode, octal
    #[arg(long, value_name = "MODE", value_parser = mode)]
    socket_mode: Option<u32>,
    /// The group that owns the socket, by name or number
    #[arg(long, value_name = "GROUP", requires = "socket_mode", value_parser = group)]
    socket_group: Option<u32>,
    /// Run in the background; returns once the tokens are there
    #[arg(short, long)]
    detach: bool,
    /// Write JSON (socket, pid, readers) to this file once the tokens are there
    #[arg(long, value_name = "F")]
    ready_file: Option<PathBuf>,
    /// End the one that serves the socket
    #[arg(long, conflicts_with_all = ["detach", "ready_file", "token", "socket_mode"])]
    stop: bool,
}

fn mode(text: &str) -> Result<u32, String> {
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| mode & !0o777 == 0)
        .ok_or_else(|| "an octal mode such as 660".into())
}

/// The number of a group. A name is looked up in /etc/group.
fn group(text: &str) -> Result<u32, String> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    let groups = fs::read_to_string("/etc/group").map_err(|error| format!("/etc/group: {error}"))?;
    let number = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(text)).then(|| fields.nth(1)?.parse().ok()).flatten()
    });
    number.ok_or_else(|| format!("there is no group {text} in /etc/group"))
}

impl Reader {
    pub(crate) fn run(mut self) -> Outcome {
        let socket = match &self.socket {
            Some(socket) => paths::absolute(socket)?,
            None => paths::runtime()?.join("pcscd.comm"),
        };
        if self.stop {
            return stop(&socket);
        }
        if self.detach && !background::in_background() {
            return background::start();
        }
        if let Some(file) = &mut self.ready_file {
            *file = paths::absolute(file)?;
        }
        if self.detach {
            background::begin();
        }
        go_on_in_background();
        memory::close();
        log::begin();
        let runtime = runtime::here()?;
        let mut ends = runtime.block_on(async { Ends::new() })?;
        // A ready file that a killed reader has left would make a waiting script go on too early.
        if let Some(file) = &self.ready_file {
            file::remove(file);
        }
        let service = Service::start(self.config(socket))
            .map_err(|error| Failure::new("the reader did not start").because(error))?;
        self.announce(&service)?;
        runtime.block_on(async {
            let logging = tokio::spawn(log::tell_what_was_left_out());
            ends.any().await;
            logging.abort();
        });
        log::tell_now();
        if let Some(file) = &self.ready_file {
            file::remove(file);
        }
        service.shutdown();
        Ok(Exit::Done)
    }

    fn config(&self, socket: PathBuf) -> Config {
        let named = self.usbip.as_deref().filter(|named| !named.is_empty()).map(card::usbip::place);
        let bus_id = named.and_then(|(_, bus_id)| bus_id).map(str::to_owned);
        let access = match self.socket_mode {
            Some(mode) => Access::Mode { mode, group: self.socket_group },
            None => Access::Owner,
        };
        let bus_ids = self.token.iter().cloned().chain(bus_id).collect();
        Config {
            socket,
            access,
            usbip: named.map(|(address, _)| address.into()),
            bus_ids,
            ..Config::default()
        }
    }

    /// Prints the line for a shell on standard output, and everything else on standard error.
    fn announce(&self, service: &Service) -> Result<(), Failure> {
        let (socket, readers) = (service.socket(), service.readers());
        if let Some(file) = &self.ready_file {
            let ready = serde_json::json!({
                "socket": socket.display().to_string(), "pid": std::process::id(), "readers": readers,
            });
            let json = serde_json::to_vec_pretty(&ready).what("the ready file could not be written")?;
            file::write(file, &json, file::Access::Owner, true)?;
        }
        if readers.is_empty() {
            warn("No token is free yet: `ushield plug` plugs one in, and it is shown then.");
        }
        readers.iter().for_each(|reader| warn(&format!("Reader: {reader}")));
        let line = [b"export PCSCLITE_CSOCK_NAME=", &quoted(socket.as_os_str().as_bytes())[..]].concat();
        if self.detach {
            return background::release(&line, &socket.with_extension("log"));
        }
        say_bytes(&line);
        Ok(())
    }
}

/// The bytes of a path, quoted where a shell would not read them as one word. A path need not be UTF-8.
fn quoted(text: &[u8]) -> Vec<u8> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+:@%".contains(byte);
    if text.iter().all(plain) {
        return text.into();
    }
    let words: Vec<&[u8]> = text.split(|byte| *byte == b'\'').collect();
    [b"'", &words.join(&br"'\''"[..])[..], b"'"].concat()
}

/// Ends the service that listens at the socket, and waits until it is gone.
fn stop(socket: &Path) -> Outcome {
    let name = socket.display();
    let what = format!("no reader serves {name}");
    let process = Process::behind(socket).what(what)?;
    let pid = process.pid();
    kill_process(pid, Signal::TERM).what(format!("the reader (process {pid}) was not stopped"))?;
    let end = Instant::now() + LAST_WORDS;
    let late =
        || Failure::new(format!("the reader (process {pid}) does not end")).next(format!("kill -9 {pid}"));
    // The service removes its socket last of all files.
    while fs::symlink_metadata(socket).is_ok() {
        if Instant::now() >= end {
            return Err(late());
        }
        thread::sleep(Duration::from_millis(20));
    }
    // Its log, its locks and its connections are let go of when the process has ended.
    if !process.has_ended_by(end) {
        return Err(late());
    }
    say("Stopped.");
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_reads_back() {
        assert_eq!(quoted(b"/run/user/0/ushield/pcscd.comm"), b"/run/user/0/ushield/pcscd.comm");
        assert_eq!(quoted(b"/tmp/it's mine"), br"'/tmp/it'\''s mine'");
        assert_eq!(quoted(b"/tmp/\xFF"), b"'/tmp/\xFF'");
    }

    #[test]
    fn modes_and_groups() {
        assert_eq!(mode("660"), Ok(0o660));
        assert!(mode("1777").is_err() && mode("9").is_err());
        assert_eq!((group("0"), group("root")), (Ok(0), Ok(0)));
        assert!(group("no-such-group").is_err());
    }
}
