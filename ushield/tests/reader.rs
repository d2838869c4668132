//! `ushield reader` as its users run it, with the programs of this project that share the token through it.

use std::{
    fs,
    io::Read,
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::Path,
    time::{Duration, Instant},
};

use crate::world::World;

const PIN: &str = "135246";

#[test]
fn a_payment_through_the_socket_that_a_shell_is_told_of() {
    let world = World::new();
    let pin = world.file("pin", PIN);
    let up = world.up(&["--memory", "--pin-file", &pin, "--panel", "accept"]);
    world.enrol_quietly(&up, PIN);
    let ready = world.path("reader.json");
    let said = world.done(&["reader", "-d", "--usbip", &up.road(), "--ready-file", ready.to_str().unwrap()]);
    let socket = world.path("run/ushield/pcscd.comm");
    assert_eq!(said.trim_end(), format!("export PCSCLITE_CSOCK_NAME={}", socket.display()));
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let told: serde_json::Value = serde_json::from_slice(&fs::read(&ready).unwrap()).unwrap();
    let serial = up.ready["tokens"][0]["serial"].as_str().unwrap();
    assert!(told["readers"][0].as_str().unwrap().contains(serial), "{told}");

    // The environment names the socket. Another client keeps its connection meanwhile.
    let beside = UnixStream::connect(&socket).unwrap();
    let (order, payment, second) = (world.order("1"), world.path("1.cms"), world.path("2.cms"));
    let pay = ["pay", &order, "--out", payment.to_str().unwrap(), "--pin-file", &pin];
    let mut command = world.command(&pay);
    command.env("PCSCLITE_CSOCK_NAME", &socket);
    let paid = World::end(command.spawn().unwrap());
    assert_eq!(paid.code, 0, "{}{}", paid.said, paid.complained);
    let ca = world.path("ca/ca.pem");
    let crl = world.path("ca/crl.pem");
    let verify =
        ["verify", payment.to_str().unwrap(), "--ca", ca.to_str().unwrap(), "--crl", crl.to_str().unwrap()];
    assert!(world.done(&verify).contains("上海水务"));
    // The reader holds the token, so that no token is there by USB/IP.
    let held = world.run(&[
        "pay",
        &order,
        "--out",
        second.to_str().unwrap(),
        "--force",
        "--pin-file",
        &pin,
        "--usbip",
        &up.road(),
    ]);
    assert_eq!(held.code, 1);
    assert!(held.complained.contains("another program may hold it"), "{}", held.complained);

    let another = world.run(&["reader", "--usbip", &up.road()]);
    assert_eq!(another.code, 1);
    assert!(another.complained.contains("listens") && another.complained.contains("already"));
    assert_eq!(world.done(&["reader", "--stop"]).trim_end(), "Stopped.");
    let mut beside = beside;
    assert!(matches!(beside.read(&mut [0]), Ok(0)), "hung up on");
    assert!(!socket.exists() && !ready.exists());
    assert_eq!(world.run(&["reader", "--stop"]).code, 1);
    // The token is free again once its server has seen that the line is closed.
    world.done(&["wait", "--for", "free", "--timeout", "120"]);
    world.done(&[
        "pay",
        &order,
        "--out",
        second.to_str().unwrap(),
        "--force",
        "--pin-file",
        &pin,
        "--usbip",
        &up.road(),
    ]);
}

#[test]
fn a_sidecars_socket_and_what_is_missing() {
    let world = World::new();
    let up = world.up(&["--memory", "--panel", "accept"]);
    let socket = world.path("s");
    let path = socket.to_str().unwrap();
    let reader = ["reader", "-d", "--usbip", &up.road(), "--socket", path, "--socket-mode", "666"];
    world.done(&reader);
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o666);
    world.done(&["reader", "--stop", "--socket", path]);
    let nobody = world.run(&["reader", "--usbip", "127.0.0.1:1", "--socket", path]);
    assert_eq!(nobody.code, 1);
    assert!(nobody.complained.contains("ushield up"), "{}", nobody.complained);
    let group = world.run(&["reader", "--socket-mode", "660", "--socket-group", "no-such-group"]);
    assert!(group.complained.contains("no group"), "{}", group.complained);
}

/// Root becomes another user here, and shows that the socket is closed to other users.
#[test]
fn another_user_is_not_let_in() {
    if !rustix::process::getuid().is_root() {
        return; // Only root can become another user.
    }
    let world = World::new();
    let up = world.up(&["--memory", "--panel", "accept"]);
    // Others may enter this folder, so that only the socket decides.
    let open = tempfile::tempdir().unwrap();
    fs::set_permissions(open.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let knock = |socket: &Path| {
        // The bytes are SCARD_CANCEL, whose answer has eight bytes. Perl sends them, because every user of the system
        // has it.
        let code = "socket(S, PF_UNIX, SOCK_STREAM, 0); connect(S, sockaddr_un($ARGV[0])) or exit; $| = 1; print 'in'; \
                    syswrite(S, pack('L2', 8, 0x0D) . \"\\0\" x 8); print ' ', sysread(S, $b, 8) // 0";
        let mut command = std::process::Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "perl", "-MSocket", "-e", code]);
        command.arg(socket);
        let ended = command.output().expect("setpriv");
        String::from_utf8_lossy(&ended.stdout).into_owned()
    };
    for (mode, answered) in [(None, ""), (Some("666"), "in 8")] {
        let socket = open.path().join("s");
        let mut arguments = vec!["reader", "-d", "--socket", socket.to_str().unwrap()];
        let road = up.road();
        arguments.extend(["--usbip", &road]);
        arguments.extend(mode.map(|mode| ["--socket-mode", mode]).into_iter().flatten());
        world.done(&arguments);
        assert_eq!(knock(&socket), answered, "{mode:?}");
        // Root opens the mode of the socket behind our back. The service still checks the peer's user.
        if mode.is_none() {
            fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).unwrap();
            let hung_up_on = knock(&socket);
            assert!(["in", "in 0"].contains(&hung_up_on.as_str()), "{hung_up_on}");
        }
        world.done(&["reader", "--stop", "--socket", socket.to_str().unwrap()]);
    }
}

/// A killed reader leaves its socket behind, and the next reader takes its place.
#[test]
fn after_a_kill() {
    let world = World::new();
    let up = world.up(&["--memory", "--panel", "accept"]);
    let socket = world.path("s");
    let road = up.road();
    let arguments = ["reader", "--usbip", &road, "--socket", socket.to_str().unwrap()];
    let mut child = world.start(&arguments);
    let begin = Instant::now();
    while UnixStream::connect(&socket).is_err() {
        assert!(begin.elapsed() < Duration::from_secs(120), "no socket");
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(socket.exists());
    let again = ["reader", "-d", "--usbip", &road, "--socket", socket.to_str().unwrap()];
    world.done(&again);
    world.done(&["reader", "--stop", "--socket", socket.to_str().unwrap()]);
}
