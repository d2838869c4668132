//! The queue: IN transfers wait here until the device has data; everything else is answered at once.

use std::collections::VecDeque;

use wire::usb::Setup;

use super::{
    device::{Descriptors, Device, Stall},
    tap::{Ending, Kind, Moment, Sight, Tap},
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

/// A transfer, by the number that the plug's protocol gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Urb<'a> {
    /// The protocol's number; unique among the pending ones.
    pub sequence: u64,
    /// What to transfer.
    pub transfer: Transfer<'a>,
}

/// What a transfer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer<'a> {
    /// Endpoint 0: the setup packet, OUT data, and the most bytes of IN data.
    Control {
        /// The setup packet.
        setup: Setup,
        /// Data of an OUT data stage.
        data: &'a [u8],
        /// Room for an IN data stage, in bytes.
        max: usize,
    },
    /// Bulk or interrupt data to the device.
    Out {
        /// 1 to 15.
        endpoint: u8,
        /// All of it.
        data: &'a [u8],
    },
    /// Bulk or interrupt data from the device.
    In {
        /// 1 to 15.
        endpoint: u8,
        /// The most bytes to receive.
        max: usize,
    },
}

/// How a transfer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Well.
    Ok,
    /// The endpoint answered STALL, or there is no such endpoint.
    Stall,
    /// The device sent a packet that is longer than the room that was left ("babble"). What came before it is there.
    Overflow,
}

/// The end of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The number of its [`Urb`].
    pub sequence: u64,
    /// How it ended.
    pub status: Status,
    /// Bytes transferred, either way.
    pub length: usize,
    /// Data of an IN transfer, `length` bytes; empty for OUT.
    pub data: Vec<u8>,
}

impl Completion {
    fn out(sequence: u64, sent: Result<usize, Stall>) -> Self {
        let (status, length) = sent.map_or((Status::Stall, 0), |length| (Status::Ok, length));
        Self { sequence, status, length, data: Vec::new() }
    }

    /// What fitted of what the device gave, in packets of `packet` bytes: a longer reply than what was asked for breaks
    /// the host's driver (Nitrokey/nitrokey-3-firmware#261).
    fn received(sequence: u64, received: Result<Vec<u8>, Stall>, max: usize, packet: usize) -> Self {
        match received {
            Err(Stall) => Self::out(sequence, Err(Stall)),
            Ok(data) if data.len() > max => Self::overflow(sequence, data, whole(max, packet)),
            Ok(data) => Self { sequence, status: Status::Ok, length: data.len(), data },
        }
    }

    /// The packet behind `fitted` bytes did not fit.
    fn overflow(sequence: u64, mut data: Vec<u8>, fitted: usize) -> Self {
        data.truncate(fitted);
        Self { sequence, status: Status::Overflow, length: data.len(), data }
    }
}

/// Why a transfer was not taken: the host breaks the rules, and the plug ends its session.
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
    lines: Vec<Line>,
    outs: Vec<(u8, Kind)>,
    tap: Option<Box<dyn Tap>>,
}

/// The transfers that wait on one IN endpoint, oldest first.
#[derive(Debug)]
struct Line {
    endpoint: u8,
    kind: Kind,
    /// wMaxPacketSize, in bytes.
    packet: usize,
    waiting: VecDeque<Pending>,
}

#[derive(Debug)]
struct Pending {
    sequence: u64,
    max: usize,
}

/// The most bytes of `room` that whole packets fill.
const fn whole(room: usize, packet: usize) -> usize {
    match room.checked_rem(packet) {
        Some(rest) => room - rest,
        None => room,
    }
}

impl Line {
    /// How a transfer with this much room ends; `None` while the device has nothing (NAK).
    ///
    /// A device sends packets, and knows nothing of the host's room. A transfer that is filled by whole packets has ended
    /// well, and the rest of the message is the next one's. A packet that is longer than what is left of the room ends the
    /// transfer (USB 2.0, 5.7.3 and 5.8.3: "larger than expected"). The host does not acknowledge it, so the device still
    /// has it and sends it again (8.6.3): nothing is lost.
    fn ask(&self, device: &mut dyn Device, sequence: u64, max: usize) -> Option<Completion> {
        let fitted = whole(max, self.packet);
        let filled = fitted == max && max > 0;
        let overflows = !filled && device.in_length(self.endpoint).is_some_and(|length| length > max);
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
        if self.kind == Kind::Interrupt {
            device.interrupt_in(self.endpoint, max)
        } else {
            device.bulk_in(self.endpoint, max)
        }
    }
}

impl Queue {
    /// An empty queue for the endpoints of this device.
    pub fn new(descriptors: &Descriptors, limits: Limits) -> Self {
        let (mut lines, mut outs) = (Vec::new(), Vec::new());
        for endpoint in descriptors.endpoints() {
            let number = endpoint.address & 0x0F;
            // bmAttributes bits 1..0: 3 is interrupt (USB 2.0, table 9-13).
            let kind = if endpoint.attributes & 3 == 3 { Kind::Interrupt } else { Kind::Bulk };
            if endpoint.address & 0x80 == 0 {
                outs.push((number, kind));
            } else {
                // Bits 10..0; the others are of high speed (table 9-13).
                let packet = usize::from(endpoint.max_packet & 0x07FF);
                lines.push(Line { endpoint: number, kind, packet, waiting: VecDeque::new() });
            }
        }
        let packet = descriptors.device.max_packet.into();
        Self { limits, bytes: 0, packet, lines, outs, tap: None }
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
        match urb.transfer {
            Transfer::Control { setup, data, max } => {
                let end = control(device, sequence, setup, data, (max, self.packet));
                ended(&mut self.tap, setup.request_type & 0x80, Kind::Control, &end);
                done(end);
            }
            Transfer::Out { endpoint, data } => {
                let there = self.outs.iter().any(|(number, _)| *number == endpoint);
                let sent = if there { device.bulk_out(endpoint, data) } else { Err(Stall) };
                let end = Completion::out(sequence, sent.map(|()| data.len()));
                let kind = self.kind(endpoint);
                ended(&mut self.tap, endpoint, kind, &end);
                done(end);
            }
            Transfer::In { endpoint, max } => return self.receive(device, sequence, endpoint, max, done),
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
        if self.lines.iter().flat_map(|line| &line.waiting).any(|pending| pending.sequence == sequence) {
            return Err(Overrun::Sequence);
        }
        let address = endpoint | 0x80;
        let Some(line) = self.lines.iter_mut().find(|line| line.endpoint == endpoint) else {
            let end = Completion::out(sequence, Err(Stall));
            ended(&mut self.tap, address, Kind::Bulk, &end);
            done(end);
            return Ok(());
        };
        // The usual case: the answer is there, and nothing has to be remembered.
        if line.waiting.is_empty()
            && let Some(end) = line.ask(device, sequence, max)
        {
            ended(&mut self.tap, address, line.kind, &end);
            done(end);
            return Ok(());
        }
        if line.waiting.len() >= self.limits.transfers {
            return Err(Overrun::Transfers);
        }
        let bytes = self.bytes.saturating_add(max);
        if bytes > self.limits.bytes {
            return Err(Overrun::Bytes);
        }
        self.bytes = bytes;
        line.waiting.push_back(Pending { sequence, max });
        Ok(())
    }

    /// Offers the waiting transfers to the device, oldest first.
    pub fn poll(&mut self, device: &mut dyn Device, done: &mut impl FnMut(Completion)) {
        for line in &mut self.lines {
            while let Some(pending) = line.waiting.front() {
                let Some(end) = line.ask(device, pending.sequence, pending.max) else { break };
                ended(&mut self.tap, line.endpoint | 0x80, line.kind, &end);
                done(end);
                self.bytes = self.bytes.saturating_sub(pending.max);
                line.waiting.pop_front();
            }
        }
    }

    /// Takes a waiting transfer out; `false` when there is none with this number, because it is done already.
    pub fn unlink(&mut self, sequence: u64) -> bool {
        for line in &mut self.lines {
            if let Some(at) = line.waiting.iter().position(|pending| pending.sequence == sequence)
                && let Some(pending) = line.waiting.remove(at)
            {
                self.bytes = self.bytes.saturating_sub(pending.max);
                let (endpoint, kind) = (line.endpoint | 0x80, line.kind);
                see(&mut self.tap, sequence, endpoint, kind, over(Ending::Unlinked));
                return true;
            }
        }
        false
    }

    fn see_submitted(&mut self, urb: &Urb<'_>) {
        if self.tap.is_none() {
            return;
        }
        let (endpoint, kind, setup, length, data) = match urb.transfer {
            Transfer::Control { setup, data, max } => {
                let length = if setup.is_in() { max } else { data.len() };
                (setup.request_type & 0x80, Kind::Control, Some(setup), length, data)
            }
            Transfer::Out { endpoint, data } => (endpoint, self.kind(endpoint), None, data.len(), data),
            Transfer::In { endpoint, max } => {
                (endpoint | 0x80, self.kind(endpoint | 0x80), None, max, &[][..])
            }
        };
        see(&mut self.tap, urb.sequence, endpoint, kind, Moment::Submitted { setup, length, data });
    }

    /// What kind of endpoint this address is of; one that is not there counts as bulk.
    fn kind(&self, address: u8) -> Kind {
        let line = self.lines.iter().find(|line| line.endpoint | 0x80 == address).map(|line| line.kind);
        let out = || self.outs.iter().find(|(number, _)| *number == address).map(|(_, kind)| *kind);
        line.or_else(out).unwrap_or(Kind::Bulk)
    }

    /// How many transfers wait.
    pub fn waiting(&self) -> usize {
        self.lines.iter().map(|line| line.waiting.len()).sum()
    }
}

impl Drop for Queue {
    /// What waits will not come.
    fn drop(&mut self) {
        for line in &self.lines {
            for pending in &line.waiting {
                let (endpoint, moment) = (line.endpoint | 0x80, over(Ending::Shutdown));
                see(&mut self.tap, pending.sequence, endpoint, line.kind, moment);
            }
        }
    }
}

fn see(tap: &mut Option<Box<dyn Tap>>, sequence: u64, endpoint: u8, kind: Kind, moment: Moment<'_>) {
    if let Some(tap) = tap {
        tap.see(&Sight { sequence, endpoint, kind, moment });
    }
}

fn ended(tap: &mut Option<Box<dyn Tap>>, endpoint: u8, kind: Kind, end: &Completion) {
    let moment = Moment::Ended { end: Ending::Status(end.status), length: end.length, data: &end.data };
    see(tap, end.sequence, endpoint, kind, moment);
}

const fn over(end: Ending) -> Moment<'static> {
    Moment::Ended { end, length: 0, data: &[] }
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
    use crate::urb::fake::{Echo, descriptors};

    fn urb(sequence: u64, transfer: Transfer<'_>) -> Urb<'_> {
        Urb { sequence, transfer }
    }

    fn submit(queue: &mut Queue, device: &mut Echo, urb: Urb<'_>) -> Result<Vec<Completion>, Overrun> {
        let mut ends = Vec::new();
        queue.submit(device, urb, &mut |end| ends.push(end))?;
        Ok(ends)
    }

    const fn read(max: usize) -> Transfer<'static> {
        Transfer::In { endpoint: 2, max }
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
        let out = Transfer::Out { endpoint: 1, data: b"hello" };
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
        let elsewhere = Transfer::In { endpoint: 3, max: 0 };
        assert_eq!(submit(&mut queue, &mut device, urb(4, elsewhere)), Ok(vec![]));
    }

    #[test]
    fn unknown_endpoints_stall() {
        let (mut queue, mut device) = parts();
        for transfer in [
            Transfer::In { endpoint: 9, max: 8 },
            Transfer::In { endpoint: 1, max: 8 },
            Transfer::Out { endpoint: 2, data: b"x" },
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
            let control = Transfer::Control { setup, data: &[], max };
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
            let control = Transfer::Control { setup, data, max: 0 };
            assert_eq!(submit(&mut queue, &mut device, urb(1, control)).unwrap()[0].status, status);
        }
    }
}
