//! A host that does not wait for answers: CCID messages out and in, by hand.

use std::{
    thread,
    time::{Duration, Instant},
};

use card::{Error, Pipe};
use wire::{
    apdu::Command,
    ccid::{CommandStatus, HEADER, ToHost, ToReader, length, to_reader},
    shield::AID,
};

use firmware::fixture::Holder;

/// How long an answer that must come may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A host at the end of some road.
pub struct Reader {
    pipe: Box<dyn Pipe>,
    sequence: u8,
}

/// What the token answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// bSeq of the message that this answers.
    pub sequence: u8,
    /// bmCommandStatus. Requests for more time are passed over.
    pub status: CommandStatus,
    /// abData.
    pub data: Vec<u8>,
}

impl Reader {
    /// A host with the shield applet selected.
    pub fn new(pipe: Box<dyn Pipe>) -> Self {
        let mut reader = Self { pipe, sequence: 0 };
        reader.power_on();
        let atr = reader.answer().expect("an ATR");
        assert_eq!(atr.data.first(), Some(&0x3B));
        let select = Command::new(0, 0xA4, 4, 0, &AID);
        assert!(reader.ask(&select).ends_with(&[0x90, 0]));
        reader
    }

    /// Sends IccPowerOn, and returns its bSeq.
    pub fn power_on(&mut self) -> u8 {
        self.send(to_reader::ICC_POWER_ON, &[])
    }

    /// Sends a command, and returns its bSeq.
    pub fn begin(&mut self, command: &Command<'_>) -> u8 {
        let mut apdu = Vec::new();
        command.encode(&mut apdu).expect("a command that can be sent");
        self.send(to_reader::XFR_BLOCK, &apdu)
    }

    /// Sends a command, waits until the screen asks, and returns the bSeq of the command.
    pub fn begin_asking(&mut self, command: &Command<'_>, holder: &Holder) -> u8 {
        let sequence = self.begin(command);
        let begin = Instant::now();
        while !holder.is_asked() {
            assert!(begin.elapsed() < PATIENCE, "the screen stays dark");
            thread::sleep(Duration::from_millis(1));
        }
        sequence
    }

    /// Sends a command and reads its whole response APDU.
    pub fn ask(&mut self, command: &Command<'_>) -> Vec<u8> {
        let sequence = self.begin(command);
        let answer = self.answer().expect("an answer");
        assert_eq!((answer.sequence, answer.status), (sequence, CommandStatus::Done));
        answer.data
    }

    /// The next answer.
    ///
    /// # Errors
    /// The line's own.
    pub fn answer(&mut self) -> Result<Answered, Error> {
        self.answer_within(PATIENCE)
    }

    /// The next answer, if it comes in this time.
    ///
    /// # Errors
    /// The line's own.
    pub fn answer_within(&mut self, patience: Duration) -> Result<Answered, Error> {
        let max = self.pipe.interface().max_message;
        loop {
            let mut bytes = Vec::new();
            self.pipe.bulk_in(&mut bytes, max, patience)?;
            while length(&bytes).is_none_or(|data| bytes.len() < HEADER + data) {
                self.pipe.bulk_in(&mut bytes, max, patience)?;
            }
            let ToHost { sequence, command: status, data, .. } =
                ToHost::parse(&bytes).expect("a CCID message");
            if !matches!(status, CommandStatus::TimeExtension(_)) {
                return Ok(Answered { sequence, status, data: data.to_vec() });
            }
        }
    }

    fn send(&mut self, kind: u8, data: &[u8]) -> u8 {
        self.sequence += 1;
        let mut message = Vec::new();
        ToReader { kind, slot: 0, sequence: self.sequence, specific: [0; 3], data }.encode(&mut message);
        self.pipe.bulk_out(&message).expect("the token takes it");
        self.sequence
    }
}
