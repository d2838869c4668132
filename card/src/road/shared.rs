//! Tokens in the readers of a PC/SC service: pcscd's, or the rootless reader's.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use wire::{
    pcsclite::{SYSTEM_SOCKET, sharing, state},
    shield::Information,
};

use super::{Found, Road, Selection, ambiguous};
use crate::{
    card::Card,
    error::Error,
    pcsc::{Connection, Session},
    shield::Shield,
};

/// How long one reader of the system's pcscd may delay a look for tokens: another program may be using the card that
/// is in it.
const GLANCE: Duration = Duration::from_secs(5);

/// The service to ask, and whether it was named. The system's is asked when no road was named, and none is when
/// another road was.
fn service(selection: &Selection) -> Option<(&Path, bool)> {
    match (&selection.pcsc, &selection.usbip, &selection.bus_id) {
        // A bus id is a name on a USB/IP server.
        (_, _, Some(_)) => None,
        (Some(socket), ..) => Some((socket, true)),
        (None, Some(_), None) => None,
        (None, None, None) => Some((Path::new(SYSTEM_SOCKET), false)),
    }
}

/// The tokens in a service's readers. Where the service was not named, or another road was named too, a service that
/// is missing is no error.
pub(super) fn discover(selection: &Selection) -> Result<Vec<Found>, Error> {
    let Some((socket, named)) = service(selection) else { return Ok(Vec::new()) };
    match search(socket, if named { selection.patience } else { GLANCE }) {
        Ok(tokens) => Ok(tokens.into_iter().map(|token| token.found).collect()),
        Err(error) if named && selection.usbip.is_none() => Err(error),
        Err(_) => Ok(Vec::new()),
    }
}

/// Opens the one token in a service's readers that fits; `None` where another road should be tried.
pub(super) fn open(selection: &Selection) -> Result<Option<Card>, Error> {
    let Some((socket, named)) = service(selection) else { return Ok(None) };
    let alone = named && selection.usbip.is_none();
    let mut tokens = match search(socket, if named { selection.patience } else { GLANCE }) {
        Ok(tokens) => tokens,
        Err(error) if alone => return Err(error),
        Err(_) => return Ok(None),
    };
    let fits = |token: &Candidate| selection.serial.as_ref().is_none_or(|serial| *serial == token.serial);
    tokens.retain(fits);
    match tokens.as_slice() {
        [] if alone => Err(none(socket, selection)),
        [] => Ok(None),
        [one] => one.found.road.card(selection.patience).map(Some),
        several => Err(ambiguous(&several.iter().map(|token| token.found.clone()).collect::<Vec<_>>())),
    }
}

/// Opens the card in a reader.
pub(super) fn open_reader(socket: &Path, reader: &str, patience: Duration) -> Result<Card, Error> {
    let connection = Connection::open(Session::open(socket)?, reader, patience)?;
    let atr = connection.atr().to_vec();
    Ok(Card::by(Box::new(connection), atr))
}

struct Candidate {
    found: Found,
    serial: String,
}

/// The readers whose card has the shield applet. A reader that is busy or silent is passed over, unless no token is
/// found without it.
fn search(socket: &Path, patience: Duration) -> Result<Vec<Candidate>, Error> {
    let readers = Session::open(socket)?.readers()?;
    let (mut tokens, mut busy) = (Vec::new(), false);
    for reader in readers.iter().filter(|reader| reader.state & state::PRESENT != 0) {
        let Some(name) = reader.reader() else { continue };
        if reader.sharing == sharing::EXCLUSIVE {
            busy = true;
            continue;
        }
        match ask(socket, &name, patience) {
            Ok(information) => tokens.push(Candidate {
                found: Found { road: Road::Pcsc { socket: PathBuf::from(socket), reader: name }, id: (0, 0) },
                serial: information.serial,
            }),
            Err(Error::Busy | Error::TimedOut(_)) => busy = true,
            Err(_) => {}
        }
    }
    if tokens.is_empty() && busy { Err(Error::Busy) } else { Ok(tokens) }
}

/// SELECT and GET INFORMATION.
fn ask(socket: &Path, reader: &str, patience: Duration) -> Result<Information, Error> {
    open_reader(socket, reader, patience)?.transaction(|card| Shield::select(card)?.information())
}

fn none(socket: &Path, selection: &Selection) -> Error {
    let serial = selection.serial.as_ref().map_or(String::new(), |serial| format!(" with serial {serial}"));
    Error::NotFound(format!(
        "no reader of the PC/SC service at {} shows a token{serial}: plug one in (`ushield plug`), or unset \
         PCSCLITE_CSOCK_NAME to look elsewhere",
        socket.display()
    ))
}
