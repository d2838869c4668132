//! `ushield run` as its users run it: any command, with tokens of its own.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::world::{Ended, World};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;

/// The environment that the command printed, by its variables.
fn variables(said: &str) -> impl Fn(&str) -> Option<String> {
    let lines: Vec<String> = said.lines().map(ToOwned::to_owned).collect();
    move |name| {
        lines.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix('=').map(ToOwned::to_owned))
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(120), "never: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn runs(world: &World) -> Vec<PathBuf> {
    let folder = fs::read_dir(world.path("run/ushield")).into_iter().flatten().flatten();
    folder.map(|entry| entry.path()).filter(|path| path.to_string_lossy().contains("/run-")).collect()
}

#[test]
fn the_command_finds_an_enrolled_token_and_nothing_stays() {
    let world = World::new();
    // The command judges what it finds: the files are there, the certificate is that CA's, the socket is there.
    let script = "env; openssl verify -CAfile $USHIELD_CA -CRLfile $USHIELD_CRL -crl_check $USHIELD_CERT >&2 && test -S $PCSCLITE_CSOCK_NAME \
                  && test -S $USHIELD_CONTROL && test \"$(cat $USHIELD_PIN_FILE)\" = $USHIELD_PIN";
    let Ended { code, said, complained } = world.run(&["run", "--tokens", "2", "--", "sh", "-c", script]);
    assert_eq!(code, 0, "{said}{complained}");
    let found = variables(&said);
    let tokens: Value = serde_json::from_str(&found("USHIELD_TOKENS").unwrap()).unwrap();
    let tokens = tokens.as_array().unwrap();
    assert_eq!(tokens.len(), 2);
    for (token, label) in tokens.iter().zip(["ushield-1", "ushield-2"]) {
        assert_eq!(token["label"], label);
        let (reader, serial) = (token["reader"].as_str().unwrap(), token["serial"].as_str().unwrap());
        assert!(reader.contains(serial), "{reader} {serial}");
        let containers: Vec<&Value> =
            token["certificates"].as_array().unwrap().iter().map(|found| &found["container"]).collect();
        assert_eq!(containers, ["9a", "payment"]);
    }
    assert_eq!(found("USHIELD_PUK").unwrap(), "12345678");
    assert_eq!(found("USHIELD_PIN").unwrap().len(), 8);
    assert_eq!(found("USHIELD_USBIP"), None);
    assert!(!Path::new(&found("USHIELD_CA").unwrap()).exists(), "the folder stayed");
    assert_eq!(runs(&world), Vec::<PathBuf>::new());
}

#[test]
fn the_holders_are_named_as_asked() {
    let world = World::new();
    let named = ["run", "--name", "张三", "--user-id", "u-0041"];
    let subject = "openssl x509 -in $USHIELD_CERT -noout -subject -nameopt multiline,utf8,-esc_msb";
    let one = world.run(&[&named[..], &["--", "sh", "-c", subject]].concat());
    assert_eq!(one.code, 0, "{}", one.complained);
    assert!(one.said.contains("= 张三\n") && one.said.contains("= u-0041\n"), "{}", one.said);

    let second = "for file in $(dirname $USHIELD_CERT)/*-9a.pem; do openssl x509 -in $file -noout -subject -nameopt \
                  multiline,utf8,-esc_msb; done";
    let two = world.run(&[&named[..], &["--tokens", "2", "--", "sh", "-c", second]].concat());
    for text in ["= 张三 1\n", "= u-0041\n", "= 张三 2\n", "= u-0042\n"] {
        assert!(two.said.contains(text), "{text}: {}{}", two.said, two.complained);
    }
    let uncountable = world.run(&["run", "--tokens", "2", "--user-id", "alice", "--", "true"]);
    assert_eq!(uncountable.code, 125);
    assert!(uncountable.complained.contains("--user-id"), "{}", uncountable.complained);
}

#[test]
fn a_payment_inside_a_run_is_seen_and_signed_or_refused() {
    let world = World::new();
    let order = world.order("no-1");
    let ushield = env!("CARGO_BIN_EXE_ushield");
    let script = format!(
        "{ushield} pay {order} --out {} && {ushield} verify {} --ca $USHIELD_CA --crl $USHIELD_CRL",
        world.path("f.cms").display(),
        world.path("f.cms").display()
    );
    // The payer in the order is the holder of the first token.
    let text = fs::read_to_string(&order).unwrap().replace("6222020200112233", "6222020200110001");
    world.file("no-1.json", &text);
    let artifacts = world.path("kept");
    let paid = world.run(&["run", "--artifacts", artifacts.to_str().unwrap(), "--", "sh", "-c", &script]);
    assert_eq!(paid.code, 0, "{}{}", paid.said, paid.complained);
    assert!(!artifacts.join("screens.txt").exists(), "kept though nothing failed");

    fs::remove_file(world.path("f.cms")).unwrap();
    let pin = world.file("pin", "864209\n");
    let arguments =
        ["run", "--panel", "reject", "--pin-file", &pin, "--artifacts", artifacts.to_str().unwrap()];
    let refused = world.run(&[&arguments[..], &["--", "sh", "-c", &script]].concat());
    assert_eq!(refused.code, 1, "{}{}", refused.said, refused.complained);
    assert!(refused.complained.contains("Cancel"), "{}", refused.complained);
    let kept = |name: &str| fs::read_to_string(artifacts.join(name)).unwrap();
    assert!(kept("screens.txt").contains("上海水务"), "{}", kept("screens.txt"));
    let trace = kept("apdu.trace");
    assert!(trace.contains("> 00200080 [blanked]") && trace.contains("9D01"), "{trace}");
    assert!(!trace.contains("383634323039") && !trace.contains("864209"), "a PIN in the trace");
    let capture = fs::read(artifacts.join("usb.pcapng")).unwrap();
    assert_eq!(capture[..4], [0x0A, 0x0D, 0x0D, 0x0A], "no pcapng");
    assert!(!capture.windows(6).any(|bytes| bytes == b"864209"), "a PIN in the capture");
    let summary: Value = serde_json::from_str(&kept("run.json")).unwrap();
    assert_eq!(summary["exit"], 1);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&artifacts), 0o700);
    for name in ["apdu.trace", "usb.pcapng", "screens.txt", "run.json"] {
        assert_eq!(mode(&artifacts.join(name)), 0o600, "{name}");
    }
}

#[test]
fn artifacts_go_through_no_link() {
    let world = World::new();
    let artifacts = world.path("kept");
    fs::create_dir(&artifacts).unwrap();
    let mine = world.file("mine", "mine");
    std::os::unix::fs::symlink(&mine, artifacts.join("screens.txt")).unwrap();
    let arguments = ["run", "--no-enrol", "--artifacts", artifacts.to_str().unwrap(), "--", "false"];
    let ended = world.run(&arguments);
    assert!(ended.complained.contains("it is a link"), "{}", ended.complained);
    assert_eq!(fs::read_to_string(&mine).unwrap(), "mine");
}

#[test]
fn exit_codes_are_the_commands_and_ours_as_timeout_has_them() {
    let world = World::new();
    let plain = world.file("plain", "no program");
    let code = |arguments: &[&str]| world.run(&[&["run", "--no-enrol"][..], arguments].concat());
    for (arguments, expected) in [
        (&["--", "true"][..], 0),
        (&["--", "sh", "-c", "exit 7"], 7),
        (&["--", "sh", "-c", "kill -TERM $$"], 128 + 15),
        (&["--", "sh", "-c", "kill -KILL $$"], 128 + 9),
        (&["--", &plain], 126),
        (&["--", "/no/such/program"], 127),
        (&["--pin-file", "/no/such/file", "--", "true"], 125),
        (&["--tokens", "17", "--", "true"], 125),
        (&["--panel", "terminal", "--", "true"], 125),
        (&[], 125),
    ] {
        let ended = code(arguments);
        assert_eq!(ended.code, expected, "{arguments:?}: {}", ended.complained);
    }
    let output = code(&["--", "sh", "-c", "printf 'a\\0b'; printf 'no line feed' >&2"]);
    assert_eq!(output.said, "a\0b");
    assert!(output.complained.ends_with("no line feed"), "{}", output.complained);
}

#[test]
fn signals_reach_the_command() {
    let world = World::new();
    let ready = world.path("ready");
    let script = format!("trap 'exit 7' TERM; touch {}; while :; do sleep 0.05; done", ready.display());
    let run = world.start(&["run", "--no-enrol", "--", "sh", "-c", &script]);
    until("the command runs", || ready.exists());
    kill_process(Pid::from_child(&run), Signal::TERM).unwrap();
    assert_eq!(World::end(run).code, 7);
}

#[test]
fn a_killed_run_takes_its_command_along_and_the_next_one_sweeps() {
    let world = World::new();
    let (ready, mark) = (world.path("ready"), world.path("mark"));
    let script =
        format!("echo $$ > {}; mv {} {}; sleep 600", mark.display(), mark.display(), ready.display());
    let mut command = world.command(&["run", "--", "sh", "-c", &script]);
    // A process that survives would hold a pipe open.
    let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("the command runs", || ready.exists());
    let command: i32 = fs::read_to_string(&ready).unwrap().trim().parse().unwrap();
    run.kill().unwrap();
    run.wait().unwrap();
    let pid = Pid::from_raw(command).unwrap();
    until("the command is gone", || test_kill_process(pid).is_err() || is_zombie(command));
    until("the keeper has removed the folder", || runs(&world).is_empty());
    // Where the keeper was killed as well, the folder stays, and nobody holds its lock.
    let left = world.path("run/ushield/run-0000000000000000");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("lock"), "").unwrap();
    assert_eq!(runs(&world).len(), 1);
    assert_eq!(world.run(&["run", "--no-enrol", "--", "true"]).code, 0);
    assert_eq!(runs(&world), Vec::<PathBuf>::new());
}

/// Whether the process is dead, and whoever adopted it has not waited for it yet.
fn is_zombie(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}

#[test]
fn certificates_end_when_they_are_told_to() {
    let world = World::new();
    let script = "openssl x509 -in $USHIELD_CERT -noout -enddate";
    let run = ["run", "--not-after", "2031-02-03T04:05:06Z", "--", "sh", "-c", script];
    assert_eq!(world.done(&run), "notAfter=Feb  3 04:05:06 2031 GMT\n");
    let past = world.run(&["run", "--not-after", "2001-01-01", "--", "true"]);
    assert_eq!(past.code, 125);
    assert!(past.complained.contains("ends before it begins"), "{}", past.complained);
}

/// A container without privileges, which the system's `unshare` and `chroot` make. The container's user is unprivileged, and its
/// root holds only the program. The container has a network, mounts and users of its own.
#[test]
fn an_unprivileged_user_in_a_bare_root() {
    let world = World::new();
    let root = world.path("root");
    let program = Path::new(env!("CARGO_BIN_EXE_ushield"));
    for file in libraries(program)
        .into_iter()
        .chain(libraries(Path::new("/bin/sh")))
        .chain([program.to_owned(), PathBuf::from("/bin/sh")])
    {
        let to = root.join(file.strip_prefix("/").unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        crate::world::copy_program(&file, &to);
    }
    fs::create_dir_all(root.join("tmp")).unwrap();
    let inside = "test -S $PCSCLITE_CSOCK_NAME && read pin < $USHIELD_PIN_FILE && test $pin = $USHIELD_PIN && echo fine";
    let script = format!(
        "ip link set lo up && exec chroot {} {} run -- /bin/sh -c '{inside}'",
        root.display(),
        program.display()
    );
    let output = unprivileged(&world, &root)
        .args(["unshare", "--user", "--map-root-user", "--net", "--mount", "sh", "-c", &script])
        .output()
        .unwrap();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "fine\n", "{complained}");
}

/// A command that runs as a user without privileges. Root becomes such a user.
fn unprivileged(world: &World, root: &Path) -> Command {
    const NOBODY: u32 = 65534;
    let mut command = if rustix::process::getuid().is_root() {
        for folder in [world.path(""), root.to_owned(), root.join("tmp")] {
            std::os::unix::fs::chown(folder, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]);
        command
    } else {
        Command::new("env")
    };
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").stdin(Stdio::null());
    command
}

/// The libraries that a program is linked to, by their paths.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let output = Command::new("ldd").arg(program).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let words = text.split_whitespace().filter(|word| word.starts_with('/'));
    words.map(PathBuf::from).collect()
}
