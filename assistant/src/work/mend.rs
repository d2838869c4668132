//! A mending of the doctor's, by its code. A page names no command, and the holder sees the command before it runs.

use std::time::Duration;

use machine::{
    doctor::{Roads, treat},
    system::System,
};
use serde_json::{Value, json};

use super::{Bench, Phase};
use crate::{prompter::Wanted, trouble::Trouble};

/// Mends the fault of this code, if the machine has it and the doctor knows a safe mending.
pub(super) fn mend(bench: &Bench<'_>, code: &str) -> Result<Value, Trouble> {
    let system = System::here();
    let (findings, _) = treat(&system, &Roads, false, Duration::ZERO);
    let found = findings.into_iter().find(|finding| finding.code == code && finding.fix.is_some());
    let Some((finding, fix)) = found.and_then(|mut found| found.fix.take().map(|fix| (found, fix))) else {
        return Err(Trouble::plain("not_mendable", "the doctor knows no such mending of this machine"));
    };
    bench.ear.count_prompt()?;
    bench.ear.phase(Phase::Prompt);
    let command = finding.mend.unwrap_or_default();
    let lines = vec![bench.line("修复本机问题", "Mend a fault of this machine"), finding.message, command];
    bench.prompter.confirm(&bench.question(Wanted::Yes, lines), bench.stop)?;
    bench.ear.phase(Phase::Working);
    fix.apply(&system).map_err(|failure| Trouble::coded("not_mended", failure))?;
    Ok(json!({ "code": finding.code }))
}
