//! The very first start, which makes the token, is killed. The next start makes the token, and the token works.

use std::{fs, path::Path, thread, time::Duration};

use card::shield::Shield;
use ushield_tests::scene::Make;
use wire::shield::Information;

use crate::{
    Fault, operation,
    server::{self, FIRST_PIN, Server},
};

/// Kills a first start after `wait`, and looks at the second. Returns whether the kill hit the first start.
pub fn kill(
    ushield: &Path,
    place: &Path,
    make: Make,
    chosen_pin: bool,
    wait: Duration,
) -> Result<bool, Fault> {
    let first = Server::start(ushield, place, make, chosen_pin)?;
    thread::sleep(wait);
    let ready = first.is_ready();
    first.kill()?;
    let mut second = Server::start(ushield, place, make, chosen_pin)?;
    second
        .ready()
        .and_then(|()| look(&second.address, place, chosen_pin))
        .map_err(|fault| format!("the first start was killed after {wait:?}, and of the second: {fault}"))?;
    second.kill()?;
    fs::remove_dir_all(place).map_err(|error| error.to_string())?;
    Ok(!ready)
}

fn look(address: &str, place: &Path, chosen_pin: bool) -> Result<(), Fault> {
    server::swept(place)?;
    let mut card = operation::plug(address)?;
    let refused = |error: card::Error| error.to_string();
    let mut shield = Shield::select(&mut card).map_err(refused)?;
    let information = shield.information().map_err(refused)?;
    let factory = information.has(Information::FACTORY_PIN);
    if !information.has(Information::HEALTHY) || information.tries != [6; 4] || factory == chosen_pin {
        return Err(format!("{information:?}"));
    }
    if chosen_pin {
        return shield.verify(FIRST_PIN).map_err(refused);
    }
    shield.verify(b"12345678").map_err(refused)?;
    let puk = fs::read_to_string(place.join("state/1/puk")).map_err(|error| format!("the PUK: {error}"))?;
    shield.unblock(puk.trim().as_bytes(), FIRST_PIN).map_err(|error| format!("the envelope's PUK: {error}"))
}
