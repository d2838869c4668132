//! Commands and answers, as anybody may read them. What is blanked in a capture is blanked here: the rule is one, and it is
//! [`crate::capture`]'s.

use std::{borrow::Cow, fmt::Write as _, time::Instant};

use serde::{Deserialize, Serialize};
use wire::ccid::{HEADER, to_host, to_reader};

use super::{Event, Witness, instruction};
use crate::{
    capture::{BLANK, Blank},
    urb::{EndpointKind, Tap, Transfer, TransferEvent},
};

/// The most bytes of a command or an answer that are told. What a person looks for stands at the beginning.
const TOLD: usize = 48;
/// The places of bSeq, bStatus and bChainParameter in a CCID header.
const SEQUENCE: usize = 6;
const STATUS: usize = 7;
const CHAIN: usize = 9;

/// A command and its answer, in hexadecimal digits. `**` is a byte that is secret, or the byte 2A.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// What the command is called; `None` for a command that nobody here knows.
    pub name: Option<Cow<'static, str>>,
    /// The beginning of the command: at most 50 bytes.
    pub command: String,
    /// All bytes of the command.
    pub command_length: usize,
    /// The beginning of the answer, without its status word: at most 48 bytes.
    pub answer: String,
    /// All bytes of the answer, without its status word.
    pub answer_length: usize,
    /// The status word; `None` where the answer does not end here, or there is none.
    pub status: Option<String>,
    /// How long the token and its holder took, in milliseconds.
    pub took: u64,
}

/// Looks on while one host has one token.
pub(super) struct Onlooker {
    witness: Witness,
    blank: Blank,
    asked: Option<Asked>,
}

/// A command that waits for its answer.
struct Asked {
    sequence: u8,
    since: Instant,
    exchange: Exchange,
}

impl Onlooker {
    pub(super) fn new(witness: Witness) -> Self {
        Self { witness, blank: Blank::default(), asked: None }
    }
}

impl Tap for Onlooker {
    fn see(&mut self, transfer: &Transfer<'_>) {
        // A request for data that is still to come changes nothing.
        if let (TransferEvent::Submitted { .. }, 0x80..) = (transfer.event, transfer.endpoint)
            && transfer.kind != EndpointKind::Control
        {
            return;
        }
        // Also where nobody listens: what may be shown depends on what was exchanged before.
        let shown = self.blank.shown(transfer).data;
        if transfer.kind != EndpointKind::Bulk || !self.witness.journal.is_heard() {
            return;
        }
        match transfer.event {
            TransferEvent::Submitted { .. } => self.asked = Asked::of(&shown).or(self.asked.take()),
            TransferEvent::Ended { .. } => {
                if let Some(exchange) = answered(&mut self.asked, &shown) {
                    self.witness.tell(|| Event::Exchange(exchange));
                }
            }
        }
    }
}

impl Asked {
    /// A transfer to the reader, if a command begins in it.
    fn of(shown: &[u8]) -> Option<Self> {
        let (header, block) = shown.split_first_chunk::<HEADER>()?;
        let &[class, code, ..] = block else { return None };
        (header[0] == to_reader::XFR_BLOCK).then(|| Self {
            sequence: header[SEQUENCE],
            since: Instant::now(),
            exchange: Exchange {
                name: if class == BLANK { None } else { instruction::name(class, code).map(Cow::Borrowed) },
                command: command(block),
                command_length: wire::ccid::length(header).unwrap_or(block.len()),
                ..Exchange::default()
            },
        })
    }
}

/// The whole exchange, where a transfer from the reader brings the answer that is waited for.
fn answered(asked: &mut Option<Asked>, shown: &[u8]) -> Option<Exchange> {
    let (header, block) = shown.split_first_chunk::<HEADER>()?;
    // bmCommandStatus 2: the answer is still to come (CCID 1.1, table 6.2-3).
    if header[0] != to_host::DATA_BLOCK || header[STATUS] >> 6 == 2 {
        return None;
    }
    let Asked { since, mut exchange, .. } = asked.take_if(|asked| asked.sequence == header[SEQUENCE])?;
    let length = wire::ccid::length(header).unwrap_or(block.len());
    exchange.took = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
    // bChainParameter 0 and 2 are the end of an answer. A status word begins with 6 or 9, and so is never taken for blanked bytes.
    let ends = matches!(header[CHAIN], 0 | 2) && block.len() == length;
    match block.split_last_chunk::<2>() {
        Some((data, &[high, low])) if ends && high != BLANK => {
            exchange.status = Some(format!("{high:02X}{low:02X}"));
            (exchange.answer, exchange.answer_length) = (digits(data), data.len());
        }
        _ => (exchange.answer, exchange.answer_length) = (digits(block), length),
    }
    Some(exchange)
}

/// The beginning of a command. CLA and INS are blanked together or not at all.
fn command(block: &[u8]) -> String {
    match block {
        [class, code, rest @ ..] if *class != BLANK => {
            let rest = digits(rest);
            format!("{class:02X} {code:02X}{}{rest}", if rest.is_empty() { "" } else { " " })
        }
        _ => digits(block),
    }
}

fn digits(bytes: &[u8]) -> String {
    let told = bytes.get(..TOLD).unwrap_or(bytes);
    let mut text = String::with_capacity(3 * told.len());
    for byte in told {
        let gap = if text.is_empty() { "" } else { " " };
        // Writing into a string does not fail.
        let _ = if *byte == BLANK { write!(text, "{gap}**") } else { write!(text, "{gap}{byte:02X}") };
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hex_literal::hex;

    use super::*;
    use crate::{
        journal::Journal,
        urb::{Status, TransferEnd},
    };

    /// What is told of a command and its answer, as CCID messages bring them.
    fn told(exchanges: &[(&[u8], &[u8])]) -> Vec<Exchange> {
        let journal = Arc::new(Journal::default());
        let mut news = journal.listen();
        let mut tap = Onlooker::new(Witness::new(journal, "1-1".into()));
        let message = |kind: u8, data: &[u8]| {
            let length = u32::try_from(data.len()).unwrap().to_le_bytes();
            [&[kind], &length[..], &[0, 7, 0, 0, 0], data].concat()
        };
        for (command, answer) in exchanges {
            let sent = message(to_reader::XFR_BLOCK, command);
            let event = TransferEvent::Submitted { setup: None, length: sent.len(), data: &sent };
            tap.see(&Transfer { sequence: 1, endpoint: 1, kind: EndpointKind::Bulk, event });
            let brought = message(to_host::DATA_BLOCK, answer);
            let end = TransferEnd::Status(Status::Ok);
            let event = TransferEvent::Ended { end, length: brought.len(), data: &brought };
            tap.see(&Transfer { sequence: 2, endpoint: 0x82, kind: EndpointKind::Bulk, event });
        }
        let mut found = Vec::new();
        while let Ok(entry) = news.try_recv() {
            let Event::Exchange(exchange) = entry.event else { panic!("{entry:?}") };
            found.push(exchange);
        }
        found
    }

    #[test]
    fn a_pin_is_told_by_its_length_only() {
        let [verify] = &told(&[(&hex!("0020008006 313335323436"), &hex!("63C5"))])[..] else { panic!() };
        assert_eq!(verify.name.as_deref(), Some("VERIFY"));
        assert_eq!((&*verify.command, verify.command_length), ("00 20 00 80 06 ** ** ** ** ** **", 11));
        assert_eq!((verify.status.as_deref(), &*verify.answer), (Some("63C5"), ""));
    }

    #[test]
    fn what_is_public_is_told_and_a_secret_answer_is_not() {
        let information = told(&[(&hex!("80F2000000"), &hex!("4F012A 9000"))]);
        assert_eq!(
            (information[0].name.as_deref(), &*information[0].command),
            (Some("GET INFORMATION"), "80 F2 00 00 00")
        );
        assert_eq!((&*information[0].answer, information[0].answer_length), ("4F 01 **", 3));
        // The INS of SIGN PAYMENT has the value of a blanked byte, and is shown all the same.
        let signed = told(&[(&hex!("802A000003 300100"), &hex!("6A80"))]);
        assert_eq!(
            (signed[0].name.as_deref(), &*signed[0].command),
            (Some("SIGN PAYMENT"), "80 2A 00 00 03 ** ** **")
        );
        let secret = told(&[(&hex!("0087119A04 7C028200"), &hex!("7C0431323334 9000"))]);
        assert_eq!((&*secret[0].answer, secret[0].status.as_deref()), ("** ** ** ** ** **", Some("9000")));
        let strange = told(&[(b"1352461234", &hex!("6E00"))]);
        assert_eq!(
            (strange[0].name.as_deref(), strange[0].command.contains("35")),
            (None, false),
            "{strange:?}"
        );
    }
}
