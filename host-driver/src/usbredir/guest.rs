//! A guest that has a device: the guest's packets become transfers, and ends of transfers become packets.

mod interrupt;

use std::collections::BTreeMap;

use wire::{
    usb::{Setup, request},
    usbredir::{Bulk, Capabilities, Control, EpInfo, Status, ToGuest, ToHost},
};

use interrupt::Receiving;

use super::{
    codec::{self, Frame, Violation},
    describe,
};
use crate::{
    session::{PeerProtocol, Step},
    urb::{self, Completion, Descriptors, Device, Queue, Request, Urb},
};

/// USB 2.0, table 9-13, bmAttributes.
const BULK: u8 = 2;
const INTERRUPT: u8 = 3;

/// What was said with one guest about one device.
pub(super) struct Guest {
    agreed: Capabilities,
    descriptors: Descriptors,
    endpoints: EpInfo,
    /// Bulk input that waits for the device, by the queue's numbers.
    pending: BTreeMap<u64, Pending>,
    /// Interrupt input, by the endpoint's address.
    receiving: BTreeMap<u8, Receiving>,
    /// The queue's number of the last request.
    last: u64,
}

#[derive(Clone, Copy)]
struct Pending {
    id: u64,
    header: Bulk,
}

impl Guest {
    /// Shows the device to the guest: packets go to `output`.
    pub(super) fn new(agreed: Capabilities, descriptors: &Descriptors, output: &mut Vec<u8>) -> Self {
        let guest = Self {
            agreed,
            descriptors: descriptors.clone(),
            endpoints: describe::endpoints(descriptors, true),
            pending: BTreeMap::new(),
            receiving: BTreeMap::new(),
            last: 0,
        };
        // In this order ("usb_redir_device_connect"). No configuration is set yet; those that it will have decide which
        // of the guest's controllers it fits.
        guest.tell(output, 0, &ToGuest::EpInfo(guest.endpoints));
        guest.tell(output, 0, &describe::interfaces(descriptors, true));
        guest.tell(output, 0, &describe::connect(descriptors));
        guest
    }

    fn tell(&self, output: &mut Vec<u8>, id: u64, message: &ToGuest<'_>) {
        message.encode(id, self.agreed, output);
    }

    fn next_sequence(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
}

/// The queue and the device, for one packet.
struct Bench<'a> {
    queue: &'a mut Queue,
    device: &'a mut dyn Device,
    output: &'a mut Vec<u8>,
}

impl Bench<'_> {
    /// Carries a request out. Returns its end, unless it has to wait, and the ends of other transfers that it brought about.
    fn run(
        &mut self,
        sequence: u64,
        request: Request<'_>,
    ) -> Result<(Option<Completion>, Vec<Completion>), Violation> {
        let (mut own, mut others) = (None, Vec::new());
        self.queue.submit(self.device, Urb { sequence, request }, &mut |end| {
            if end.sequence == sequence {
                own = Some(end);
            } else {
                others.push(end);
            }
        })?;
        Ok((own, others))
    }
}

impl PeerProtocol for Guest {
    type Violation = Violation;

    fn obey(
        &mut self,
        input: &[u8],
        queue: &mut Queue,
        device: &mut dyn Device,
        output: &mut Vec<u8>,
    ) -> Result<Step, Violation> {
        let (id, message, length) = match codec::next(input, self.agreed)? {
            Frame::Whole(id, message, length) => (id, message, length),
            Frame::Partial(length) => return Ok(Step::Wants(length)),
        };
        self.carry_out(id, message, &mut Bench { queue, device, output })?;
        Ok(Step::Took(length))
    }

    fn poll(
        &mut self,
        queue: &mut Queue,
        device: &mut dyn Device,
        output: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        let mut ends = Vec::new();
        queue.poll(device, &mut |end| ends.push(end));
        self.ended(ends, &mut Bench { queue, device, output })
    }
}

impl Guest {
    fn carry_out(&mut self, id: u64, message: ToHost<'_>, bench: &mut Bench<'_>) -> Result<(), Violation> {
        match message {
            ToHost::Hello(_) => return Err(Violation::Hello),
            ToHost::FilterReject => return Err(Violation::Rejected),
            // A filter is for the guest, which says filter_reject when a device does not suit. An acknowledgement is of a device
            // that is gone.
            ToHost::FilterFilter { .. } | ToHost::DeviceDisconnectAck => {}
            ToHost::Reset => {
                self.cancel_all(bench);
                bench.device.reset();
            }
            ToHost::SetConfiguration { value } => {
                let (status, _) = self.request(bench, 0x00, request::SET_CONFIGURATION, value.into(), 0)?;
                if status == Status::Success {
                    self.describe(bench.output, value != 0);
                }
                self.tell(bench.output, id, &ToGuest::ConfigurationStatus { status, value });
            }
            ToHost::GetConfiguration => {
                let (status, value) = self.request(bench, 0x80, request::GET_CONFIGURATION, 0, 0)?;
                self.tell(bench.output, id, &ToGuest::ConfigurationStatus { status, value });
            }
            ToHost::SetAltSetting { interface, alternate } => {
                let (setting, index) = (alternate.into(), interface.into());
                let (status, _) = self.request(bench, 0x01, request::SET_INTERFACE, setting, index)?;
                if status == Status::Success {
                    self.describe(bench.output, true);
                }
                self.tell(bench.output, id, &ToGuest::AltSettingStatus { status, interface, alternate });
            }
            ToHost::GetAltSetting { interface } => {
                let (status, alternate) =
                    self.request(bench, 0x81, request::GET_INTERFACE, 0, interface.into())?;
                self.tell(bench.output, id, &ToGuest::AltSettingStatus { status, interface, alternate });
            }
            ToHost::StartIsoStream { endpoint, .. } | ToHost::StopIsoStream { endpoint } => {
                let status = Status::Invalid;
                self.tell(bench.output, id, &ToGuest::IsoStreamStatus { status, endpoint });
            }
            // There is no isochronous endpoint, and nothing answers such a packet.
            ToHost::Iso { .. } => {}
            ToHost::StartInterruptReceiving { endpoint } => return self.start(id, endpoint, bench),
            ToHost::StopInterruptReceiving { endpoint } => self.stop(id, endpoint, bench),
            ToHost::CancelDataPacket => self.cancel(id, bench),
            ToHost::Control { header, data } => return self.control(id, header, data, bench),
            ToHost::Bulk { header, data } => return self.bulk(id, header, data, bench),
            ToHost::Interrupt { header, data } => return self.interrupt_out(id, header, data, bench),
        }
        Ok(())
    }

    /// A standard request that the protocol has a packet for, with one byte that comes back when it asks for one.
    /// Whatever waits on the interface is dropped, as the protocol wants for control packets that change it.
    fn request(
        &mut self,
        bench: &mut Bench<'_>,
        request_type: u8,
        request: u8,
        value: u16,
        index: u16,
    ) -> Result<(Status, u8), Violation> {
        let max = usize::from(request_type >> 7);
        if max == 0 {
            self.cancel_all(bench);
        }
        let setup = Setup { request_type, request, value, index, length: u16::from(request_type >> 7) };
        let (own, others) = bench.run(self.next_sequence(), Request::Control { setup, data: &[], max })?;
        self.ended(others, bench)?;
        Ok(own.map_or((Status::IoError, 0), |end| {
            (status(end.status), end.data.first().copied().unwrap_or_default())
        }))
    }

    /// ep_info and interface_info, in this order, before the status that tells of the change.
    fn describe(&mut self, output: &mut Vec<u8>, configured: bool) {
        self.endpoints = describe::endpoints(&self.descriptors, configured);
        self.tell(output, 0, &ToGuest::EpInfo(self.endpoints));
        self.tell(output, 0, &describe::interfaces(&self.descriptors, configured));
    }

    fn control(
        &mut self,
        id: u64,
        header: Control,
        data: &[u8],
        bench: &mut Bench<'_>,
    ) -> Result<(), Violation> {
        let answer = |status, length| {
            let setup = Setup { length, ..header.setup };
            Control { status, setup, ..header }
        };
        if header.endpoint & 0x7F != 0 {
            let header = answer(Status::Invalid, 0);
            self.tell(bench.output, id, &ToGuest::Control { header, data: &[] });
            return Ok(());
        }
        let max = if header.endpoint == 0 { 0 } else { usize::from(header.setup.length) };
        let request = Request::Control { setup: header.setup, data, max };
        let (own, others) = bench.run(self.next_sequence(), request)?;
        if let Some(end) = own {
            let length = u16::try_from(end.length).unwrap_or(u16::MAX);
            let header = answer(status(end.status), length);
            self.tell(bench.output, id, &ToGuest::Control { header, data: &end.data });
        }
        self.ended(others, bench)
    }

    fn bulk(&mut self, id: u64, header: Bulk, data: &[u8], bench: &mut Bench<'_>) -> Result<(), Violation> {
        if self.kind(header.endpoint) != BULK || header.stream != 0 {
            self.tell_bulk(bench.output, Pending { id, header }, Status::Invalid, &[], 0);
            return Ok(());
        }
        if self.pending.values().any(|pending| pending.id == id) {
            return Err(Violation::Id);
        }
        let endpoint = header.endpoint & 0x0F;
        let request = if header.endpoint & 0x80 == 0 {
            Request::Out { endpoint, data }
        } else {
            Request::In { endpoint, max: usize::try_from(header.length).unwrap_or(usize::MAX) }
        };
        let sequence = self.next_sequence();
        let (own, others) = bench.run(sequence, request)?;
        let pending = Pending { id, header };
        match own {
            Some(end) => self.tell_bulk(bench.output, pending, status(end.status), &end.data, end.length),
            None => drop(self.pending.insert(sequence, pending)),
        }
        self.ended(others, bench)
    }

    fn tell_bulk(&self, output: &mut Vec<u8>, pending: Pending, status: Status, data: &[u8], length: usize) {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let header = Bulk { status, length, ..pending.header };
        self.tell(output, pending.id, &ToGuest::Bulk { header, data });
    }

    /// Tells of transfers that waited and are over now.
    fn ended(&mut self, ends: Vec<Completion>, bench: &mut Bench<'_>) -> Result<(), Violation> {
        for end in ends {
            if let Some(pending) = self.pending.remove(&end.sequence) {
                self.tell_bulk(bench.output, pending, status(end.status), &end.data, end.length);
                continue;
            }
            let of = |receiving: &Receiving| receiving.sequence == end.sequence;
            let Some((&endpoint, &Receiving { next, .. })) =
                self.receiving.iter().find(|(_, receiving)| of(receiving))
            else {
                continue;
            };
            self.receiving.remove(&endpoint);
            if end.status == urb::Status::Stall {
                self.stalled(endpoint, bench.output);
            } else {
                self.tell_interrupt(endpoint, next, &end, bench.output);
                self.receive(endpoint, next.wrapping_add(1), bench)?;
            }
        }
        Ok(())
    }

    /// "the usb-guest will always receive back a data packet": this one if it still waits, or the one that was sent.
    fn cancel(&mut self, id: u64, bench: &mut Bench<'_>) {
        let Some((&sequence, &pending)) = self.pending.iter().find(|(_, pending)| pending.id == id) else {
            tracing::debug!(id, "a packet was cancelled that has been answered");
            return;
        };
        self.pending.remove(&sequence);
        bench.queue.unlink(sequence);
        self.tell_bulk(bench.output, pending, Status::Cancelled, &[], 0);
    }

    /// Cancels what waits, and stops what is received.
    fn cancel_all(&mut self, bench: &mut Bench<'_>) {
        for (sequence, pending) in std::mem::take(&mut self.pending) {
            bench.queue.unlink(sequence);
            self.tell_bulk(bench.output, pending, Status::Cancelled, &[], 0);
        }
        for (endpoint, receiving) in std::mem::take(&mut self.receiving) {
            bench.queue.unlink(receiving.sequence);
            self.stalled(endpoint, bench.output);
        }
    }

    /// The kind of the endpoint with this address. An address with reserved bits is of no kind.
    fn kind(&self, address: u8) -> u8 {
        if address & 0x70 == 0 { self.endpoints.endpoint(address).kind } else { u8::MAX }
    }
}

const fn status(status: urb::Status) -> Status {
    match status {
        urb::Status::Ok => Status::Success,
        urb::Status::Stall => Status::Stall,
        urb::Status::Overflow => Status::Babble,
    }
}
