//! Folders that belong to another user, that cannot be written, whose names are no text. Sockets that were left behind.

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::world::World;

const NOBODY: u32 = 65_534;

fn is_root() -> bool {
    rustix::process::getuid().is_root()
}

fn ended(command: &mut Command) -> (i32, String) {
    let ended = World::end(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    (ended.code, ended.said + &ended.complained)
}

/// `su` without a login keeps the former user's variable. `sudo -E` lets root into a user's folder.
#[test]
fn a_runtime_folder_of_another_user_is_not_used() {
    if !is_root() {
        return; // Only root can become another user.
    }
    let world = World::new();
    fs::set_permissions(world.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let folder = |name: &str, owner: u32| {
        let path = world.path(name);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        chown(&path, Some(owner), Some(owner)).unwrap();
        path
    };
    let (roots, users) = (folder("r", 0), folder("u", NOBODY));
    let (temporary, home) = (folder("t", NOBODY), folder("h", NOBODY));
    // Other users may not be able to look into the folder of the build. So the program is copied to where they can.
    let program = world.path("ushield");
    crate::world::copy_program(env!("CARGO_BIN_EXE_ushield"), &program);
    let run = |user: u32, runtime: &Path| {
        let mut command = Command::new(&program);
        command.args(["run", "--no-enrol", "--", "printenv", "USHIELD_CONTROL"]).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", &home);
        command
            .env("TMPDIR", &temporary)
            .env("XDG_RUNTIME_DIR", runtime)
            .current_dir("/")
            .uid(user)
            .gid(user);
        let (code, said) = ended(&mut command);
        assert_eq!(code, 0, "{said}");
        PathBuf::from(said.lines().find(|line| line.starts_with('/')).unwrap())
    };
    assert!(run(NOBODY, &roots).starts_with(temporary.join(format!("ushield-{NOBODY}"))));
    assert!(run(0, &users).starts_with(temporary.join("ushield-0")));
    assert_eq!(fs::read_dir(&users).unwrap().count(), 0, "root leaves nothing in a user's folder");
    assert!(run(NOBODY, &users).starts_with(&users));
    // Another user made the folder in the common place first. The run goes on in another folder all the same.
    fs::remove_dir_all(temporary.join(format!("ushield-{NOBODY}"))).unwrap();
    fs::create_dir(temporary.join(format!("ushield-{NOBODY}"))).unwrap();
    let elsewhere = run(NOBODY, &roots);
    assert!(!elsewhere.starts_with(&temporary) && !elsewhere.starts_with(&roots), "{}", elsewhere.display());
    let common = format!("/tmp/ushield-{NOBODY}");
    if fs::metadata(&common).is_ok_and(|found| found.uid() == NOBODY) {
        let _ = fs::remove_dir(common);
    }
}

/// A folder whose name is no UTF-8. Archives of other systems make such folders.
fn odd(world: &World, name: &[u8]) -> PathBuf {
    let path = world.path("").join(OsStr::from_bytes(name));
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    path
}

#[test]
fn names_that_are_no_text() {
    let world = World::new();
    let (runtime, folder) = (odd(&world, b"run\xFF"), odd(&world, b"\xE9t\xE9"));
    let at = |name: &str| folder.join(name).into_os_string();
    let ushield = |arguments: &[&dyn AsRef<OsStr>]| {
        let mut command = world.command(&[]);
        command.env("XDG_RUNTIME_DIR", &runtime);
        command.args(arguments.iter().map(|argument| argument.as_ref()));
        let ended = World::end_raw(command.spawn().unwrap());
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        OsString::from_vec(ended.stdout)
    };
    let (state, secret, ready) = (at("state"), at("secret"), at("ready.json"));
    let start: [&dyn AsRef<OsStr>; 12] = [
        &"up",
        &"-d",
        &"--panel",
        &"none",
        &"--listen",
        &"127.0.0.1:0",
        &"--state",
        &state,
        &"--secret",
        &secret,
        &"--ready-file",
        &ready,
    ];
    ushield(&start);
    let told: serde_json::Value = serde_json::from_slice(&fs::read(&ready).unwrap()).unwrap();
    ushield(&[&"ls", &"--state", &state, &"--json"]);
    let socket = at("pcscd.comm");
    let said =
        ushield(&[&"reader", &"-d", &"--usbip", &told["listen"].as_str().unwrap(), &"--socket", &socket]);
    // A shell reads the printed line, and gets the socket's name back.
    let script = [said.as_bytes(), b"printf %s \"$PCSCLITE_CSOCK_NAME\""].concat();
    let read = Command::new("sh").arg("-c").arg(OsString::from_vec(script)).output().unwrap();
    assert_eq!(OsString::from_vec(read.stdout), socket);
    ushield(&[&"reader", &"--stop", &"--socket", &socket]);
    ushield(&[&"down", &"--state", &state]);
    // The folder of a run lies below such a name, too. The tokens of the run are described in JSON all the same.
    let tokens = ushield(&[&"run", &"--", &"printenv", &"USHIELD_TOKENS"]);
    let tokens: serde_json::Value = serde_json::from_slice(tokens.as_bytes()).unwrap();
    assert!(tokens[0]["certificates"][0]["file"].is_string(), "{tokens}");
}

#[test]
fn what_a_killed_one_left_is_swept() {
    let world = World::new();
    let sockets = || {
        let entries = fs::read_dir(world.path("run/ushield")).into_iter().flatten().flatten();
        entries.filter(|entry| entry.path().extension().is_some_and(|end| end == "sock")).count()
    };
    let up = world.up(&["--memory", "--panel", "none"]);
    let beside = world.path("run/ushield/beside.sock");
    let other = ["up", "-d", "--memory", "--panel", "none", "--listen", "127.0.0.1:0"];
    world.done(&[&other[..], &["--control", beside.to_str().unwrap()]].concat());
    assert_eq!(sockets(), 2);
    let pid = i32::try_from(up.ready["pid"].as_i64().unwrap()).unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    // The socket that was left behind hinders nobody: `ls` finds the server that lives.
    let found = || world.run(&["ls"]).said.contains("beside.sock");
    let begin = std::time::Instant::now();
    while !found() {
        assert!(begin.elapsed() < std::time::Duration::from_secs(120), "never found");
    }
    world.up(&["--memory", "--panel", "none"]);
    assert_eq!(sockets(), 2, "the dead one is gone, and the one that lives is not");
}

/// In a new network namespace the loopback interface is down.
#[test]
fn a_loopback_interface_that_is_down_is_named() {
    let alone = |arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["-rn", "--"]).args(arguments).stdin(Stdio::null());
        ended(&mut command)
    };
    if alone(&["true"]).0 != 0 {
        return; // This system lets nobody make a namespace.
    }
    let world = World::new();
    let ushield = env!("CARGO_BIN_EXE_ushield");
    let runtime = format!("XDG_RUNTIME_DIR={}", world.path("run").display());
    for arguments in
        [&["run", "--", "true"][..], &["up", "--memory"], &["pin", "change", "--usbip", "127.0.0.1:9"]]
    {
        let (code, said) = alone(&[&["env", &runtime, ushield], arguments].concat());
        assert!(code != 0 && said.contains("ip link set lo up"), "{arguments:?}: {said}");
    }
}
