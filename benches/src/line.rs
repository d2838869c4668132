//! The bare client. The client writes and reads URBs, and knows nothing of their content.

use std::io::{Read, Write};

use anyhow::{Context, ensure};
use card::usbip::Stream;
use wire::usbip::{
    DEVICE, Device, OP_HEADER, Return, Submit, URB_HEADER, parse_import_header, request_import,
};

/// How the two URBs of an exchange travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// OUT, its answer, IN, its answer: two round trips.
    Serial,
    /// OUT and IN in one write: one round trip.
    OneWrite,
}

/// An imported device.
pub(crate) struct Line {
    stream: Stream,
    device: u32,
    sequence: u32,
    bulk_out: u8,
    bulk_in: u8,
    output: Vec<u8>,
}

impl Line {
    pub(crate) fn import(address: impl ToString, bus_id: &str) -> anyhow::Result<Self> {
        let stream = Stream::connect(&address.to_string())?;
        (&stream).write_all(&request_import(bus_id)?)?;
        let (mut head, mut device) = ([0; OP_HEADER], [0; DEVICE]);
        (&stream).read_exact(&mut head)?;
        let status = parse_import_header(head)?;
        ensure!(status == 0, "import refused with status {status}");
        (&stream).read_exact(&mut device)?;
        let device = Device::parse(&device)?.id();
        Ok(Self { stream, device, sequence: 0, bulk_out: 1, bulk_in: 2, output: Vec::new() })
    }

    fn submit(&mut self, is_in: bool, endpoint: u8, length: usize, setup: [u8; 8]) -> anyhow::Result<()> {
        self.sequence += 1;
        let length = u32::try_from(length)?;
        let urb = Submit { sequence: self.sequence, device: self.device, is_in, endpoint, length, setup };
        self.output.extend_from_slice(&urb.bytes());
        Ok(())
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        (&self.stream).write_all(&self.output)?;
        self.output.clear();
        Ok(())
    }

    fn answer(&mut self, is_in: bool) -> anyhow::Result<Vec<u8>> {
        let mut head = [0; URB_HEADER];
        (&self.stream).read_exact(&mut head).context("the server hung up")?;
        let Return::Submit { status, length, .. } = Return::parse(&head)? else {
            anyhow::bail!("an answer to no URB of ours")
        };
        ensure!(status == 0, "URB status {status}");
        let mut data = vec![0; if is_in { length as usize } else { 0 }];
        (&self.stream).read_exact(&mut data)?;
        Ok(data)
    }

    /// A control transfer with an IN data stage.
    pub(crate) fn control(&mut self, setup: [u8; 8]) -> anyhow::Result<Vec<u8>> {
        self.submit(true, 0, usize::from(u16::from_le_bytes([setup[6], setup[7]])), setup)?;
        self.flush()?;
        self.answer(true)
    }

    /// Writes a message to bulk OUT and reads the answer from bulk IN.
    pub(crate) fn exchange(&mut self, order: Order, message: &[u8]) -> anyhow::Result<Vec<u8>> {
        self.submit(false, self.bulk_out, message.len(), [0; 8])?;
        self.output.extend_from_slice(message);
        if order == Order::Serial {
            self.flush()?;
            self.answer(false)?;
        }
        self.submit(true, self.bulk_in, 4096, [0; 8])?;
        self.flush()?;
        if order == Order::OneWrite {
            self.answer(false)?;
        }
        self.answer(true)
    }
}
