//! Which traces of PINs and of the device secret stay in a server's memory, and who may look there.

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    os::unix::{fs::MetadataExt, process::CommandExt},
    process::Child,
    time::{Duration, Instant},
};

use crate::world::{Ended, World};

/// Digits that nothing else in the process looks like.
const PIN: &str = "86419753";
const NEXT: &str = "39571468";

/// A server that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    fn start(world: &World, arguments: &[&str]) -> Self {
        let ready = world.path("ready.json");
        let _ = fs::remove_file(&ready);
        let mut command = world.command(arguments);
        command.args(["--ready-file", ready.to_str().unwrap()]).env("USHIELD_DEBUGGABLE", "1");
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::inherit());
        let mut server = Self(command.spawn().unwrap());
        let end = Instant::now() + Duration::from_secs(60);
        while !ready.exists() {
            assert!(server.0.try_wait().unwrap().is_none() && Instant::now() < end, "no server");
            std::thread::sleep(Duration::from_millis(10));
        }
        server
    }

    /// How often these bytes stand in memory that the process may write to.
    fn copies(&self, what: &[u8]) -> usize {
        let process = self.0.id();
        let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
        let mut memory = File::open(format!("/proc/{process}/mem")).unwrap();
        let mut found = 0;
        for line in maps.lines().filter(|line| line.contains(" rw")) {
            let (range, _) = line.split_once(' ').unwrap();
            let (start, end) = range.split_once('-').unwrap();
            let address = |text| u64::from_str_radix(text, 16).unwrap();
            let (start, end) = (address(start), address(end));
            let mut bytes = Vec::new();
            // Some regions are the kernel's ([vvar]). Other regions may be gone, because the process gave them back.
            if memory.seek(SeekFrom::Start(start)).is_ok() {
                let _ = (&mut memory).take(end - start).read_to_end(&mut bytes);
            }
            let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == what[0]);
            found += starts.filter(|(at, _)| bytes[*at..].starts_with(what)).count();
        }
        found
    }

    /// Waits until no copy is left: requests that are under way end first.
    fn forgets(&self, name: &str, what: &[u8]) {
        let end = Instant::now() + Duration::from_secs(120);
        loop {
            match self.copies(what) {
                0 => return,
                copies if Instant::now() >= end => panic!("{copies} copies of {name}"),
                _ => std::thread::sleep(Duration::from_millis(200)),
            }
        }
    }
}

#[test]
fn neither_pin_nor_device_secret_stays() {
    let world = World::new();
    let pin = world.file("pin", &format!("{PIN}\n"));
    let next = world.file("next", &format!("{NEXT}\n"));
    let (state, secret) = (world.path("state"), world.path("secret"));
    let arguments = [
        "up",
        "--listen",
        "127.0.0.1:0",
        "--state",
        state.to_str().unwrap(),
        "--secret",
        secret.to_str().unwrap(),
        "--pin-file",
        &pin,
        "--panel",
        "accept",
    ];
    for made_and_opened in ["made", "opened"] {
        let server = Server::start(&world, &arguments);
        let secret = fs::read(&secret).unwrap()[52..84].to_vec();
        // A path that the server keeps is found. So this way of looking finds what is there.
        assert!(server.copies(state.to_str().unwrap().as_bytes()) > 0, "nothing is found");
        server.forgets(&format!("the device secret, {made_and_opened}"), &secret);
        server.forgets(&format!("the PIN, {made_and_opened}"), PIN.as_bytes());
        if made_and_opened == "opened" {
            let ready: serde_json::Value =
                serde_json::from_slice(&fs::read(world.path("ready.json")).unwrap()).unwrap();
            let road = ready["listen"].as_str().unwrap();
            world.done(&["pin", "change", "--old-file", &pin, "--new-file", &next, "--usbip", road]);
            server.forgets("the PIN that a host sent", PIN.as_bytes());
            server.forgets("the new PIN that a host sent", NEXT.as_bytes());
            server.forgets("the device secret, after a PIN", &secret);
        }
    }
}

/// Programs share a token through this service, which sees their PINs pass.
#[test]
fn no_pin_stays_in_the_reader() {
    let world = World::new();
    let pin = world.file("pin", &format!("{PIN}\n"));
    let next = world.file("next", &format!("{NEXT}\n"));
    let up = world.up(&["--memory", "--pin-file", &pin, "--panel", "accept"]);
    let (socket, road) = (world.path("run/pcscd.comm"), up.road());
    let reader = Server::start(&world, &["reader", "--usbip", &road, "--socket", socket.to_str().unwrap()]);
    let mut change = world.command(&["pin", "change", "--old-file", &pin, "--new-file", &next]);
    let ended = World::end(change.env("PCSCLITE_CSOCK_NAME", &socket).spawn().unwrap());
    assert_eq!(ended.code, 0, "{}", ended.complained);
    assert!(reader.copies(socket.to_str().unwrap().as_bytes()) > 0, "nothing is found");
    reader.forgets("the PIN", PIN.as_bytes());
    reader.forgets("the new PIN", NEXT.as_bytes());
    drop(reader);
    world.done(&["down"]);
}

/// The owner of /proc/PID. The owner is root where no other process of the user may look into this process (proc(5)).
fn owner(process: u32) -> u32 {
    fs::metadata(format!("/proc/{process}/environ")).unwrap().uid()
}

fn limit(process: &str, what: &str) -> String {
    let limits = fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
    let line = limits.lines().find(|line| line.starts_with(what)).unwrap();
    line.trim_start_matches(what).split_whitespace().next().unwrap().to_owned()
}

/// The switch decides whether another process of the user may look. Root may always look, so that under root the server
/// runs as another user.
#[test]
fn nobody_looks_into_a_server_unless_told_so() {
    const NOBODY: u32 = 65_534;
    let world = World::new();
    let is_root = rustix::process::getuid().is_root();
    let user = if is_root { NOBODY } else { rustix::process::getuid().as_raw() };
    let program = world.path("ushield");
    crate::world::copy_program(env!("CARGO_BIN_EXE_ushield"), &program);
    if is_root {
        for path in [world.path(""), world.path("run")] {
            std::os::unix::fs::chown(path, Some(user), Some(user)).unwrap();
        }
    }
    for (switch, expected) in [("", 0), ("1", user)] {
        let ready = world.path("ready.json");
        let mut command = std::process::Command::new(&program);
        command
            .args(["up", "--memory", "--panel", "accept", "--listen", "127.0.0.1:0", "--ready-file"])
            .arg(&ready)
            .env_clear()
            .env("HOME", world.path(""))
            .env("XDG_RUNTIME_DIR", world.path("run"))
            .env("USHIELD_DEBUGGABLE", switch)
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null());
        if is_root {
            command.uid(user).gid(user);
        }
        let mut server = Server(command.spawn().unwrap());
        let end = Instant::now() + Duration::from_secs(60);
        while !ready.exists() {
            assert!(server.0.try_wait().unwrap().is_none() && Instant::now() < end, "no server");
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(owner(server.0.id()), expected, "{switch:?}");
        let core = limit(&server.0.id().to_string(), "Max core file size");
        assert!(switch == "1" || core == "0", "{core}");
        drop(server);
        fs::remove_file(&ready).unwrap();
    }
}

/// A run asks the kernel for limits of its own. The run's command does not get them.
#[test]
fn the_command_of_a_run_has_the_limits_of_whoever_started_it() {
    let world = World::new();
    let Ended { code, said, complained } =
        world.run(&["run", "--no-enrol", "--", "cat", "/proc/self/limits"]);
    assert_eq!(code, 0, "{complained}");
    for what in ["Max core file size", "Max locked memory"] {
        let line = said.lines().find(|line| line.starts_with(what)).unwrap();
        let theirs = line.trim_start_matches(what).split_whitespace().next().unwrap();
        assert_eq!(theirs, limit("self", what), "{what}");
    }
}

/// The PIN passes through the assistant, to the shield. No page can ask for the PIN, and neither memory nor log has it afterwards.
#[test]
fn no_pin_stays_in_the_assistant() {
    let world = World::new();
    let pin = world.file("pin", &format!("{PIN}\n"));
    let next = world.file("next", &format!("{NEXT}\n"));
    let up = ["up", "--listen", "127.0.0.1:0", "--pin-file", &pin, "--panel", "accept"];
    let (state, secret) = (world.path("state"), world.path("secret"));
    let kept = ["--state", state.to_str().unwrap(), "--secret", secret.to_str().unwrap()];
    let _tokens = Server::start(&world, &[&up[..], &kept].concat());
    let ready = || -> serde_json::Value {
        serde_json::from_slice(&fs::read(world.path("ready.json")).unwrap()).unwrap()
    };
    let road = ready()["listen"].as_str().unwrap().to_owned();
    let log = world.path("assistant.log");
    let bank = "https://bank.example";
    let ready_file = world.path("assistant.json");
    let mut command = world.command(&[
        "assistant",
        "--bank",
        bank,
        "--port",
        "0",
        "--usbip",
        &road,
        "--pin-file",
        &pin,
        "--new-pin-file",
        &next,
    ]);
    command.args(["--ready-file", ready_file.to_str().unwrap()]);
    command.env("USHIELD_DEBUGGABLE", "1").env("USHIELD_LOG", "trace");
    command.stdout(std::process::Stdio::null()).stderr(File::create(&log).unwrap());
    let assistant = Server(command.spawn().unwrap());
    let end = Instant::now() + Duration::from_secs(120);
    let address = loop {
        let told = fs::read(&ready_file)
            .ok()
            .and_then(|json| serde_json::from_slice::<serde_json::Value>(&json).ok());
        if let Some(told) = told {
            break told["address"].as_str().unwrap().to_owned();
        }
        assert!(Instant::now() < end, "no assistant");
        std::thread::sleep(Duration::from_millis(10));
    };
    let call = |path: &str, more: &str| -> serde_json::Value {
        use std::io::Write;
        let body = format!(r#"{{"protocol":1,"page":"page-0123456789abcdef"{more}}}"#);
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nOrigin: {bank}\r\nContent-Type: application/json\r\nX-UShield: 1\r\n"
        );
        let mut stream = std::net::TcpStream::connect(&address).unwrap();
        write!(stream, "{head}Connection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    };
    let begun = call("/change_pin", "");
    let operation = begun["operation"].as_str().unwrap_or_else(|| panic!("{begun}")).to_owned();
    loop {
        let told = call("/wait", &format!(r#","operation":"{operation}""#));
        std::thread::sleep(Duration::from_millis(50));
        match told["phase"].as_str() {
            Some("done") => break,
            Some("failed" | "cancelled") | None => panic!("{told}"),
            Some(_) => assert!(Instant::now() < end, "{told}"),
        }
    }
    // The place of the file is kept, and found. So this way of looking finds what is there.
    assert!(assistant.copies(bank.as_bytes()) > 0, "nothing is found");
    assistant.forgets("the PIN", PIN.as_bytes());
    assistant.forgets("the new PIN", NEXT.as_bytes());
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("change_pin"), "{log}");
    assert!(!log.contains(PIN) && !log.contains(NEXT), "{log}");
}
