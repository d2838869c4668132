//! One imported device: its URBs, and the pipes on top of them.

use std::{
    io::{ErrorKind, Write},
    time::Duration,
};

use wire::{
    usb::{DeviceDescriptor, Setup, descriptor, request},
    usbip::{Return, Submit, URB_HEADER, Unlink, urb_status},
};
use zeroize::Zeroize;

use super::{
    Stream,
    inbox::{Deadline, Inbox},
};
use crate::{
    Error, Pipe,
    pipe::{CONTROL_TIMEOUT, Interface, MAX_CONFIGURATION, Secret, descriptor_request},
};

/// Bytes of configuration that are asked for before the device has said how long its configuration is. Windows asks for as many, so
/// that every device knows the request; a reader's configuration has some ninety.
const USUAL_CONFIGURATION: u16 = 255;
/// How long a token may take to take a bulk OUT transfer.
const OUT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a server may take to answer UNLINK before the line counts as dead.
const UNLINK_TIMEOUT: Duration = Duration::from_secs(5);
/// Most URBs on the line. More of them mean that the server forgets to answer.
const MAX_PENDING: usize = 32;

/// An imported token.
pub struct Link {
    urbs: Urbs,
    interface: Interface,
    /// The URB that waits for a slot change. The URB stays with the server during other transfers.
    watch: Option<u32>,
}

impl Link {
    /// Imports the device that `bus_id` names, reads its descriptors and configures it, as a kernel does.
    ///
    /// # Errors
    /// [`Error::Busy`] when another program holds the device, [`Error::NotFound`] when there is no such device,
    /// [`Error::Nonsense`] when the device is no CCID reader, and the line's own.
    pub fn import(address: &str, bus_id: &str) -> Result<Self, Error> {
        let (socket, inbox, device) = super::import(address, bus_id)?;
        let mut urbs = Urbs {
            socket,
            inbox,
            outbox: Secret::default(),
            device: device.id(),
            sequence: 0,
            pending: Vec::new(),
            dead: false,
        };
        let interface = enumerate(&mut urbs)?;
        Ok(Self { urbs, interface, watch: None })
    }

    /// busnum and devnum on the server, which name the device in URBs.
    pub const fn device_id(&self) -> u32 {
        self.urbs.device
    }

    /// Another handle of the connection, for a thread that waits for the end of the connection, or cuts it, while
    /// another thread transfers. Nobody reads or writes by it.
    ///
    /// # Errors
    /// No descriptor is free.
    pub fn line(&self) -> Result<Stream, Error> {
        self.urbs.socket.try_clone().map_err(Error::Broken)
    }
}

/// The descriptors, then SET_CONFIGURATION (USB 2.0, 9.1.2, steps 6 to 8; the server chooses the address).
///
/// Both descriptors are asked for in one write, and the configuration with all that belongs to it: a device that has less than
/// was asked for sends what it has (USB 2.0, 9.4.3).
fn enumerate(urbs: &mut Urbs) -> Result<Interface, Error> {
    let device = urbs.queue_control(descriptor_request(descriptor::DEVICE, 0, 0, 18), &[])?;
    let configuration =
        urbs.queue_control(descriptor_request(descriptor::CONFIGURATION, 0, 0, USUAL_CONFIGURATION), &[])?;
    urbs.flush()?;
    let device = DeviceDescriptor::parse(&urbs.finish_control(device)?)?;
    let mut configuration = urbs.finish_control(configuration)?;
    let &[9, descriptor::CONFIGURATION, low, high, ..] = configuration.as_slice() else {
        return Err(Error::nonsense("configuration descriptor", "not nine bytes of type 2"));
    };
    let total = u16::from_le_bytes([low, high]).min(MAX_CONFIGURATION);
    if total > USUAL_CONFIGURATION {
        configuration = urbs.control(descriptor_request(descriptor::CONFIGURATION, 0, 0, total), &[])?;
    }
    let interface = Interface::find(device, &configuration)?;
    let setup = Setup {
        request_type: 0,
        request: request::SET_CONFIGURATION,
        value: interface.configuration.into(),
        index: 0,
        length: 0,
    };
    urbs.control(setup, &[])?;
    Ok(interface)
}

impl Pipe for Link {
    fn interface(&self) -> &Interface {
        &self.interface
    }

    fn control(&mut self, setup: Setup, data: &[u8]) -> Result<Vec<u8>, Error> {
        self.urbs.control(setup, data)
    }

    fn bulk_out(&mut self, data: &[u8]) -> Result<(), Error> {
        let sequence = self.urbs.queue_out(self.interface.bulk_out, [0; 8], data)?;
        self.urbs.flush()?;
        let deadline = Deadline::within(OUT_TIMEOUT, "the token to take a command");
        self.urbs.finish(sequence, &mut Vec::new(), deadline)
    }

    fn bulk_in(&mut self, into: &mut Vec<u8>, max: usize, timeout: Duration) -> Result<(), Error> {
        let sequence = self.urbs.queue_in(self.interface.bulk_in, [0; 8], max)?;
        self.urbs.flush()?;
        self.urbs.finish(sequence, into, Deadline::within(timeout, "the token's answer"))
    }

    fn interrupt_in(&mut self, timeout: Duration) -> Result<Option<Vec<u8>>, Error> {
        let Some((endpoint, max)) = self.interface.interrupt_in else { return Ok(None) };
        let sequence = match self.watch {
            Some(sequence) => sequence,
            None => {
                let sequence = self.urbs.queue_in(endpoint, [0; 8], max.into())?;
                self.urbs.flush()?;
                *self.watch.insert(sequence)
            }
        };
        let mut data = Vec::new();
        match self.urbs.wait(sequence, &mut data, Deadline::within(timeout, "a slot change")) {
            // The URB stays posted, so that what happens until the next call is not lost.
            Err(Error::TimedOut(_)) => Ok(None),
            Err(error) => Err(error),
            Ok(status) => {
                self.watch = None;
                done(status).map(|()| Some(data))
            }
        }
    }

    /// Both URBs go out in one write. When the token is quick, the server answers both in one write, too.
    fn exchange(
        &mut self,
        out: &[u8],
        into: &mut Vec<u8>,
        max: usize,
        timeout: Duration,
    ) -> Result<(), Error> {
        let sent = self.urbs.queue_out(self.interface.bulk_out, [0; 8], out)?;
        let answer = self.urbs.queue_in(self.interface.bulk_in, [0; 8], max)?;
        self.urbs.flush()?;
        let deadline = Deadline::within(timeout, "the token's answer");
        if let Err(error) = self.urbs.finish(sent, &mut Vec::new(), deadline) {
            // A command that did not arrive has no answer. The IN transfer is taken back, whatever it brings.
            let _ = self.urbs.cancel(answer, &mut Vec::new());
            return Err(error);
        }
        self.urbs.finish(answer, into, deadline)
    }
}

/// One URB on the line.
struct Pending {
    sequence: u32,
    kind: Kind,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// OUT, with the bytes sent.
    Out(usize),
    /// IN, with the most that may come.
    In(usize),
    Unlink,
}

enum State {
    Waiting,
    /// The URB's reply came while another reply was waited for.
    Done(i32, Vec<u8>),
    /// The server said that it was too late to cancel the URB, but the reply was not seen. The reply may still come.
    Abandoned,
}

/// The URBs of one device.
struct Urbs {
    socket: Stream,
    inbox: Inbox,
    /// What goes out with the next write. It may hold a PIN, and is wiped after the write.
    outbox: Secret,
    device: u32,
    sequence: u32,
    pending: Vec<Pending>,
    /// The stream is cut or out of step, and is not used any more.
    dead: bool,
}

impl Urbs {
    fn control(&mut self, setup: Setup, data: &[u8]) -> Result<Vec<u8>, Error> {
        let sequence = self.queue_control(setup, data)?;
        self.flush()?;
        self.finish_control(sequence)
    }

    fn queue_control(&mut self, setup: Setup, data: &[u8]) -> Result<u32, Error> {
        if setup.is_in() {
            self.queue_in(0, setup.bytes(), setup.length.into())
        } else {
            self.queue_out(0, setup.bytes(), data)
        }
    }

    fn finish_control(&mut self, sequence: u32) -> Result<Vec<u8>, Error> {
        let mut answer = Vec::new();
        self.finish(sequence, &mut answer, Deadline::within(CONTROL_TIMEOUT, "a control transfer"))?;
        Ok(answer)
    }

    fn queue_out(&mut self, endpoint: u8, setup: [u8; 8], data: &[u8]) -> Result<u32, Error> {
        let sequence = self.queue(endpoint, setup, Kind::Out(data.len()))?;
        self.outbox.extend_from_slice(data);
        Ok(sequence)
    }

    fn queue_in(&mut self, endpoint: u8, setup: [u8; 8], max: usize) -> Result<u32, Error> {
        self.queue(endpoint, setup, Kind::In(max))
    }

    fn queue(&mut self, endpoint: u8, setup: [u8; 8], kind: Kind) -> Result<u32, Error> {
        let (is_in, length) = match kind {
            Kind::Out(length) => (false, length),
            Kind::In(length) => (true, length),
            Kind::Unlink => (false, 0),
        };
        let length = u32::try_from(length).map_err(|_| Error::Invalid("a transfer over 4 GiB"))?;
        let sequence = self.track(kind)?;
        let device = self.device;
        let submit = Submit { sequence, device, is_in, endpoint: endpoint & 0x0F, length, setup };
        self.outbox.extend_from_slice(&submit.bytes());
        Ok(sequence)
    }

    /// A new row in the table, under the next sequence number, which is never 0.
    fn track(&mut self, kind: Kind) -> Result<u32, Error> {
        if self.pending.len() >= MAX_PENDING {
            return Err(self.die(Error::nonsense("USB/IP server", "leaves URBs without an answer")));
        }
        self.sequence = self.sequence.checked_add(1).unwrap_or(1);
        self.pending.push(Pending { sequence: self.sequence, kind, state: State::Waiting });
        Ok(self.sequence)
    }

    fn flush(&mut self) -> Result<(), Error> {
        if self.dead {
            self.outbox.zeroize();
            return Err(Error::Broken(ErrorKind::NotConnected.into()));
        }
        let written = (&self.socket).write_all(&self.outbox);
        let sent = self.outbox.len();
        self.outbox[..sent].as_mut().zeroize();
        self.outbox.clear();
        // Half a message may have been sent, and nothing that follows would be understood.
        written.map_err(|error| self.die(Error::from(error)))
    }

    /// Waits for a URB's reply, and takes the URB back at the deadline.
    fn finish(&mut self, sequence: u32, into: &mut Vec<u8>, deadline: Deadline) -> Result<(), Error> {
        let before = into.len();
        let status = match self.wait(sequence, into, deadline) {
            // The reply may have come before the cancellation. Then it counts as in time.
            Err(Error::TimedOut(what)) => self.cancel(sequence, into)?.ok_or(Error::TimedOut(what))?,
            other => other?,
        };
        // The bytes of a failed transfer are no answer.
        done(status).inspect_err(|_| into.truncate(before))
    }

    /// Waits for the reply to `sequence`, whose data is appended to `into`. Other replies are kept in the table.
    fn wait(&mut self, sequence: u32, into: &mut Vec<u8>, mut deadline: Deadline) -> Result<i32, Error> {
        if let Some(status) = self.collect(sequence, into) {
            return Ok(status);
        }
        if self.dead {
            return Err(Error::Broken(ErrorKind::NotConnected.into()));
        }
        loop {
            match self.step(sequence, into, &mut deadline) {
                Ok(Some(status)) => return Ok(status),
                Ok(None) => {}
                Err(error @ Error::TimedOut(_)) => return Err(error),
                Err(error) => return Err(self.die(error)),
            }
        }
    }

    /// A reply that came earlier.
    fn collect(&mut self, sequence: u32, into: &mut Vec<u8>) -> Option<i32> {
        let at = self.pending.iter().position(|urb| urb.sequence == sequence)?;
        let State::Done(status, data) = &mut self.pending[at].state else { return None };
        let status = *status;
        into.extend_from_slice(data);
        data.zeroize();
        self.pending.swap_remove(at);
        Some(status)
    }

    /// Reads one reply. `Some` when the reply is the one that is waited for.
    fn step(
        &mut self,
        sequence: u32,
        into: &mut Vec<u8>,
        deadline: &mut Deadline,
    ) -> Result<Option<i32>, Error> {
        self.inbox.need(&self.socket, URB_HEADER, deadline)?;
        let head = self.inbox.bytes().first_chunk().ok_or(Error::nonsense("USB/IP reply", "cut short"))?;
        let reply = Return::parse(head)?;
        let (of, status, length) = match reply {
            Return::Submit { sequence, status, length } => (sequence, status, length as usize),
            Return::Unlink { sequence, status } => (sequence, status, 0),
        };
        let at = self
            .pending
            .iter()
            .position(|urb| urb.sequence == of)
            .ok_or(Error::nonsense("USB/IP reply", "to a URB that nobody sent"))?;
        let payload = match (reply, self.pending[at].kind) {
            (Return::Submit { .. }, Kind::In(max) | Kind::Out(max)) if length > max => {
                return Err(Error::nonsense("USB/IP reply", "more bytes than the URB asked for"));
            }
            (Return::Submit { .. }, Kind::In(_)) => length,
            (Return::Submit { .. }, Kind::Out(_)) | (Return::Unlink { .. }, Kind::Unlink) => 0,
            _ => return Err(Error::nonsense("USB/IP reply", "of another kind than its request")),
        };
        self.inbox.need(&self.socket, URB_HEADER + payload, deadline)?;
        let data = self.inbox.bytes().get(URB_HEADER..URB_HEADER + payload).unwrap_or_default();
        let mine = of == sequence;
        let urb = &mut self.pending[at];
        if mine {
            into.extend_from_slice(data);
            self.pending.swap_remove(at);
        } else if matches!(urb.state, State::Waiting) {
            urb.state = State::Done(status, data.to_vec());
        } else if matches!(urb.state, State::Abandoned) {
            self.pending.swap_remove(at);
        } else {
            return Err(Error::nonsense("USB/IP reply", "twice to one URB"));
        }
        self.inbox.take(URB_HEADER + payload);
        Ok(mine.then_some(status))
    }

    /// USBIP_CMD_UNLINK, and its answer. `Some` when the URB was done before it could be cancelled.
    fn cancel(&mut self, victim: u32, into: &mut Vec<u8>) -> Result<Option<i32>, Error> {
        if !self.pending.iter().any(|urb| urb.sequence == victim) {
            return Ok(None);
        }
        let sequence = self.track(Kind::Unlink)?;
        self.outbox.extend_from_slice(&Unlink { sequence, device: self.device, victim }.bytes());
        self.flush()?;
        let deadline = Deadline::within(UNLINK_TIMEOUT, "the server to cancel a transfer");
        // The server does not even answer UNLINK: the line is of no use any more.
        let status = self.wait(sequence, &mut Vec::new(), deadline).map_err(|error| self.die(error))?;
        if let Some(status) = self.collect(victim, into) {
            return Ok(Some(status));
        }
        if let Some(at) = self.pending.iter().position(|urb| urb.sequence == victim) {
            if status == urb_status::OK {
                self.pending[at].state = State::Abandoned;
            } else {
                self.pending.swap_remove(at);
            }
        }
        Ok(None)
    }

    /// Closes the line for good: the server powers the token off.
    fn die(&mut self, error: Error) -> Error {
        self.dead = true;
        let _ = self.socket.shutdown();
        error
    }
}

/// A packet came that is longer than the room that was left (USB 2.0, 5.8.3). The room is always that of the longest
/// message that the token's descriptors allow.
const BABBLE: Error = Error::nonsense("USB transfer", "more bytes than were asked for");

/// A URB's status.
fn done(status: i32) -> Result<(), Error> {
    match status {
        urb_status::OK => Ok(()),
        urb_status::EPIPE => Err(Error::Stalled),
        // Line and token are whole: only this transfer brought too much.
        urb_status::EOVERFLOW => Err(BABBLE),
        // -ESHUTDOWN, -ENODEV, -ECONNRESET, …: the token is gone.
        status => Err(Error::Broken(std::io::Error::from_raw_os_error(status.saturating_neg().max(1)))),
    }
}
