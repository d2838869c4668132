//! The bank that serves pages: how many payments by U-shield it authorises in a second, beside the same writes alone. What measures is
//! a test of the bank itself (`bank/src/tests/measure.rs`), because no other program reaches the bank's books. `benches/run` builds it, and
//! starts a PostgreSQL in a folder of its own.

use std::{env, process::Command};

use anyhow::{Context, bail, ensure};
use rustix::thread::CpuSet;
use serde_json::Value;

use crate::{
    Scale,
    process::Free,
    sample::median,
    table::{Goal, Row},
};

/// The bank's tests, as a program.
pub(crate) const PROGRAM: &str = "BANK_MEASURE_PROGRAM";
/// The PostgreSQL, as its URL, and the number of its process.
pub(crate) const POSTGRES: [&str; 2] = ["BANK_MEASURE_POSTGRES", "BANK_MEASURE_POSTGRES_PROCESS"];

pub(crate) fn measure(scale: Scale) -> anyhow::Result<Vec<Row>> {
    let _free = Free::new()?;
    let [url, process] = POSTGRES.map(env::var);
    let (url, process) =
        (url.with_context(|| needed(POSTGRES[0]))?, process.with_context(|| needed(POSTGRES[1]))?);
    let mut rows = Vec::new();
    for (database, url) in [("SQLite", None), ("PostgreSQL", Some(url.as_str()))] {
        for cores in [1, 2] {
            bind(process.parse()?, cores)?;
            let told = ask(url, cores, scale)?;
            let unit = if cores == 1 { "core" } else { "cores" };
            rows.extend(told_rows(&format!("bank, {database}, {cores} {unit}"), &told)?);
        }
    }
    Ok(rows)
}

pub(crate) fn needed(name: &str) -> String {
    format!("{name} is not set: start this by benches/run")
}

/// Processes that the server of the database makes from now on run on so many cores.
fn bind(server: i32, cores: usize) -> anyhow::Result<()> {
    let mut set = CpuSet::new();
    (0..cores).for_each(|cpu| set.set(cpu));
    let server = rustix::process::Pid::from_raw(server).context("a process has a number")?;
    rustix::thread::sched_setaffinity(Some(server), &set).context("binding the database")
}

/// Runs the measurement on so many cores. Client and bank are one process, so its threads are as many as its cores.
fn ask(url: Option<&str>, cores: usize, scale: Scale) -> anyhow::Result<Vec<Value>> {
    let program = env::var(PROGRAM).with_context(|| needed(PROGRAM))?;
    let (rounds, documents) = (scale.rounds, scale.count(1000).max(16));
    let last = (cores - 1).to_string();
    let mut command = Command::new("taskset");
    command.args(["-c", &format!("0-{last}"), &program, "--nocapture", "--exact"]);
    command.arg("tests::measure::authorisations_beside_their_writes");
    command.env("BANK_MEASURE", format!("{rounds} {documents} {cores}"));
    match url {
        Some(url) => command.env("BANK_TEST_POSTGRES", url),
        None => command.env_remove("BANK_TEST_POSTGRES"),
    };
    let done = command.output().context("starting the bank's measurement")?;
    let text = String::from_utf8_lossy(&done.stdout);
    ensure!(done.status.success(), "the bank's measurement failed:\n{text}");
    let Some(told) = text.lines().find_map(|line| line.split_once("measured {")) else {
        bail!("the bank's measurement told nothing:\n{text}");
    };
    let told: Value = serde_json::from_str(&format!("{{{}", told.1))?;
    told["rounds"].as_array().cloned().context("rounds were told")
}

fn told_rows(name: &str, rounds: &[Value]) -> anyhow::Result<Vec<Row>> {
    let of = |arm: &str, figure: &str| -> anyhow::Result<Vec<f64>> {
        let each = rounds.iter().map(|round| round[arm][figure].as_f64().context("a figure"));
        each.collect()
    };
    let row = |what: &str, arm: &str| -> anyhow::Result<Row> {
        let figures = [("per s", "rate"), ("p50 µs", "p50"), ("p99 µs", "p99")];
        let figures = figures.map(|(unit, figure)| of(arm, figure).map(|all| (unit, median(all))));
        Ok(Row::new(format!("{name}: {what}"), figures.into_iter().collect::<anyhow::Result<_>>()?))
    };
    let (whole, writes) = (of("authorisations", "rate")?, of("writes", "rate")?);
    let kept = median(whole.iter().zip(&writes).map(|(whole, writes)| whole / writes).collect());
    Ok(vec![
        row("the writes of an authorisation, alone", "writes")?,
        row("authorisations by U-shield", "authorisations")?.beside(
            "the writes alone",
            kept,
            Some(Goal::AtLeast(0.6)),
        ),
    ])
}
