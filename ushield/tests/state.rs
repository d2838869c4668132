//! A token's state on disk, damaged. `up` names each file that is lost or damaged, and makes nothing in its place.
//! Anything that is no file is refused at once.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::{
        fs::{PermissionsExt, symlink},
        net::UnixListener,
    },
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crate::world::{Ended, World};
use card::{road, shield::Shield};

/// A world with an enrolled token in `S`, whose secret is in `s`. No server serves the token.
fn enrolled() -> World {
    let world = World::new();
    let pin = world.file("pin", "135246\n");
    let [state, secret] = ["S", "s"].map(|name| world.path(name).to_str().unwrap().to_owned());
    let up = world.up(&["--state", &state, "--secret", &secret, "--pin-file", &pin, "--panel", "accept"]);
    world.enrol_quietly(&up, "135246");
    world.done(&["down"]);
    world
}

/// A copy of the token, for its owner only.
fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (entry, path) = entry.map(|entry| (entry.file_name(), entry.path())).unwrap();
        if path.is_dir() {
            copy(&path, &to.join(entry));
        } else {
            fs::copy(&path, to.join(entry)).unwrap();
        }
    }
}

/// The records in a folder, without the lock.
fn records(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        if name != "lock" && fs::symlink_metadata(folder.join(&name)).unwrap().is_file() {
            all.insert(name.clone(), fs::read(folder.join(&name)).unwrap());
        }
    }
    all
}

/// Starts `up` on the copy. `up` must end by itself.
fn up(world: &World, options: &[&str]) -> Ended {
    let [state, secret] = ["S2", "s2"].map(|name| world.path(name).to_str().unwrap().to_owned());
    let ready = world.path("ready.json");
    let _ = fs::remove_file(&ready);
    let mut all = vec!["up", "-d", "--listen", "127.0.0.1:0", "--panel", "accept"];
    all.extend(["--ready-file", ready.to_str().unwrap()]);
    all.extend(["--state", &state, "--secret", &secret]);
    all.extend(options);
    let mut child = world.start(&all);
    let end = Instant::now() + Duration::from_secs(300);
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < end, "up hangs: {}", child.kill().is_ok());
        std::thread::sleep(Duration::from_millis(10));
    }
    World::end(child)
}

/// The address at which the last `up` serves.
fn served(world: &World) -> String {
    let ready: serde_json::Value =
        serde_json::from_slice(&fs::read(world.path("ready.json")).unwrap()).unwrap();
    ready["listen"].as_str().unwrap().to_owned()
}

/// Each record of an enrolled token is lost, cut short or garbled. `up` names the record, and changes no other byte.
#[test]
fn a_harmed_record_is_named_and_nothing_else_changes() {
    let world = enrolled();
    let whole = records(&world.path("S/1/flash"));
    for name in
        ["inventory", "device", "tries", "pin", "management", "attestation", "container.50", "container.9a"]
    {
        assert!(whole.contains_key(name), "{name}: {:?}", whole.keys());
    }
    for name in whole.keys() {
        for harm in ["lost", "empty", "half", "garbled"] {
            copy(&world.path("S"), &world.path("S2"));
            fs::copy(world.path("s"), world.path("s2")).unwrap();
            let path = world.path("S2/1/flash").join(name);
            let mut bytes = whole[name].clone();
            match harm {
                "lost" => fs::remove_file(&path).unwrap(),
                "empty" => fs::write(&path, "").unwrap(),
                "half" => fs::write(&path, &bytes[..bytes.len() / 2]).unwrap(),
                // One of the two copies of the tries is enough, and costs a try. Another test shows that.
                _ if name == "tries" => continue,
                _ => {
                    *bytes.last_mut().unwrap() ^= 1;
                    fs::write(&path, &bytes).unwrap();
                }
            }
            let harmed = records(&world.path("S2/1/flash"));
            let Ended { code, complained, .. } = up(&world, &[]);
            assert_eq!(code, 1, "{name} {harm}: {complained}");
            let says = complained.contains(name.as_str()) && complained.contains("from a copy");
            assert!(says, "{name} {harm}: {complained}");
            assert_eq!(records(&world.path("S2/1/flash")), harmed, "{name} {harm}");
        }
    }
    // Without damage the token is served, with its keys.
    copy(&world.path("S"), &world.path("S2"));
    assert_eq!(up(&world, &[]).code, 0);
    world.done(&["down"]);
    assert_eq!(records(&world.path("S2/1/flash"))["container.50"], whole["container.50"]);
}

/// Damage to the tries costs a try, or the token is not served. Damage never gives a try back.
#[test]
fn a_changed_byte_of_the_tries_gives_none_back() {
    let world = enrolled();
    let serve = |folder: &str| {
        copy(&world.path(folder), &world.path("S2"));
        fs::copy(world.path("s"), world.path("s2")).unwrap();
    };
    let left = |wrong: usize| {
        let mut card = road::open(&road::Selection::usbip(served(&world))).unwrap();
        let mut shield = Shield::select(&mut card).unwrap();
        (0..wrong).for_each(|_| drop(shield.verify(b"000001").unwrap_err()));
        shield.information().unwrap().tries[0]
    };
    serve("S");
    assert_eq!(up(&world, &[]).code, 0);
    let spent = left(2);
    assert_eq!(spent, 4);
    world.done(&["down"]);
    copy(&world.path("S2"), &world.path("S3"));
    let whole = fs::read(world.path("S3/1/flash/tries")).unwrap();
    // Bytes of each slot: in its mark, version, turn, length, checksum and record.
    let (mut refused, mut paid) = (0, 0);
    for slot in [0, 4096] {
        for at in [0, 5, 7, 15, 19, 40, 53] {
            serve("S3");
            let mut changed = whole.clone();
            changed[slot + at] ^= 3;
            fs::write(world.path("S2/1/flash/tries"), &changed).unwrap();
            if up(&world, &[]).code == 0 {
                let now = left(0);
                assert!((3..=spent).contains(&now), "byte {at} of slot {slot}: {now} tries");
                paid += usize::from(now < spent);
                world.done(&["down"]);
            } else {
                refused += 1;
            }
        }
    }
    assert!(refused >= 2 && paid >= 4, "{refused} refused, {paid} with a try less");
}

/// No secret is made for a token whose secret is missing, however little of the token is left.
#[test]
fn no_secret_is_made_where_there_are_records() {
    let world = enrolled();
    copy(&world.path("S"), &world.path("S2"));
    fs::remove_file(world.path("S2/1/flash/device")).unwrap();
    let Ended { code, complained, .. } = up(&world, &[]);
    assert_eq!(code, 1);
    assert!(complained.contains("no device secret"), "{complained}");
    assert!(!world.path("s2").exists());
}

/// The envelope of a PUK is never overwritten. Where an envelope lies beside an empty folder, the new token gets the
/// PUK in that envelope.
#[test]
fn an_envelope_is_never_written_over() {
    let world = World::new();
    for folder in ["S2", "S2/1"] {
        fs::create_dir(world.path(folder)).unwrap();
        fs::set_permissions(world.path(folder), fs::Permissions::from_mode(0o700)).unwrap();
    }
    world.file("S2/1/puk", "31415926\n");
    let Ended { code, complained, .. } = up(&world, &[]);
    assert_eq!(code, 0, "{complained}");
    assert_eq!(fs::read_to_string(world.path("S2/1/puk")).unwrap(), "31415926\n");
    let [puk, new] = [world.file("puk", "31415926"), world.file("new", "864213")];
    world.done(&["pin", "unblock", "--puk-file", &puk, "--new-file", &new, "--usbip", &served(&world)]);
    world.done(&["down"]);
    fs::remove_dir_all(world.path("S2/1/flash")).unwrap();
    world.file("S2/1/puk", "something else");
    let Ended { code, complained, .. } = up(&world, &[]);
    assert_eq!(code, 1);
    assert!(complained.contains("no PUK of 8 digits"), "{complained}");
    assert_eq!(fs::read_to_string(world.path("S2/1/puk")).unwrap(), "something else");
}

/// Replaces a file by something that is no file.
fn put(kind: &str, path: &Path, world: &World) {
    let _ = fs::remove_file(path);
    match kind {
        "pipe" => assert!(Command::new("mkfifo").arg(path).status().unwrap().success()),
        // The path of a socket must be short. So the socket is made elsewhere and moved here.
        "socket" => {
            let short = world.path("so");
            drop(UnixListener::bind(&short).unwrap());
            fs::rename(short, path).unwrap();
        }
        "folder" => fs::create_dir(path).unwrap(),
        "device" => symlink("/dev/zero", path).unwrap(),
        "link to nothing" => symlink("/nonexistent/file", path).unwrap(),
        _ => {
            let huge = File::create(path).unwrap();
            huge.set_permissions(fs::Permissions::from_mode(0o600)).unwrap();
            huge.set_len(1 << 40).unwrap();
        }
    }
}

/// Pipes, sockets, folders, devices, links and huge files stand where a file of the state, the secret or the PIN file
/// should be. `up` names them at once, and waits for none of them.
#[test]
fn what_is_no_file_is_refused_at_once() {
    let world = enrolled();
    for place in
        ["S2/1/flash/device", "S2/1/flash/tries", "S2/1/flash/lock", "S2/1/flash/pin.tmp", "s2", "pin2"]
    {
        for kind in ["pipe", "socket", "folder", "device", "link to nothing", "huge file"] {
            copy(&world.path("S"), &world.path("S2"));
            let _ = fs::remove_file(world.path("s2")).or_else(|_| fs::remove_dir(world.path("s2")));
            fs::copy(world.path("s"), world.path("s2")).unwrap();
            let path = world.path(place);
            let _ = fs::remove_dir(&path);
            put(kind, &path, &world);
            let pin = world.path("pin2");
            let options = if place == "pin2" { vec!["--pin-file", pin.to_str().unwrap()] } else { vec![] };
            let Ended { code, complained, .. } = up(&world, &options);
            assert_eq!(code, 1, "{kind} as {place}: {complained}");
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(complained.contains(name), "{kind} as {place}: {complained}");
            assert!(fs::symlink_metadata(&path).is_ok(), "{kind} as {place}: taken away");
        }
    }
}

/// A shell's `<(command)` is a pipe. The program waits for the PIN in it.
#[test]
fn a_pin_comes_through_a_pipe() {
    let world = World::new();
    let pipe = world.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::thread::scope(|scope| {
        scope.spawn(|| fs::write(&pipe, "135246\n").unwrap());
        let Ended { code, complained, .. } = up(&world, &["--pin-file", pipe.to_str().unwrap()]);
        assert_eq!(code, 0, "{complained}");
    });
    world.done(&["down"]);
}
