//! The stage: the bank and the assistant around the token of a run.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use terminal::{Context, Exit, Failure, Outcome, say_lines, warn};

use crate::{guide, port, programs::Programs, state::State};

/// How long a program may take until it is ready. A machine under load takes long.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long to wait between two looks.
const GLANCE: Duration = Duration::from_millis(5);

/// Starts the others, tells the links, and waits for the end. The run's keeper ends the others with this process.
/// With a state the bank is kept.
pub(crate) fn play(programs: &Programs, open: bool, state: Option<State>) -> Outcome {
    let control = PathBuf::from(variable("USHIELD_CONTROL")?);
    // The run's folder is removed with the run, and all that stands in it.
    let folder = control.parent().unwrap_or(Path::new(".")).join("world");
    fs::create_dir(&folder).what("the world has no folder")?;
    let tokens: Value =
        serde_json::from_str(&variable("USHIELD_TOKENS")?).what("the run does not tell its tokens")?;
    let serial = tokens[0]["serial"].as_str().unwrap_or_default();
    let assistant_port = port::free().what("there is no free port")?;

    let bank_ready = folder.join("bank.json");
    let mut demo = Command::new(programs.path("bank")?);
    demo.arg("demo");
    if let Some(state) = &state {
        demo.arg("--folder").arg(state.bank()?);
    }
    let mut bank = start(
        demo.args(["--public", "127.0.0.1:0", "--counter", "127.0.0.1:0", "--metrics", "127.0.0.1:0"])
            .args(["--shop", "127.0.0.1:0", "--shield", serial])
            .args(["--assistant-port", &assistant_port.to_string()])
            .arg("--ready-file")
            .arg(&bank_ready)
            .env("TMPDIR", &folder)
            .stdout(Stdio::null()),
        "bank",
    )?;
    let told = ready(&bank_ready, &mut bank, "bank")?;
    let origin = told["addresses"]["public"].as_str().unwrap_or_default();

    let assistant_ready = folder.join("assistant.json");
    let mut assistant = start(
        Command::new(programs.path("ushield")?)
            .args(["assistant", "--prompter", "web", "--allow-web-prompter", "--bank", origin])
            .args(["--port", &assistant_port.to_string(), "--ready-file"])
            .arg(&assistant_ready)
            .stdout(Stdio::null()),
        "assistant",
    )?;
    let assistant_told = ready(&assistant_ready, &mut assistant, "assistant")?;
    let prompter = assistant_told["prompter"].as_str().unwrap_or_default();
    let panel = variable("USHIELD_PANEL")?;
    let kept = state.as_ref().map(State::dir);
    say_lines(&guide::text(&told, [&panel, prompter], &variable("USHIELD_PIN")?, kept));
    if open {
        let shop = told["shop"].as_str().unwrap_or_default();
        [origin, shop, &panel, prompter].iter().for_each(|link| show(link));
    }
    let ended = wait(&mut [("bank", &mut bank), ("assistant", &mut assistant)])?;
    Err(Failure::new(format!("the {ended} has ended, and the world with it")).exits(Exit::Refused))
}

fn variable(name: &str) -> Result<String, Failure> {
    env::var(name).map_err(|_| {
        Failure::new(format!("{name} is not set")).because("the stage is run by `world` itself").next("world")
    })
}

fn start(command: &mut Command, name: &str) -> Result<Child, Failure> {
    command.stdin(Stdio::null()).spawn().what(format!("the {name} was not started"))
}

/// Waits until a program has written its ready file. The file is written as a whole.
fn ready(file: &Path, child: &mut Child, name: &str) -> Result<Value, Failure> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Ok(bytes) = fs::read(file)
            && let Ok(told) = serde_json::from_slice(&bytes)
        {
            return Ok(told);
        }
        let failed = Failure::new(format!("the {name} was not started"));
        if child.try_wait().what("a program was lost")?.is_some() {
            return Err(failed.because("it says why, above"));
        }
        if Instant::now() >= end {
            return Err(failed.because(format!("it was not ready within {} seconds", PATIENCE.as_secs())));
        }
        thread::sleep(GLANCE);
    }
}

/// Waits until one of the programs has ended. Returns its name.
fn wait<'a>(programs: &mut [(&'a str, &mut Child)]) -> Result<&'a str, Failure> {
    loop {
        for (name, child) in programs.iter_mut() {
            if child.try_wait().what("a program was lost")?.is_some() {
                return Ok(name);
            }
        }
        thread::sleep(Duration::from_millis(200));
    }
}

/// Opens a link in the person's browser (xdg-open(1)).
fn show(link: &str) {
    let opened = Command::new("xdg-open").arg(link).stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    if let Err(error) = opened {
        warn(&format!("world: {link} was not opened: {error}"));
    }
}
