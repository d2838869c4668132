//! The PKCS#11 library beside SoftHSM2, each in a process of its own: the same calls through the same wrapper, P-256.
//!
//! SoftHSM2 signs in the process itself; ours asks a token over USB/IP for each signature.

use std::{
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use clap::Args;
use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    mechanism::Mechanism,
    object::{Attribute, KeyType, ObjectClass, ObjectHandle},
    session::{Session, UserType},
    slot::Slot,
    types::AuthPin,
};
use serde_json::{Value, json};
use ushield_tests::bench::PIN;

use crate::{
    Scale,
    process::{self, Server},
    table::{Goal, Row},
};

/// Where Debian has SoftHSM2.
const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";
/// namedCurve of P-256.
const P256: &[u8] = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";

/// What the child measures.
#[derive(Args)]
pub(crate) struct Client {
    /// The library.
    module: PathBuf,
    /// Signatures of one thread.
    count: u32,
}

/// One library's figures.
struct Figures {
    login: f64,
    first: f64,
    one: f64,
    two: f64,
    apart: f64,
    memory: f64,
}

pub(crate) fn measure(scale: Scale) -> anyhow::Result<Vec<Row>> {
    let count = scale.count(4000);
    // Two threads want two cores.
    let _free = process::Free::new()?;
    let server = Server::start(&["tokens", "2"])?;
    let ours = || {
        let mut command = client(&library()?, count)?;
        command.env("USHIELD_USBIP", server.address.to_string());
        run(command)
    };
    let folder = tempfile::tempdir()?;
    let theirs = softhsm(folder.path())?;
    // In turn, round by round; the median of each figure.
    let (mut our, mut their) = (Vec::new(), Vec::new());
    for _ in 0..scale.rounds {
        our.push(ours()?);
        if let Some(configuration) = &theirs {
            let mut command = client(Path::new(SOFTHSM), count)?;
            command.env("SOFTHSM2_CONF", configuration);
            their.push(run(command)?);
        }
    }
    let our = median(&our);
    let mut rows = rows("PKCS#11", &our);
    if theirs.is_some() {
        let their = median(&their);
        rows[0] = std::mem::replace(&mut rows[0], Row::new("", vec![])).beside(
            "SoftHSM2",
            our.login / their.login,
            None,
        );
        rows[1] = std::mem::replace(&mut rows[1], Row::new("", vec![])).beside(
            "SoftHSM2",
            our.one / their.one,
            None,
        );
        rows[3] = std::mem::replace(&mut rows[3], Row::new("", vec![])).beside(
            "one thread",
            our.apart / our.one,
            Some(Goal::AtLeast(1.6)),
        );
        rows.extend(self::rows("SoftHSM2", &their));
    }
    Ok(rows)
}

fn rows(whose: &str, figures: &Figures) -> Vec<Row> {
    vec![
        Row::new(
            format!("{whose}: load to login, then the first signature"),
            vec![("ms", figures.login), ("ms", figures.first)],
        ),
        Row::new(format!("{whose}: signatures, one thread"), vec![("per s", figures.one)]),
        Row::new(format!("{whose}: signatures, two threads on one token"), vec![("per s", figures.two)]),
        Row::new(format!("{whose}: signatures, two threads on a token each"), vec![("per s", figures.apart)]),
        Row::new(format!("{whose}: memory, loaded and logged in"), vec![("KiB", figures.memory)]),
    ]
}

/// The library that Cargo built beside this program.
fn library() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.parent().context("a folder")?;
    let places = [folder.join("deps/libushield_pkcs11.so"), folder.join("libushield_pkcs11.so")];
    places.into_iter().find(|place| place.exists()).context("libushield_pkcs11.so is not built")
}

fn client(module: &Path, count: usize) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("pkcs11").arg(module).arg(count.to_string());
    Ok(command)
}

fn run(mut command: Command) -> anyhow::Result<Figures> {
    let output = command.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let value: Value = serde_json::from_slice(&output.stdout)?;
    let figure = |name: &str| value[name].as_f64().with_context(|| format!("no {name}"));
    Ok(Figures {
        login: figure("login")?,
        first: figure("first")?,
        one: figure("one")?,
        two: figure("two")?,
        apart: figure("apart")?,
        memory: figure("memory")?,
    })
}

fn median(all: &[Figures]) -> Figures {
    let of = |figure: fn(&Figures) -> f64| {
        let mut values: Vec<f64> = all.iter().map(figure).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    };
    Figures {
        login: of(|one| one.login),
        first: of(|one| one.first),
        one: of(|one| one.one),
        two: of(|one| one.two),
        apart: of(|one| one.apart),
        memory: of(|one| one.memory),
    }
}

/// Two tokens of SoftHSM2's in this folder, each with a key: its configuration; `None` where it is not installed.
fn softhsm(folder: &Path) -> anyhow::Result<Option<PathBuf>> {
    if !Path::new(SOFTHSM).exists() {
        eprintln!("SoftHSM2 is not installed here (apt-get install softhsm2): its rows are left out");
        return Ok(None);
    }
    let tokens = folder.join("tokens");
    std::fs::create_dir(&tokens)?;
    let configuration = folder.join("softhsm2.conf");
    std::fs::write(&configuration, format!("directories.tokendir = {}\n", tokens.display()))?;
    for label in ["one", "two"] {
        let made = Command::new("softhsm2-util")
            .args(["--init-token", "--free", "--label", label, "--so-pin", "12345678", "--pin"])
            .arg(std::str::from_utf8(PIN)?)
            .env("SOFTHSM2_CONF", &configuration)
            .output()?;
        ensure!(made.status.success(), "softhsm2-util: {}", String::from_utf8_lossy(&made.stderr));
    }
    Ok(Some(configuration))
}

/// In the child.
pub(crate) fn client_main(client: &Client) -> anyhow::Result<()> {
    let before = resident()?;
    let start = Instant::now();
    let pkcs11 = Pkcs11::new(&client.module)?;
    pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))?;
    let slots = pkcs11.get_slots_with_initialized_token()?;
    let (&first, &second) = (slots.first().context("a token")?, slots.get(1).context("a second token")?);
    let session = open(&pkcs11, first)?;
    let login = start.elapsed();
    let key = key(&session)?;
    let start = Instant::now();
    session.sign(&Mechanism::Ecdsa, key, &[7; 32])?;
    let first_signature = start.elapsed();
    let memory = resident()?.saturating_sub(before);
    let one = rate(client.count, sign_many(&session, client.count)?);
    let two = together(&pkcs11, [first, first], client.count)?;
    let apart = together(&pkcs11, [first, second], client.count)?;
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "{}",
        json!({ "login": millis(login), "first": millis(first_signature), "one": one, "two": two, "apart": apart,
                "memory": memory })
    );
    Ok(())
}

fn open(pkcs11: &Pkcs11, slot: Slot) -> anyhow::Result<Session> {
    let session = pkcs11.open_rw_session(slot)?;
    let pin = AuthPin::new(std::str::from_utf8(PIN)?.into());
    match session.login(UserType::User, Some(&pin)) {
        Ok(()) => {}
        Err(cryptoki::error::Error::Pkcs11(cryptoki::error::RvError::UserAlreadyLoggedIn, _)) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(session)
}

/// The P-256 key that signs, made if there is none yet.
fn key(session: &Session) -> anyhow::Result<ObjectHandle> {
    let wanted =
        [Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::KeyType(KeyType::EC), Attribute::Sign(true)];
    if let Some(key) = session.find_objects(&wanted)?.first() {
        return Ok(*key);
    }
    let public = [Attribute::EcParams(P256.to_vec()), Attribute::Token(true)];
    let private = [Attribute::Token(true), Attribute::Private(true), Attribute::Sign(true)];
    Ok(session.generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private)?.1)
}

fn sign_many(session: &Session, count: u32) -> anyhow::Result<Duration> {
    let key = key(session)?;
    let start = Instant::now();
    for _ in 0..count {
        session.sign(&Mechanism::Ecdsa, key, &[7; 32])?;
    }
    Ok(start.elapsed())
}

/// Signatures a second of two threads, a session each.
fn together(pkcs11: &Pkcs11, slots: [Slot; 2], count: u32) -> anyhow::Result<f64> {
    let sessions = [open(pkcs11, slots[0])?, open(pkcs11, slots[1])?];
    for session in &sessions {
        key(session)?;
    }
    let start = Instant::now();
    thread::scope(|scope| {
        let threads = sessions.map(|session| scope.spawn(move || sign_many(&session, count).map(drop)));
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?)
    })?;
    Ok(rate(count * 2, start.elapsed()))
}

fn rate(count: u32, time: Duration) -> f64 {
    f64::from(count) / time.as_secs_f64()
}

/// VmRSS, in KiB.
fn resident() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    line.split_whitespace().nth(1).context("no figure")?.parse().context("not a figure")
}
