//! The Unix socket of `up`: who finds it without being told, and what happens where it cannot be.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, net::UnixListener},
    process::{Command, Stdio},
};

use crate::world::World;

/// What a reader that is told no address finds: its exit code, and its ready file or its complaint.
fn served_without_an_address(world: &World) -> (i32, String) {
    let mut reader = world.command(&["reader", "-d", "--ready-file"]);
    let ready = world.path("reader.json");
    let _ = fs::remove_file(&ready);
    let ended = World::end(reader.arg(&ready).spawn().unwrap());
    if ended.code == 0 {
        let told = fs::read_to_string(&ready).unwrap();
        world.done(&["reader", "--stop"]);
        return (0, told);
    }
    (ended.code, ended.complained)
}

#[test]
fn a_client_that_is_told_no_address_finds_the_socket() {
    let world = World::new();
    let socket = world.path("run/ushield/3240.usbip");
    let up = world.up(&["--memory", "--panel", "accept", "--unix", socket.to_str().unwrap()]);
    let told = format!("unix:{}", socket.display());
    assert_eq!(up.ready["unix"], told.as_str());
    assert!(up.said.contains(&told), "{}", up.said);
    assert!(world.done(&["ls"]).contains(&told));
    assert!(world.done(&["ls", "--json"]).contains(&told));
    let serial = up.ready["tokens"][0]["serial"].as_str().unwrap().to_owned();
    let (code, readers) = served_without_an_address(&world);
    assert!(code == 0 && readers.contains(&serial), "{readers}");
    // Named, with the token behind it.
    let named = world.command(&["reader", "-d", "--usbip", &format!("{told}/1-1")]).spawn().unwrap();
    assert_eq!(World::end(named).code, 0);
    world.done(&["reader", "--stop"]);
    world.done(&["down"]);
    assert!(!socket.exists());
}

#[test]
fn the_usual_socket_is_in_a_folder_of_the_owners_and_two_servers_have_two() {
    let world = World::new();
    let (one_up, two_up) = (world.up(&["--memory"]), world.up(&["--memory"]));
    let path =
        |up: &crate::world::Up| up.ready["unix"].as_str().unwrap().strip_prefix("unix:").unwrap().to_owned();
    let (one, two) = (path(&one_up), path(&two_up));
    assert_ne!(one, two);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for path in [&one, &two].map(std::path::Path::new) {
        assert_eq!((mode(path), mode(path.parent().unwrap())), (0o600, 0o700));
    }
    for up in [one_up, two_up] {
        world.done(&["down", "--control", up.ready["control"].as_str().unwrap()]);
    }
    // A server that is killed leaves its socket, and the next one removes it.
    let dead = world.path("run/ushield/memory-1.usbip");
    drop(UnixListener::bind(&dead).unwrap());
    world.up(&["--memory"]);
    assert!(!dead.exists(), "what a killed server left is swept");
    world.done(&["down"]);
}

#[test]
fn where_no_socket_can_be_up_says_why_or_serves_tcp_alone() {
    let world = World::new();
    let refused = |path: &str| {
        let ended = world.run(&["up", "--memory", "--listen", "127.0.0.1:0", "--unix", path]);
        assert_ne!(ended.code, 0, "{path}");
        ended.complained
    };
    let long = world.path(&"x".repeat(110));
    let why = refused(long.to_str().unwrap());
    assert!(why.contains("the system takes 107"), "{why}");
    let open = world.path("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
    let why = refused(open.join("s").to_str().unwrap());
    assert!(why.contains("chmod 700"), "{why}");
    let without = world.up(&["--memory", "--unix", "none"]);
    assert!(without.ready["unix"].is_null());
    assert_eq!(card::usbip::list(&without.road()).unwrap().len(), 1);
    // Nobody listens at the usual socket: who is told no address goes on to 127.0.0.1:3240.
    let dead = world.path("run/ushield/3240.usbip");
    drop(UnixListener::bind(&dead).unwrap());
    let (_, said) = served_without_an_address(&world);
    assert!(!said.contains("3240.usbip"), "{said}");
    world.done(&["down"]);
}

#[test]
fn a_file_that_is_named_as_a_socket_by_mistake_stays() {
    let world = World::new();
    let thesis = world.file("thesis.txt", "three years of work");
    let up = ["up", "--memory", "--listen", "127.0.0.1:0"];
    let mistakes: [&[&str]; 3] = [
        &[&up[..], &["--control", &thesis]].concat(),
        &[&up[..], &["--unix", &thesis]].concat(),
        &["reader", "--usbip", "127.0.0.1:1", "--socket", &thesis],
    ];
    fs::set_permissions(world.path(""), fs::Permissions::from_mode(0o700)).unwrap();
    for mistake in mistakes {
        let ended = world.run(mistake);
        assert!(
            ended.code != 0 && ended.complained.contains("is no socket"),
            "{mistake:?}: {}",
            ended.complained
        );
        assert_eq!(fs::read_to_string(&thesis).unwrap(), "three years of work");
    }
}

#[test]
fn a_socket_serves_clients_of_another_pid_namespace() {
    // Only root makes a namespace of its own everywhere, and some containers do not let root, either.
    let is_possible = || {
        Command::new("unshare")
            .args(["--pid", "--fork", "true"])
            .status()
            .is_ok_and(|status| status.success())
    };
    if !rustix::process::getuid().is_root() || !is_possible() {
        return;
    }
    let world = World::new();
    let (socket, ready) = (world.path("run/s"), world.path("ready.json"));
    fs::create_dir_all(world.path("run")).unwrap();
    fs::set_permissions(world.path("run"), fs::Permissions::from_mode(0o700)).unwrap();
    let told = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let inner = world.command(&[
        "up",
        "--memory",
        "--listen",
        "127.0.0.1:0",
        "--unix",
        &told(&socket),
        "--ready-file",
        &told(&ready),
    ]);
    let environment = inner.get_envs().filter_map(|(name, value)| Some((name, value?)));
    // Inside, the number of a process outside is 0.
    let mut server = Command::new("unshare")
        .args(["--pid", "--fork", "--kill-child"])
        .arg(inner.get_program())
        .args(inner.get_args())
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    crate::world::eventually("the server is ready", || ready.exists());
    let tokens = card::usbip::list(&format!("unix:{}", told(&socket)));
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(tokens.unwrap().len(), 1);
}
