//! Bulk OUT: messages out of transfers. A transfer may come in pieces of whole packets; a short packet ends it
//! (USB 2.0, 5.8.3), and a message fills its transfer.

use alloc::vec::Vec;

use wire::ccid::{HEADER, ToReader, length};
use zeroize::Zeroizing;

use super::class_descriptor::{MAX_MESSAGE, PACKET};

/// What has come so far.
#[derive(Default)]
pub(super) enum Intake {
    /// Nothing.
    #[default]
    Empty,
    /// The beginning of a message.
    Gathering(Zeroizing<Vec<u8>>),
    /// The rest of a transfer that was refused: so many bytes may still come.
    Discarding(usize),
}

/// What a piece of a transfer completed.
#[cfg_attr(test, derive(Debug, PartialEq, Eq))]
pub(super) enum Piece {
    /// Nothing yet.
    Partial,
    /// The message is the piece itself: the usual case, without a copy.
    Whole,
    /// The message that was gathered.
    Gathered(Zeroizing<Vec<u8>>),
    /// The transfer is over, or will be passed over; its dwLength is wrong. The header, for the answer.
    BadLength([u8; HEADER]),
    /// A transfer shorter than a header.
    NoHeader,
}

impl Intake {
    /// Takes the next piece.
    pub(super) fn take(&mut self, piece: &[u8]) -> Piece {
        let ended = !piece.len().is_multiple_of(usize::from(PACKET));
        match core::mem::take(self) {
            Self::Empty if piece.is_empty() => Piece::Partial,
            Self::Empty => self.begin(piece, ended),
            Self::Gathering(bytes) => self.go_on(bytes, piece, ended),
            Self::Discarding(left) => {
                let left = left.saturating_sub(piece.len());
                if !ended && !piece.is_empty() && left > 0 {
                    *self = Self::Discarding(left);
                }
                Piece::Partial
            }
        }
    }

    fn begin(&mut self, piece: &[u8], ended: bool) -> Piece {
        let Some(total) = total(piece) else { return Piece::NoHeader };
        let missing = total.saturating_sub(piece.len());
        if total == piece.len() && total <= MAX_MESSAGE {
            Piece::Whole
        } else if total > MAX_MESSAGE || total < piece.len() || ended {
            if !ended && missing > 0 {
                *self = Self::Discarding(missing);
            }
            bad_length(piece)
        } else {
            let mut bytes = Zeroizing::new(Vec::with_capacity(total));
            bytes.extend_from_slice(piece);
            *self = Self::Gathering(bytes);
            Piece::Partial
        }
    }

    fn go_on(&mut self, mut bytes: Zeroizing<Vec<u8>>, piece: &[u8], ended: bool) -> Piece {
        let total = total(&bytes).unwrap_or(0);
        let missing = total.saturating_sub(bytes.len());
        if piece.len() > missing || (piece.len() < missing && (ended || piece.is_empty())) {
            return bad_length(&bytes);
        }
        bytes.extend_from_slice(piece);
        if bytes.len() == total {
            return Piece::Gathered(bytes);
        }
        *self = Self::Gathering(bytes);
        Piece::Partial
    }
}

/// Bytes of the whole message, by its header.
fn total(bytes: &[u8]) -> Option<usize> {
    Some(length(bytes)?.saturating_add(HEADER))
}

fn bad_length(bytes: &[u8]) -> Piece {
    bytes.first_chunk().map_or(Piece::NoHeader, |header| Piece::BadLength(*header))
}

/// The message that a header alone names, for its refusal.
pub(super) const fn headed(header: [u8; HEADER]) -> ToReader<'static> {
    let [kind, _, _, _, _, slot, sequence, s0, s1, s2] = header;
    ToReader { kind, slot, sequence, specific: [s0, s1, s2], data: &[] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(data: usize) -> Vec<u8> {
        let mut out = Vec::new();
        ToReader { kind: 0x6F, slot: 0, sequence: 1, specific: [0; 3], data: &std::vec![7; data] }
            .encode(&mut out);
        out
    }

    #[test]
    fn a_message_in_one_piece_is_not_copied() {
        let mut intake = Intake::default();
        assert_eq!(intake.take(&message(0)), Piece::Whole);
        assert_eq!(intake.take(&message(54)), Piece::Whole); // 64 bytes: one whole packet
        assert_eq!(intake.take(&[]), Piece::Partial); // the empty packet that may follow it
        assert_eq!(intake.take(&message(3072)), Piece::Whole);
    }

    #[test]
    fn a_message_in_packets() {
        let mut intake = Intake::default();
        let bytes = message(150);
        assert_eq!(intake.take(&bytes[..64]), Piece::Partial);
        assert_eq!(intake.take(&bytes[64..128]), Piece::Partial);
        assert_eq!(intake.take(&bytes[128..]), Piece::Gathered(bytes.into()));
        assert!(matches!(intake, Intake::Empty));
    }

    #[test]
    fn lengths_that_lie() {
        let mut intake = Intake::default();
        assert!(matches!(intake.take(&message(20)[..29]), Piece::BadLength(_))); // ended early
        let mut more = message(20);
        more.push(0);
        assert!(matches!(intake.take(&more), Piece::BadLength(_)));
        assert_eq!(intake.take(&[0x6F; 9]), Piece::NoHeader);
        // An empty packet ends a transfer early, too.
        assert_eq!(intake.take(&message(150)[..64]), Piece::Partial);
        assert!(matches!(intake.take(&[]), Piece::BadLength(_)));
        assert!(matches!(intake, Intake::Empty));
    }

    #[test]
    fn what_is_too_long_is_passed_over_and_not_kept() {
        let mut intake = Intake::default();
        let bytes = message(3073);
        assert!(matches!(intake.take(&bytes), Piece::BadLength(_))); // in one piece
        assert!(matches!(intake.take(&bytes[..1024]), Piece::BadLength(_))); // in three
        assert_eq!(intake.take(&bytes[1024..2048]), Piece::Partial);
        assert_eq!(intake.take(&bytes[2048..]), Piece::Partial);
        assert_eq!(intake.take(&message(3)), Piece::Whole);
        let mut endless = message(54);
        endless[1..5].copy_from_slice(&[0xFF; 4]);
        assert!(matches!(intake.take(&endless), Piece::BadLength(_)));
        assert_eq!(intake.take(&[0; 640]), Piece::Partial);
        assert_eq!(intake.take(&[0; 10]), Piece::Partial); // a short packet ends it
        assert_eq!(intake.take(&message(3)), Piece::Whole);
    }
}
