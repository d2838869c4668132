//! The queue: IN transfers wait here until the device has data; everything else is answered at once.

use std::collections::VecDeque;

use wire::usb::Setup;

use super::{
    device::{Descriptors, Device, Stall},
    tap::{EndpointKind, Tap, Transfer, TransferEnd, TransferEvent},
    transfer::{Completion, Request, Urb, whole},
};

/// The most that one host may have pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Pending transfers an endpoint.
    pub transfers: usize,
    /// Bytes asked for by all pending transfers together.
    pub bytes: usize,
}

impl Limits {
    /// Linux' usbfs lets a process have 16 MiB; no driver of a token keeps more than a few transfers of 64 KiB.
    pub const STANDARD: Self = Self { transfers: 64, bytes: 4 << 20 };
}

/// Why a transfer was not taken: the host broke the rules, and its session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Overrun {
    /// Over [`Limits::transfers`].
    #[error("too many pending transfers on an endpoint")]
    Transfers,
    /// Over [`Limits::bytes`].
    #[error("too many bytes asked for by pending transfers")]
    Bytes,
    /// A pending transfer has the same number.
    #[error("the sequence number of a pending transfer was used again")]
    Sequence,
}

/// The pending transfers of one host with one device.
pub struct Queue {
    limits: Limits,
    bytes: usize,
    /// Bytes of a packet of endpoint 0.
    packet: usize,
    ins: Vec<InEndpoint>,
    outs: Vec<(u8, EndpointKind)>,
    tap: Option<Box<dyn Tap>>,
}

/// The transfers that wait on one IN endpoint, oldest first.
#[derive(Debug)]
struct InEndpoint {
    number: u8,
    kind: EndpointKind,
    /// wMaxPacketSize, in bytes.
    packet: usize,
    waiting: VecDeque<Pending>,
}

#[derive(Debug)]
struct Pending {
    sequence: u64,
    max: usize,
}

impl InEndpoint {
    /// How a transfer with this much room ends; `None` while the device has nothing (NAK).
    ///
    /// A device sends packets, and knows nothing of the host's room. A transfer that is filled by whole packets has ended
    /// well, and the rest of the message is the next one's. A packet that is longer than what is left of the room ends the
    /// transfer (USB 2.0, 5.7.3 and 5.8.3: "larger than expected"). The host does not acknowledge it, so the device still
    /// has it and sends it again (8.6.3): nothing is lost.
    fn ask(&self, device: &mut dyn Device, sequence: u64, max: usize) -> Option<Completion> {
        let fitted = whole(max, self.packet);
        let filled = fitted == max && max > 0;
        let overflows = !filled && device.in_length(self.number).is_some_and(|length| length > max);
        if !overflows {
            let received = self.read(device, max).transpose()?;
            return Some(Completion::received(sequence, received, max, self.packet));
        }
        let before = if fitted == 0 { Ok(None) } else { self.read(device, fitted) };
        Some(match before {
            Ok(data) => Completion::overflow(sequence, data.unwrap_or_default(), fitted),
            Err(Stall) => Completion::out(sequence, Err(Stall)),
        })
    }

    fn read(&self, device: &mut dyn Device, max: usize) -> Result<Option<Vec<u8>>, Stall> {
        if self.kind == EndpointKind::Interrupt {
            device.interrupt_in(self.number, max)
        } else {
            device.bulk_in(self.number, max)
        }
    }
}

impl Queue {
    /// An empty queue for the endpoints of this device.
    pub fn new(descriptors: &Descriptors, limits: Limits) -> Self {
        let (mut ins, mut outs) = (Vec::new(), Vec::new());
        for endpoint in descriptors.endpoints() {
            let number = endpoint.address & 0x0F;
            // bmAttributes bits 1..0: 3 is interrupt (USB 2.0, table 9-13).
            let kind =
                if endpoint.attributes & 3 == 3 { EndpointKind::Interrupt } else { EndpointKind::Bulk };
            if endpoint.address & 0x80 == 0 {
                outs.push((number, kind));
            } else {
                // Bits 10..0; the others are of high speed (table 9-13).
                let packet = usize::from(endpoint.max_packet & 0x07FF);
                ins.push(InEndpoint { number, kind, packet, waiting: VecDeque::new() });
            }
        }
        let packet = descriptors.device.max_packet.into();
        Self { limits, bytes: 0, packet, ins, outs, tap: None }
    }

    /// Lets somebody look on, or nobody.
    #[must_use]
    pub fn tapped(mut self, tap: Option<Box<dyn Tap>>) -> Self {
        self.tap = tap;
        self
    }

    /// Carries a transfer out, or keeps it until [`Self::poll`] finds data for it. Ends are told to `done`.
    ///
    /// # Errors
    /// The host goes over the limits, or uses a number twice.
    pub fn submit(
        &mut self,
        device: &mut dyn Device,
        urb: Urb<'_>,
        done: &mut impl FnMut(Completion),
    ) -> Result<(), Overrun> {
        let sequence = urb.sequence;
        self.see_submitted(&urb);
        match urb.request {
            Request::Control { setup, data, max } => {
                let end = control(device, sequence, setup, data, (max, self.packet));
                ended(&mut self.tap, setup.request_type & 0x80, EndpointKind::Control, &end);
                done(end);
            }
            Request::Out { endpoint, data } => {
                let there = self.outs.iter().any(|(number, _)| *number == endpoint);
                let sent = if there { device.bulk_out(endpoint, data) } else { Err(Stall) };
                let end = Completion::out(sequence, sent.map(|()| data.len()));
                let kind = self.kind(endpoint);
                ended(&mut self.tap, endpoint, kind, &end);
                done(end);
            }
            Request::In { endpoint, max } => return self.receive(device, sequence, endpoint, max, done),
        }
        // A request may have made data ready, or halted an endpoint.
        self.poll(device, done);
        Ok(())
    }

    fn receive(
        &mut self,
        device: &mut dyn Device,
        sequence: u64,
        endpoint: u8,
        max: usize,
        done: &mut impl FnMut(Completion),
    ) -> Result<(), Overrun> {
        if self.ins.iter().flat_map(|endpoint| &endpoint.waiting).any(|pending| pending.sequence == sequence)
        {
            return Err(Overrun::Sequence);
        }
        let address = endpoint | 0x80;
        let Some(from) = self.ins.iter_mut().find(|known| known.number == endpoint) else {
            let end = Completion::out(sequence, Err(Stall));
            ended(&mut self.tap, address, EndpointKind::Bulk, &end);
            done(end);
            return Ok(());
        };
        // The usual case: the answer is there, and nothing has to be remembered.
        if from.waiting.is_empty()
            && let Some(end) = from.ask(device, sequence, max)
        {
            ended(&mut self.tap, address, from.kind, &end);
            done(end);
            return Ok(());
        }
        if from.waiting.len() >= self.limits.transfers {
            return Err(Overrun::Transfers);
        }
        let bytes = self.bytes.saturating_add(max);
        if bytes > self.limits.bytes {
            return Err(Overrun::Bytes);
        }
        self.bytes = bytes;
        from.waiting.push_back(Pending { sequence, max });
        Ok(())
    }

    /// Offers the waiting transfers to the device, oldest first.
    pub fn poll(&mut self, device: &mut dyn Device, done: &mut impl FnMut(Completion)) {
        for endpoint in &mut self.ins {
            while let Some(pending) = endpoint.waiting.front() {
                let Some(end) = endpoint.ask(device, pending.sequence, pending.max) else { break };
                ended(&mut self.tap, endpoint.number | 0x80, endpoint.kind, &end);
                done(end);
                self.bytes = self.bytes.saturating_sub(pending.max);
                endpoint.waiting.pop_front();
            }
        }
    }

    /// Takes a waiting transfer out; `false` when there is none with this number, because it is done already.
    pub fn unlink(&mut self, sequence: u64) -> bool {
        for endpoint in &mut self.ins {
            if let Some(at) = endpoint.waiting.iter().position(|pending| pending.sequence == sequence)
                && let Some(pending) = endpoint.waiting.remove(at)
            {
                self.bytes = self.bytes.saturating_sub(pending.max);
                let (address, kind) = (endpoint.number | 0x80, endpoint.kind);
                see(&mut self.tap, sequence, address, kind, over(TransferEnd::Unlinked));
                return true;
            }
        }
        false
    }

    fn see_submitted(&mut self, urb: &Urb<'_>) {
        if self.tap.is_none() {
            return;
        }
        let (endpoint, kind, setup, length, data) = match urb.request {
            Request::Control { setup, data, max } => {
                let length = if setup.is_in() { max } else { data.len() };
                (setup.request_type & 0x80, EndpointKind::Control, Some(setup), length, data)
            }
            Request::Out { endpoint, data } => (endpoint, self.kind(endpoint), None, data.len(), data),
            Request::In { endpoint, max } => {
                (endpoint | 0x80, self.kind(endpoint | 0x80), None, max, &[][..])
            }
        };
        see(&mut self.tap, urb.sequence, endpoint, kind, TransferEvent::Submitted { setup, length, data });
    }

    /// What kind of endpoint this address is of; one that is not there counts as bulk.
    fn kind(&self, address: u8) -> EndpointKind {
        let known = self.ins.iter().find(|endpoint| endpoint.number | 0x80 == address);
        let out = || self.outs.iter().find(|(number, _)| *number == address).map(|(_, kind)| *kind);
        known.map(|endpoint| endpoint.kind).or_else(out).unwrap_or(EndpointKind::Bulk)
    }

    /// How many transfers wait.
    pub fn waiting(&self) -> usize {
        self.ins.iter().map(|endpoint| endpoint.waiting.len()).sum()
    }
}

impl Drop for Queue {
    /// What waits will not come.
    fn drop(&mut self) {
        for endpoint in &self.ins {
            for pending in &endpoint.waiting {
                let (address, event) = (endpoint.number | 0x80, over(TransferEnd::Shutdown));
                see(&mut self.tap, pending.sequence, address, endpoint.kind, event);
            }
        }
    }
}

fn see(
    tap: &mut Option<Box<dyn Tap>>,
    sequence: u64,
    endpoint: u8,
    kind: EndpointKind,
    event: TransferEvent<'_>,
) {
    if let Some(tap) = tap {
        tap.see(&Transfer { sequence, endpoint, kind, event });
    }
}

fn ended(tap: &mut Option<Box<dyn Tap>>, endpoint: u8, kind: EndpointKind, end: &Completion) {
    let event =
        TransferEvent::Ended { end: TransferEnd::Status(end.status), length: end.length, data: &end.data };
    see(tap, end.sequence, endpoint, kind, event);
}

const fn over(end: TransferEnd) -> TransferEvent<'static> {
    TransferEvent::Ended { end, length: 0, data: &[] }
}

/// A control transfer with so much room for an IN data stage, which comes in packets of so many bytes.
fn control(
    device: &mut dyn Device,
    sequence: u64,
    setup: Setup,
    data: &[u8],
    (max, packet): (usize, usize),
) -> Completion {
    let wanted = usize::from(setup.length);
    if setup.is_in() {
        // Data is asked for and nothing of it may come: the transfer is an OUT one in disguise.
        if wanted > 0 && max == 0 {
            return Completion::out(sequence, Err(Stall));
        }
        // A device may answer with less than wLength, never with more (USB 2.0, 9.3.5). Where the host has less room than
        // that, it is the host's room that is overrun (5.5.3).
        let received = device.control(setup, &[]).map(|mut received| {
            received.truncate(wanted);
            received
        });
        return Completion::received(sequence, received, max, packet);
    }
    // The data stage is wLength bytes, neither more nor less.
    let sent = if data.len() == wanted { device.control(setup, data) } else { Err(Stall) };
    Completion::out(sequence, sent.map(|_| data.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::urb::{
        Status,
        fake::{Echo, descriptors},
    };

    fn urb(sequence: u64, request: Request<'_>) -> Urb<'_> {
        Urb { sequence, request }
    }

    fn submit(queue: &mut Queue, device: &mut Echo, urb: Urb<'_>) -> Result<Vec<Completion>, Overrun> {
        let mut ends = Vec::new();
        queue.submit(device, urb, &mut |end| ends.push(end))?;
        Ok(ends)
    }

    const fn read(max: usize) -> Request<'static> {
        Request::In { endpoint: 2, max }
    }

    fn parts() -> (Queue, Echo) {
        (Queue::new(&descriptors(), Limits { transfers: 3, bytes: 300 }), Echo::default())
    }

    #[test]
    fn an_in_transfer_waits_for_data_and_the_oldest_is_first() {
        let (mut queue, mut device) = parts();
        for sequence in [7, 8] {
            assert_eq!(submit(&mut queue, &mut device, urb(sequence, read(64))), Ok(vec![]));
        }
        let out = Request::Out { endpoint: 1, data: b"hello" };
        let ends = submit(&mut queue, &mut device, urb(9, out)).unwrap();
        let told: Vec<_> = ends.iter().map(|end| (end.sequence, end.status, end.length)).collect();
        assert_eq!(told, [(9, Status::Ok, 5), (7, Status::Ok, 5)]);
        assert_eq!(ends[1].data, b"hello");
        assert_eq!(queue.waiting(), 1);
    }

    #[test]
    fn unlink_takes_out_what_waits_and_nothing_else() {
        let (mut queue, mut device) = parts();
        submit(&mut queue, &mut device, urb(7, read(200))).unwrap();
        assert!(queue.unlink(7));
        assert!(!queue.unlink(7));
        assert_eq!((queue.waiting(), queue.bytes), (0, 0));
        device.give(b"late");
        queue.poll(&mut device, &mut |end| panic!("{end:?}"));
    }

    #[test]
    fn limits_hold_and_a_number_is_used_once() {
        let (mut queue, mut device) = parts();
        submit(&mut queue, &mut device, urb(1, read(100))).unwrap();
        assert_eq!(submit(&mut queue, &mut device, urb(1, read(1))), Err(Overrun::Sequence));
        assert_eq!(submit(&mut queue, &mut device, urb(2, read(201))), Err(Overrun::Bytes));
        submit(&mut queue, &mut device, urb(2, read(200))).unwrap();
        submit(&mut queue, &mut device, urb(3, read(0))).unwrap();
        assert_eq!(submit(&mut queue, &mut device, urb(4, read(0))), Err(Overrun::Transfers));
        let elsewhere = Request::In { endpoint: 3, max: 0 };
        assert_eq!(submit(&mut queue, &mut device, urb(4, elsewhere)), Ok(vec![]));
    }

    #[test]
    fn unknown_endpoints_stall() {
        let (mut queue, mut device) = parts();
        for transfer in [
            Request::In { endpoint: 9, max: 8 },
            Request::In { endpoint: 1, max: 8 },
            Request::Out { endpoint: 2, data: b"x" },
        ] {
            let ends = submit(&mut queue, &mut device, urb(1, transfer)).unwrap();
            assert_eq!((ends[0].status, ends[0].length), (Status::Stall, 0));
        }
    }

    #[test]
    fn a_reply_is_never_longer_than_what_was_asked_for() {
        let (mut queue, mut device) = parts();
        device.rude = true;
        for (max, fits) in [(16, 0), (100, 64), (128, 128)] {
            device.give(&[1; 500]);
            let ends = submit(&mut queue, &mut device, urb(1, read(max))).unwrap();
            assert_eq!((ends[0].status, ends[0].data.len(), ends[0].length), (Status::Overflow, fits, fits));
        }
        let setup = Setup { request_type: 0x80, request: 6, value: 0x0100, index: 0, length: 8 };
        for (max, status, length) in
            [(64, Status::Ok, 8), (8, Status::Ok, 8), (4, Status::Overflow, 0), (0, Status::Stall, 0)]
        {
            let control = Request::Control { setup, data: &[], max };
            let ends = submit(&mut queue, &mut device, urb(2, control)).unwrap();
            assert_eq!((ends[0].status, ends[0].data.len()), (status, length));
        }
    }

    #[test]
    fn a_packet_that_does_not_fit_is_an_overflow_and_comes_again() {
        // Packets of 64 bytes: 130 are 64, 64 and 2.
        let message: Vec<u8> = (0..130).collect();
        let (ok, over) = (Status::Ok, Status::Overflow);
        for (rooms, ends) in [
            // Room for all of it, to the byte, and in whole packets.
            (&[200][..], &[(ok, 0..130)][..]),
            (&[130], &[(ok, 0..130)]),
            (&[64, 64, 64], &[(ok, 0..64), (ok, 64..128), (ok, 128..130)]),
            (&[128, 2], &[(ok, 0..128), (ok, 128..130)]),
            // Not a multiple of the packet, and only the last packet decides.
            (&[129, 1, 2], &[(over, 0..128), (over, 128..128), (ok, 128..130)]),
            (&[100, 66], &[(over, 0..64), (ok, 64..130)]),
            (&[1, 0, 63, 64, 66], &[(over, 0..0), (over, 0..0), (over, 0..0), (ok, 0..64), (ok, 64..130)]),
        ] {
            for waits in [false, true] {
                let (mut queue, mut device) = parts();
                queue.limits = Limits { transfers: 9, bytes: 900 };
                let mut told = Vec::new();
                if !waits {
                    device.give(&message);
                }
                for (sequence, room) in (1..).zip(rooms) {
                    queue.submit(&mut device, urb(sequence, read(*room)), &mut |end| told.push(end)).unwrap();
                }
                if waits {
                    device.give(&message);
                    queue.poll(&mut device, &mut |end| told.push(end));
                }
                let found: Vec<_> = told.iter().map(|end| (end.status, &end.data[..])).collect();
                let wanted: Vec<_> =
                    ends.iter().map(|(status, part)| (*status, &message[part.clone()])).collect();
                assert_eq!(found, wanted, "{rooms:?}, waiting: {waits}");
                assert!(told.iter().all(|end| end.length == end.data.len()));
            }
        }
    }

    #[test]
    fn an_out_data_stage_is_as_long_as_the_setup_packet_says() {
        let (mut queue, mut device) = parts();
        let setup = Setup { request_type: 0x21, request: 1, value: 0, index: 0, length: 2 };
        for (data, status) in [(&b"ab"[..], Status::Ok), (b"a", Status::Stall), (b"abc", Status::Stall)] {
            let control = Request::Control { setup, data, max: 0 };
            assert_eq!(submit(&mut queue, &mut device, urb(1, control)).unwrap()[0].status, status);
        }
    }
}
