//! A program that uses a PKCS#11 module: a process of its own each time, because a module is loaded once in a process,
//! and its memory is the process's.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow};
use serde_json::json;
use ushield_tests::bench::PIN;

use crate::{
    cryptoki::{Key, Kind, Module},
    process::resident,
    sample::Samples,
};

/// What the client does.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Task {
    /// Makes a key of each kind on each of so many tokens.
    Keys,
    /// Measures from loading the module to so many signatures of the first token.
    Signatures,
    /// Measures so many signatures of the first token by a P-384 key, and as many by an RSA key.
    Kinds,
    /// Makes so many signatures a thread, with one thread, with two and with eight.
    Threads,
}

const DIGEST: [u8; 32] = [0x5A; 32];

/// Does the work, and prints the figures as one line of JSON.
pub(crate) fn run(task: Task, path: &Path, count: usize) -> anyhow::Result<()> {
    let figures = match task {
        Task::Keys => keys(path, count)?,
        Task::Signatures => signatures(path, count)?,
        Task::Kinds => kinds(path, count)?,
        Task::Threads => threads(path, count)?,
    };
    println!("{figures}");
    Ok(())
}

fn keys(path: &Path, count: usize) -> anyhow::Result<serde_json::Value> {
    let module = Module::load(path)?;
    module.initialize()?;
    for slot in module.slots()?.into_iter().take(count) {
        let session = module.session(slot)?;
        session.log_in(PIN)?;
        for kind in [Kind::P256, Kind::P384, Kind::Rsa2048] {
            session.generate(kind)?;
        }
    }
    Ok(json!({}))
}

fn signatures(path: &Path, count: usize) -> anyhow::Result<serde_json::Value> {
    let before = resident("self")?;
    let start = Instant::now();
    let module = Module::load(path)?;
    module.initialize()?;
    let slot = *module.slots()?.first().context("no token")?;
    let session = module.session(slot)?;
    session.log_in(PIN)?;
    let login = start.elapsed();
    let grown = resident("self")? - before;
    let start = Instant::now();
    let key = session.find(Kind::P256)?;
    key.sign(&DIGEST)?;
    let first = start.elapsed();
    let samples = Samples::take(count, || key.sign(&DIGEST))?;
    Ok(json!({
        "login": micros(login),
        "first": micros(first),
        "p50": samples.percentile(0.5),
        "p99": samples.percentile(0.99),
        "grown": grown,
        "grown at the end": resident("self")? - before,
    }))
}

fn kinds(path: &Path, count: usize) -> anyhow::Result<serde_json::Value> {
    let module = Module::load(path)?;
    module.initialize()?;
    let session = module.session(*module.slots()?.first().context("no token")?)?;
    session.log_in(PIN)?;
    let mut figures = serde_json::Map::new();
    for (name, kind) in [("P-384", Kind::P384), ("RSA-2048", Kind::Rsa2048)] {
        let key = session.find(kind)?;
        let samples = Samples::take(count, || key.sign(&DIGEST))?;
        figures.insert(name.into(), json!(samples.percentile(0.5)));
    }
    Ok(figures.into())
}

fn threads(path: &Path, count: usize) -> anyhow::Result<serde_json::Value> {
    let module = Module::load(path)?;
    module.initialize()?;
    let slots = module.slots()?;
    let Some(&[one, two, ..]) = slots.first_chunk::<8>() else {
        return Err(anyhow!("eight tokens are wanted"));
    };
    let eight = slots[..8].to_vec();
    for &slot in &eight {
        // A login counts for all sessions with the token.
        module.session(slot)?.log_in(PIN)?;
    }
    let key = |slot| module.session(slot)?.find(Kind::P256);
    let arms = [
        ("one", vec![one]),
        ("two on one token", vec![one, one]),
        ("two on two tokens", vec![one, two]),
        ("eight on eight tokens", eight),
    ];
    let mut figures = serde_json::Map::new();
    for (name, slots) in arms {
        let keys = slots.into_iter().map(key).collect::<anyhow::Result<Vec<Key>>>()?;
        rate(&keys, count.div_ceil(10))?;
        figures.insert(name.into(), json!(rate(&keys, count)?));
    }
    Ok(figures.into())
}

/// Signatures a second, of one thread for each key.
fn rate(keys: &[Key], count: usize) -> anyhow::Result<f64> {
    let start = Instant::now();
    thread::scope(|scope| {
        let work = |key: Key| move || (0..count).try_for_each(|_| key.sign(&DIGEST));
        let running: Vec<_> = keys.iter().map(|key| scope.spawn(work(*key))).collect();
        running.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?)
    })?;
    Ok((keys.len() * count) as f64 / start.elapsed().as_secs_f64())
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
