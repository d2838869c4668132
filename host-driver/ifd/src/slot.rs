//! One reader of pcscd's, and the token behind it, which may come and go.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use card::{Error, Pipe, ccid::Reader, feature};
use wire::ccid::IccStatus;
use zeroize::Zeroizing;

use crate::{
    code::{self, Code},
    device::Device,
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
    line: Line,
    /// What was last said of the line, so that it is said once.
    said: Option<String>,
}

/// The line to the token.
enum Line {
    /// There is none; the next try is not before this moment.
    Away(Instant),
    /// It broke, and pcscd does not know yet: the next look says that the card is gone, even if the token is back by then.
    /// It has lost its power, and with it the PIN that was verified.
    Lost,
    /// The token is there; the ATR while its card has power.
    Here { reader: Reader<Box<dyn Pipe>>, atr: Option<Vec<u8>> },
}

impl Slot {
    /// A reader whose token is looked for at once.
    pub(crate) fn new(device: Device) -> Self {
        let mut slot = Self { device, line: Line::Away(Instant::now()), said: None };
        slot.look();
        slot
    }

    /// Whether a card is there.
    pub(crate) fn presence(&mut self) -> Code {
        match &mut self.line {
            Line::Lost => {
                self.line = Line::Away(Instant::now());
                return code::NOT_PRESENT;
            }
            Line::Away(next) if *next > Instant::now() => return code::NOT_PRESENT,
            Line::Away(_) => self.look(),
            Line::Here { reader, .. } => match reader.slot_status() {
                Ok(IccStatus::Absent) => return code::NOT_PRESENT,
                Ok(_) => {}
                Err(error) => {
                    self.lose(&error);
                    // Said now.
                    self.line = Line::Away(Instant::now());
                }
            },
        }
        if matches!(self.line, Line::Here { .. }) { code::PRESENT } else { code::NOT_PRESENT }
    }

    /// Powers the card, or off. The ATR of a powered card.
    pub(crate) fn power(&mut self, action: Power) -> Result<Vec<u8>, Code> {
        let Line::Here { reader, atr } = &mut self.line else { return Err(code::NOT_PRESENT) };
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
        let Line::Here { reader, atr: Some(_) } = &mut self.line else { return Err(code::NOT_PRESENT) };
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
        let Line::Here { reader, .. } = &mut self.line else { return Err(code::NOT_PRESENT) };
        feature::control(control_code, reader.pipe().interface()).ok_or(code::NOT_SUPPORTED)
    }

    /// The ATR of the powered card.
    pub(crate) fn atr(&self) -> Option<&[u8]> {
        match &self.line {
            Line::Here { atr, .. } => atr.as_deref(),
            _ => None,
        }
    }

    /// iSerialNumber.
    pub(crate) fn serial(&mut self) -> Option<String> {
        match &mut self.line {
            Line::Here { reader, .. } => reader.pipe().serial().ok().flatten(),
            _ => None,
        }
    }

    /// Most data bytes of one command APDU.
    pub(crate) fn max_input(&mut self) -> Option<u32> {
        match &mut self.line {
            Line::Here { reader, .. } => {
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
                self.line = Line::Here { reader, atr: None };
                self.say(format!("the token at {} is there", self.device));
            }
            Err(error) => {
                // pcscd waits for us meanwhile: at most half of its time, however long a try takes.
                let now = Instant::now();
                self.line = Line::Away(now + now.duration_since(begin).min(Duration::from_secs(30)));
                self.say(format!("the token at {} is not there: {error}", self.device));
            }
        }
    }

    /// After an error: the reader's word leaves the line whole, all else ends it.
    fn lose(&mut self, error: &Error) {
        match error {
            Error::Slot(_) | Error::Stalled | Error::Invalid(_) => {}
            // The command was aborted; the line is whole.
            Error::TimedOut(_) => self.say(format!("the token at {}: {error}", self.device)),
            _ => {
                self.line = Line::Lost;
                self.say(format!("the token at {} is lost: {error}", self.device));
            }
        }
    }

    /// Says it once, into pcscd's standard error, which is its journal.
    fn say(&mut self, what: String) {
        if self.said.as_ref() != Some(&what) {
            let _ = writeln!(std::io::stderr(), "ifd_ushield: {}", wire::display::printed(&what));
            self.said = Some(what);
        }
    }
}
