//! `ushield assistant setup`: what a bank's installation wizard does.

mod text;

use std::{
    env,
    io::IsTerminal,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use assistant::{
    origin::Origin,
    prompter,
    setup::{Home, UNIT},
    words,
};
use clap::Args;
use machine::{
    doctor::{Finding, Roads, Severity, treat},
    system::System,
};
use terminal::{
    Context, Exit, Failure, Outcome, Paint, Reason, Steps,
    prompt::{self, Prompt},
    say,
};
use wire::display::printed;

use text::{Language, Text};

/// How long pcscd may take to take a token.
const SETTLE: Duration = Duration::from_secs(15);
/// The checks of the step "System Upgrade" and of the step "Driver Installation" (docs/doctor.md).
const SYSTEM: [&str; 4] = ["kernel", "polkit", "pcscd", "clock"];
const DRIVER: [&str; 3] = ["token", "driver", "holder"];

/// Set the assistant up, step by step: the system, the driver of your shield's brand, the window for the PIN, and a start at each login
///
/// Each step says what it will do, and asks before it changes anything. The last step writes two files, which are yours: no root is needed
/// for it, and --remove takes it back. Banks that were set up before stay.
#[derive(Args)]
#[command(after_help = "Examples:
  ushield assistant setup --bank https://bank.example
  ushield assistant setup --bank https://bank.example --yes      asks nothing
  sudo ushield assistant setup --fix      mends what is safe to mend: the module, pcscd, the brand's driver
  ushield assistant setup --remove        starts it at no login any more")]
pub(super) struct Setup {
    /// A bank whose pages the assistant shall answer; may be repeated [default: you are asked]
    #[arg(long, value_name = "ORIGIN", conflicts_with_all = ["fix", "remove"])]
    bank: Vec<Origin>,
    /// Mend what can be mended safely (root), and do nothing else
    #[arg(long, conflicts_with_all = ["remove", "yes"])]
    fix: bool,
    /// Take back the start at each login
    #[arg(long)]
    remove: bool,
    /// Take each step without a question
    #[arg(long, short)]
    yes: bool,
    /// The language of the wizard [default: as LC_ALL, LC_MESSAGES or LANG say]
    #[arg(long, value_enum)]
    language: Option<Language>,
}

impl Setup {
    pub(super) fn run(self) -> Outcome {
        let wizard = Wizard {
            text: Text(self.language.unwrap_or_else(Language::of_user)),
            yes: self.yes,
            system: System::here(),
            steps: Steps::new(),
        };
        match (self.remove, self.fix) {
            (true, _) => wizard.remove(),
            (_, true) => wizard.fix(),
            _ => wizard.install(self.bank),
        }
    }
}

struct Wizard {
    text: Text,
    yes: bool,
    system: System,
    steps: Steps,
}

impl Wizard {
    fn install(mut self, named: Vec<Origin>) -> Outcome {
        let home = home()?;
        let mut banks = home.banks();
        banks.extend(named.into_iter().filter(|bank| !banks.contains(bank)).collect::<Vec<_>>());
        if banks.is_empty() {
            banks.push(self.ask_bank()?);
        }
        say(self.text.begins());
        let (findings, _) = treat(&self.system, &Roads, false, Duration::ZERO);
        let faults = [
            self.examine(self.text.system(), &SYSTEM, &findings),
            self.examine(self.text.driver(), &DRIVER, &findings),
            self.window(),
        ];
        self.start_at_login(&home, &banks)?;
        Ok(if faults.contains(&true) { Exit::Refused } else { Exit::Done })
    }

    fn ask_bank(&self) -> Result<Origin, Failure> {
        let failed = |why: String| {
            Failure::of(
                Reason::Usage,
                "the assistant was not set up",
                why,
                "name your bank, as its page says: --bank https://bank.example",
            )
        };
        let answer = self.answer(self.text.which_bank()).ok_or_else(|| failed("no bank was named".into()))?;
        answer.trim().parse().map_err(|why| failed(format!("{answer:?} is no bank's address: {why}")))
    }

    /// Tells what is wrong, and mends it once root has said yes. Whether something is left to be done.
    fn examine(&mut self, [name, does]: [&'static str; 2], checks: &[&str], findings: &[Finding]) -> bool {
        self.step(name, does);
        let mut left = false;
        for finding in findings.iter().filter(|finding| is_fault(finding, checks)) {
            left |= !self.finding(finding);
        }
        if !left {
            self.steps.detail(&Paint::stdout().good(self.text.all_good()));
        }
        left
    }

    /// Whether the fault is mended.
    fn finding(&self, finding: &Finding) -> bool {
        let said = self.text.said(words::of(finding.code));
        self.steps.detail(&format!("{} ({})", Paint::stdout().bad(said.what), finding.code));
        // The doctor tells developers how to make a shield; a bank's customer has one.
        let advice = finding.mend.as_deref().filter(|_| finding.code != "token_absent").unwrap_or(said.next);
        self.steps.detail(&format!("{}: {}", self.text.mend(), one_line(advice)));
        let Some(fix) = &finding.fix else { return false };
        if !self.system.is_root() {
            self.steps.detail(self.text.as_root());
            return false;
        }
        if !self.agreed(self.text.mend_it()) {
            return false;
        }
        match fix.apply(&self.system) {
            Ok(()) => self.steps.detail(&Paint::stdout().good(self.text.mended())),
            Err(why) => {
                self.steps.detail(&one_line(&why.to_string()));
                return false;
            }
        }
        true
    }

    /// Whether there is no window for the PIN.
    fn window(&mut self) -> bool {
        let [name, does] = self.text.window();
        self.step(name, does);
        let found = prompter::pinentry();
        match &found {
            Some(program) => self.steps.detail(&program.display().to_string()),
            None => {
                let said = self.text.said(words::of("no_prompt"));
                self.steps.detail(&format!("{} {}", Paint::stdout().bad(said.what), said.next));
            }
        }
        found.is_none()
    }

    fn start_at_login(&mut self, home: &Home, banks: &[Origin]) -> Result<(), Failure> {
        let program = env::current_exe().what("this program does not know where it lies")?;
        let [name, does] = self.text.login();
        self.step(name, does);
        for file in home.files() {
            self.steps.detail(&file.display().to_string());
        }
        let list: Vec<&str> = banks.iter().map(Origin::as_str).collect();
        self.steps.detail(&format!("{}: {}", self.text.banks(), list.join(", ")));
        let by_hand = || format!("{} assistant --bank {}", program.display(), list.join(" --bank "));
        if !self.agreed(self.text.write_it()) {
            say(&format!("{}: {}", self.text.by_hand(), by_hand()));
            return Ok(());
        }
        home.write(&program, banks)?;
        // `restart` also where an assistant runs that knows fewer banks.
        let started = has_systemd() && ["daemon-reload", "enable", "restart"].into_iter().all(systemctl);
        if started {
            say(self.text.runs());
        } else {
            say(&format!("{}: {}", self.text.next_login(), by_hand()));
        }
        say(&format!("{}: {}", self.text.go_to(), list.join(", ")));
        Ok(())
    }

    fn remove(self) -> Outcome {
        if has_systemd() {
            let _ = systemctl("stop");
            let _ = systemctl("disable");
        }
        let removed = home()?.remove();
        if has_systemd() {
            let _ = systemctl("daemon-reload");
        }
        for path in &removed {
            say(&format!("{}: {}", self.text.removed(), path.display()));
        }
        if removed.is_empty() {
            say(self.text.nothing_removed());
        }
        Ok(Exit::Done)
    }

    /// What `ushield doctor --fix` would do about the two steps of the system.
    fn fix(mut self) -> Outcome {
        let (findings, mended) = treat(&self.system, &Roads, true, SETTLE);
        for mended in &mended {
            let outcome = mended.failure.as_deref().map_or_else(|| self.text.mended().to_owned(), one_line);
            say(&format!("{}: {outcome}", mended.command));
        }
        let mut left = false;
        for ([name, does], checks) in [(self.text.system(), &SYSTEM[..]), (self.text.driver(), &DRIVER[..])] {
            self.step(name, does);
            for finding in findings.iter().filter(|finding| is_fault(finding, checks)) {
                left = true;
                let mend = finding.mend.as_deref().unwrap_or_default();
                self.steps.detail(&format!("{}: {}", finding.code, one_line(&finding.message)));
                self.steps.detail(&format!("{}: {}", self.text.mend(), one_line(mend)));
            }
        }
        Ok(if left { Exit::Refused } else { Exit::Done })
    }

    fn step(&mut self, name: &str, does: &str) {
        self.steps.done(name, &[does]);
    }

    /// Whether the user wants it. Without a terminal nobody is asked, and only --yes means yes.
    fn agreed(&self, question: &str) -> bool {
        self.yes
            || self.answer(question).is_some_and(|answer| {
                ["y", "yes", "是", "好"].contains(&answer.trim().to_lowercase().as_str())
            })
    }

    fn answer(&self, question: &str) -> Option<String> {
        if !std::io::stdin().is_terminal() || !prompt::is_there() {
            say(&format!("{question} {}", self.text.no_terminal()));
            return None;
        }
        let text = format!("{question} ");
        let asked = Prompt { text: &text, hidden: false, patience: None, unwanted: &|| false }.ask().ok()?;
        String::from_utf8(asked.to_vec()).ok()
    }
}

/// The folder of the user's own configuration. Through sudo it would be root's, or a file of root's in the user's home.
fn home() -> Result<Home, Failure> {
    let failed = |why: &str, next: &str| {
        Failure::of(Reason::Usage, "the assistant is not started at login", why, next)
    };
    if env::var_os("SUDO_UID").is_some_and(|user| user != "0") {
        return Err(failed(
            "sudo runs this command, and the files of a login belong to the user who logs in",
            "run the command without sudo; only --fix wants root",
        ));
    }
    Home::of_user().ok_or_else(|| {
        failed("neither XDG_CONFIG_HOME nor HOME names a folder", "set HOME, and run the command again")
    })
}

/// Whether systemd serves this user (systemd's own socket, below XDG_RUNTIME_DIR).
fn has_systemd() -> bool {
    env::var_os("XDG_RUNTIME_DIR").is_some_and(|folder| Path::new(&folder).join("systemd/private").exists())
}

fn systemctl(verb: &str) -> bool {
    let mut command = Command::new("systemctl");
    command.args(["--user", "--quiet", verb]);
    if verb != "daemon-reload" {
        command.arg(UNIT);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn is_fault(finding: &Finding, checks: &[&str]) -> bool {
    checks.contains(&finding.check) && matches!(finding.severity, Severity::Warning | Severity::Error)
}

fn one_line(text: &str) -> String {
    printed(text.replace('\n', " ")).to_string()
}
