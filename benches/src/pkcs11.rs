//! PKCS#11: our module over loopback USB/IP, and over the reader's socket, beside SoftHSM2, which has its keys in the
//! program's own memory.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};
use serde_json::Value;
use ushield_tests::bench::{PIN, PUK};

use crate::{
    Scale,
    home::{Home, Up},
    line::{Line, Order},
    process::{Free, Running, Server, ask, beside},
    sample::{Samples, median},
    table::{Goal, Row},
};

/// Where distributions put SoftHSM2's module.
const SOFTHSM: [&str; 5] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
];
/// Tokens of each arm.
const TOKENS: u16 = 8;
/// Programs that are started in one round, and the signatures of each.
const STARTS: usize = 10;
const SIGNATURES: usize = 200;
/// As many bytes as an XfrBlock with a GENERAL AUTHENTICATE of a digest.
const MESSAGE: [u8; 54] = [0x5A; 54];

type Settings = Vec<(&'static str, String)>;

/// A module and what it finds in its environment.
struct Arm {
    name: &'static str,
    /// Whether the goals of a road without a reader are its own.
    judged: bool,
    /// The least share of SoftHSM2's rate.
    rate: Option<f64>,
    module: PathBuf,
    /// Servers on the one core that the client is on.
    pinned: Settings,
    /// Servers on all cores.
    free: Settings,
    _servers: Vec<Running>,
}

/// Figures of one arm, each with its samples over the rounds.
type Taken = BTreeMap<String, Vec<f64>>;

pub(crate) fn measure(scale: Scale) -> anyhow::Result<Vec<Row>> {
    let home = Home::new()?;
    let arms = [
        softhsm(&home)?,
        by_usbip(&home, "Unix socket", true, |up| up.unix.clone())?,
        by_usbip(&home, "TCP", false, |up| up.address.clone())?,
        by_reader(&home)?,
    ];
    for arm in &arms {
        arm.client("keys", usize::from(TOKENS), &arm.pinned)?;
        if arm.free != arm.pinned {
            arm.client("keys", usize::from(TOKENS), &arm.free)?;
        }
    }
    let server = Server::start(&["floor", "sign"])?;
    let mut line = Line::import(server.address, "1-1")?;
    let (mut floor, mut taken) = (Vec::new(), arms.each_ref().map(|_| Taken::new()));
    for _ in 0..scale.rounds {
        for _ in 0..scale.starts() {
            let count = scale.count(SIGNATURES);
            floor.push(
                Samples::take(count, || line.exchange(Order::OneWrite, &MESSAGE).map(drop))?.percentile(0.5),
            );
            for (arm, taken) in arms.iter().zip(&mut taken) {
                keep(taken, &arm.client("signatures", count, &arm.pinned)?)?;
                keep(taken, &arm.client("kinds", count, &arm.pinned)?)?;
            }
        }
        for (arm, taken) in arms.iter().zip(&mut taken) {
            let count = scale.count(10 * SIGNATURES);
            let _free = Free::new()?;
            keep(taken, &arm.client("threads", count, &arm.free)?)?;
        }
    }
    let [softhsm, ..] = &taken;
    let rows = arms.iter().zip(&taken).map(|(arm, taken)| rows(arm, taken, softhsm, &floor));
    Ok(rows.collect::<anyhow::Result<Vec<_>>>()?.into_iter().flatten().collect())
}

impl Scale {
    fn starts(self) -> usize {
        if self.smoke { 1 } else { STARTS }
    }
}

impl Arm {
    fn client(&self, task: &str, count: usize, settings: &Settings) -> anyhow::Result<Value> {
        let count = count.to_string();
        let arguments = ["client", task, &count].map(OsStr::new);
        let arguments = [&arguments[..], &[self.module.as_os_str()]].concat();
        ask(&arguments, settings).with_context(|| self.name)
    }
}

fn keep(taken: &mut Taken, figures: &Value) -> anyhow::Result<()> {
    for (name, figure) in figures.as_object().context("no figures")? {
        taken.entry(name.clone()).or_default().push(figure.as_f64().context("not a figure")?);
    }
    Ok(())
}

/// What is said of an arm; of SoftHSM2 itself there is nothing to compare.
fn rows(arm: &Arm, taken: &Taken, softhsm: &Taken, floor: &[f64]) -> anyhow::Result<Vec<Row>> {
    let samples = |taken: &'_ Taken, figure: &str| -> anyhow::Result<Vec<f64>> {
        taken.get(figure).cloned().with_context(|| format!("no {figure}"))
    };
    let of = |figure: &str| Ok::<f64, anyhow::Error>(median(samples(taken, figure)?));
    let against =
        |figure: &str| Ok::<f64, anyhow::Error>(paired(&samples(taken, figure)?, &samples(softhsm, figure)?));
    let (name, ours) = (arm.name, !std::ptr::eq(taken, softhsm));
    let at_most = |most| arm.judged.then_some(Goal::AtMost(most));
    let at_least = |least| arm.judged.then_some(Goal::AtLeast(least));
    let beside = |row: Row, what, ratio: anyhow::Result<f64>, goal| {
        Ok::<Row, anyhow::Error>(if ours { row.beside(what, ratio?, goal) } else { row })
    };

    let (login, first, p50) = (of("login")?, of("first")?, of("p50")?);
    let mut rows = Vec::new();
    let row = Row::new(format!("{name}: load to login"), vec![("ms", login / 1e3)]);
    let row = beside(row, "SoftHSM2", against("login"), None)?;
    rows.push(beside(row, "2.5 ms", Ok(login / 2500.0), at_most(1.0))?);
    let row = Row::new(format!("{name}: find a key, first signature"), vec![("ms", first / 1e3)]);
    rows.push(beside(row, "SoftHSM2", against("first"), Some(Goal::AtMost(1.0)))?);
    let figures = vec![("p50 µs", p50), ("p99 µs", of("p99")?), ("per s", 1e6 / p50)];
    let row = Row::new(format!("{name}: sign, 1 thread"), figures);
    let rate = against("p50").map(|ratio| 1.0 / ratio);
    let row = beside(row, "the rate of SoftHSM2", rate, arm.rate.map(Goal::AtLeast))?;
    let ratio = Ok(paired(&samples(taken, "p50")?, floor));
    rows.push(beside(row, "floor: sign, one write", ratio, at_most(1.3))?);
    for (kind, goal) in [("P-384", None), ("RSA-2048", Some(0.8))] {
        let p50 = of(kind)?;
        let row =
            Row::new(format!("{name}: sign, {kind}, 1 thread"), vec![("p50 µs", p50), ("per s", 1e6 / p50)]);
        let rate = against(kind).map(|ratio| 1.0 / ratio);
        rows.push(beside(row, "the rate of SoftHSM2", rate, goal.and_then(at_least))?);
    }
    let grown = of("grown at the end")?;
    let figures = vec![("KiB", grown), ("at login", of("grown")?)];
    let row = Row::new(format!("{name}: memory it adds, load to signatures"), figures);
    let row = beside(row, "SoftHSM2", against("grown at the end"), None)?;
    rows.push(beside(row, "4 MiB", Ok(grown / 4096.0), at_most(1.0))?);
    for (threads, goal) in [
        ("one", None),
        ("two on one token", None),
        ("two on two tokens", Some(1.8)),
        ("eight on eight tokens", Some(1.8)),
    ] {
        let row = Row::new(format!("{name}: sign, all cores, {threads}"), vec![("per s", of(threads)?)]);
        let row = match threads {
            "one" => row,
            _ => {
                let ratio = paired(&samples(taken, threads)?, &samples(taken, "one")?);
                // Unpinned, one thread and its session may be on two cores, and wait for wake-ups across them.
                let on_one_core = of(threads)? * p50 / 1e6;
                row.beside("one thread", ratio, goal.and_then(at_least)).beside(
                    "one thread on one core",
                    on_one_core,
                    None,
                )
            }
        };
        rows.push(beside(row, "the rate of SoftHSM2", against(threads), None)?);
    }
    Ok(rows)
}

/// The median of the ratios of what was measured in turn.
fn paired(these: &[f64], those: &[f64]) -> f64 {
    median(these.iter().zip(those).map(|(this, that)| this / that).collect())
}

/// SoftHSM2 with two tokens, on files.
fn softhsm(home: &Home) -> anyhow::Result<Arm> {
    let configured = std::env::var_os("SOFTHSM2_MODULE").map(PathBuf::from);
    let known = SOFTHSM.iter().map(PathBuf::from);
    let module = configured.into_iter().chain(known).find(|path| path.exists()).context(
        "SoftHSM2 is not on this machine, and the figures of our PKCS#11 module stand beside its: install it \
         (Debian: apt-get install softhsm2; Fedora: dnf install softhsm), or name its module in SOFTHSM2_MODULE",
    )?;
    let tokens = home.folder("softhsm")?;
    let text = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        tokens.display()
    );
    let file = home.file("softhsm2.conf", text.as_bytes())?;
    let settings = vec![("SOFTHSM2_CONF", file.display().to_string())];
    for number in 1..=TOKENS {
        initialize(&file, &format!("bench-{number}"))?;
    }
    Ok(Arm {
        name: "SoftHSM2",
        judged: false,
        rate: None,
        module,
        pinned: settings.clone(),
        free: settings,
        _servers: Vec::new(),
    })
}

/// The PIN is this repository's for all benches, and no secret.
fn initialize(configuration: &Path, label: &str) -> anyhow::Result<()> {
    let text = |bytes| std::str::from_utf8(bytes).context("digits");
    let status = Command::new("softhsm2-util")
        .env("SOFTHSM2_CONF", configuration)
        .args(["--init-token", "--free", "--label", label, "--pin", text(PIN)?, "--so-pin", text(PUK)?])
        .stdout(Stdio::null())
        .status()
        .context("softhsm2-util, which comes with SoftHSM2, could not be started")?;
    ensure!(status.success(), "softhsm2-util ended with {status}");
    Ok(())
}

/// Our module on the road of `ushield up`.
fn by_usbip(
    home: &Home,
    name: &'static str,
    judged: bool,
    address: impl Fn(&Up) -> String,
) -> anyhow::Result<Arm> {
    let pinned = home.up(&format!("pinned-{name}"), TOKENS)?;
    let free = {
        let _free = Free::new()?;
        home.up(&format!("free-{name}"), TOKENS)?
    };
    let settings = |up: &Up| home.settings(&[(card::road::ENVIRONMENT, address(up))]);
    Ok(Arm {
        name,
        judged,
        rate: judged.then_some(1.3),
        module: beside("libushield_pkcs11.so")?,
        pinned: settings(&pinned),
        free: settings(&free),
        _servers: vec![pinned.running, free.running],
    })
}

/// The same tokens behind a reader.
fn by_reader(home: &Home) -> anyhow::Result<Arm> {
    let both = |name: &str| {
        let up = home.up(name, TOKENS)?;
        let (reader, socket) = home.reader(name, &up)?;
        let settings = home.settings(&[(wire::pcsclite::ENVIRONMENT, socket)]);
        Ok::<_, anyhow::Error>((settings, [up.running, reader]))
    };
    let (pinned, one) = both("behind")?;
    let (free, other) = {
        let _free = Free::new()?;
        both("behind-free")?
    };
    let servers = one.into_iter().chain(other).collect();
    Ok(Arm {
        name: "reader",
        judged: false,
        rate: Some(0.7),
        module: beside("libushield_pkcs11.so")?,
        pinned,
        free,
        _servers: servers,
    })
}
