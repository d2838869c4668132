//! Floods `ushield up` and measures who suffers; see `tests/flood/run`.
//!
//! `flood USHIELD FOLDER SECONDS` takes the program, an empty folder, and how long each flood is measured. The program starts
//! itself again as `flood attack …` and as `flood busy …`. All traffic stays on 127.0.0.1 and on the Unix socket of the `ushield`
//! that was started. Every flood ends after its time, and holds no more connections than its bound.

mod attack;
mod beside;
mod busy;
mod honest;
mod report;
mod server;

use std::{env, path::Path, process::ExitCode, time::Duration};

use attack::Flood;
use beside::Beside;
use honest::Honest;
use report::Row;
use server::Server;

/// How long the honest host is measured beside the flood before it is measured beside the busy process, and the other way round.
const SLICE: Duration = Duration::from_millis(250);

/// What went wrong.
type Fault = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["attack", flood, usbip, usbredir, control] => attack::run(flood, [usbip, usbredir, control]),
        ["busy", cores] => busy::run(cores),
        [ushield, folder, seconds] => measure(Path::new(ushield), Path::new(folder), seconds),
        _ => Err("flood USHIELD FOLDER SECONDS".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("flood: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn measure(ushield: &Path, folder: &Path, seconds: &str) -> Result<(), Fault> {
    let seconds: u64 = seconds.parse()?;
    // Processes of another user start this program, too.
    let this = env::current_exe()?;
    let mut rows = Vec::new();
    let server = Server::start(ushield, folder)?;
    let honest = Honest::begin(&server.usbip)?;
    server.prepare()?;
    report::head(&honest.measure(Duration::from_secs(seconds))?);
    let slices = seconds * 1000 / u64::try_from(SLICE.as_millis())?;
    for flood in Flood::ALL {
        if flood.is_a_strangers() && !rustix::process::geteuid().is_root() {
            println!("{:<44} not measured: only root can be another user", flood.name());
            continue;
        }
        let mut row = Row::new(flood);
        server.forget_peak();
        let mut attack = Beside::flood(&this, flood, &server)?;
        let mut busy = Beside::busy(&this, attack.cores()?)?;
        // The two are measured in turn, so that other work of this machine troubles both alike.
        for _ in 0..slices {
            row.beside.add(attack.during(|| honest.measure(SLICE))?);
            row.floor.add(busy.during(|| honest.measure(SLICE))?);
        }
        row.cores = [attack.cores()?, busy.cores()?];
        attack.end()?;
        busy.end()?;
        row.peak = server.peak()?;
        row.print();
        rows.push(row);
    }
    drop(honest);
    server.end()?;
    report::judge(&rows)
}
