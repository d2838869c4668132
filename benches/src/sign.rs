//! Signing over loopback USB/IP, beside the floor.

use crate::{
    Scale,
    line::{Line, Order},
    process::Server,
    sample::{Arm, Figures, in_turn},
    table::Row,
};

/// An XfrBlock with a GENERAL AUTHENTICATE, as a host writes it: 10 + 44 bytes.
const MESSAGE: [u8; 54] = [0x5A; 54];

pub(crate) fn measure(scale: Scale) -> anyhow::Result<Vec<Row>> {
    let (echo, sign) = (Server::start(&["floor", "echo"])?, Server::start(&["floor", "sign"])?);
    let arms = [
        ("floor echo, serial", &echo, Order::Serial),
        ("floor echo, one write", &echo, Order::OneWrite),
        ("floor sign, serial", &sign, Order::Serial),
        ("floor sign, one write", &sign, Order::OneWrite),
    ];
    let mut lines = Vec::new();
    for (_, server, order) in arms {
        let mut line = Line::import(server.address, "1-1")?;
        let arm: Arm<'_> = Box::new(move || line.exchange(order, &MESSAGE).map(drop));
        lines.push(arm);
    }
    let taken = in_turn(scale.rounds, scale.count(2000), &mut lines)?;
    Ok(arms.iter().zip(taken).map(|((name, ..), rounds)| Row::timed(*name, Figures::of(&rounds))).collect())
}
