//! A running `ushield up`, to be killed.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use ushield_tests::scene::Make;

use crate::Fault;

/// The PIN that the token begins with.
pub const FIRST_PIN: &[u8] = b"135790";

/// The program, serving one token. It is killed when this goes.
pub struct Server {
    child: Child,
    place: PathBuf,
    make: Make,
    /// The address of the USB/IP server, once the server is ready.
    pub address: String,
}

impl Server {
    /// Starts the program. Below `place` are: `state`, `config/secret`, and what concerns only the run.
    pub fn start(ushield: &Path, place: &Path, make: Make, chosen_pin: bool) -> Result<Self, Fault> {
        let run = place.join("run");
        fs::create_dir_all(&run).map_err(|error| error.to_string())?;
        let _ = fs::remove_file(run.join("ready"));
        let log = |name| File::create(run.join(name)).map_err(|error| error.to_string());
        let mut command = up(ushield, place, make, "sock");
        if chosen_pin {
            fs::write(run.join("pin"), FIRST_PIN).map_err(|error| error.to_string())?;
            command.arg("--pin-file").arg(run.join("pin"));
        }
        command.arg("--ready-file").arg(run.join("ready")).stdout(log("said")?).stderr(log("complained")?);
        let child = command.spawn().map_err(|error| format!("{}: {error}", ushield.display()))?;
        Ok(Self { child, place: place.into(), make, address: String::new() })
    }

    /// Whether tokens can be attached.
    pub fn is_ready(&self) -> bool {
        self.place.join("run/ready").exists()
    }

    /// Waits until tokens can be attached. The program must have nothing to complain about.
    pub fn ready(&mut self) -> Result<(), Fault> {
        let begin = Instant::now();
        while !self.is_ready() {
            if let Some(status) = self.child.try_wait().map_err(|error| error.to_string())? {
                return Err(format!("it does not start again ({status}): {}", self.complaint()));
            }
            if begin.elapsed() > Duration::from_secs(120) {
                return Err(format!("it is not ready within 120 s: {}", self.complaint()));
            }
            thread::sleep(Duration::from_millis(2));
        }
        let json = fs::read(self.place.join("run/ready")).map_err(|error| error.to_string())?;
        let ready: serde_json::Value = serde_json::from_slice(&json).map_err(|error| error.to_string())?;
        self.address = ready["listen"].as_str().ok_or("the ready file names no address")?.into();
        match self.complaint() {
            none if none.is_empty() => Ok(()),
            complaint => Err(format!("it started, but complained: {complaint}")),
        }
    }

    fn complaint(&self) -> String {
        fs::read_to_string(self.place.join("run/complained")).unwrap_or_default()
    }

    /// Kills the program by SIGKILL. The program must have lived until now, and have had nothing to complain about.
    pub fn kill(mut self) -> Result<(), Fault> {
        let ended = self.child.try_wait().map_err(|error| error.to_string())?;
        self.child.kill().and_then(|()| self.child.wait()).map_err(|error| error.to_string())?;
        let complaint = self.complaint();
        match ended {
            Some(status) => Err(format!("it ended by itself ({status}): {complaint}")),
            None if !complaint.is_empty() => Err(format!("it complained: {complaint}")),
            None => Ok(()),
        }
    }

    /// While the program lives, nobody else opens its state. Whoever tries is told who holds the state.
    pub fn refuses_a_second(&self, ushield: &Path) -> Result<(), Fault> {
        let second =
            up(ushield, &self.place, self.make, "second").output().map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&second.stderr).into_owned();
        let held = said.contains(&format!("process {}", self.child.id()));
        if ExitStatus::success(&second.status) || !held {
            return Err(format!("a second one on the same state: {}: {said}", second.status));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn up(ushield: &Path, place: &Path, make: Make, socket: &str) -> Command {
    let mut command = Command::new(ushield);
    let brand = match make {
        Make::Standard => "standard",
        Make::Jade => "jade",
    };
    command
        .args(["up", "--listen", "127.0.0.1:0", "--panel", "accept", "--brand", brand])
        .arg("--state")
        .arg(place.join("state"))
        .arg("--secret")
        .arg(place.join("config/secret"))
        // A socket's path must be short: it is named from where the program runs.
        .arg("--control")
        .arg(Path::new("run").join(socket))
        .current_dir(place)
        .env_remove("USHIELD_LOG")
        .stdin(Stdio::null());
    command
}

/// What lies below `place` after a start is what belongs there, and nothing half written.
pub fn swept(place: &Path) -> Result<(), Fault> {
    let expect = |folder: &str, fits: &dyn Fn(&str) -> bool| -> Result<(), Fault> {
        let entries = fs::read_dir(place.join(folder)).map_err(|error| format!("{folder}: {error}"))?;
        for entry in entries {
            let name = entry.map_err(|error| error.to_string())?.file_name().to_string_lossy().into_owned();
            if !fits(&name) {
                return Err(format!("{folder}/{name} was left behind"));
            }
        }
        Ok(())
    };
    expect("config", &|name| name == "secret")?;
    expect("state", &|name| name == "1")?;
    expect("state/1", &|name| ["flash", "puk"].contains(&name))?;
    expect("state/1/flash", &|name| {
        let record = firmware::seams::RecordName::parse(name);
        name == "lock" || record.is_some_and(|record| record != firmware::seams::RecordName::Install)
    })
}
