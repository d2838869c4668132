//! The stage: the bank and the assistant around the token of a run.

use std::{
    env,
    ffi::OsStr,
    fs, iter,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use terminal::{Context, Exit, Failure, Outcome, say_lines};

use crate::{
    guide, link,
    player::{Player, not_started, without_secrets},
    port,
    programs::Programs,
    script::{Links, Script},
    state::State,
};

/// How long a program may take until it is ready. A machine under load takes long.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long to wait between two looks.
const GLANCE: Duration = Duration::from_millis(5);

/// Starts the others, tells the links, plays the script where there is one, and waits for the end. The others end with this function;
/// where this process is killed, the run's keeper ends them. With a state the bank is kept.
pub(crate) fn play(
    programs: &Programs,
    open: bool,
    script: Option<&Script>,
    state: Option<State>,
) -> Outcome {
    let control = PathBuf::from(variable("USHIELD_CONTROL")?);
    // The run's folder is removed with the run, and all that stands in it.
    let folder = control.parent().unwrap_or(Path::new(".")).join("world");
    fs::create_dir(&folder).what("the world has no folder")?;
    let assistant_port = port::free().what("there is no free port")?;

    let (bank, told) = bank(programs, &folder, assistant_port, state.as_ref())?;
    let origin = told["addresses"]["public"].as_str().unwrap_or_default();
    let (assistant, prompter) = assistant(programs, &folder, assistant_port, origin)?;
    let mut players = [bank, assistant];
    let (panel, pin) = (variable("USHIELD_PANEL")?, variable("USHIELD_PIN")?);
    let another = another(programs, &control)?;
    let kept = state.as_ref().map(State::dir);
    let asks = if script.is_some() { guide::SCRIPTS } else { &prompter };
    say_lines(&guide::text(&told, [&panel, asks], &words(&another), &pin, kept));
    if open {
        link::open("bank", origin);
        link::open("shop", told["shop"].as_str().unwrap_or_default());
        link::open_secret("shield", &panel, &folder);
        link::open_secret("prompter", &prompter, &folder);
    }
    let played = script.map(|script| {
        // The person may watch by the link that was told.
        let links = Links { bank: origin, panel: &printed(another)?, prompter: &prompter };
        script.play(&links, &told, &pin, &folder)
    });
    // A story gets stuck where one of the others has gone. The browser of a story that was played to its end stays.
    let _browser =
        played.transpose().map_err(|failure| look(&mut players).ok().flatten().map_or(failure, gone))?;
    let ended = wait(&mut players)?;
    Err(gone(ended))
}

/// The failure of a world one of whose programs has ended.
fn gone(name: &str) -> Failure {
    Failure::new(format!("the {name} has ended, and the world with it"))
        .because(format!("the {name} says why above, unless somebody has killed that program"))
        .next("start the world again")
        .exits(Exit::Refused)
}

/// Starts the bank. Returns what the bank tells about itself.
fn bank(
    programs: &Programs,
    folder: &Path,
    assistant_port: u16,
    state: Option<&State>,
) -> Result<(Player, Value), Failure> {
    let tokens: Value =
        serde_json::from_str(&variable("USHIELD_TOKENS")?).what("the run does not tell its tokens")?;
    let serial = tokens[0]["serial"].as_str().unwrap_or_default();
    let file = folder.join("bank.json");
    let mut demo = Command::new(programs.path("bank")?);
    demo.arg("demo");
    if let Some(state) = state {
        demo.arg("--folder").arg(state.sweep_bank()?);
    }
    demo.args(["--public", "127.0.0.1:0", "--counter", "127.0.0.1:0", "--metrics", "127.0.0.1:0"])
        .args(["--shop", "127.0.0.1:0", "--shield", serial])
        .args(["--assistant-port", &assistant_port.to_string(), "--ready-file"])
        .arg(&file)
        .env("TMPDIR", folder);
    let mut bank = Player::start("bank", &mut demo, folder)?;
    let told = ready(&file, &mut bank)?;
    Ok((bank, told))
}

/// Starts the assistant for the bank at this origin. Returns the link to the page that asks for the PIN.
fn assistant(
    programs: &Programs,
    folder: &Path,
    port: u16,
    origin: &str,
) -> Result<(Player, String), Failure> {
    let file = folder.join("assistant.json");
    let mut command = Command::new(programs.path("ushield")?);
    command
        .args(["assistant", "--prompter", "web", "--allow-web-prompter", "--bank", origin])
        .args(["--port", &port.to_string(), "--ready-file"])
        .arg(&file);
    let mut assistant = Player::start("assistant", &mut command, folder)?;
    let told = ready(&file, &mut assistant)?;
    Ok((assistant, told["prompter"].as_str().unwrap_or_default().to_owned()))
}

/// The command that prints another link to the shield's page.
fn another(programs: &Programs, control: &Path) -> Result<Command, Failure> {
    let mut command = Command::new(programs.path("ushield")?);
    command.args(["panel", "--control"]).arg(control);
    Ok(command)
}

/// A command as a shell reads it.
fn words(command: &Command) -> String {
    let quoted = |word: &OsStr| {
        let word = word.display().to_string();
        let is_plain = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./=:,".contains(&byte));
        if is_plain { word } else { format!("'{}'", word.replace('\'', r"'\''")) }
    };
    let words: Vec<_> = iter::once(command.get_program()).chain(command.get_args()).map(quoted).collect();
    words.join(" ")
}

/// What a command prints.
fn printed(mut command: Command) -> Result<String, Failure> {
    let what = "no link to the shield's page was made";
    let told = without_secrets(&mut command).output().what(what)?;
    if !told.status.success() {
        return Err(Failure::new(what).because(String::from_utf8_lossy(&told.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&told.stdout).trim().to_owned())
}

fn variable(name: &str) -> Result<String, Failure> {
    env::var(name).map_err(|_| {
        Failure::new(format!("{name} is not set")).because("the stage is run by `world` itself").next("world")
    })
}

/// Waits until a program has written its ready file. The file is written as a whole.
fn ready(file: &Path, player: &mut Player) -> Result<Value, Failure> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Ok(bytes) = fs::read(file)
            && let Ok(told) = serde_json::from_slice(&bytes)
        {
            return Ok(told);
        }
        let failed = not_started(player.name());
        if player.ended()?.is_some() {
            player.tell_last_words();
            return Err(failed.because(format!("the {} says why, above", player.name())));
        }
        if Instant::now() >= end {
            player.tell_last_words();
            let why = format!("the {} was not ready within {} seconds", player.name(), PATIENCE.as_secs());
            return Err(failed.because(why).next("start the world again when the machine has less to do"));
        }
        thread::sleep(GLANCE);
    }
}

/// Waits until one of the programs has ended. Returns its name.
fn wait(players: &mut [Player]) -> Result<&'static str, Failure> {
    loop {
        if let Some(ended) = look(players)? {
            return Ok(ended);
        }
        thread::sleep(Duration::from_millis(200));
    }
}

/// The name of a program that has ended.
fn look(players: &mut [Player]) -> Result<Option<&'static str>, Failure> {
    for player in players {
        if player.ended()?.is_some() {
            player.tell_last_words();
            return Ok(Some(player.name()));
        }
    }
    Ok(None)
}
