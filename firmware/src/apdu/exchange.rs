//! Long commands and long answers over short APDUs: command chaining (ISO 7816-4, 5.3.3 and 5.4.1) and
//! GET RESPONSE (7.6.1).

use alloc::vec::Vec;

use wire::{
    apdu::{Command, StatusWord},
    piv::instruction::GET_RESPONSE,
};
use zeroize::Zeroizing;

use crate::applet::{Answer, Step};

/// Most data bytes of a chain.
pub(super) const MOST: usize = 16 * 1024;

/// Where the exchange stands. It has no `Debug`: commands carry PINs.
#[derive(Default)]
pub(super) enum Exchange {
    /// A command may come.
    #[default]
    Ready,
    /// Commands of a chain have come: the header they share (without the chaining bit), and their data.
    Chain { header: [u8; 4], data: Zeroizing<Vec<u8>> },
    /// The rest of an answer waits for GET RESPONSE, and the status that ends it.
    Answering { rest: Vec<u8>, status: StatusWord },
    /// The applet waits; the host will take so many bytes.
    Waiting { expected: u32 },
}

/// What a command APDU is.
#[cfg_attr(test, derive(Debug, PartialEq, Eq))]
pub(super) enum Received {
    /// Not for an applet: here is the answer.
    Answered(Answer),
    /// A whole command.
    Whole,
    /// The last command of a chain: its data is all of this.
    Gathered(Zeroizing<Vec<u8>>),
}

impl From<StatusWord> for Received {
    fn from(status: StatusWord) -> Self {
        Self::Answered(Answer::status(status))
    }
}

impl Exchange {
    /// Takes a command. Anything but GET RESPONSE drops the rest of an answer.
    pub(super) fn receive(&mut self, command: &Command<'_>) -> Received {
        let header = [command.class & !wire::apdu::CLASS_CHAIN, command.instruction, command.p1, command.p2];
        let (next, received) = match (core::mem::take(self), command.chained()) {
            // The reader lets no command through while another one waits. This arm is for a reader that does.
            (waiting @ Self::Waiting { .. }, _) => (waiting, StatusWord::CONDITIONS_NOT_SATISFIED.into()),

            (Self::Chain { header: begun, data }, chained) if begun == header => {
                gather(header, data, command, chained)
            }
            // Another command in the middle of a chain comes from a second host, or from a host that gave the chain up. Neither
            // half of a chain may pass for a whole command.
            (Self::Chain { .. }, _) => (Self::Ready, StatusWord::LAST_OF_CHAIN_EXPECTED.into()),

            (Self::Answering { rest, status }, false) if command.instruction == GET_RESPONSE => {
                fetch(rest, status, command)
            }
            (_, _) if command.instruction == GET_RESPONSE => {
                (Self::Ready, StatusWord::CONDITIONS_NOT_SATISFIED.into())
            }
            (_, true) => gather(header, Zeroizing::default(), command, true),
            (_, false) => (Self::Ready, Received::Whole),
        };
        *self = next;
        received
    }

    /// Takes an applet's step: an answer is cut to what the host takes, the rest waits.
    pub(super) fn settle(&mut self, step: Step, expected: u32) -> Step {
        let (next, step) = match step {
            Step::Done(answer) => {
                let (next, answer) = cut(answer.data, answer.status, expected);
                (next, Step::Done(answer))
            }
            waits => (Self::Waiting { expected }, waits),
        };
        *self = next;
        step
    }

    /// What the host takes of the answer that the applet waits to give; `None` when none waits.
    pub(super) fn waited(&mut self) -> Option<u32> {
        match core::mem::take(self) {
            Self::Waiting { expected } => Some(expected),
            other => {
                *self = other;
                None
            }
        }
    }

    /// A command that cannot be read ends a chain and drops an answer.
    pub(super) fn abandon(&mut self) {
        if !matches!(self, Self::Waiting { .. }) {
            *self = Self::Ready;
        }
    }
}

fn gather(
    header: [u8; 4],
    mut data: Zeroizing<Vec<u8>>,
    command: &Command<'_>,
    chained: bool,
) -> (Exchange, Received) {
    if data.len().saturating_add(command.data.len()) > MOST {
        return (Exchange::Ready, StatusWord::WRONG_LENGTH.into());
    }
    append(&mut data, command.data);
    if chained {
        (Exchange::Chain { header, data }, StatusWord::OK.into())
    } else {
        (Exchange::Ready, Received::Gathered(data))
    }
}

/// Appends without leaving a copy of a secret behind where the buffer grew.
pub(crate) fn append(data: &mut Zeroizing<Vec<u8>>, part: &[u8]) {
    let length = data.len().saturating_add(part.len());
    if length > data.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity(length.next_power_of_two()));
        larger.extend_from_slice(data);
        *data = larger;
    }
    data.extend_from_slice(part);
}

fn fetch(rest: Vec<u8>, status: StatusWord, command: &Command<'_>) -> (Exchange, Received) {
    let refusal = match (command.p1, command.p2, command.data.is_empty()) {
        (0, 0, true) => {
            let (next, answer) = cut(rest, status, command.expected.unwrap_or(256));
            return (next, Received::Answered(answer));
        }
        (0, 0, false) => StatusWord::WRONG_LENGTH,
        _ => StatusWord::WRONG_P1P2,
    };
    (Exchange::Answering { rest, status }, refusal.into())
}

fn cut(mut data: Vec<u8>, status: StatusWord, expected: u32) -> (Exchange, Answer) {
    let expected = usize::try_from(expected).unwrap_or(usize::MAX);
    if data.len() <= expected {
        return (Exchange::Ready, Answer { data, status });
    }
    let rest = data.split_off(expected);
    let more = StatusWord::more(rest.len());
    (Exchange::Answering { rest, status }, Answer { data, status: more })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;

    fn receive(exchange: &mut Exchange, apdu: &[u8]) -> Received {
        exchange.receive(&Command::parse(apdu).unwrap())
    }

    /// ISO 7816-4, 5.4.1: the chaining bit on all but the last, the rest of the header the same.
    #[test]
    fn a_chain_of_three() {
        let mut exchange = Exchange::default();
        assert_eq!(receive(&mut exchange, &hex!("10DB3FFF 02 0102")), StatusWord::OK.into());
        assert_eq!(receive(&mut exchange, &hex!("10DB3FFF 01 03")), StatusWord::OK.into());
        let whole = Received::Gathered(Zeroizing::new(hex!("01020304").to_vec()));
        assert_eq!(receive(&mut exchange, &hex!("00DB3FFF 01 04 00")), whole);
        assert_eq!(receive(&mut exchange, &hex!("00DB3FFF 01 04")), Received::Whole);
    }

    #[test]
    fn a_chain_may_hold_extended_commands_and_the_shields_class() {
        let mut exchange = Exchange::default();
        assert_eq!(receive(&mut exchange, &hex!("902A0000 00 0001 01")), StatusWord::OK.into());
        let whole = Received::Gathered(Zeroizing::new(hex!("0102").to_vec()));
        assert_eq!(receive(&mut exchange, &hex!("802A0000 00 0001 02 0000")), whole);
    }

    #[test]
    fn another_command_ends_a_chain_and_is_refused() {
        for other in [
            &hex!("00DB3FFE 01 04")[..],
            &hex!("00DA3FFF 01 04"),
            &hex!("80DB3FFF 01 04"),
            &hex!("00C0000000"),
        ] {
            let mut exchange = Exchange::default();
            assert_eq!(receive(&mut exchange, &hex!("10DB3FFF 02 0102")), StatusWord::OK.into());
            assert_eq!(receive(&mut exchange, other), StatusWord::LAST_OF_CHAIN_EXPECTED.into());
            assert!(matches!(exchange, Exchange::Ready));
        }
    }

    #[test]
    fn a_chain_has_an_end() {
        let mut exchange = Exchange::default();
        let mut block = hex!("10DB3FFFFF").to_vec();
        block.extend_from_slice(&[7; 255]);
        for _ in 0..64 {
            assert_eq!(receive(&mut exchange, &block), StatusWord::OK.into()); // 64 * 255 = 16,320
        }
        let mut last = hex!("00DB3FFF40").to_vec();
        last.extend_from_slice(&[7; 64]);
        let mut over =
            Exchange::Chain { header: hex!("00DB3FFF"), data: Zeroizing::new(std::vec![7; MOST - 63]) };
        assert!(matches!(receive(&mut exchange, &last), Received::Gathered(data) if data.len() == MOST));
        assert_eq!(receive(&mut over, &last), StatusWord::WRONG_LENGTH.into());
        assert!(matches!(over, Exchange::Ready));
    }

    #[test]
    fn get_response_brings_the_rest() {
        let mut exchange = Exchange::default();
        let data: Vec<u8> = (0..=255).chain(0..=255).chain([1, 2, 3]).collect();
        let Step::Done(first) = exchange.settle(Step::Done(Answer::data(data.clone())), 256) else {
            panic!()
        };
        assert_eq!((first.data.len(), first.status), (256, StatusWord(0x6100)));
        // A wrong GET RESPONSE loses nothing.
        assert_eq!(receive(&mut exchange, &hex!("00C0000100")), StatusWord::WRONG_P1P2.into());
        assert_eq!(receive(&mut exchange, &hex!("00C00000 01 00")), StatusWord::WRONG_LENGTH.into());
        let Received::Answered(second) = receive(&mut exchange, &hex!("00C0000000")) else { panic!() };
        assert_eq!((second.data.len(), second.status), (256, StatusWord(0x6103)));
        let Received::Answered(third) = receive(&mut exchange, &hex!("00C0000003")) else { panic!() };
        assert_eq!(third.status, StatusWord::OK);
        assert_eq!([first.data, second.data, third.data].concat(), data);
        assert_eq!(receive(&mut exchange, &hex!("00C0000000")), StatusWord::CONDITIONS_NOT_SATISFIED.into());
    }

    #[test]
    fn an_answer_that_is_not_fetched_is_dropped() {
        let mut exchange = Exchange::default();
        drop(exchange.settle(Step::Done(Answer::data(std::vec![1; 300])), 0));
        assert!(matches!(&exchange, Exchange::Answering { rest, .. } if rest.len() == 300));
        assert_eq!(receive(&mut exchange, &hex!("00CB3FFF00")), Received::Whole);
        assert_eq!(receive(&mut exchange, &hex!("00C0000000")), StatusWord::CONDITIONS_NOT_SATISFIED.into());
    }

    #[test]
    fn an_extended_answer_goes_whole() {
        let mut exchange = Exchange::default();
        let Step::Done(answer) = exchange.settle(Step::Done(Answer::data(std::vec![1; 3000])), 65_536) else {
            panic!()
        };
        assert_eq!((answer.data.len(), answer.status), (3000, StatusWord::OK));
    }
}
