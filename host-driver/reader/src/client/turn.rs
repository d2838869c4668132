//! What only our own clients ask (docs/decisions/0046-turns.md): a handle with all that a client wants to know of its
//! reader, and a command with its transaction.

use std::sync::Arc;

use wire::pcsclite::{MAX_ATR, Open, Turn, extension::turn, protocol, rv, share};

use super::{Client, split};
use crate::hub::{self, About, Outcome};

impl Client<'_> {
    pub(super) fn open(&mut self, mut asked: Open) {
        match self.try_open(asked.reader()) {
            Ok((card, about)) => {
                (asked.card, asked.active, asked.rv) = (card, about.protocol, rv::SUCCESS);
                asked.extended = about.extended.into();
                let length = about.atr.len().min(MAX_ATR);
                asked.atr.iter_mut().zip(&about.atr).for_each(|(to, from)| *to = *from);
                asked.atr_length = u32::try_from(length).unwrap_or_default();
            }
            Err(outcome) => asked.rv = outcome,
        }
        asked.encode(&mut self.outbox);
    }

    fn try_open(&mut self, reader: &[u8]) -> Outcome<(i32, About)> {
        let (card, _) = self.new_handle(reader, share::SHARED, protocol::ANY)?;
        Ok((card, self.hub.about(card)?))
    }

    pub(super) fn take_turn(&mut self, mut asked: Turn) {
        (asked.rv, asked.receive_length) =
            self.answer_behind(Turn::LEN, |client| client.command_in_turn(&asked));
        let mut head = Vec::with_capacity(Turn::LEN);
        asked.encode(&mut head);
        self.put_head(&head);
    }

    fn command_in_turn(&mut self, asked: &Turn) -> Outcome<()> {
        let card = self.own(asked.card)?;
        let sends = !self.buffer.is_empty();
        let (hub, stream) = (self.hub, Arc::clone(&self.stream));
        let begun = hub.turn(card, asked.bits, sends, &|| hub::hung_up(&*stream));
        let mut running = begun.inspect_err(|_| {
            // A transaction that the handle began before ends as well.
            if asked.bits & turn::BEGIN == 0 {
                hub.end_turn(card);
            }
        })?;
        let done = if sends { self.response(&running, asked.receive_length) } else { Ok(()) };
        if asked.bits & turn::END != 0 || split(done).1 != rv::SUCCESS {
            running.end();
        }
        done
    }
}
