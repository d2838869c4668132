use std::{fs, os::unix::fs::symlink, time::Duration};

use super::*;
use crate::{
    origin::Origin,
    prompter::{Language, Wanted},
};

/// A pinentry that is a script. It writes what it was told beside itself.
fn script(folder: &tempfile::TempDir, getpin: &str, confirm: &str) -> Pinentry {
    let program = folder.path().join("pinentry");
    let told = folder.path().join("told");
    let text = format!(
        "#!/bin/sh\necho 'OK ready'\nwhile read -r line; do\n  echo \"$line\" >>{}\n  case \"$line\" in\n  GETPIN) {getpin} ;;\n  \
         CONFIRM) {confirm} ;;\n  SETTIMEOUT*) echo 'ERR 536871187 Unknown IPC command' ;;\n  *) echo OK ;;\n  esac\ndone\n",
        told.display()
    );
    // Another process writes the script: a file that a forked thread of ours still holds open for writing cannot be run (ETXTBSY).
    let mut writer = Command::new("sh");
    writer.args(["-c", "cat >\"$0\" && chmod +x \"$0\""]).arg(&program).stdin(Stdio::piped());
    let mut writer = writer.spawn().unwrap();
    writer.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(writer.wait().unwrap().success());
    Pinentry { program }
}

fn origin() -> Origin {
    "https://bank.example".parse().unwrap()
}

fn question(origin: &Origin) -> Question<'_> {
    Question::new(
        origin,
        Language::Zh,
        Wanted::Pin,
        vec!["收款人: 上海水务".into(), "金额: 100.00 CNY 100%".into()],
    )
}

#[test]
fn the_holder_sees_who_asks_and_for_what_and_gives_the_pin() {
    let folder = tempfile::tempdir().unwrap();
    let pinentry = script(&folder, "echo 'S status'; echo 'D 135%25246'; echo OK", "echo OK");
    let origin = origin();
    let pin = pinentry.pin(&question(&origin), &Stop::default()).unwrap();
    assert_eq!(pin.bytes(), b"135%246");
    let told = fs::read_to_string(folder.path().join("told")).unwrap();
    let description = told.lines().find(|line| line.starts_with("SETDESC ")).unwrap();
    for part in ["https://bank.example", "上海水务", "100.00 CNY 100%25"] {
        assert!(description.contains(part), "{description}");
    }
    pinentry.confirm(&question(&origin), &Stop::default()).unwrap();
}

#[test]
fn no_answer_is_told_apart() {
    let origin = origin();
    let ended = |getpin: &str| {
        let folder = tempfile::tempdir().unwrap();
        script(&folder, getpin, "echo OK").pin(&question(&origin), &Stop::default()).map(drop)
    };
    assert!(matches!(ended("echo 'ERR 83886179 Operation cancelled <Pinentry>'"), Err(NotGiven::Cancelled)));
    assert!(matches!(ended("echo OK"), Err(NotGiven::Cancelled)), "no data is no PIN");
    assert!(matches!(ended("echo 'ERR 83886142 Timeout <Pinentry>'"), Err(NotGiven::TimedOut)));
    assert!(matches!(ended("exit 1"), Err(NotGiven::Failed(_))));
    assert!(matches!(ended("head -c 5000 /dev/zero; exec sleep 600"), Err(NotGiven::Failed(_))));
    let folder = tempfile::tempdir().unwrap();
    let refused = script(&folder, "exit 1", "echo 'ERR 83886194 Not confirmed'");
    assert!(matches!(refused.confirm(&question(&origin), &Stop::default()), Err(NotGiven::Cancelled)));
    let absent = Pinentry { program: "/no/such/pinentry".into() };
    assert!(matches!(absent.pin(&question(&origin), &Stop::default()), Err(NotGiven::Failed(_))));
}

#[test]
fn a_window_that_nobody_wants_any_more_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let pinentry = script(&folder, "echo $$ >$0.pid; exec sleep 600", "echo OK");
    let (stop, origin) = (Stop::default(), origin());
    let pid_file = folder.path().join("pinentry.pid");
    let ended = std::thread::scope(|scope| {
        let asked = scope.spawn(|| pinentry.pin(&question(&origin), &stop).map(drop));
        while fs::read_to_string(&pid_file).unwrap_or_default().trim().is_empty() {
            std::thread::sleep(Duration::from_millis(10));
        }
        stop.wish();
        asked.join().unwrap()
    });
    assert!(matches!(ended, Err(NotGiven::Stopped)));
    let pid = fs::read_to_string(pid_file).unwrap();
    assert!(!Path::new("/proc").join(pid.trim()).exists(), "the window is gone");
}

#[test]
fn a_pinentry_of_terminals_opens_no_window() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (program, opens) in [("pinentry-gtk-2", true), ("pinentry-curses", false), ("pinentry-tty", false)] {
        fs::write(at(program), "").unwrap();
        // As Debian's alternatives are: a link to a link.
        symlink(at(program), at("alternative")).unwrap();
        symlink(at("alternative"), at("pinentry")).unwrap();
        assert_eq!(opens_windows(&at("pinentry")), opens, "{program}");
        fs::remove_file(at("alternative")).unwrap();
        fs::remove_file(at("pinentry")).unwrap();
    }
}
