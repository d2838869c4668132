//! `ushield doctor`.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use wire::display::printed;

use crate::{
    doctor::{self, Card, Finding, Fix, Patient, Roads, Severity},
    failure::{Exit, Outcome},
    system::System,
    terminal::{Paint, say, say_json, say_lines},
};

/// How long pcscd may take to take a token.
const SETTLE: Duration = Duration::from_secs(15);
/// So often one mending may uncover the next fault.
const ROUNDS: usize = 4;

/// Check this machine for everything between a program and the token, and say what mends it
///
/// Exit code: 0 all is good; 1 there are findings; 2 something could not be told.
#[derive(Args)]
#[command(after_help = "Examples:
  ushield doctor
  sudo ushield doctor --fix     does what is safe: loads the module, starts pcscd, installs the brand's driver
  ushield doctor --json")]
pub(crate) struct Doctor {
    /// Mend what can be mended safely (root)
    #[arg(long)]
    fix: bool,
    /// Print JSON: "findings" (check, code, severity, message, mend, fixable), "mended"
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(crate) fn run(self) -> Outcome {
        let system = System::here();
        let (findings, mended) = treat(&system, &Roads, self.fix, SETTLE);
        let exit = exit(&findings);
        if self.json {
            let mended: Vec<Value> = mended.iter().map(Mended::json).collect();
            say_json(&format!(
                "{:#}",
                json!({ "good": exit == Exit::Done, "findings": findings, "mended": mended })
            ));
            return Ok(exit);
        }
        let paint = Paint::stdout();
        for mended in &mended {
            say_lines(&mended.line(paint));
        }
        for finding in &findings {
            say_lines(&line(finding, paint));
        }
        let fixable = findings.iter().filter(|finding| finding.fix.is_some()).count();
        match exit {
            Exit::Done => say("All is good."),
            _ if fixable > 0 && !self.fix => {
                say(&format!("{fixable} of these are mended by: sudo ushield doctor --fix"))
            }
            _ => {}
        }
        Ok(exit)
    }
}

/// A mending that was tried.
struct Mended {
    code: &'static str,
    command: String,
    failure: Option<String>,
}

impl Mended {
    fn json(&self) -> Value {
        json!({ "code": self.code, "command": self.command, "done": self.failure.is_none(), "failure": self.failure })
    }

    fn line(&self, paint: Paint) -> String {
        let Self { code, command, failure } = self;
        match failure {
            None => format!("{} {code}: {command}", paint.good(&format!("{:<8}", "mended"))),
            Some(failure) => {
                format!(
                    "{} {code}: {}",
                    paint.bad(&format!("{:<8}", "not done")),
                    failure.replace('\n', "\n         ")
                )
            }
        }
    }
}

/// Examines, and mends until nothing more can be. What was mended may take until `settle` to show.
fn treat(system: &System, card: &dyn Card, fix: bool, settle: Duration) -> (Vec<Finding>, Vec<Mended>) {
    let patient = Patient { system, card };
    let mut findings = doctor::examine(&patient);
    let (mut mended, mut tried): (Vec<Mended>, Vec<Fix>) = (Vec::new(), Vec::new());
    for _ in 0..if fix { ROUNDS } else { 0 } {
        let before = tried.len();
        for finding in &findings {
            let Some(fix) = finding.fix.clone().filter(|fix| !tried.contains(fix)) else { continue };
            let failure = fix.apply(system).err().map(|failure| failure.to_string());
            let command = finding.mend.clone().unwrap_or_default();
            mended.push(Mended { code: finding.code, command, failure });
            tried.push(fix);
        }
        if tried.len() == before {
            break;
        }
        findings = doctor::settled(&patient, settle);
    }
    (findings, mended)
}

fn exit(findings: &[Finding]) -> Exit {
    let any = |severities: &[Severity]| findings.iter().any(|finding| severities.contains(&finding.severity));
    if any(&[Severity::Warning, Severity::Error]) {
        Exit::Refused
    } else if any(&[Severity::Unknown]) {
        Exit::Unknown
    } else {
        Exit::Done
    }
}

fn line(finding: &Finding, paint: Paint) -> String {
    let Finding { check, code, message, mend, .. } = finding;
    let word = match finding.severity {
        Severity::Good => paint.good("good    "),
        Severity::Note => paint.dim("note    "),
        Severity::Unknown => paint.bad("unknown "),
        Severity::Warning => paint.bad("warning "),
        Severity::Error => paint.bad("error   "),
    };
    let message = printed(message.replace('\n', " "));
    let code = if finding.severity == Severity::Good { String::new() } else { format!("{code}: ") };
    let mend = mend.as_ref().map_or_else(String::new, |mend| {
        format!("\n         {} {}", paint.bold("mend:"), mend.replace('\n', "\n               "))
    });
    format!("{word} {check:<12} {code}{message}{mend}")
}

#[cfg(test)]
mod tests;
