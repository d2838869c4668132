//! Threads and processes use tokens that come and go; see `tests/soak/run`.
//!
//! `soak OPERATIONS` runs four parts with this many operations each. `soak worker …` is the process that a part starts.

#![allow(unsafe_code, reason = "the C interface is called as C calls it")]

#[allow(dead_code, unreachable_pub, reason = "its other half is tests/pkcs11's")]
#[path = "../pkcs11/call.rs"]
mod call;
mod tokens;
mod worker;

use std::{
    env,
    process::{Child, Command, ExitCode, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use chacha20::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};
use tokens::Tokens;
use worker::{Order, Report};

/// One part of the soak.
struct Part {
    name: &'static str,
    tokens: usize,
    processes: usize,
    threads: usize,
}

/// A USB/IP token has one holder. Threads share the holder's connection, and processes share the token through the
/// reader service.
const PARTS: [Part; 4] = [
    Part { name: "8 threads, 1 token", tokens: 1, processes: 1, threads: 8 },
    Part { name: "8 threads, 8 tokens", tokens: 8, processes: 1, threads: 8 },
    Part { name: "8 processes, 1 token", tokens: 1, processes: 8, threads: 1 },
    Part { name: "8 processes, 8 tokens", tokens: 8, processes: 8, threads: 1 },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let Some(("worker", order)) = arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return worker::work(&Order::parse(order));
    }
    let [operations] = &arguments[..] else {
        eprintln!("soak OPERATIONS");
        return ExitCode::from(2);
    };
    let Ok(operations @ 800..) = operations.parse::<u64>() else {
        eprintln!("not a number of operations, from 800: {operations}");
        return ExitCode::from(2);
    };
    let seed = env::var("SOAK_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
        let mut fresh = [0; 8];
        getrandom::fill(&mut fresh).expect("random");
        u64::from_ne_bytes(fresh) >> 16
    });
    println!("seed {seed} (SOAK_SEED={seed} makes the same choices again)");
    let mut faults = 0;
    for part in &PARTS {
        faults += usize::from(!run(part, operations, seed));
    }
    println!("{} parts, {faults} with faults", PARTS.len());
    if faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs one part, and returns whether all went well.
fn run(part: &Part, operations: u64, seed: u64) -> bool {
    let start = Instant::now();
    let tokens = Tokens::new(part.tokens, part.processes > 1);
    let share = operations / u64::try_from(part.processes).expect("few");
    let orders = (0..part.processes).map(|at| Order {
        operations: share,
        threads: part.threads,
        tokens: part.tokens,
        seed: seed ^ (u64::try_from(at).expect("few") << 32),
        point: tokens.point().to_vec(),
    });
    let children: Vec<Child> = orders.map(|order| spawn(&order, &tokens)).collect();
    let done = AtomicBool::new(false);
    let (reports, unplugged) = thread::scope(|scope| {
        let nuisance = scope.spawn(|| disturb(&tokens, seed, &done));
        let reports: Vec<Result<Report, String>> = children.into_iter().map(report).collect();
        done.store(true, Ordering::Release);
        (reports, nuisance.join().expect("it does not panic"))
    });
    let mut total = Report::default();
    let mut good = unplugged > 0;
    for report in reports {
        match report {
            Ok(report) => total = total.plus(report),
            Err(text) => {
                good = false;
                println!("  FAULT: {text}");
            }
        }
    }
    println!("{}: {total}; {unplugged} times unplugged; {:.1} s", part.name, start.elapsed().as_secs_f32());
    good
}

/// Pulls tokens out and puts them back until the work is done. Returns how often.
fn disturb(tokens: &Tokens, seed: u64, done: &AtomicBool) -> usize {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut pause = |least: u64, most: u64| {
        let end = Instant::now() + Duration::from_millis(least + rng.next_u64() % (most - least));
        while Instant::now() < end && !done.load(Ordering::Acquire) {
            thread::sleep(Duration::from_millis(5));
        }
        rng.next_u64()
    };
    let mut times = 0;
    while !done.load(Ordering::Acquire) {
        let which = usize::try_from(pause(100, 900)).unwrap_or(0) % tokens.count();
        tokens.unplug(which);
        pause(10, 300);
        tokens.plug(which);
        times += 1;
    }
    times
}

fn spawn(order: &Order, tokens: &Tokens) -> Child {
    let own = env::current_exe().expect("a path");
    let runner = env::var("SOAK_RUNNER").unwrap_or_default();
    let mut words = runner.split_whitespace().map(str::to_owned).chain([own.display().to_string()]);
    let mut command = Command::new(words.next().expect("at least our own path"));
    command.args(words).arg("worker").args(order.arguments()).stdout(Stdio::piped());
    for (name, value) in tokens.environment() {
        command.env(name, value);
    }
    // All threads share one heap. Otherwise glibc makes another heap whenever two threads meet, which would look like a
    // leak.
    command.env("MALLOC_ARENA_MAX", "1");
    command.spawn().expect("a worker")
}

fn report(child: Child) -> Result<Report, String> {
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!("a worker: {}: {}", output.status, text.trim()));
    }
    Report::parse(text.trim()).ok_or_else(|| format!("a worker said: {text}"))
}
