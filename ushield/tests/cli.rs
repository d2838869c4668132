//! The program as its users run it: processes, files, sockets. `openssl` judges.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crate::world::World;

/// Whether `openssl` accepts. A missing openssl is a failure, because the test would say too little without its judge.
fn openssl(arguments: &[&str]) -> bool {
    match Command::new("openssl").args(arguments).output() {
        Ok(output) => output.status.success(),
        Err(error) => {
            panic!("openssl, the judge of this test, does not run ({error}): install the package openssl")
        }
    }
}

#[test]
fn the_demo_leaves_what_openssl_accepts() {
    let world = World::new();
    let folder = world.path("d");
    let out = folder.to_str().unwrap();
    let said = world.done(&["demo", "--out", out]);
    for word in [
        "上海水务",
        "¥100.00",
        "Cancel",
        "openssl cms -verify",
        "-out ",
        "顺达电子商行",
        "6217000099998888777",
        "What to try next",
    ] {
        assert!(said.contains(word), "{word} is missing in\n{said}");
    }
    let file = |name: &str| format!("{out}/{name}");
    for name in ["ca.pem", "crl.pem", "cert.pem", "order.json", "order.der", "payment.cms"] {
        assert!(Path::new(&file(name)).is_file(), "{name}");
    }
    let cms = |name: &str, content: &str| {
        openssl(&[
            "cms",
            "-verify",
            "-inform",
            "DER",
            "-in",
            &file(name),
            "-CAfile",
            &file("ca.pem"),
            "-purpose",
            "any",
            "-out",
            &file(content),
            "-binary",
        ])
    };
    assert!(cms("payment.cms", "content.der"));
    assert_eq!(fs::read(file("content.der")).unwrap(), fs::read(file("order.der")).unwrap());
    assert!(openssl(&["verify", "-CAfile", &file("ca.pem"), &file("cert.pem")]));
    let mut changed = fs::read(file("payment.cms")).unwrap();
    let order = fs::read(file("order.der")).unwrap();
    let at = changed.windows(order.len()).position(|window| window == order).unwrap();
    changed[at + order.len() - 1] ^= 1;
    fs::write(file("changed.cms"), changed).unwrap();
    assert!(!cms("changed.cms", "x.der"));
    let arguments = ["verify", &file("payment.cms"), "--ca", &file("ca.pem"), "--crl", &file("crl.pem")];
    let said = world.done(&[&arguments[..], &["--order", &file("order.json")]].concat());
    assert!(!said.contains("revocation"), "{said}");
    // Without a list of revoked certificates the payment is good, and the answer says what was not checked.
    let said = world.done(&arguments[..4]);
    for name in ["revocation", "payer", "account", "issued order"] {
        assert!(said.contains(&format!("{name} was not checked: ")), "{name}: {said}");
    }
    assert!(said.contains("for the bank's backend to remember"), "{said}");
    let said = world.done(&[&arguments[..4], &["--payer", "6222020200112233"]].concat());
    assert!(!said.contains("payer was not") && said.contains("account was not checked"), "{said}");
    for (wrong, what) in [
        (&["--payer", "6222020200112234"][..], "the user"),
        (&["--payer", "6222020200112233", "--account", "1"], "the account"),
    ] {
        let refused = world.run(&[&arguments[..4], wrong].concat());
        assert_eq!((refused.code, refused.said.contains("payer_mismatch")), (1, true), "{what}");
    }
    for (arguments, word) in [(&arguments[..4], "not_checked"), (&arguments[..], "checked")] {
        let said = world.done(&[arguments, &["--json"]].concat());
        let report: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!(report["revocation"], word);
    }

    let again = world.run(&["demo", "--out", out]);
    assert_eq!(again.code, 1);
    assert!(again.complained.contains("--force"), "{}", again.complained);
    world.done(&["demo", "--out", out, "--force"]);

    // The demo without `--out` has one folder for all its runs. At the next run the bank's files of the former run are
    // gone.
    for _ in 0..2 {
        world.done(&["demo", "--yes"]);
    }
    let demos: Vec<_> = fs::read_dir(world.path("")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let is_demo =
        |path: &&std::path::PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("ushield-demo");
    let [demo] = demos.iter().filter(is_demo).collect::<Vec<_>>()[..] else { panic!("{demos:?}") };
    assert_eq!(fs::read_dir(demo).unwrap().count(), 6);
}

#[test]
fn a_payment_from_up_to_down() {
    let world = World::new();
    let up = world.up(&["--memory", "--pin-file", &world.file("pin", "135246\n"), "--panel", "none"]);
    let road = up.road();
    let pin = world.file("pin", "135246\n");
    world.enrol(&up, "135246");

    let listed: serde_json::Value = serde_json::from_str(&world.done(&["ls", "--json"])).unwrap();
    let token = &listed["tokens"][0];
    assert_eq!((token["plugged"].as_bool(), token["attached"].as_bool()), (Some(true), Some(false)));
    assert_eq!(up.ready["tokens"][0]["serial"], token["serial"]);
    assert!(world.done(&["screen"]).contains("dark"));
    assert_eq!(world.done(&["screen", "--json"]).trim(), r#"{"screen":null}"#);
    assert_eq!(world.run(&["press", "ok"]).code, 1, "nobody asks");

    let order = world.order("no-1");
    let cms = world.path("f.cms");
    let pay = ["pay", &order, "--out", cms.to_str().unwrap(), "--usbip", &road, "--pin-file", &pin];
    // The screen shows another text than the one that was expected, and no button is pressed.
    let paying = world.start(&pay);
    world.done(&["screen", "--wait", "上海水务", "--timeout", "120"]);
    world.done(&["wait", "--for", "asked", "--timeout", "120"]);
    let refused = world.run(&["press", "ok", "--if-shows", "北京水务"]);
    assert_eq!(refused.code, 1);
    assert!(refused.complained.contains("上海水务"), "{}", refused.complained);
    world.done(&["press", "cancel", "--if-shows", "上海水务"]);
    let refused = World::end(paying);
    assert_eq!(refused.code, 1);
    assert!(refused.complained.contains("Cancel"), "{}", refused.complained);
    assert!(!cms.exists(), "a refusal writes nothing");

    let paying = world.start(&pay);
    world.done(&["screen", "--wait", "上海水务", "--timeout", "120"]);
    world.press_through();
    let paid = World::end(paying);
    assert_eq!(paid.code, 0, "{}", paid.complained);

    let ca = world.path("ca/ca.pem");
    let crl = world.path("ca/crl.pem");
    let (cms, ca, crl) = (cms.to_str().unwrap(), ca.to_str().unwrap(), crl.to_str().unwrap());
    let good = world.done(&["verify", cms, "--ca", ca, "--crl", crl, "--order", &order, "--json"]);
    let good: serde_json::Value = serde_json::from_str(&good).unwrap();
    assert_eq!(good["good"], true);
    // First nobody says who may pay from which account, and the answer tells so. Then `--payer` says it.
    assert_eq!(good["payer"], "not_checked");
    let bound = ["verify", cms, "--ca", ca, "--crl", crl, "--order", &order, "--payer", "6222020200112233"];
    let said = world.done(&bound);
    // One line remains, which names what no command can know, and does not look like a fault.
    assert!(
        !said.contains("was not checked") && said.contains("for the bank's backend to remember"),
        "{said}"
    );

    let other = world.order("no-2");
    let refused = world.run(&["verify", cms, "--ca", ca, "--order", &other, "--json"]);
    assert_eq!(refused.code, 1, "{}", refused.complained);
    let refused: serde_json::Value = serde_json::from_str(&refused.said).unwrap();
    assert!(refused["reason"].is_string(), "{refused}");
    let junk = world.file("junk.pem", "junk");
    assert_eq!(world.run(&["verify", cms, "--ca", &junk]).code, 2);
    assert_eq!(world.run(&["verify", "/nowhere.cms", "--ca", ca]).code, 2);

    assert!(world.done(&["down"]).contains("Stopped"));
    let nothing = world.run(&["down"]);
    assert_eq!(nothing.code, 1);
    assert!(nothing.complained.contains("nothing is running"), "{}", nothing.complained);
    world.done(&["wait", "--for", "down", "--timeout", "120"]);
}

#[test]
fn the_first_start_makes_a_token_and_the_second_says_who_holds_it() {
    let world = World::new();
    let state = world.path("state");
    let state = state.to_str().unwrap();
    let up = world.up(&["--state", state]);
    for word in ["12345678", "puk", "ushield attach 127.0.0.1", "10.0.2.2", "usbip.exe", "cert-tool enrol"] {
        assert!(up.said.contains(word), "{word} is missing in\n{}", up.said);
    }
    let serial = up.ready["tokens"][0]["serial"].clone();
    let second = world.run(&["up", "-d", "--listen", "127.0.0.1:0", "--state", state]);
    assert_eq!(second.code, 1);
    assert!(second.complained.contains(&up.ready["pid"].to_string()), "{}", second.complained);
    closed_to_others(Path::new(state));

    // The PIN, changed and unblocked; the same token after another start.
    let (old, new) = (world.file("old", "12345678"), world.file("new", "246813"));
    let road = up.road();
    world.done(&["pin", "change", "--old-file", &old, "--new-file", &new, "--usbip", &road]);
    let refused = world.run(&["pin", "change", "--old-file", &old, "--new-file", &new, "--usbip", &road]);
    assert_eq!(refused.code, 1);
    assert!(refused.complained.contains("tries left"), "{}", refused.complained);
    world.done(&["down", "--state", state]);
    // A token that was made with a screen keeps its screen.
    let refused = world.run(&["up", "-d", "--listen", "127.0.0.1:0", "--state", state, "--generation", "1"]);
    assert_eq!(refused.code, 1);
    assert!(refused.complained.contains("--generation"), "{}", refused.complained);
    // The tokens need their secret. Without that secret they stay as they are, and no new token is made in their place.
    let (secret, elsewhere) = (world.path(".config/ushield/secret"), world.path("elsewhere"));
    fs::rename(&secret, &elsewhere).unwrap();
    let refused = world.run(&["up", "-d", "--listen", "127.0.0.1:0", "--state", state]);
    assert_eq!(refused.code, 1);
    assert!(refused.complained.contains("--secret"), "{}", refused.complained);
    assert!(!secret.exists());
    let up = world.up(&["--state", state, "--secret", elsewhere.to_str().unwrap()]);
    assert_eq!(up.ready["tokens"][0]["serial"], serial);
    assert!(!up.said.contains("12345678"), "{}", up.said);
    let puk = find(Path::new(state), "puk");
    let newer = world.file("newer", "864209");
    let road = up.road();
    world.done(&[
        "pin",
        "unblock",
        "--puk-file",
        puk.to_str().unwrap(),
        "--new-file",
        &newer,
        "--usbip",
        &road,
    ]);
    world.done(&["pin", "change", "--old-file", &newer, "--new-file", &new, "--usbip", &road]);
    // The PUK is changed, too.
    let (puk, next) = (puk.to_str().unwrap(), world.file("next", "31415926"));
    let change = ["pin", "change", "--puk", "--old-file", puk, "--new-file", &next, "--usbip", &road];
    world.done(&change);
    let refused = world.run(&change);
    assert!(refused.complained.contains("wrong PUK: 5 tries left"), "{}", refused.complained);
}

#[test]
fn a_taken_port_says_what_to_type() {
    let world = World::new();
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap().to_string();
    let refused = world.run(&["up", "-d", "--memory", "--listen", &address]);
    assert_eq!(refused.code, 1);
    assert!(refused.complained.contains("--listen"), "{}", refused.complained);
    assert_eq!(world.run(&["ls"]).code, 1);
}

#[test]
fn tokens_are_pulled_out_and_put_back() {
    let world = World::new();
    let up = world.up(&["--memory", "--tokens", "2", "--panel", "none"]);
    assert_eq!(up.ready["tokens"].as_array().unwrap().len(), 2);
    let ambiguous = world.run(&["unplug"]);
    assert_eq!(ambiguous.code, 1);
    assert!(ambiguous.complained.contains("--token 1-2"), "{}", ambiguous.complained);
    world.done(&["unplug", "--token", "1-2"]);
    world.done(&["wait", "--for", "unplugged", "--token", "1-2", "--timeout", "120"]);
    let devices = card::usbip::list(&up.road()).unwrap();
    assert_eq!(devices.len(), 1);
    world.done(&["plug", "--token", up.ready["tokens"][1]["serial"].as_str().unwrap()]);
    world.done(&["wait", "--for", "free", "--token", "1-2", "--timeout", "120"]);
    assert_eq!(card::usbip::list(&up.road()).unwrap().len(), 2);
    assert_eq!(world.run(&["wait", "--for", "attached", "--timeout", "0"]).code, 1);
    assert_eq!(world.run(&["screen", "--token", "1-1", "--wait", "x", "--timeout", "0"]).code, 1);
    assert_eq!(world.run(&["screen", "--token", "1-9"]).code, 1);
}

#[test]
fn a_signal_ends_it_cleanly() {
    let world = World::new();
    let up = world.up(&["--memory"]);
    let control = up.ready["control"].as_str().unwrap().to_owned();
    let pid = rustix::process::Pid::from_raw(up.ready["pid"].as_i64().unwrap().try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let start = Instant::now();
    while Path::new(&control).exists() {
        assert!(start.elapsed() < Duration::from_secs(120), "the socket is still there");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(world.run(&["ls"]).code, 1);
}

#[test]
fn completions_and_manual_pages() {
    let world = World::new();
    assert!(world.done(&["completions", "bash"]).contains("ushield"));
    let folder = world.path("man");
    world.done(&["man", folder.to_str().unwrap()]);
    assert!(folder.join("ushield-up.1").is_file());
}

fn closed_to_others(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} is open to others", entry.path().display());
        if entry.path().is_dir() {
            closed_to_others(&entry.path());
        }
    }
}

fn find(folder: &Path, name: &str) -> std::path::PathBuf {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            if entry.file_name() == name {
                return entry.path();
            }
            if entry.path().is_dir() {
                folders.push(entry.path());
            }
        }
    }
    panic!("no {name}")
}

#[test]
fn a_trace_shows_commands_and_no_pin() {
    let world = World::new();
    let up = world.up(&["--memory", "--pin-file", &world.file("pin", "135246\n"), "--panel", "accept"]);
    fs::create_dir_all(world.path(".config/ushield")).unwrap();
    // Only the config file says where the token is.
    world.file(".config/ushield/config.toml", &format!("usbip = \"{}\"\n", up.road()));
    let trace = world.path("trace");
    let (old, new) = (world.file("old", "135246\n"), world.file("new", "864209\n"));
    let change = ["pin", "change", "--old-file", &old, "--new-file", &new];
    let done = world.command(&change).env("USHIELD_DEBUG", &trace).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let traced = fs::read_to_string(&trace).unwrap();
    assert!(traced.contains("> 00A40400 F055534849454C4401") && traced.contains("< 9000"), "{traced}");
    assert!(traced.contains("> 80240080 [blanked]"), "{traced}");
    for pin in ["135246", "864209"] {
        let hex: String = pin.bytes().map(|digit| format!("{digit:02X}")).collect();
        assert!(!traced.contains(pin) && !traced.contains(&hex), "{traced}");
    }
    let mode = fs::metadata(&trace).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    world.file(".config/ushield/config.toml", "usbib = \"typo\"\n");
    let refused = world.run(&change);
    assert_eq!(refused.code, 1);
    assert!(refused.complained.contains("config.toml") && refused.complained.contains("usbib"));
}

#[test]
fn an_order_is_issued_now_or_the_option_that_is_wrong_is_named() {
    let world = World::new();
    let fields = |said: &str| serde_json::from_str::<serde_json::Value>(said).unwrap();
    let first = fields(&world.done(&["order", "--payee", "京东", "--amount", "9.90", "--minutes", "5"]));
    assert_eq!((&first["payee_name"], &first["amount"]), (&"京东".into(), &"9.90".into()));
    let time = |name: &str| payment::order::parse_time(first[name].as_str().unwrap()).unwrap();
    assert_eq!(time("expires").duration_since(time("issued")).unwrap(), Duration::from_secs(300));
    let again = fields(&world.done(&["order"]));
    assert_ne!(first["nonce"], again["nonce"]);

    let refused = world.run(&["order", "--amount", "1.234"]);
    assert_eq!(refused.code, 1);
    assert!(refused.complained.contains("amount"), "{}", refused.complained);
    let file = world.path("order.json");
    let file = file.to_str().unwrap();
    world.done(&["order", "--out", file]);
    assert_eq!(world.run(&["order", "--out", file]).code, 1, "it was there");
    world.done(&["order", "--out", file, "--force"]);
}
