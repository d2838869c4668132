//! The program among other processes: what it inherits, what it leaves behind, and what a terminal does to it.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::DirBuilderExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use crate::world::{World, eventually};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

const USHIELD: &str = env!("CARGO_BIN_EXE_ushield");

/// A shell in the world's folder, whose `$0` is the program.
fn shell(world: &World, script: &str) -> Command {
    let mut command = world.command(&[]);
    let environment: Vec<_> =
        command.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect();
    command = crate::world::heeds_signals("sh");
    // Without this variable only root sees what a server has open, and only root sees its memory.
    command
        .args(["-c", script, USHIELD])
        .env_clear()
        .envs(environment)
        .env("USHIELD_DEBUGGABLE", "1")
        .current_dir(world.path(""));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn done(command: &mut Command) -> String {
    let ended = World::end(command.spawn().unwrap());
    assert_eq!(ended.code, 0, "{}{}", ended.said, ended.complained);
    ended.said
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn pid(of: &serde_json::Value) -> Pid {
    Pid::from_raw(of["pid"].as_i64().unwrap().try_into().unwrap()).unwrap()
}

fn number(path: &Path) -> Option<Pid> {
    Pid::from_raw(fs::read_to_string(path).ok()?.trim().parse().ok()?)
}

/// Whether a process runs. A process that has ended, and whose parent has not collected it yet, does not run.
fn lives(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    test_kill_process(pid).is_ok() && stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// A line of /proc/PID/status that is a set of signals.
fn signals(pid: Pid, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    u64::from_str_radix(line.trim_start_matches(':').trim(), 16).unwrap()
}

const SIGHUP: u64 = 1;
const SIGINT: u64 = 1 << 1;

/// The working folder of the process, and its open files in the world's folder, without its log.
fn holds(world: &World, pid: Pid) -> (String, Vec<String>) {
    let place = format!("/proc/{}", pid.as_raw_nonzero());
    let link = |path: &Path| fs::read_link(path).map(|link| link.display().to_string()).unwrap_or_default();
    let open = fs::read_dir(format!("{place}/fd")).unwrap().flatten().map(|entry| link(&entry.path()));
    let ours = world.path("").display().to_string();
    let open = open.filter(|path| path.starts_with(&ours) && !path.ends_with(".log"));
    (link(&Path::new(&place).join("cwd")), open.collect())
}

#[test]
fn in_the_background_nothing_of_the_starters_is_kept() {
    let world = World::new();
    world.file("pin", "135246");
    fs::create_dir(world.path("sub")).unwrap();
    // The names hold in the starter's folder only. The PIN comes from one descriptor of the starter, and another descriptor has a
    // lock.
    let secrets = "export USHIELD_PIN=1 USHIELD_PUK=1 USHIELD_NEW_PIN=1 USHIELD_NEW_PUK=1 CERT_TOOL_PASSPHRASE=1 CERT_TOOL_CODE=1; ";
    let up = "cd sub; exec 5>lock; \"$0\" up -d --memory --pin-file /dev/fd/4 --panel none --listen 127.0.0.1:0 \
              --control c --ready-file r.json 4<../pin";
    done(&mut shell(&world, &(secrets.to_owned() + up)));
    let ready = json(&world.path("sub/r.json"));
    let environment = fs::read(format!("/proc/{}/environ", pid(&ready).as_raw_nonzero())).unwrap();
    let environment = String::from_utf8_lossy(&environment).into_owned();
    let secret =
        ["_PIN=", "_PUK=", "_PASSPHRASE=", "_CODE="].into_iter().find(|secret| environment.contains(secret));
    assert_eq!(secret, None, "in the environment of the background process");
    assert_eq!(holds(&world, pid(&ready)), ("/".into(), vec![]));
    let control = ready["control"].as_str().unwrap();
    assert_eq!(Path::new(control), world.path("sub/c"));
    world.done(&["ls", "--control", control]);
    let road = ready["listen"].as_str().unwrap();
    let reader =
        format!("cd sub; exec 5>lock; \"$0\" reader -d --usbip {road} --socket s --ready-file p.json");
    let said = done(&mut shell(&world, &reader));
    assert_eq!(said.trim_end(), format!("export PCSCLITE_CSOCK_NAME={}", world.path("sub/s").display()));
    assert_eq!(holds(&world, pid(&json(&world.path("sub/p.json")))), ("/".into(), vec![]));
    world.done(&["reader", "--stop", "--socket", world.path("sub/s").to_str().unwrap()]);
    world.done(&["down", "--control", control]);
    // Files that were made under relative names are removed, wherever the process that removes them stands.
    assert!(!world.path("sub/r.json").exists() && !world.path("sub/p.json").exists());
}

#[test]
fn a_hangup_and_an_interrupt_that_are_ignored_stay_so() {
    let world = World::new();
    let up = "\"$0\" up -d --memory --panel none --listen 127.0.0.1:0 --ready-file r.json";
    for (trap, ignored) in [("trap '' HUP INT; ", true), ("", false)] {
        done(&mut shell(&world, &format!("{trap}{up}")));
        let ready = json(&world.path("r.json"));
        let (up, road) = (pid(&ready), ready["listen"].as_str().unwrap());
        done(&mut shell(
            &world,
            &format!("{trap}\"$0\" reader -d --usbip {road} --socket s --ready-file p.json"),
        ));
        for process in [up, pid(&json(&world.path("p.json")))] {
            let both = SIGHUP | SIGINT;
            let of = |name| signals(process, name) & both;
            let expected = if ignored { (both, 0) } else { (0, both) };
            assert_eq!((of("SigIgn"), of("SigCgt")), expected);
        }
        world.done(&["reader", "--stop", "--socket", world.path("s").to_str().unwrap()]);
        world.done(&["down"]);
        let said = done(&mut shell(&world, &format!("{trap}\"$0\" run --no-enrol -- cat /proc/self/status")));
        let line = said.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
        let set = u64::from_str_radix(line.trim(), 16).unwrap();
        assert_eq!(set & SIGHUP != 0, ignored, "the command inherits it");
    }
}

/// A terminal, by util-linux' script(1). Bytes written to it are typed, and the text that it shows is read by line.
struct Terminal {
    script: Child,
    shown: Receiver<String>,
}

impl Terminal {
    fn open(world: &World, command: &str) -> Self {
        let mut inner = shell(world, "exec script -qefc \"$COMMAND\" /dev/null");
        let mut script =
            inner.env("COMMAND", command).env("TERM", "dumb").stdin(Stdio::piped()).spawn().unwrap();
        let (tell, shown) = mpsc::channel();
        let mut out = BufReader::new(script.stdout.take().unwrap()).split(b'\n').map_while(Result::ok);
        let text = |line: Vec<u8>| String::from_utf8_lossy(&line).into_owned();
        thread::spawn(move || out.try_for_each(|line| tell.send(text(line))));
        Self { script, shown }
    }

    fn types(&mut self, text: &str) {
        let stdin = self.script.stdin.as_mut().unwrap();
        stdin.write_all(text.as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    fn shows(&self, text: &str) {
        let mut so_far = String::new();
        while !so_far.contains(text) {
            match self.shown.recv_timeout(Duration::from_secs(120)) {
                Ok(line) => so_far += &format!("{line}\n"),
                Err(_) => panic!("{text:?} is not shown:\n{so_far}"),
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}

#[test]
fn a_job_in_the_background_of_a_terminal_is_not_stopped() {
    let world = World::new();
    fs::DirBuilder::new().mode(0o700).create(world.path("run/ushield")).unwrap();
    // With `tostop` the kernel stops background processes that write, too.
    let mut terminal = Terminal::open(&world, "stty tostop; exec bash --norc -i");
    let up =
        "up --memory --panel terminal --listen 127.0.0.1:0 --ready-file r.json --control run/ushield/x.sock";
    terminal.types(&format!("{USHIELD} {up} &\n"));
    // The commands in the message reach this token and no other.
    terminal.shows("runs in the background of the terminal. Its panel: `ushield screen --control ");
    eventually("ready", || world.path("r.json").exists());
    world.done(&["ls"]);
    let process = pid(&json(&world.path("r.json")));
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).unwrap();
    assert!(!stat.rsplit_once(") ").unwrap().1.starts_with('T'), "{stat}");
    // The program comes to the foreground, and reads lines.
    terminal.types("fg\n");
    terminal.shows("The panel is here");
    terminal.types("\n");
    terminal.shows("The screen is dark");
    world.done(&["down"]);
    terminal.shows("Stopped.");
}

#[test]
fn the_panel_is_deaf_to_nothing() {
    let world = World::new();
    let up = "up --memory --panel terminal --listen 127.0.0.1:0 --ready-file r.json";
    let mut terminal = Terminal::open(&world, &format!("exec {USHIELD} {up}"));
    terminal.shows("control socket");
    for _ in 0..2 {
        terminal.types("\x04");
        terminal.shows("Ctrl-D presses nothing");
    }
    // The line is no text at all.
    terminal.script.stdin.as_mut().unwrap().write_all(b"\xFF\xFE\n").unwrap();
    terminal.shows("Enter is OK; c and Enter is Cancel. Ctrl-C ends everything.");
    terminal.types("\n");
    terminal.shows("The screen is dark");
    world.done(&["down"]);
}

/// A run that waits for its command. The command has started a process in a session of its own.
fn with_grandchild(world: &World) -> (Child, Pid, Pid) {
    for name in ["grandchild", "keeper"] {
        let _ = fs::remove_file(world.path(name));
    }
    let script =
        "setsid sh -c 'echo $$ > g; mv g grandchild; exec sleep 600' & echo $PPID > k; mv k keeper; wait";
    let mut command = world.command(&["run", "--no-enrol", "--", "sh", "-c", script]);
    // A process that survives must not hold the pipes of the test open.
    command.stdout(Stdio::null()).stderr(Stdio::null()).current_dir(world.path(""));
    let run = command.spawn().unwrap();
    let known = || Some((number(&world.path("grandchild"))?, number(&world.path("keeper"))?));
    eventually("the command runs", || known().is_some());
    let (grandchild, keeper) = known().unwrap();
    (run, grandchild, keeper)
}

#[test]
fn a_run_that_is_killed_leaves_nobody() {
    let world = World::new();
    for signal in [Signal::KILL, Signal::TERM, Signal::HUP] {
        let (mut run, grandchild, keeper) = with_grandchild(&world);
        kill_process(Pid::from_child(&run), signal).unwrap();
        run.wait().unwrap();
        eventually(&format!("all ended by {signal:?}"), || !lives(grandchild) && !lives(keeper));
    }
    // Now the keeper is killed. The run ends the command's processes, and says how the keeper ended.
    let (mut run, grandchild, keeper) = with_grandchild(&world);
    kill_process(keeper, Signal::KILL).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(128 + 9));
    assert!(!lives(grandchild));
}

/// A process that the command leaves behind on purpose lives on, as it would without us.
#[test]
fn what_a_command_leaves_at_its_own_end_lives_on() {
    let world = World::new();
    let script = "setsid sh -c 'echo $$ > g; mv g left; exec sleep 600' >/dev/null 2>&1 & \
                  until [ -e left ]; do sleep 0.05; done; exit 7";
    let mut command = world.command(&["run", "--no-enrol", "--", "sh", "-c", script]);
    let ended = World::end(command.current_dir(world.path("")).spawn().unwrap());
    let left = number(&world.path("left")).unwrap();
    let lived = lives(left);
    let _ = kill_process(left, Signal::KILL);
    assert_eq!((ended.code, lived), (7, true), "{}", ended.complained);
}

#[test]
fn one_that_was_stopped_is_in_nobodys_way() {
    let world = World::new();
    let start = |name: &str| {
        let at = |end: &str| world.path(&format!("{name}{end}")).to_str().unwrap().to_owned();
        let (state, secret, ready) = (at(""), at(".secret"), at(".json"));
        let place = ["--state", &state, "--secret", &secret, "--ready-file", &ready];
        world.done(&[&["up", "-d", "--panel", "none", "--listen", "127.0.0.1:0"], &place[..]].concat());
        (state, pid(&json(Path::new(&ready))))
    };
    let ((a, stopped), (b, _)) = (start("a"), start("b"));
    kill_process(stopped, Signal::STOP).unwrap();
    // When kill returns the signal may still be on its way.
    let state = || fs::read_to_string(format!("/proc/{}/stat", stopped.as_raw_nonzero())).unwrap();
    eventually("it is stopped", || state().contains(") T "));
    // The programs do not wait for the stopped server's answer, which would take ten seconds. A busy machine is slow now and
    // then, not always.
    let promptly = |arguments: &[&str]| {
        for _ in 0..20 {
            let begin = Instant::now();
            let ended = world.run(arguments);
            if begin.elapsed() < Duration::from_secs(10) {
                return ended;
            }
        }
        panic!("{arguments:?} waits for the one that was stopped");
    };
    assert!(promptly(&["ls", "--state", &b]).said.contains("1-1"));
    // Without a name `ls` shows the server that answers, and says a word about the other.
    let ls = promptly(&["ls"]);
    assert!(ls.code == 0 && ls.said.contains(&b), "{}{}", ls.said, ls.complained);
    let wake = format!("kill -CONT {}", stopped.as_raw_nonzero());
    assert!(ls.complained.contains(&wake), "{}", ls.complained);
    // A command for the stopped server is told at once what is the matter.
    let own = promptly(&["ls", "--state", &a]);
    assert!(own.code == 1 && own.complained.contains(&wake), "{}", own.complained);
    let again =
        promptly(&["up", "-d", "--listen", "127.0.0.1:0", "--state", &a, "--secret", &format!("{a}.secret")]);
    assert!(again.code == 1 && !again.complained.is_empty());
    world.done(&["down", "--state", &b]);
    kill_process(stopped, Signal::CONT).unwrap();
    world.done(&["down", "--state", &a]);
}

/// When a program is said to have stopped, nothing of it is left: neither its process nor its lock on the tokens' folder.
#[test]
fn who_stopped_it_may_start_it_again_at_once() {
    let world = World::new();
    let at = |name: &str| world.path(name).to_str().unwrap().to_owned();
    let (state, secret, ready, told) = (at("S"), at("s"), at("r.json"), at("p.json"));
    let up =
        ["up", "-d", "--panel", "none", "--listen", "127.0.0.1:0", "--state", &state, "--secret", &secret];
    for _ in 0..10 {
        world.done(&[&up[..], &["--ready-file", &ready]].concat());
        let served = json(Path::new(&ready));
        let road = served["listen"].as_str().unwrap();
        world.done(&["reader", "-d", "--usbip", road, "--socket", &at("c"), "--ready-file", &told]);
        let reader = pid(&json(Path::new(&told)));
        world.done(&["reader", "--stop", "--socket", &at("c")]);
        assert!(!lives(reader), "the reader");
        world.done(&["down", "--state", &state]);
        assert!(!lives(pid(&served)), "up");
    }
}

/// The kernel kills a program that writes past the limit, unless the program ignores the signal.
#[test]
fn a_limit_of_file_sizes_ends_the_capture_and_nothing_else() {
    let world = World::new();
    let pin = world.file("pin", "135246");
    let up = format!(
        "ulimit -f 2; exec \"$0\" up --memory --pin-file {pin} --panel accept --listen 127.0.0.1:0 --ready-file r.json \
         --pcap token.pcapng"
    );
    let child = shell(&world, &up).spawn().unwrap();
    eventually("ready", || world.path("r.json").exists());
    let road = json(&world.path("r.json"))["listen"].as_str().unwrap().to_owned();
    let new = world.file("new", "246135");
    world.done(&["pin", "change", "--old-file", &pin, "--new-file", &new, "--usbip", &road]);
    world.done(&["pin", "change", "--old-file", &new, "--new-file", &pin, "--usbip", &road]);
    world.done(&["ls"]);
    world.done(&["down"]);
    let ended = World::end(child);
    assert_eq!(ended.code, 1, "the capture is not complete: {}", ended.complained);
    assert!(ended.complained.contains("capture"), "{}", ended.complained);
    // In the command of a run the signal is as it was before.
    let said = world.done(&["run", "--no-enrol", "--", "cat", "/proc/self/status"]);
    let line = said.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    assert_eq!(u64::from_str_radix(line.trim(), 16).unwrap() & 1 << 24, 0, "SIGXFSZ is not ignored");
}
