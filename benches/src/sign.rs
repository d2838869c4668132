//! Signing, selecting and bare transfers over loopback USB/IP, beside the floor.

use card::{Card, piv::Piv};
use ushield_tests::bench::PIN;
use wire::{
    piv::{self, Algorithm, Slot},
    usb::{Setup, descriptor, request},
};

use crate::{
    Scale,
    line::{Line, Order},
    process::Server,
    sample::{Arm, Figures, in_turn, ratio},
    table::{Goal, Row},
    token,
};

/// As many bytes as an XfrBlock with a GENERAL AUTHENTICATE of a digest: 10 + 5 + 38 + 1.
const MESSAGE: [u8; 54] = [0x5A; 54];
const DIGEST: [u8; 32] = [0x5A; 32];

/// The floors' names in the rows.
const FLOORS: [&str; 8] = [
    "floor: one URB",
    "floor: echo, serial",
    "floor: echo, one write",
    "floor: sign, serial",
    "floor: sign, one write",
    "floor: one URB, Unix socket",
    "floor: echo, serial, Unix socket",
    "floor: echo, one write, Unix socket",
];

const SELECT_BY_UNIX: &str = "token: SELECT, serial, Unix socket";

pub(crate) fn measure(scale: Scale) -> anyhow::Result<Vec<Row>> {
    let (echo, sign) = (Server::start(&["floor", "echo"])?, Server::start(&["floor", "sign"])?);
    let tokens = Server::start(&["tokens", "8"])?;
    let bare = |address: &str, order| -> anyhow::Result<Arm<'static>> {
        let mut line = Line::import(address, "1-1")?;
        Ok(Box::new(move || line.exchange(order, &MESSAGE).map(drop)))
    };
    let mut one = token::card(tokens.address, "1-2", Order::Serial)?;
    let mut two = token::card(tokens.address, "1-3", Order::Serial)?;
    let mut three = token::card(tokens.address, "1-4", Order::OneWrite)?;
    let mut four = token::card(&tokens.unix, "1-6", Order::Serial)?;
    let mut five = token::card(&tokens.unix, "1-7", Order::OneWrite)?;
    let mut six = token::card(&tokens.unix, "1-8", Order::OneWrite)?;
    let [echo_tcp, sign_tcp, tokens_tcp] = [&echo, &sign, &tokens].map(|server| server.address.to_string());
    let mut arms = vec![
        urb(&echo_tcp, "1-1")?,
        bare(&echo_tcp, Order::Serial)?,
        bare(&echo_tcp, Order::OneWrite)?,
        bare(&sign_tcp, Order::Serial)?,
        bare(&sign_tcp, Order::OneWrite)?,
        urb(&echo.unix, "1-1")?,
        bare(&echo.unix, Order::Serial)?,
        bare(&echo.unix, Order::OneWrite)?,
        urb(&tokens_tcp, "1-1")?,
        select(&mut one),
        signing(&mut two)?,
        signing(&mut three)?,
        urb(&tokens.unix, "1-5")?,
        select(&mut four),
        select(&mut five),
        signing(&mut six)?,
    ];
    let taken = in_turn(scale.rounds, scale.count(2000), &mut arms)?;
    let mut rows: Vec<Row> =
        FLOORS.iter().zip(&taken).map(|(name, rounds)| Row::timed(*name, Figures::of(rounds))).collect();
    // A goal is what a path may cost, as a multiple of its floor. The floor has neither our parser nor a PIN nor storage.
    let ours = [
        ("token: one URB (GET_DESCRIPTOR)", 0, None),
        ("token: SELECT, serial", 1, Some(1.2)),
        ("token: sign, serial", 3, Some(1.25)),
        ("token: sign, one write", 4, Some(1.3)),
        ("token: one URB (GET_DESCRIPTOR), Unix socket", 5, None),
        (SELECT_BY_UNIX, 6, Some(1.2)),
        ("token: SELECT, one write, Unix socket", 7, None),
        ("token: sign, one write, Unix socket", 4, None),
    ];
    let select_by_tcp = &taken[FLOORS.len() + 1];
    for ((name, floor, most), rounds) in ours.into_iter().zip(&taken[FLOORS.len()..]) {
        let row = Row::timed(name, Figures::of(rounds));
        let row = row.beside(FLOORS[floor], ratio(rounds, &taken[floor]), most.map(Goal::AtMost));
        rows.push(match name {
            SELECT_BY_UNIX => row.beside("token: SELECT, serial", ratio(rounds, select_by_tcp), None),
            _ => row,
        });
    }
    Ok(rows)
}

/// One control transfer: the least that can be asked.
fn urb<'a>(address: &str, bus_id: &str) -> anyhow::Result<Arm<'a>> {
    let mut line = Line::import(address, bus_id)?;
    let value = u16::from_be_bytes([descriptor::DEVICE, 0]);
    let setup = Setup { request_type: 0x80, request: request::GET_DESCRIPTOR, value, index: 0, length: 18 };
    Ok(Box::new(move || line.control(setup.bytes()).map(drop)))
}

/// SELECT of the PIV applet.
fn select(card: &mut Card) -> Arm<'_> {
    Box::new(move || Ok(card.select(&piv::AID).map(drop)?))
}

/// A signature by the key of slot 9A, whose PIN was verified once.
fn signing(card: &mut Card) -> anyhow::Result<Arm<'_>> {
    let mut piv = Piv::select(card)?;
    piv.verify(PIN)?;
    Ok(Box::new(move || Ok(piv.sign(Slot::Authentication, Algorithm::P256, &DIGEST).map(drop)?)))
}
