//! Floods `ushield up` and measures who suffers; see `tests/flood/run`.
//!
//! `flood USHIELD FOLDER SECONDS ROUNDS`: the program, an empty folder, how long each part of a row takes, and how often.
//! `flood attack …` and `flood busy …` are its own second processes. All traffic stays on 127.0.0.1 and on the Unix socket of
//! the program that it started; every flood ends with its time and has a bound on its connections.

mod attack;
mod busy;
mod honest;
mod report;
mod server;

use std::{env, path::Path, process::ExitCode, time::Duration};

use attack::Flood;
use report::Row;
use server::Server;

/// What went wrong.
type Fault = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["attack", flood, usbip, usbredir, control, seconds] => {
            attack::run(flood, [usbip, usbredir, control], seconds)
        }
        ["busy", cores, seconds] => busy::run(cores, seconds),
        [ushield, folder, seconds, rounds] => measure(Path::new(ushield), Path::new(folder), seconds, rounds),
        _ => Err("flood USHIELD FOLDER SECONDS ROUNDS".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("flood: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn measure(ushield: &Path, folder: &Path, seconds: &str, rounds: &str) -> Result<(), Fault> {
    let time = Duration::from_secs(seconds.parse()?);
    let rounds: u32 = rounds.parse()?;
    // Another user's processes start this program, too.
    let this = env::current_exe()?;
    let mut rows = Vec::new();
    let server = Server::start(ushield, folder)?;
    let mut client = honest::Client::open(&server.usbip, honest::TOKEN)?;
    server.prepare()?;
    let alone = honest::measure(&mut client, &server.usbip, time)?;
    report::head(&alone);
    for flood in Flood::ALL {
        if flood.is_a_strangers() && !rustix::process::geteuid().is_root() {
            println!("{:<44} not measured: only root can be another user", flood.name());
            continue;
        }
        let mut row = Row::new(flood);
        for _ in 0..rounds {
            server.forget_peak()?;
            let attack = attack::start(&this, flood, &server, time)?;
            let beside = honest::measure(&mut client, &server.usbip, time)?;
            let cores = attack.end()?;
            let peak = server.peak()?;
            let busy = busy::start(&this, cores, time)?;
            let floor = honest::measure(&mut client, &server.usbip, time)?;
            busy.end()?;
            row.add(&beside, &floor, cores, peak);
        }
        row.print();
        rows.push(row);
    }
    server.end()?;
    report::judge(&rows)
}
