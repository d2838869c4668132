//! The memory that PINs cost a server. However many tokens verify their PINs, the server takes one block at a time and gives it
//! back.

use std::{
    fs,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::world::World;
use card::{Error, road, shield::Shield};

const TOKENS: usize = 6;
/// The KiB that one stretched PIN takes.
const STRETCHED: u64 = 19 << 10;

/// The KiB of the process's own memory, without memory that is mapped from the program's file.
fn anonymous(process: u64) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Waits until the process has less memory than `below`, and returns how much the process has in the end. The thread that
/// stretches answers first and gives its memory back then, so that on a busy machine a host may look too early.
fn settled(process: u64, below: u64) -> u64 {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let now = anonymous(process);
        if now < below || Instant::now() > end {
            return now;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Enters a PIN at one of the server's tokens after powering the token up.
fn verify(server: &str, number: usize, pin: &[u8]) -> Result<(), Error> {
    let selection =
        road::Selection { bus_id: Some(format!("1-{number}")), ..road::Selection::usbip(server.to_owned()) };
    let mut card = road::open(&selection)?;
    Shield::select(&mut card)?.verify(pin)
}

/// The PIN of each token is verified at the same time, some rightly and some wrongly. There is never more than one block of
/// memory, and afterwards there is none.
#[test]
fn stretched_pins_leave_no_memory_behind() {
    let world = World::new();
    let pin = world.file("pin", "135246\n");
    let [state, secret] = ["S", "s"].map(|name| world.path(name).to_str().unwrap().to_owned());
    let count = TOKENS.to_string();
    let up = world.up(&["--state", &state, "--secret", &secret, "--tokens", &count, "--pin-file", &pin]);
    let (server, process) = (up.road(), up.ready["pid"].as_u64().unwrap());
    let before = anonymous(process);
    let (most, over) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let hosts: Vec<_> = (1..=TOKENS)
            .map(|number| {
                let server = &server;
                scope.spawn(move || {
                    for _plugged_in in 0..2 {
                        assert!(verify(server, number, b"000001").unwrap_err().tries().is_some());
                        verify(server, number, b"135246").unwrap();
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                most.fetch_max(anonymous(process), Ordering::Relaxed);
                thread::yield_now();
            }
        });
        let failed = hosts.into_iter().any(|host| host.join().is_err());
        over.store(true, Ordering::Relaxed);
        assert!(!failed, "a PIN was not judged");
    });
    let most = most.load(Ordering::Relaxed);
    let after = settled(process, before + STRETCHED);
    println!("{before} KiB before, {most} at most, {after} after {TOKENS} tokens had their PINs");
    assert!(most < before + 2 * STRETCHED, "{before} KiB, then {most}: two blocks at once");
    assert!(after < before + STRETCHED, "{before} KiB, then {after}: a block was kept");
    assert!(after < 64 << 10, "{after} KiB");
}
