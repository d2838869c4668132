//! A command that fails says so: by its exit code, in JSON where JSON was asked for, and before anybody presses a
//! button.

use std::{
    fs::File,
    process::{Command, Stdio},
};

use crate::world::World;

/// The command fails where its output did not fit on the disk. GNU's programs do the same.
#[test]
fn exit_code_0_means_that_it_was_written() {
    let ushield: &[&[&str]] = &[
        &["brand", "show", "indigo"],
        &["brand", "list"],
        &["brand", "list", "--json"],
        &["completions", "bash"],
        &["order"],
        &["--help"],
        &["--version"],
        &["help", "pay"],
        &["pay", "--help"],
    ];
    let world = World::new();
    for arguments in ushield {
        let ended = Command::new(env!("CARGO_BIN_EXE_ushield"))
            .args(*arguments)
            .env("HOME", world.path("."))
            .stdout(File::options().write(true).open("/dev/full").unwrap())
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        assert_eq!(ended.status.code(), Some(1), "{arguments:?}");
        let complained = String::from_utf8_lossy(&ended.stderr);
        assert!(complained.contains("was not written") && !complained.contains("panicked"), "{complained}");
    }
    // The command does not fail where the reader of its output has gone.
    let mut gone = Command::new(env!("CARGO_BIN_EXE_ushield"))
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(gone.stdout.take());
    assert!(gone.wait().unwrap().success());
}

/// Every command that has `--json` is made to fail.
#[test]
fn a_failure_is_json_where_json_was_asked_for() {
    let world = World::new();
    for arguments in [
        &["screen", "--json"][..],
        &["ls", "--json", "--control", "/nowhere"],
        &["ports", "--json", "--nonsense"],
        &["pay", "--json"],
        &["verify", "--json"],
        &["attach", "127.0.0.1:1", "--json"],
        &["no-such-command", "--json"],
    ] {
        let ended = world.run(arguments);
        assert_ne!(ended.code, 0, "{arguments:?}: {}", ended.said);
        let said: serde_json::Value = serde_json::from_str(&ended.said)
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {} {}", ended.said, ended.complained));
        assert!(said["error"]["what"].as_str().is_some_and(|what| !what.is_empty()), "{said}");
        assert!(!ended.complained.is_empty(), "people are told, too");
    }
    // The words after `--` belong to another program.
    assert!(world.run(&["run", "--nonsense", "--", "true", "--json"]).said.is_empty());
}

/// No token is there, and a command that asked for one would be refused with other words.
#[test]
fn what_is_wrong_from_the_start_is_refused_before_anybody_is_asked() {
    let world = World::new();
    let pay = |order: &str, out: &str| {
        let ended = world.run(&["pay", order, "--out", out, "--usbip", "127.0.0.1:1"]);
        assert_ne!(ended.code, 0);
        ended.complained
    };
    let out = world.path("out.cms");
    let out = out.to_str().unwrap();
    let good = world.order("good");
    let text = std::fs::read_to_string(&good).unwrap();
    let mut expired: serde_json::Value = serde_json::from_str(&text).unwrap();
    expired["issued"] = "2026-01-01T08:00:00Z".into();
    expired["expires"] = "2026-01-01T08:10:00Z".into();
    let expired = world.file("expired.json", &expired.to_string());
    let said = pay(&expired, out);
    assert!(said.contains("expired") && said.contains("2026-01-01T08:10:00Z"), "{said}");
    let nowhere = pay(&good, "/nowhere/out.cms");
    assert!(nowhere.contains("/nowhere/out.cms"), "{nowhere}");
    let there = world.file("there.cms", "mine");
    assert!(pay(&good, &there).contains("there.cms"));
    assert_eq!(std::fs::read_to_string(&there).unwrap(), "mine");
    // A good order is not refused, and the command goes on to the token. The token is not there.
    let said = pay(&good, out);
    assert!(!said.contains("expired") && !said.contains("out.cms"), "{said}");
}
