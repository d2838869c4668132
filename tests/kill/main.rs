//! Kills `ushield up` while it changes its state, many times; see `tests/kill/run`.
//!
//! `kill USHIELD FOLDER KILLS`: the program to kill, an empty folder on a real file system, and how often. A token of each make is killed,
//! in turn: one that pays with P-256, and one that pays with SM2.

mod first;
mod model;
mod operation;
mod look;
mod server;

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use chacha20::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};
use model::Model;
use operation::{End, Hand};
use server::Server;
use ushield_tests::{bank::Bank, scene::Make};

/// A fault: something was seen that must not be.
type Fault = String;

/// Every so many kills, one hits the very first start of a new token, and another one that opens an old one.
const PERIOD: u32 = 10;
/// The longest wait between the start of an operation and the kill, in microseconds; PINs are stretched meanwhile.
const LONGEST: u64 = 250_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [ushield, folder, kills] = &arguments[..] else {
        eprintln!("kill USHIELD FOLDER KILLS");
        return ExitCode::from(2);
    };
    let Ok(kills @ 1..) = kills.parse() else {
        eprintln!("not a number of kills: {kills}");
        return ExitCode::from(2);
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let fresh = u64::try_from(now.as_micros()).unwrap_or_default();
    let seed = env::var("KILL_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(fresh);
    println!("seed {seed} (KILL_SEED={seed} does the same again, but for the machine's own timing)");
    let new = |make, name| Story::new(PathBuf::from(ushield), Path::new(folder).join(name), make, seed);
    let mut stories = [new(Make::Standard, "p256"), new(Make::Jade, "sm2")];
    let inside = |stories: &[Story; 2]| stories.iter().map(|story| story.inside).sum::<u32>();
    for kill in 1..=kills {
        // Each token meets each kind of kill: ten rounds of one make, and then ten of the other.
        let story = &mut stories[usize::from((kill - 1) / PERIOD % 2 == 1)];
        if let Err(fault) = story.round(kill) {
            eprintln!("kill {kill}, seed {seed}: FAULT: {fault}");
            return ExitCode::FAILURE;
        }
        if kill % PERIOD == 0 || kill == kills {
            println!("{kill} kills, {} of them inside an operation", inside(&stories));
        }
    }
    for story in &stories {
        println!("a token that pays with {}:", story.make.brand().algorithm.name());
        for (name, [inside, done]) in story.model.counts() {
            println!("  {inside:>3} times inside {name}, {done} times whole");
        }
    }
    println!("{kills} kills, {} of them inside an operation, 0 faults", inside(&stories));
    ExitCode::SUCCESS
}

/// One token's life, and what is known about it.
struct Story {
    ushield: PathBuf,
    folder: PathBuf,
    make: Make,
    bank: Bank,
    model: Model,
    rng: ChaCha20Rng,
    inside: u32,
}

impl Story {
    fn new(ushield: PathBuf, folder: PathBuf, make: Make, seed: u64) -> Self {
        let rng = ChaCha20Rng::seed_from_u64(seed);
        let (bank, model) = (Bank::of(make.brand().algorithm), Model::new());
        Self { ushield, folder, make, bank, model, rng, inside: 0 }
    }

    fn round(&mut self, kill: u32) -> Result<(), Fault> {
        match kill % PERIOD {
            3 => {
                let wait = self.wait();
                let place = self.folder.join(format!("new-{kill}"));
                self.inside +=
                    u32::from(first::kill(&self.ushield, &place, self.make, kill % 40 < 20, wait)?);
                Ok(())
            }
            7 => self.kill_while_opening(),
            _ => self.kill_at_work(kill),
        }
    }

    /// Short waits as often as long ones: most writes follow close upon the command.
    fn wait(&mut self) -> Duration {
        let ceiling = LONGEST >> (self.rng.next_u32() % 10);
        Duration::from_micros(self.rng.next_u64() % ceiling)
    }

    fn kill_while_opening(&mut self) -> Result<(), Fault> {
        let wait = self.wait() / 4;
        let server = Server::start(&self.ushield, &self.folder.join("token"), self.make, true)?;
        thread::sleep(wait);
        let ready = server.is_ready();
        server.kill()?;
        self.inside += u32::from(!ready);
        Ok(())
    }

    fn kill_at_work(&mut self, kill: u32) -> Result<(), Fault> {
        let place = self.folder.join("token");
        let mut server = Server::start(&self.ushield, &place, self.make, true)?;
        server.ready()?;
        if kill % PERIOD == 1 {
            server.refuses_a_second(&self.ushield)?;
        }
        let (before, wait) = (self.rng.next_u32() % 5, self.wait());
        let killed = AtomicBool::new(false);
        let (tell, told) = mpsc::channel();
        let mut hand = Hand {
            address: server.address.clone(),
            algorithm: self.make.brand().algorithm,
            rng: ChaCha20Rng::seed_from_u64(self.rng.next_u64()),
            bank: &mut self.bank,
            model: &mut self.model,
            killed: &killed,
        };
        let end = thread::scope(|scope| {
            let work = scope.spawn(move || hand.work(&place, before, &tell));
            // It never comes when the hand met a fault.
            if told.recv_timeout(Duration::from_secs(60)).is_ok() {
                thread::sleep(wait);
            }
            killed.store(true, Ordering::SeqCst);
            let stopped = server.kill();
            let begin = Instant::now();
            let end = work.join().map_err(|_| Fault::from("the client panicked"))?;
            if begin.elapsed() > Duration::from_secs(60) {
                return Err("the client did not see that the server was gone".into());
            }
            stopped.and(end)
        })?;
        self.inside += u32::from(end == End::Inside);
        Ok(())
    }
}
