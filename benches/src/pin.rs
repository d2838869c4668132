//! VERIFY. A try is paid durably before the compare, so a VERIFY on disk costs at least one flush.

use std::{
    fs::File,
    os::unix::fs::{FileExt, OpenOptionsExt},
};

use anyhow::Context;
use card::{Card, shield::Shield};
use ushield_tests::bench::PIN;

use crate::{
    Scale,
    line::Order,
    process::Server,
    sample::{Arm, Figures, in_turn, ratio},
    table::{Goal, Row},
    token,
};

pub(crate) fn measure(scale: Scale) -> anyhow::Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let file = preallocated(folder.path().join("flush"))?;
    let mut generation = 0u64;
    let flush: Arm<'_> = Box::new(|| {
        generation += 1;
        file.write_all_at(&[generation as u8; 64], 0)?;
        Ok(file.sync_data()?)
    });
    let state = folder.path().join("token");
    let memory = Server::start(&["tokens", "2"])?;
    let disk = Server::start(&["tokens", "1", "--state", state.to_str().context("a path in UTF-8")?])?;
    let mut here = token::card(memory.address, "1-1", Order::OneWrite)?;
    let mut there = token::card(disk.address, "1-1", Order::OneWrite)?;
    let mut arms = [flush, verify(&mut here)?, verify(&mut there)?];
    let taken = in_turn(scale.rounds, scale.count(500), &mut arms)?;
    let [flush, memory, disk] = &taken[..] else { anyhow::bail!("three arms") };
    // The goal is 1.3 flushes and the transport. VERIFY in memory shows what the transport costs.
    let (flush_p50, memory_p50) = (Figures::of(flush).p50, Figures::of(memory).p50);
    let floor = "fdatasync of 64 bytes in place";
    Ok(vec![
        Row::timed(floor, Figures::of(flush)),
        Row::timed("token: VERIFY, in memory", Figures::of(memory)),
        Row::timed("token: VERIFY, on disk", Figures::of(disk)).beside(
            floor,
            ratio(disk, flush),
            Some(Goal::AtMost(1.3 + memory_p50 / flush_p50)),
        ),
    ])
}

fn preallocated(path: std::path::PathBuf) -> anyhow::Result<File> {
    let file = File::options().create_new(true).read(true).write(true).mode(0o600).open(path)?;
    file.write_all_at(&[0; 4096], 0)?;
    file.sync_all()?;
    Ok(file)
}

fn verify(card: &mut Card) -> anyhow::Result<Arm<'_>> {
    let mut shield = Shield::select(card)?;
    Ok(Box::new(move || Ok(shield.verify(PIN)?)))
}
