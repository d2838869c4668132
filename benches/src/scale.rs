//! Many tokens in one process: their memory, their list, their signatures, and how long `ushield up` takes until they are there.

use std::time::Instant;

use anyhow::ensure;
use card::{Card, piv::Piv};
use host_driver::raise_descriptor_limit;
use ushield_tests::bench::PIN;
use wire::piv::{Algorithm, Slot};

use crate::{
    Scale,
    home::Home,
    line::Order,
    process::Server,
    sample::{Arm, Figures, in_turn, median, ratio},
    table::{Goal, Row},
    token,
};

/// Tokens that are listed.
const CROWD: u16 = 10_000;
/// KiB that a server with all of them may take: 200 MiB.
const MOST: f64 = 204_800.0;
/// Microseconds that their list may take.
const LIST: f64 = 10_000.0;
/// Tokens that are plugged in at the same time, and tokens that are kept on the disk.
const HELD: u16 = 1_000;
/// Seconds until tokens are there that were made before.
const READY: f64 = 2.0;

const DIGEST: [u8; 32] = [0x5A; 32];

pub(crate) fn measure(scale: Scale) -> anyhow::Result<Vec<Row>> {
    raise_descriptor_limit();
    let mut rows = crowd(scale)?;
    rows.extend(held(scale)?);
    rows.extend(kept(scale)?);
    Ok(rows)
}

/// A server with all tokens, of which nobody holds one.
fn crowd(scale: Scale) -> anyhow::Result<Vec<Row>> {
    let server = Server::start(&["tokens", &CROWD.to_string()])?;
    let memory = server.memory()? as f64;
    let list: Arm<'_> = Box::new(|| {
        let listed = card::usbip::list(&server.unix)?.len();
        ensure!(listed == usize::from(CROWD), "{listed} tokens are listed");
        Ok(())
    });
    let taken = in_turn(scale.rounds, scale.count(100), &mut [list])?;
    let [list] = &taken[..] else { anyhow::bail!("one arm") };
    let list = Figures::of(list);
    let held = server.memory()? as f64;
    Ok(vec![
        Row::new("server with 10,000 tokens", vec![("KiB", memory), ("KiB listed", held)]).beside(
            "200 MiB",
            memory.max(held) / MOST,
            Some(Goal::AtMost(1.0)),
        ),
        Row::timed("list of 10,000 tokens, Unix socket", list).beside(
            "10 ms",
            list.p50 / LIST,
            Some(Goal::AtMost(1.0)),
        ),
    ])
}

/// A server whose tokens are all held, and sign by turns.
fn held(scale: Scale) -> anyhow::Result<Vec<Row>> {
    let server = Server::start(&["tokens", &(HELD + 1).to_string()])?;
    let idle = server.memory()? as f64;
    let mut alone = signer(&server, HELD + 1)?;
    let alone: Arm<'_> = Box::new(move || sign(&mut alone));
    // The one token is measured before the others are there, because sessions beyond a number share threads.
    let one = in_turn(scale.rounds, scale.count(1000), &mut [alone])?;
    let mut cards = (1..=HELD).map(|number| signer(&server, number)).collect::<anyhow::Result<Vec<_>>>()?;
    let grown = (server.memory()? as f64 - idle) / f64::from(HELD);
    let mut turn = (0..cards.len()).cycle();
    let next: Arm<'_> = Box::new(|| {
        let at = turn.next().unwrap_or_default();
        cards.get_mut(at).map_or(Ok(()), sign)
    });
    let all = in_turn(scale.rounds, scale.count(2 * usize::from(HELD)), &mut [next])?;
    let ([one], [all]) = (&one[..], &all[..]) else { anyhow::bail!("an arm each") };
    Ok(vec![
        Row::timed("one token signs, of 1,001 that are there", Figures::of(one)),
        Row::timed("1,000 tokens are held, and sign by turns", Figures::of(all)).beside(
            "one token",
            ratio(all, one),
            None,
        ),
        Row::new("each held token of 1,000, over an idle one", vec![("KiB", grown)]),
    ])
}

fn signer(server: &Server, number: u16) -> anyhow::Result<Card> {
    let mut card = token::card(&server.unix, &format!("1-{number}"), Order::OneWrite)?;
    Piv::select(&mut card)?.verify(PIN)?;
    Ok(card)
}

fn sign(card: &mut Card) -> anyhow::Result<()> {
    Ok(Piv::on(card).sign(Slot::Authentication, Algorithm::P256, &DIGEST).map(drop)?)
}

/// `ushield up` with tokens on the disk: the start that makes the tokens, and the starts that find them.
fn kept(scale: Scale) -> anyhow::Result<Vec<Row>> {
    let home = Home::new()?;
    let tokens = if scale.smoke { 10 } else { HELD };
    let start = || -> anyhow::Result<f64> {
        let begun = Instant::now();
        drop(home.up_on_disk("kept", tokens)?);
        Ok(begun.elapsed().as_secs_f64())
    };
    let first = start()?;
    let again = (0..scale.rounds).map(|_| start()).collect::<anyhow::Result<Vec<_>>>()?;
    let again = median(again);
    Ok(vec![
        Row::new("ushield up --tokens 1000, the start that makes them", vec![("s", first)]),
        Row::new("ushield up --tokens 1000, a later start", vec![("s", again)]).beside(
            "2 s",
            again / READY,
            Some(Goal::AtMost(1.0)),
        ),
    ])
}
