//! What a token costs in memory, and how long a host waits for its first signature.

use anyhow::ensure;
use card::piv::Piv;
use ushield_tests::bench::PIN;
use wire::piv::{Algorithm, Slot};

use crate::{
    Scale,
    line::Order,
    process::Server,
    sample::{Arm, Figures, in_turn},
    table::{Goal, Row},
    token,
};

/// Tokens in the crowd.
const CROWD: u16 = 1000;
/// Tokens whose PINs are entered in a server that stretches them.
const ENTERED: u16 = 8;
/// KiB that a server may keep: 64 MiB.
const SERVER: f64 = 65_536.0;
/// Microseconds from attaching a token to its first signature.
const FIRST: f64 = 300.0;

pub(crate) fn measure(scale: Scale) -> anyhow::Result<Vec<Row>> {
    let one = Server::start(&["tokens", "1"])?;
    let crowd = Server::start(&["tokens", &CROWD.to_string()])?;
    let devices = card::usbip::list(&crowd.address.to_string())?.len();
    ensure!(devices == usize::from(CROWD), "{devices} tokens are listed");
    let (alone, together) = (one.memory()? as f64, crowd.memory()? as f64);
    let each = (together - alone) / f64::from(CROWD - 1);
    let entered = Server::start(&["tokens", &ENTERED.to_string(), "--stretching"])?;
    let fresh = entered.memory()? as f64;
    for number in 1..=ENTERED {
        attach(&entered.unix, number)?;
    }
    let kept = entered.memory()? as f64;
    // Another token each time: the server lets the former one go while the next one is taken.
    let mut turn = (1..=CROWD).cycle();
    let mut tcp_turn = (1..=CROWD).cycle();
    let tcp = crowd.address.to_string();
    let mut arms: [Arm<'_>; 2] = [
        Box::new(|| attach(&crowd.unix, turn.next().unwrap_or(1))),
        Box::new(|| attach(&tcp, tcp_turn.next().unwrap_or(1))),
    ];
    let taken = in_turn(scale.rounds, scale.count(200), &mut arms)?;
    let [attach, by_tcp] = &taken[..] else { anyhow::bail!("two arms") };
    Ok(vec![
        Row::new("server with 1 token", vec![("KiB", alone)]),
        Row::new("server with 1,000 tokens", vec![("KiB", together)]),
        Row::new("each idle token of 1,000, with key and certificate", vec![("KiB", each)]).beside(
            "8 KiB",
            each / 8.0,
            Some(Goal::AtMost(1.0)),
        ),
        Row::new(
            "each of 8 tokens whose PIN was stretched",
            vec![("KiB", (kept - fresh) / f64::from(ENTERED))],
        ),
        Row::new("server with them", vec![("KiB", kept)]).beside(
            "64 MiB",
            kept / SERVER,
            Some(Goal::AtMost(1.0)),
        ),
        Row::timed("attach to first signature, Unix socket", Figures::of(attach)).beside(
            "0.3 ms",
            Figures::of(attach).p50 / FIRST,
            Some(Goal::AtMost(1.0)),
        ),
        Row::timed("attach to first signature, TCP", Figures::of(by_tcp)),
    ])
}

/// Connect, import, enumerate, power on, SELECT, VERIFY, sign; hang up.
fn attach(address: &str, number: u16) -> anyhow::Result<()> {
    let mut card = token::card(address, &format!("1-{number}"), Order::OneWrite)?;
    let mut piv = Piv::select(&mut card)?;
    piv.verify(PIN)?;
    piv.sign(Slot::Authentication, Algorithm::P256, &[0x5A; 32])?;
    Ok(())
}
