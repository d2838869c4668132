//! `ushield assistant setup`: what a bank's installation wizard does.

mod text;

use std::{
    env,
    io::IsTerminal,
    path::Path,
    process::{Command, Stdio},
    thread,
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

/// How long an assistant that cannot run takes to end.
const FIRST_STEPS: Duration = Duration::from_secs(1);
/// How long pcscd may take to take a token.
const SETTLE: Duration = Duration::from_secs(15);
/// The checks of the step "System Upgrade" and of the step "Driver Installation" (docs/doctor.md).
const SYSTEM: [&str; 4] = ["kernel", "polkit", "pcscd", "clock"];
const DRIVER: [&str; 3] = ["token", "driver", "holder"];

/// Set the assistant up, step by step: the system, the driver of your shield's brand, the window for the PIN, and a start at each login
///
/// Each step says what it will do, and asks before it changes anything. The last step writes two files and a link, which are yours: no root is
/// needed for it, and --remove takes it back. Banks that were set up before stay.
#[derive(Args)]
#[command(after_help = "Examples:
  ushield assistant setup --bank https://bank.example
  ushield assistant setup --bank https://bank.example --yes      asks nothing
  sudo ushield assistant setup --fix      mends what is safe to mend: the module, pcscd, the brand's driver
  ushield assistant setup --remove        takes the start at each login back")]
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
        say(self.text.begins());
        let mut banks = home.banks();
        banks.extend(named.into_iter().filter(|bank| !banks.contains(bank)).collect::<Vec<_>>());
        if banks.is_empty() {
            banks.push(self.ask_bank()?);
        }
        let (findings, _) = treat(&self.system, &Roads, false, Duration::ZERO);
        let faults = [
            self.examine(self.text.system(), &SYSTEM, &findings),
            self.examine(self.text.driver(), &DRIVER, &findings),
            self.window(),
        ];
        self.start_at_login(&home, &banks)?;
        Ok(if faults.contains(&true) {
            say(self.text.left());
            Exit::Refused
        } else {
            Exit::Done
        })
    }

    fn ask_bank(&self) -> Result<Origin, Failure> {
        let none = || {
            Failure::of(
                Reason::Usage,
                "the assistant was not set up",
                "no bank was named",
                "name your bank, as its page says: --bank https://bank.example",
            )
        };
        loop {
            let answer = if is_asked() { self.answer(self.text.which_bank()) } else { None };
            let answer = answer.filter(|answer| !answer.trim().is_empty()).ok_or_else(none)?;
            match typed_origin(&answer) {
                Some(bank) => return Ok(bank),
                None => say(self.text.no_address()),
            }
        }
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

    /// Tells what is wrong, and what a person does about it. The doctor tells developers how to make a shield; a bank's customer has one.
    fn tell(&self, finding: &Finding) {
        let said = self.text.said(words::of(finding.code));
        self.steps.detail(&format!("{} ({})", Paint::stdout().bad(said.what), finding.code));
        let doctors = finding.mend.as_deref().filter(|_| finding.code != "token_absent").map(one_line);
        match doctors {
            Some(_) if finding.fix.is_some() => {}
            Some(mend) => self.steps.detail(&format!("{} (ushield doctor): {mend}", self.text.mend())),
            None => self.steps.detail(&format!("{}: {}", self.text.mend(), said.next)),
        }
    }

    /// Whether the fault is mended.
    fn finding(&self, finding: &Finding) -> bool {
        self.tell(finding);
        let Some(fix) = &finding.fix else { return false };
        let mend = finding.mend.as_deref().map(one_line).unwrap_or_default();
        if !self.system.is_root() {
            self.steps.detail(&format!("{}: {mend}", self.text.as_root()));
            return false;
        }
        self.steps.detail(&format!("{}: {mend}", self.text.mend()));
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
            Some(program) => self.steps.detail(&format!("{}: {}", self.text.found(), program.display())),
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
        for path in home.paths() {
            self.steps.detail(&path.display().to_string());
        }
        let list: Vec<&str> = banks.iter().map(Origin::as_str).collect();
        self.steps.detail(&format!("{}: {}", self.text.banks(), list.join(", ")));
        let by_hand = || format!("{} assistant --bank {}", program.display(), list.join(" --bank "));
        let served = has_systemd();
        if !self.agreed(if served { self.text.write_and_start() } else { self.text.write() }) {
            say(&format!("{}: {}", self.text.by_hand(), by_hand()));
            return Ok(());
        }
        home.write(&program, banks)?;
        // `restart` also where an assistant runs that knows fewer banks.
        let started = served && ["daemon-reload", "restart"].into_iter().all(systemctl);
        if started {
            // An assistant that finds no free port, for example, ends at once.
            thread::sleep(FIRST_STEPS);
            say(if systemctl("is-active") { self.text.runs() } else { self.text.ended() });
        } else {
            say(&format!("{}: {}", self.text.next_login(), by_hand()));
        }
        say(&format!("{}: {}", self.text.go_to(), list.join(", ")));
        Ok(())
    }

    fn remove(self) -> Outcome {
        let home = home()?;
        let is_served = home.has_unit() && has_systemd();
        if is_served {
            let _ = systemctl("stop");
        }
        let removed = home.remove()?;
        if is_served {
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
                self.tell(finding);
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
        if !is_asked() {
            say(&format!("{question} {}", self.text.no_terminal()));
            return None;
        }
        let text = format!("{question} ");
        let asked = Prompt { text: &text, hidden: false, patience: None, unwanted: &|| false }.ask().ok()?;
        String::from_utf8(asked.to_vec()).ok()
    }
}

/// Whether there is somebody to answer.
fn is_asked() -> bool {
    std::io::stdin().is_terminal() && prompt::is_there()
}

/// The bank of what somebody has typed, or has copied from a browser: the address of any page of the bank's, or the host alone.
fn typed_origin(text: &str) -> Option<Origin> {
    let text = text.trim().to_ascii_lowercase();
    // A word alone is no host of a bank's.
    let alone = || text.contains('.').then_some(("https", &*text));
    let (scheme, rest) = text.split_once("://").or_else(alone)?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    format!("{scheme}://{host}").parse().ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bank_is_known_by_any_of_its_addresses() {
        for typed in [
            "bank.example",
            " https://bank.example/ ",
            "https://Bank.example/sign-in?a=b",
            "https://bank.example#top",
        ] {
            assert_eq!(
                typed_origin(typed).map(|bank| bank.to_string()).as_deref(),
                Some("https://bank.example"),
                "{typed}"
            );
        }
        assert_eq!(typed_origin("http://localhost:8080/account").unwrap().as_str(), "http://localhost:8080");
        for typed in [
            "",
            "yes",
            "ftp://bank.example",
            "http://bank.example",
            "https://bank.example@other.example/",
            "my bank",
        ] {
            assert!(typed_origin(typed).is_none(), "{typed}");
        }
    }
}
