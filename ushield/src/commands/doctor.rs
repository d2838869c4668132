//! `ushield doctor`.

use std::time::Duration;

use clap::Args;
use machine::{
    doctor::{Finding, Mended, Roads, Severity, Verdict, treat},
    system::System,
};
use serde_json::{Value, json};
use terminal::{Exit, Outcome, Paint, say, say_json, say_lines};
use wire::display::printed;

/// How long pcscd may take to take a token.
const SETTLE: Duration = Duration::from_secs(15);

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
        let exit = exit_of(Verdict::on(&findings));
        if self.json {
            let mended: Vec<Value> = mended.iter().map(json_of).collect();
            say_json(&format!(
                "{:#}",
                json!({ "good": exit == Exit::Done, "findings": findings, "mended": mended })
            ));
            return Ok(exit);
        }
        let paint = Paint::stdout();
        for mended in &mended {
            say_lines(&line_of(mended, paint));
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

const fn exit_of(verdict: Verdict) -> Exit {
    match verdict {
        Verdict::Good => Exit::Done,
        Verdict::Faulty => Exit::Refused,
        Verdict::Unknown => Exit::Unknown,
    }
}

fn json_of(mended: &Mended) -> Value {
    let Mended { code, command, failure } = mended;
    json!({ "code": code, "command": command, "done": failure.is_none(), "failure": failure })
}

fn line_of(mended: &Mended, paint: Paint) -> String {
    let Mended { code, command, failure } = mended;
    match failure {
        None => format!("{} {code}: {command}", paint.good(&format!("{:<8}", "mended"))),
        Some(failure) => {
            let failure = failure.replace('\n', "\n         ");
            format!("{} {code}: {failure}", paint.bad(&format!("{:<8}", "not done")))
        }
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
mod tests {
    use super::*;

    #[test]
    fn exit_codes() {
        let codes = [Verdict::Good, Verdict::Faulty, Verdict::Unknown].map(|verdict| exit_of(verdict).code());
        assert_eq!(codes, [0, 1, 2]);
    }

    #[test]
    fn a_mending_and_its_failure_are_told() {
        let done = Mended { code: "vhci_not_loaded", command: "modprobe vhci-hcd".into(), failure: None };
        assert_eq!((&json_of(&done)["done"], &json_of(&done)["failure"]), (&json!(true), &Value::Null));
        assert!(line_of(&done, Paint::stdout()).contains("vhci_not_loaded: modprobe vhci-hcd"));
        let failed = Mended { failure: Some("FATAL: not permitted".into()), ..done };
        assert_eq!(json_of(&failed)["done"], false);
        assert!(line_of(&failed, Paint::stdout()).contains("vhci_not_loaded: FATAL: not permitted"));
    }
}
