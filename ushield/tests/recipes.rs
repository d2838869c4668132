//! What the README's recipes promise happens.

#[path = "../../docs/recipes/backend.rs"]
mod backend;
use std::{path::Path, process::Command};

use crate::world::World;

/// The README, and the pages that go on from it.
const PAGES: [&str; 5] = [
    include_str!("../../README.md"),
    include_str!("../../docs/install.md"),
    include_str!("../../docs/ci.md"),
    include_str!("../../docs/panel.md"),
    include_str!("../../docs/settings.md"),
];

/// The lines of the pages' fenced blocks in a language.
fn blocks(language: &str) -> Vec<Vec<&'static str>> {
    let mut blocks = Vec::new();
    let mut lines = PAGES.iter().flat_map(|page| page.lines());
    while let Some(line) = lines.next() {
        if line.strip_prefix("```") == Some(language) {
            blocks.push(lines.by_ref().take_while(|line| *line != "```").collect());
        } else if line.starts_with("```") {
            lines.by_ref().find(|line| *line == "```");
        }
    }
    blocks
}

#[test]
fn the_backend_of_the_readme_verifies_the_demos_payment() {
    let world = World::new();
    let folder = world.path("demo");
    world.done(&["demo", "--out", folder.to_str().unwrap()]);
    let verified = backend::verify(&folder).unwrap();
    assert_eq!(verified, ("100.00".to_owned(), "6222020200112233".to_owned()));
    std::fs::copy(folder.join("ca.pem"), folder.join("order.der")).unwrap();
    assert!(backend::verify(&folder).unwrap_err().to_string().starts_with("order_mismatch: "));

    let backend: Vec<&str> = include_str!("../../docs/recipes/backend.rs").lines().map(str::trim).collect();
    for line in blocks("rust").concat() {
        assert!(backend.contains(&line.trim()), "not in docs/recipes/backend.rs: {line}");
    }
}

#[test]
fn the_commands_of_the_readme_are_commands() {
    let world = World::new();
    let text = blocks("sh").concat();
    let mut seen = 0;
    for line in text.iter().filter_map(|line| line.strip_prefix("ushield ")) {
        // With `--help` at the end the command line is read up to that point, and nothing is done.
        let own = line.split('#').next().unwrap().split(" -- ").next().unwrap().split(" > ").next().unwrap();
        let words: Vec<&str> = own.split_whitespace().collect();
        let plain: Vec<&str> = words.iter().map(|word| word.trim_matches('\'')).collect();
        let help = world.run(&[&plain[..], &["--help"]].concat());
        assert_eq!(help.code, 0, "{line}: {}", help.complained);
        for option in plain.iter().filter(|word| word.starts_with("--")) {
            assert!(help.said.contains(option), "{line}: no {option}");
        }
        seen += 1;
    }
    assert!(seen > 10, "{seen} commands");
}

#[test]
fn the_scripts_of_the_recipes_fit_the_screens() {
    let world = World::new();
    let panel = concat!("script:", env!("CARGO_MANIFEST_DIR"), "/../docs/recipes/panel.script");
    let pin = world.file("pin", "135246\n");
    let up = world.up(&["--memory", "--pin-file", &pin, "--panel", panel]);
    world.enrol_quietly(&up, "135246");
    let order = world.path("order.json");
    let order = order.to_str().unwrap();
    world.done(&["order", "--number", "20260001", "--out", order]);
    let cms = world.path("f.cms");
    let cms = cms.to_str().unwrap();
    world.done(&["pay", order, "--out", cms, "--usbip", &up.road(), "--pin-file", &pin]);
    // The script has ended. Nobody expects this payment, and so it is cancelled.
    let again = world.path("g.cms");
    let ended = world.run(&[
        "pay",
        order,
        "--out",
        again.to_str().unwrap(),
        "--usbip",
        &up.road(),
        "--pin-file",
        &pin,
    ]);
    assert_eq!(ended.code, 1);
    assert!(ended.complained.contains("Cancel"), "{}", ended.complained);
    assert!(!again.exists());
}

/// A new ID replaces the old one. The renewal's script reads what the screen says of the new certificate.
#[test]
fn the_script_of_the_renewal_fits_the_screens() {
    let world = World::new();
    let pin = world.file("pin", "135246\n");
    let [state, secret] = ["S", "s"].map(|name| world.path(name).to_str().unwrap().to_owned());
    let token = ["--state", &state, "--secret", &secret, "--pin-file", &pin];
    let up = world.up(&[&token[..], &["--panel", "accept"]].concat());
    world.enrol_quietly(&up, "135246");
    world.done(&["down"]);
    let panel = concat!("script:", env!("CARGO_MANIFEST_DIR"), "/../docs/recipes/renewal.script");
    let up = world.up(&[&token[..], &["--panel", panel]].concat());
    world.renew_quietly(&up, "135246").unwrap();
    // Nobody presses a button any more, so that nothing changes.
    let mut card = card::road::open(&card::road::Selection::usbip(up.road())).unwrap();
    let mut shield = card::shield::Shield::select(&mut card).unwrap();
    assert!(shield.certificate(wire::shield::Container::Payment).unwrap().is_some());
}

/// The whole script runs only where `cargo test` has built `cert-tool`, too.
#[test]
fn the_ci_job_pays_and_leaves_nothing_behind() {
    let folder = Path::new(env!("CARGO_BIN_EXE_ushield")).parent().unwrap();
    if !folder.join("cert-tool").is_file() {
        return eprintln!("cert-tool is not built here: cargo build -p cert-tool");
    }
    let world = World::new();
    let path = std::env::var("PATH").unwrap_or_default();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/recipes/ci.sh");
    let ended = Command::new(script)
        .env_clear()
        .env("PATH", format!("{}:{path}", folder.display()))
        .env("HOME", world.path("."))
        .env("TMPDIR", world.path("run"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success(), "{said}{}", String::from_utf8_lossy(&ended.stderr));
    assert!(said.contains("GOOD 100.00 CNY"), "{said}");
    assert_eq!(std::fs::read_dir(world.path("run")).unwrap().count(), 0);
}
