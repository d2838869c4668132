//! The programs under limits: few threads, a crowd of connections, a crowd at the control socket.

use std::{
    fs,
    io::{Read, Write},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
        process::CommandExt,
    },
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::world::World;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// A user who does not exist. The limit of threads counts all processes of a user, and so all processes of this user are this
/// test's.
const STRANGER: u32 = 64_123;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Asks the control socket. The answer comes on the stream that is returned.
fn ask(socket: &str, question: &str) -> UnixStream {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    write!(stream, "GET {question} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n").unwrap();
    stream
}

/// Whether a part of the answer has come.
fn is_answered(stream: &UnixStream) -> bool {
    let mut at_once = [PollFd::new(stream, PollFlags::IN)];
    poll(&mut at_once, Some(&Timespec::default())).unwrap() > 0
}

fn answer(mut stream: UnixStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn status(stream: UnixStream) -> u16 {
    let answer = answer(stream);
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer:?}"))
}

/// Needs root, to become a user who has no other processes.
#[test]
fn too_few_threads_are_said_and_nothing_panics_or_hangs() {
    if !is_root() {
        return;
    }
    let world = World::new();
    let (bin, own) = (world.path("bin"), world.path("own"));
    for (folder, mode) in [(&bin, 0o755), (&own, 0o700)] {
        fs::create_dir(folder).unwrap();
        fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
    }
    fs::set_permissions(world.path("."), fs::Permissions::from_mode(0o711)).unwrap();
    std::os::unix::fs::chown(&own, Some(STRANGER), Some(STRANGER)).unwrap();
    let ushield = bin.join("ushield");
    crate::world::copy_program(env!("CARGO_BIN_EXE_ushield"), &ushield);
    let run = |threads: u32, arguments: &[&str]| {
        let mut command = Command::new("timeout");
        command.args(["-k", "1", "300", "bash", "-c", "ulimit -u \"$0\" && exec \"$@\""]);
        command.arg(threads.to_string()).arg(&ushield).args(arguments);
        command.env("HOME", &own).env("XDG_RUNTIME_DIR", &own).uid(STRANGER).gid(STRANGER).current_dir("/");
        let ended = command.stdin(Stdio::null()).output().unwrap();
        (ended.status.code().unwrap_or(-1), String::from_utf8_lossy(&ended.stderr).into_owned())
    };
    // Sockets that killed servers left. `ls` asks all of them at once.
    fs::create_dir(own.join("ushield")).unwrap();
    fs::set_permissions(own.join("ushield"), fs::Permissions::from_mode(0o700)).unwrap();
    std::os::unix::fs::chown(own.join("ushield"), Some(STRANGER), Some(STRANGER)).unwrap();
    for left in ["a", "b", "c", "d"] {
        drop(UnixListener::bind(own.join("ushield").join(left).with_extension("sock")).unwrap());
    }
    let mut worked = 0;
    for threads in 2..=14 {
        for arguments in [
            &["run", "--no-enrol", "--", "true"][..],
            &["demo"],
            &["ls"],
            &["reader", "--socket", "/nowhere/s"],
        ] {
            let (code, said) = run(threads, arguments);
            let place = format!("{arguments:?} with {threads} threads: {code}, {said}");
            assert!(!said.contains("panicked") && code != 101 && code != 124 && code != 137, "{place}");
            // A program that fails says so in our words.
            assert!(code == 0 || said.contains("ushield: "), "{place}");
            worked += u32::from(code == 0);
        }
    }
    assert!(worked > 0, "a few threads are enough");
}

/// Needs root, to become another user.
#[test]
fn who_is_refused_does_not_fill_the_disk() {
    if !is_root() {
        return;
    }
    let world = World::new();
    let up = world.up(&["--memory", "--panel", "none"]);
    let port = up.road().rsplit(':').next().unwrap().to_owned();
    let script =
        format!("for i in $(seq 300); do exec 3<>/dev/tcp/127.0.0.1/{port}; cat <&3; exec 3>&-; done");
    let knocked =
        Command::new("bash").arg("-c").arg(script).uid(STRANGER).gid(STRANGER).current_dir("/").status();
    assert!(knocked.unwrap().success());
    let log = std::path::PathBuf::from(up.ready["control"].as_str().unwrap()).with_extension("log");
    world.done(&["down"]);
    let told = fs::read_to_string(log).unwrap();
    // The first twenty refusals of a minute are logged. Then one line says how many more there were, in the words of the first of
    // them. A slow machine takes more than one minute.
    let left_out = told.lines().filter_map(|line| line.split_once(" more lines like this one were left out"));
    let left_out: Vec<usize> =
        left_out.map(|(line, _)| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
    let lines = told.matches("a connection was refused").count() - left_out.len();
    assert_eq!(lines + left_out.iter().sum::<usize>(), 300, "{told}");
    assert!(!left_out.is_empty() && lines <= 20 * (left_out.len() + 1), "{told}");
}

#[test]
fn a_crowd_that_waits_for_screens_is_bounded() {
    let world = World::new();
    let up = world.up(&["--memory", "--panel", "none"]);
    let socket = up.ready["control"].as_str().unwrap();
    let waits: Vec<_> = (0..100).map(|_| ask(socket, "/tokens/1-1/screen?wait=x&timeout=600")).collect();
    assert_eq!(status(ask(socket, "/tokens/1-1/screen")), 200);
    // Requests beyond the limit are answered at once. When all of those are answered, all other requests wait until the tokens
    // stop.
    let begin = Instant::now();
    while waits.iter().filter(|stream| is_answered(stream)).count() < 36 {
        assert!(begin.elapsed() < Duration::from_secs(120), "36 were too many, and were not told");
        thread::sleep(Duration::from_millis(5));
    }
    world.done(&["down"]);
    let told: Vec<String> = waits.into_iter().map(answer).collect();
    let of = |text: &str| told.iter().filter(|answer| answer.contains(text)).count();
    assert_eq!((of("64 requests wait for a screen already"), of("were stopped while waiting")), (36, 64));
}

#[test]
fn a_crowd_that_asks_nothing_locks_nobody_out() {
    let world = World::new();
    let up = world.up(&["--memory", "--panel", "none"]);
    let socket = up.ready["control"].as_str().unwrap();
    let waiting = ask(socket, "/tokens/1-1/screen?wait=x&timeout=3600");
    // A later question is answered. So the server has seen the first question, too.
    assert_eq!(status(ask(socket, "/tokens")), 200);
    // A connection that says nothing is closed after ten seconds, with a crowd or without. A machine may be so busy that the ten
    // seconds pass in this step. Then the step shows nothing, and is repeated.
    let quick = (0..20).any(|_| {
        let begin = Instant::now();
        let mut silent: Vec<_> = (0..400).map(|_| UnixStream::connect(socket).unwrap()).collect();
        assert_eq!(status(ask(socket, "/tokens")), 200);
        // The oldest connection that had asked nothing had to go. The connection that had asked stayed.
        assert_eq!(silent[0].read(&mut [0]).unwrap_or(0), 0);
        begin.elapsed() < Duration::from_secs(10)
    });
    assert!(quick, "nobody had to go before the ten seconds were over");
    world.done(&["down"]);
    assert_eq!(status(waiting), 503, "it was told that the tokens stop");
}

#[test]
fn an_expression_that_costs_much_is_refused() {
    let world = World::new();
    let up = world.up(&["--memory", "--panel", "none"]);
    let socket = up.ready["control"].as_str().unwrap();
    let long = "a".repeat(4000);
    for (expression, expected) in
        [("a%7B1000%7D%7B1000%7D", 400), (&long, 400), ("%28", 400), ("%5CS%7B10%7D", 408)]
    {
        let question = format!("/tokens/1-1/screen?timeout=0&wait={expression}");
        assert_eq!(status(ask(socket, &question)), expected, "{expression:.20}");
    }
    let press = world.run(&["press", "ok", "--if-shows", "((a{100}){100}){100}"]);
    assert!(press.code == 1 && press.complained.contains("too large"), "{}", press.complained);
    world.done(&["down"]);
}
