//! Tokens in the readers of a PC/SC service: pcscd's, or the rootless reader's.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use wire::pcsclite::{SYSTEM_SOCKET, sharing, state};

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
    match search(socket, if named { selection.patience } else { GLANCE }, false) {
        Ok(tokens) => Ok(tokens.into_iter().map(|token| token.found).collect()),
        Err(error) if named && selection.usbip.is_none() => Err(error),
        Err(_) => Ok(Vec::new()),
    }
}

/// Opens the one token in a service's readers that fits; `None` where another road should be tried.
pub(super) fn open(selection: &Selection) -> Result<Option<Card>, Error> {
    let Some((socket, named)) = service(selection) else { return Ok(None) };
    let alone = named && selection.usbip.is_none();
    let patience = if named { selection.patience } else { GLANCE };
    let mut tokens = match search(socket, patience, selection.serial.is_some()) {
        Ok(tokens) => tokens,
        Err(error) if alone => return Err(error),
        Err(_) => return Ok(None),
    };
    let fits = |token: &Candidate| selection.serial.is_none() || selection.serial == token.serial;
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
    open_in(Session::open(socket)?, reader, patience)
}

fn open_in(session: Session, reader: &str, patience: Duration) -> Result<Card, Error> {
    let connection = Connection::open(session, reader, patience)?;
    let atr = connection.atr().to_vec();
    Ok(Card::by(Box::new(connection), atr))
}

struct Candidate {
    found: Found,
    /// The serial number, if somebody wants to know it.
    serial: Option<String>,
}

/// The readers whose card has the shield applet. A reader that is busy or silent is passed over, unless no token is
/// found without it.
fn search(socket: &Path, patience: Duration, by_serial: bool) -> Result<Vec<Candidate>, Error> {
    let mut session = Session::open(socket)?;
    let mut readers = session.readers()?;
    readers.retain(|reader| reader.state & state::PRESENT != 0);
    // The first reader is asked by the connection that is there.
    let mut session = Some(session);
    let (mut tokens, mut busy) = (Vec::new(), false);
    for reader in readers {
        let Some(name) = reader.reader() else { continue };
        if reader.sharing == sharing::EXCLUSIVE {
            busy = true;
            continue;
        }
        let session = session.take().map_or_else(|| Session::open(socket), Ok);
        match session.and_then(|session| ask(session, &name, patience, by_serial)) {
            Ok(serial) => tokens.push(Candidate {
                found: Found { road: Road::Pcsc { socket: PathBuf::from(socket), reader: name }, id: (0, 0) },
                serial,
            }),
            Err(Error::Busy | Error::TimedOut(_)) => busy = true,
            Err(_) => {}
        }
    }
    if tokens.is_empty() && busy { Err(Error::Busy) } else { Ok(tokens) }
}

/// SELECT, and GET INFORMATION for the serial number.
fn ask(session: Session, reader: &str, patience: Duration, by_serial: bool) -> Result<Option<String>, Error> {
    open_in(session, reader, patience)?.transaction(|card| {
        if !by_serial {
            card.last();
        }
        let mut shield = Shield::select(card)?;
        if !by_serial {
            return Ok(None);
        }
        shield.card().last();
        Ok(Some(shield.information()?.serial))
    })
}

fn none(socket: &Path, selection: &Selection) -> Error {
    let serial = selection.serial.as_ref().map_or(String::new(), |serial| format!(" with serial {serial}"));
    Error::NotFound(format!(
        "no reader of the PC/SC service at {} shows a token{serial}: plug one in (`ushield plug`), or unset \
         PCSCLITE_CSOCK_NAME to look elsewhere",
        socket.display()
    ))
}
