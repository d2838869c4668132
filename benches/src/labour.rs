//! How many signatures an honest holder gets while PINs are changed without end on eight other tokens of the same server. The
//! floor is the same holder while the same changes run at another server: the machine is as busy, and this server is idle.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use card::{Card, piv::Piv, shield::Shield};
use ushield_tests::bench::PIN;
use wire::piv::{Algorithm, Slot};

use crate::{
    Scale,
    line::Order,
    process::{Free, Server},
    sample::median,
    table::{Goal, Row},
    token,
};

/// Tokens whose PINs are changed. The honest holder's token comes after them.
const CROWD: u16 = 8;
/// How long a round of signatures takes.
const ROUND: Duration = Duration::from_secs(2);

pub(crate) fn measure(scale: Scale) -> anyhow::Result<Vec<Row>> {
    let _free = Free::new()?;
    let tokens = (CROWD + 1).to_string();
    let [here, there] = [
        Server::start(&["tokens", &tokens, "--stretching"])?,
        Server::start(&["tokens", &tokens, "--stretching"])?,
    ];
    let mut honest = token::card(here.address, &format!("1-{}", CROWD + 1), Order::OneWrite)?;
    Piv::select(&mut honest)?.verify(PIN)?;
    let time = if scale.smoke { ROUND / 20 } else { ROUND };
    let (mut alone, mut other, mut same) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..scale.rounds {
        alone.push(rate(&mut honest, time)?);
        other.push(beside_changes(&there, || rate(&mut honest, time))?);
        same.push(beside_changes(&here, || rate(&mut honest, time))?);
    }
    let kept = median(same.iter().zip(&other).map(|(same, other)| same / other).collect());
    let row = |name: &str, rates: Vec<f64>| Row::new(name, vec![("signatures/s", median(rates))]);
    Ok(vec![
        row("a token's signatures, alone", alone),
        row("the same, beside PIN changes on 8 tokens of another server", other),
        row("the same, beside PIN changes on 8 tokens of its own", same).beside(
            "at the other",
            kept,
            Some(Goal::AtLeast(0.6)),
        ),
    ])
}

/// Signatures a second.
fn rate(card: &mut Card, time: Duration) -> anyhow::Result<f64> {
    let (start, mut count) = (Instant::now(), 0_u32);
    while start.elapsed() < time {
        Piv::on(card).sign(Slot::Authentication, Algorithm::P256, &[0x5A; 32])?;
        count += 1;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

/// Does something while the PINs of the server's first tokens are changed, and changed back.
fn beside_changes<T>(server: &Server, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    const OTHER: &[u8] = b"246802";
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let over = &over;
        let hosts: Vec<_> = (1..=CROWD)
            .map(|number| {
                scope.spawn(move || -> anyhow::Result<()> {
                    let mut card = token::card(server.address, &format!("1-{number}"), Order::OneWrite)?;
                    let mut shield = Shield::select(&mut card)?;
                    // The PINs are what they were before, for the next round.
                    while !over.load(Ordering::Relaxed) {
                        shield.change_pin(PIN, OTHER)?;
                        shield.change_pin(OTHER, PIN)?;
                    }
                    Ok(())
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(200));
        let outcome = work();
        over.store(true, Ordering::Relaxed);
        for host in hosts {
            host.join().map_err(|_| anyhow::anyhow!("a host failed"))??;
        }
        outcome
    })
}
