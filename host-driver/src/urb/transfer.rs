//! A transfer: what a host asks for, and how it ends.

use wire::usb::Setup;

use super::device::Stall;

/// What a host asks of a device: one transfer, by the number that the host's protocol gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Urb<'a> {
    /// The protocol's number; unique among the pending ones.
    pub sequence: u64,
    /// What the host asks for.
    pub request: Request<'a>,
}

/// What a host asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
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
    pub(super) fn out(sequence: u64, sent: Result<usize, Stall>) -> Self {
        let (status, length) = sent.map_or((Status::Stall, 0), |length| (Status::Ok, length));
        Self { sequence, status, length, data: Vec::new() }
    }

    /// What fitted of what the device gave, in packets of `packet` bytes: a longer reply than what was asked for breaks
    /// the host's driver (Nitrokey/nitrokey-3-firmware#261).
    pub(super) fn received(
        sequence: u64,
        received: Result<Vec<u8>, Stall>,
        max: usize,
        packet: usize,
    ) -> Self {
        match received {
            Err(Stall) => Self::out(sequence, Err(Stall)),
            Ok(data) if data.len() > max => Self::overflow(sequence, data, whole(max, packet)),
            Ok(data) => Self { sequence, status: Status::Ok, length: data.len(), data },
        }
    }

    /// The packet behind `fitted` bytes did not fit.
    pub(super) fn overflow(sequence: u64, mut data: Vec<u8>, fitted: usize) -> Self {
        data.truncate(fitted);
        Self { sequence, status: Status::Overflow, length: data.len(), data }
    }
}

/// The most bytes of `room` that whole packets fill.
pub(super) const fn whole(room: usize, packet: usize) -> usize {
    match room.checked_rem(packet) {
        Some(rest) => room - rest,
        None => room,
    }
}
