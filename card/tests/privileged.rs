//! A program that has more rights than the user who started it heeds nothing in the environment.
#![cfg(target_os = "linux")]

use std::{
    env, fs,
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::CommandExt,
    },
    process::Command,
};

use card::{config, road::Selection};

/// A user who is not root.
const NOBODY: u32 = 65_534;

/// Tells the process that the test below starts that it has to say what it heeds.
const CHILD: &str = "CARD_TEST_CHILD";

/// The test starts a copy of its own program, with this test alone: that process may have more rights than its user.
#[test]
fn a_setuid_program_heeds_no_variable() {
    if env::var_os(CHILD).is_some() {
        return say_what_is_heeded();
    }
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        eprintln!("only root makes a setuid program of root's");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let open = |path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    open(folder.path(), 0o755);
    let program = folder.path().join("program");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    for (mode, heeded) in [(0o4755, "none"), (0o755, "all")] {
        open(&program, mode);
        let mut command = Command::new(&program);
        command
            .args(["--exact", "a_setuid_program_heeds_no_variable", "--nocapture"])
            .uid(NOBODY)
            .gid(NOBODY);
        command.env(CHILD, "1").env("HOME", "/home/of/somebody").env_remove("XDG_CONFIG_HOME");
        command.env("USHIELD_USBIP", "example:1").env("PCSCLITE_CSOCK_NAME", "/socket").current_dir("/");
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        if mode == 0o4755 && said.contains(&format!("owner {NOBODY} ")) {
            eprintln!("{} is on a file system without setuid", folder.path().display());
            continue;
        }
        assert!(said.contains(&format!("heeded: {heeded}")), "{mode:o}: {said}");
    }
}

fn say_what_is_heeded() {
    let selection = Selection::environment();
    println!(
        "owner {} heeded: {}",
        fs::metadata("/proc/self").unwrap().uid(),
        match (selection.usbip, selection.pcsc, config::path()) {
            (None, None, None) => "none",
            (Some(_), Some(_), Some(_)) => "all",
            _ => "some",
        }
    );
}
