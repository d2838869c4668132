//! A program on the stage: it ends with the stage, however the stage ends.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
};

use terminal::{Context, Failure, secret::Variable, warn_lines};

/// What the run gives its command besides PIN and PUK, and no program of the world needs: the file with the PIN, the link that opens the
/// shield's page, and the socket that presses the shield's buttons.
const ROADS: [&str; 3] = ["USHIELD_PIN_FILE", "USHIELD_PANEL", "USHIELD_CONTROL"];

/// The most lines of a program's last words.
const LINES: usize = 12;

/// A program that was started. It is killed when this value goes: an orphan would keep the bank's books, or a port.
pub(crate) struct Player {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Player {
    /// Starts a program, whose log stands in this folder. The program prints nothing, and learns no secret of the run.
    pub(crate) fn start(name: &'static str, command: &mut Command, folder: &Path) -> Result<Self, Failure> {
        Self::spawn(name, command.stdin(Stdio::null()).stdout(Stdio::null()), folder)
    }

    /// The same for a program that is talked with by its standard input and output.
    pub(crate) fn start_talking(
        name: &'static str,
        command: &mut Command,
        folder: &Path,
    ) -> Result<(Self, ChildStdin, ChildStdout), Failure> {
        let mut player = Self::spawn(name, command.stdin(Stdio::piped()).stdout(Stdio::piped()), folder)?;
        match (player.child.stdin.take(), player.child.stdout.take()) {
            (Some(to), Some(from)) => Ok((player, to, from)),
            _ => Err(not_started(name)),
        }
    }

    fn spawn(name: &'static str, command: &mut Command, folder: &Path) -> Result<Self, Failure> {
        let failed = |error| not_started(name).because(error);
        let log = folder.join(format!("{name}.log"));
        command.stderr(File::create(&log).map_err(failed)?);
        let child = without_secrets(command).spawn().map_err(failed)?;
        Ok(Self { name, child, log })
    }

    /// Prints what the program said at last, but for its log of events, whose lines are JSON.
    pub(crate) fn tell_last_words(&self) {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let words: Vec<&str> = log.lines().filter(|line| !line.starts_with('{')).collect();
        if !words.is_empty() {
            warn_lines(&words[words.len().saturating_sub(LINES)..].join("\n"));
        }
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    /// How the program has ended; `None` while it runs.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>, Failure> {
        self.child.try_wait().what(format!("the {} was lost", self.name))
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        // An error says that the program has ended already. The bank's books bear a kill at any moment.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Takes every secret out of a program's environment, the token's and those of the person's own shell: each program asks for a PIN by a road
/// of its own.
pub(crate) fn without_secrets(command: &mut Command) -> &mut Command {
    let secrets = Variable::ALL.iter().map(|variable| variable.name());
    secrets.chain(ROADS).fold(command, |command, name| command.env_remove(name))
}

/// The failure of a program that could not be started, or did not become ready.
pub(crate) fn not_started(name: &str) -> Failure {
    Failure::new(format!("the {name} was not started"))
        .next("mend what the reason says, and start the world again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::env;

    #[test]
    fn a_player_ends_with_its_guard() {
        let folder = env::temp_dir().join(format!("world-player-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let player = Player::start("sleeper", Command::new("sleep").arg("600"), &folder).unwrap();
        let process = format!("/proc/{}", player.child.id());
        assert!(Path::new(&process).exists());
        drop(player);
        fs::remove_dir_all(&folder).unwrap();
        assert!(!Path::new(&process).exists(), "the program is there, or nobody has waited for it");
    }

    #[test]
    fn a_player_learns_no_secret() {
        let mut command = Command::new("env");
        let secrets = Variable::ALL.iter().map(|variable| variable.name());
        for name in secrets.chain(ROADS).chain(["USHIELD_TOKENS"]) {
            command.env(name, "told");
        }
        let told = without_secrets(&mut command).output().unwrap();
        let told = String::from_utf8(told.stdout).unwrap();
        let names: Vec<_> = told.lines().filter_map(|line| line.strip_suffix("=told")).collect();
        assert_eq!(names, ["USHIELD_TOKENS"]);
    }
}
