//! How long `ushield run` keeps its command waiting: tokens, enrolment and PC/SC service included.

use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use crate::{
    Scale,
    process::Free,
    sample::{Arm, Figures, Samples, in_turn},
    table::{Goal, Row},
};

/// How many starts there are, of which the median is taken.
const STARTS: usize = 20;
/// Microseconds.
const GOAL: f64 = 15_000.0;

pub(crate) fn measure(scale: Scale) -> anyhow::Result<Vec<Row>> {
    let ushield = std::env::current_exe()?.with_file_name("ushield");
    ensure!(ushield.exists(), "there is no {}: cargo build --profile dist -p ushield", ushield.display());
    // As users have it: a run's parts may be on several cores.
    let _free = Free::new()?;
    let run = |arguments: &'static [&'static str]| {
        let ushield = ushield.clone();
        move || finish(Command::new(&ushield).arg("run").args(arguments).args(["--", "true"]))
    };
    let mut arms: [Arm<'_>; 3] =
        [Box::new(|| finish(&mut Command::new("true"))), Box::new(run(&[])), Box::new(run(&["--no-enrol"]))];
    let taken = in_turn(1, scale.count(STARTS), &mut arms)?;
    let figures = |arm: usize| Figures::of(taken.get(arm).map_or(&[][..], Vec::<Samples>::as_slice));
    let [bare, enrolled, plain] = [0, 1, 2].map(figures);
    Ok(vec![
        Row::timed("floor: true, started and ended", bare),
        Row::timed("ushield run -- true, enrolment included", enrolled).beside(
            "15 ms",
            enrolled.p50 / GOAL,
            Some(Goal::AtMost(1.0)),
        ),
        Row::timed("ushield run --no-enrol -- true", plain),
    ])
}

fn finish(command: &mut Command) -> anyhow::Result<()> {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    let status = status.with_context(|| format!("starting {}", command.get_program().display()))?;
    ensure!(status.success(), "{} ended with {status}", command.get_program().display());
    Ok(())
}
