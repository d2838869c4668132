//! Measures what `docs/benches.md` names, and prints one table. Started by `benches/run`.

mod nodes;
mod bank;
mod run;
mod sign;
mod constant_time;
mod sm2;
mod crypto;
mod pin;
mod labour;
mod memory;
mod scale;
mod verify;
mod pkcs11;
mod token;
mod client;
mod cryptoki;
mod home;
mod table;
mod process;
mod line;
mod floor;
mod sample;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    /// Write the table as JSON, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Rounds in which all arms take their turn.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Only this section: sign, crypto, sm2, pin, labour, memory, scale, verify, bank, nodes, pkcs11, run or constant-time.
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Few operations: shows that everything runs; the figures mean nothing.
    #[arg(long)]
    smoke: bool,
}

/// The servers and clients that this program starts for itself.
#[derive(Subcommand)]
enum Part {
    /// The floor: a bare USB/IP server.
    Floor {
        /// What the server does with a message.
        work: floor::Work,
    },
    /// Tokens, in memory or one in a folder.
    Tokens {
        /// How many.
        count: u16,
        /// Stretch the PINs, as a token does whose state is kept.
        #[arg(long)]
        stretching: bool,
        /// The folder.
        #[arg(long)]
        state: Option<PathBuf>,
    },
    /// A program that uses a PKCS#11 module.
    Client {
        /// What the program does.
        task: client::Task,
        /// How often.
        count: usize,
        /// The module.
        module: PathBuf,
    },
}

/// How much is measured.
#[derive(Clone, Copy)]
struct Scale {
    rounds: usize,
    smoke: bool,
}

impl Scale {
    /// The number of operations of an arm in one round.
    fn count(self, full: usize) -> usize {
        if self.smoke { full.div_ceil(100) } else { full }
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.part {
        Some(Part::Floor { work }) => floor::serve(process::listen()?, work),
        Some(Part::Tokens { count, stretching, ref state }) => {
            token::serve(count, stretching, state.as_deref())
        }
        Some(Part::Client { task, count, ref module }) => client::run(task, module, count),
        None => measure(&arguments),
    }
}

/// What measures some rows of the table.
type Section = fn(Scale) -> anyhow::Result<Vec<table::Row>>;

fn measure(arguments: &Arguments) -> anyhow::Result<()> {
    let rounds = if arguments.smoke { 1 } else { usize::from(arguments.rounds) };
    let scale = Scale { rounds, smoke: arguments.smoke };
    process::pin()?;
    let mut rows = Vec::new();
    let sections: [(&str, Section); 13] = [
        ("sign", sign::measure),
        ("crypto", crypto::measure),
        ("sm2", sm2::measure),
        ("pin", pin::measure),
        ("labour", labour::measure),
        ("memory", memory::measure),
        ("scale", scale::measure),
        ("verify", verify::measure),
        ("bank", bank::measure),
        ("nodes", nodes::measure),
        ("pkcs11", pkcs11::measure),
        ("run", run::measure),
        ("constant-time", constant_time::measure),
    ];
    for (name, section) in sections {
        if arguments.only.as_ref().is_none_or(|only| only == name) {
            rows.extend(section(scale)?);
        }
    }
    table::print(&rows);
    if let Some(file) = &arguments.json {
        std::fs::write(file, serde_json::to_vec_pretty(&table::json(&rows, rounds))?)?;
    }
    Ok(())
}
