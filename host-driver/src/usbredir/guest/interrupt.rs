//! Interrupt endpoints. Input is read on the guest's behalf from its start to its stop, and comes to it unasked.

use wire::usbredir::{Interrupt, Status, ToGuest};

use super::{Bench, Guest, INTERRUPT, Violation, status};
use crate::urb::{self, Completion, Request};

/// Interrupt packets in one go: a device that has ever more to say does not keep its session from its peer.
const BURST: usize = 64;

/// An interrupt endpoint that is read on the guest's behalf.
#[derive(Clone, Copy)]
pub(super) struct Receiving {
    /// The queue's number of the request that waits.
    pub(super) sequence: u64,
    /// The id of the next packet.
    pub(super) next: u64,
}

impl Guest {
    pub(super) fn interrupt_out(
        &mut self,
        id: u64,
        header: Interrupt,
        data: &[u8],
        bench: &mut Bench<'_>,
    ) -> Result<(), Violation> {
        let mut answer = Interrupt { status: Status::Invalid, length: 0, ..header };
        let mut others = Vec::new();
        if self.kind(header.endpoint) == INTERRUPT {
            let request = Request::Out { endpoint: header.endpoint & 0x0F, data };
            let (own, more) = bench.run(self.next_sequence(), request)?;
            others = more;
            if let Some(end) = own {
                answer.status = status(end.status);
                answer.length = u16::try_from(end.length).unwrap_or(u16::MAX);
            }
        }
        self.tell(bench.output, id, &ToGuest::Interrupt { header: answer, data: &[] });
        self.ended(others, bench)
    }

    pub(super) fn start(&mut self, id: u64, endpoint: u8, bench: &mut Bench<'_>) -> Result<(), Violation> {
        let is_one = endpoint & 0x80 != 0 && self.kind(endpoint) == INTERRUPT;
        let status = if is_one { Status::Success } else { Status::Invalid };
        self.tell(bench.output, id, &ToGuest::InterruptReceivingStatus { status, endpoint });
        if is_one && !self.receiving.contains_key(&endpoint) {
            self.receive(endpoint, 0, bench)?;
        }
        Ok(())
    }

    pub(super) fn stop(&mut self, id: u64, endpoint: u8, bench: &mut Bench<'_>) {
        let is_one = endpoint & 0x80 != 0 && self.kind(endpoint) == INTERRUPT;
        let status = if is_one { Status::Success } else { Status::Invalid };
        if let Some(receiving) = self.receiving.remove(&endpoint) {
            bench.queue.unlink(receiving.sequence);
        }
        self.tell(bench.output, id, &ToGuest::InterruptReceivingStatus { status, endpoint });
    }

    /// Reads an interrupt endpoint until there is nothing to read; packets are numbered from `next` on.
    pub(super) fn receive(
        &mut self,
        endpoint: u8,
        mut next: u64,
        bench: &mut Bench<'_>,
    ) -> Result<(), Violation> {
        let max = usize::from(self.endpoints.endpoint(endpoint).max_packet);
        for _ in 0..BURST {
            let sequence = self.next_sequence();
            let (own, others) = bench.run(sequence, Request::In { endpoint: endpoint & 0x0F, max })?;
            debug_assert!(others.is_empty(), "asking for input ends no other request");
            let Some(end) = own else {
                self.receiving.insert(endpoint, Receiving { sequence, next });
                return Ok(());
            };
            if end.status == urb::Status::Stall {
                self.stalled(endpoint, bench.output);
                return Ok(());
            }
            self.tell_interrupt(endpoint, next, &end, bench.output);
            next = next.wrapping_add(1);
        }
        // It goes on at the guest's next request.
        self.stalled(endpoint, bench.output);
        Ok(())
    }

    pub(super) fn tell_interrupt(&self, endpoint: u8, id: u64, end: &Completion, output: &mut Vec<u8>) {
        let length = u16::try_from(end.length).unwrap_or(u16::MAX);
        let header = Interrupt { endpoint, status: status(end.status), length };
        self.tell(output, id, &ToGuest::Interrupt { header, data: &end.data });
    }

    /// Receiving has stopped without the guest's word: always a stall, so that it knows to start again.
    pub(super) fn stalled(&mut self, endpoint: u8, output: &mut Vec<u8>) {
        self.receiving.remove(&endpoint);
        self.tell(output, 0, &ToGuest::InterruptReceivingStatus { status: Status::Stall, endpoint });
    }
}
