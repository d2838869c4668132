//! `ushield assistant setup`: what a bank's installation wizard does.

use std::{env, time::Duration};

use assistant::{origin::Origin, setup};
use clap::Args;
use machine::{
    doctor::{Finding, Roads, Severity, treat},
    system::System,
};
use terminal::{Context, Exit, Failure, Outcome, Paint, Steps, say};
use wire::display::printed;

/// How long pcscd may take to take a token.
const SETTLE: Duration = Duration::from_secs(15);
/// The checks of the step "System Upgrade" and of the step "Driver Installation" (docs/doctor.md).
const SYSTEM: [&str; 4] = ["kernel", "polkit", "pcscd", "clock"];
const DRIVER: [&str; 3] = ["token", "driver", "holder"];

/// Set the assistant up, step by step: the system, the driver of your shield's brand, and a start at each login
///
/// Without --fix the wizard changes nothing but the two files of the last step, which are yours: no root is needed.
#[derive(Args)]
#[command(after_help = "Examples:
  ushield assistant setup --bank https://bank.example
  sudo ushield assistant setup --fix      mends what is safe to mend: the module, pcscd, the brand's driver")]
pub(super) struct Setup {
    /// A bank whose pages the assistant shall answer; may be repeated
    #[arg(long, value_name = "ORIGIN", required_unless_present = "fix", conflicts_with = "fix")]
    bank: Vec<Origin>,
    /// Mend what can be mended safely (root)
    #[arg(long)]
    fix: bool,
}

impl Setup {
    pub(super) fn run(self) -> Outcome {
        let (findings, mended) = treat(&System::here(), &Roads, self.fix, SETTLE);
        let mut steps = Steps::new();
        for mended in &mended {
            let outcome = mended
                .failure
                .as_ref()
                .map_or_else(|| "mended".into(), |why| printed(why.replace('\n', " ")).to_string());
            say(&format!("{}: {outcome}", mended.command));
        }
        let faults = [("System Upgrade", &SYSTEM[..]), ("Driver Installation", &DRIVER[..])]
            .map(|(name, checks)| step(&mut steps, name, checks, &findings));
        if !self.fix {
            self.start_at_login(&mut steps)?;
        }
        Ok(if faults.contains(&true) { Exit::Refused } else { Exit::Done })
    }

    fn start_at_login(&self, steps: &mut Steps) -> Result<(), Failure> {
        let program = env::current_exe().what("this program does not know where it lies")?;
        let home = setup::Home::of_user().ok_or_else(|| {
            Failure::new("the assistant is not started at login")
                .because("neither XDG_CONFIG_HOME nor HOME names a folder")
                .next("set HOME, and run the command again")
        })?;
        let written = home.write(&program, &self.bank)?;
        let lines: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
        steps.done("Start at login", &lines.iter().map(String::as_str).collect::<Vec<_>>());
        say(
            "Start it now: systemctl --user daemon-reload && systemctl --user enable --now ushield-assistant",
        );
        say("Without systemd the desktop starts it at the next login.");
        Ok(())
    }
}

/// Tells what was found; whether something is to be done.
fn step(steps: &mut Steps, name: &str, checks: &[&str], findings: &[Finding]) -> bool {
    let paint = Paint::stdout();
    let found = findings.iter().filter(|finding| {
        checks.contains(&finding.check) && matches!(finding.severity, Severity::Warning | Severity::Error)
    });
    let lines: Vec<String> = found
        .flat_map(|finding| {
            let mend = finding.mend.iter().map(|mend| format!("  mend: {}", mend.replace('\n', " ")));
            std::iter::once(format!("{}: {}", finding.code, finding.message.replace('\n', " "))).chain(mend)
        })
        .collect();
    let outcome =
        if lines.is_empty() { paint.good("all is good") } else { paint.bad("something is to be done") };
    steps.done(&format!("{name}: {outcome}"), &lines.iter().map(String::as_str).collect::<Vec<_>>());
    !lines.is_empty()
}
