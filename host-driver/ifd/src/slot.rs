//! One reader of pcscd, and the token behind the reader. The token may come and go.

use std::time::{Duration, Instant};

use card::{Error, Pipe, ccid::Reader, feature};
use wire::ccid::IccStatus;
use zeroize::Zeroizing;

use crate::{
    code::{self, Code},
    device::Device,
    journal,
};

/// What a power action is (`ifdhandler.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Power {
    Up,
    Down,
    Reset,
}

/// A reader.
pub(crate) struct Slot {
    device: Device,
    connection: Connection,
    /// What was last logged of the connection, so that each thing is logged once.
    said: Option<String>,
}

/// The connection to the token.
enum Connection {
    /// There is no connection. The next try is not before this moment.
    Away(Instant),
    /// The connection broke, and pcscd does not know yet. The next answer to pcscd is that the card is gone, even if the
    /// token is back by then: the token has lost its power, and the PIN that was verified.
    Lost,
    /// The token is there. There is an ATR while its card has power.
    Here { reader: Reader<Box<dyn Pipe>>, atr: Option<Vec<u8>> },
}

impl Slot {
    /// A reader whose token is looked for at once.
    pub(crate) fn new(device: Device) -> Self {
        let mut slot = Self { device, connection: Connection::Away(Instant::now()), said: None };
        slot.look();
        slot
    }

    /// Whether a card is there.
    pub(crate) fn presence(&mut self) -> Code {
        match &mut self.connection {
            Connection::Lost => {
                self.connection = Connection::Away(Instant::now());
                return code::NOT_PRESENT;
            }
            Connection::Away(next) if *next > Instant::now() => return code::NOT_PRESENT,
            Connection::Away(_) => self.look(),
            Connection::Here { reader, .. } => match reader.slot_status() {
                Ok(IccStatus::Absent) => return code::NOT_PRESENT,
                Ok(_) => {}
                Err(error) => {
                    self.lose(&error);
                    // This answer tells pcscd.
                    self.connection = Connection::Away(Instant::now());
                }
            },
        }
        if matches!(self.connection, Connection::Here { .. }) { code::PRESENT } else { code::NOT_PRESENT }
    }

    /// Powers the card up or down, or resets the card. Returns the ATR of a powered card.
    pub(crate) fn power(&mut self, action: Power) -> Result<Vec<u8>, Code> {
        let Connection::Here { reader, atr } = &mut self.connection else { return Err(code::NOT_PRESENT) };
        *atr = None;
        let done = match action {
            Power::Up => reader.power_on().map(Some),
            Power::Down => reader.power_off().map(|()| None),
            Power::Reset => reader.power_off().and_then(|()| reader.power_on()).map(Some),
        };
        match done {
            Ok(new) => {
                atr.clone_from(&new);
                Ok(new.unwrap_or_default())
            }
            Err(error) => {
                self.lose(&error);
                Err(code::of_power(&error))
            }
        }
    }

    /// One command APDU, one response APDU.
    pub(crate) fn transmit(&mut self, command: &[u8]) -> Result<Zeroizing<Vec<u8>>, Code> {
        let Connection::Here { reader, atr: Some(_) } = &mut self.connection else {
            return Err(code::NOT_PRESENT);
        };
        let mut response = Zeroizing::new(Vec::new());
        match reader.transmit(command, &mut response) {
            Ok(()) => Ok(response),
            Err(error) => {
                self.lose(&error);
                Err(code::of(&error))
            }
        }
    }

    /// SCardControl.
    pub(crate) fn control(&mut self, control_code: u32) -> Result<Vec<u8>, Code> {
        let Connection::Here { reader, .. } = &mut self.connection else { return Err(code::NOT_PRESENT) };
        feature::control(control_code, reader.pipe().interface()).ok_or(code::NOT_SUPPORTED)
    }

    /// The ATR of the powered card.
    pub(crate) fn atr(&self) -> Option<&[u8]> {
        match &self.connection {
            Connection::Here { atr, .. } => atr.as_deref(),
            _ => None,
        }
    }

    /// iSerialNumber.
    pub(crate) fn serial(&mut self) -> Option<String> {
        match &mut self.connection {
            Connection::Here { reader, .. } => reader.pipe().serial().ok().flatten(),
            _ => None,
        }
    }

    /// Most data bytes of one command APDU.
    pub(crate) fn max_input(&mut self) -> Option<u32> {
        match &mut self.connection {
            Connection::Here { reader, .. } => {
                u32::try_from(feature::max_apdu_data(reader.pipe().interface())).ok()
            }
            _ => None,
        }
    }

    /// Tries once to find the token.
    fn look(&mut self) {
        let begin = Instant::now();
        match self.device.reach().and_then(Reader::new) {
            Ok(reader) => {
                self.connection = Connection::Here { reader, atr: None };
                self.say(format!("the token at {} is there", self.device));
            }
            Err(error) => {
                // pcscd waits during a try. The pause is as long as the try was, so that pcscd spends at most half of
                // its time waiting.
                let now = Instant::now();
                self.connection =
                    Connection::Away(now + now.duration_since(begin).min(Duration::from_secs(30)));
                self.say(format!("the token at {} is not there: {error}", self.device));
            }
        }
    }

    /// Judges the connection after an error. An error that the reader itself reported leaves the connection whole, and every
    /// other error ends the connection.
    fn lose(&mut self, error: &Error) {
        match error {
            Error::Slot(_) | Error::Stalled | Error::Invalid(_) => {}
            // The command was aborted; the line is whole.
            Error::TimedOut(_) => self.say(format!("the token at {}: {error}", self.device)),
            _ => {
                self.connection = Connection::Lost;
                self.say(format!("the token at {} is lost: {error}", self.device));
            }
        }
    }

    /// Logs a line once.
    fn say(&mut self, what: String) {
        if self.said.as_ref() != Some(&what) {
            journal::say(&what);
            self.said = Some(what);
        }
    }
}
