//! A device for the tests of this crate: what bulk OUT brings, bulk IN gives back.

use std::{collections::VecDeque, time::Duration};

use firmware::seams::Millis;
use wire::usb::{DeviceDescriptor, EndpointDescriptor, InterfaceDescriptor, Setup, request};

use super::device::{Descriptors, Device, Done, Labour, Stall, Work};

/// Bulk OUT 1, bulk IN 2, interrupt IN 3.
#[derive(Debug, Default)]
pub(crate) struct Echo {
    waiting: VecDeque<Vec<u8>>,
    job: Option<Duration>,
    /// Sends all it has, whatever was asked for.
    pub(crate) rude: bool,
    /// How often power came and went.
    pub(crate) attached: usize,
    pub(crate) unplugged: usize,
}

pub(crate) fn descriptors() -> Descriptors {
    let endpoint =
        |address, attributes| EndpointDescriptor { address, attributes, max_packet: 64, interval: 1 };
    Descriptors::of(
        DeviceDescriptor {
            usb: 0x0200,
            class: [0; 3],
            max_packet: 64,
            vendor: 0x163C,
            product: 0x0407,
            release: 0x0100,
            strings: [1, 2, 3],
            configurations: 1,
        },
        InterfaceDescriptor { number: 0, alternate: 0, endpoints: 3, class: [11, 0, 0], string: 0 },
        &[endpoint(0x01, 2), endpoint(0x82, 2), endpoint(0x83, 3)],
    )
}

impl Echo {
    pub(crate) fn give(&mut self, data: &[u8]) {
        self.waiting.push_back(data.to_vec());
    }
}

impl Device for Echo {
    fn descriptors(&self) -> Descriptors {
        descriptors()
    }

    fn attach(&mut self) {
        self.attached += 1;
    }

    fn unplug(&mut self) {
        self.unplugged += 1;
        self.waiting.clear();
        self.job = None;
    }

    fn control(&mut self, setup: Setup, _: &[u8]) -> Result<Vec<u8>, Stall> {
        match setup.request {
            request::GET_DESCRIPTOR => Ok(descriptors().device.bytes().to_vec()),
            1 => Ok(Vec::new()),
            _ => Err(Stall),
        }
    }

    fn bulk_out(&mut self, _: u8, data: &[u8]) -> Result<(), Stall> {
        match data {
            b"panic" => panic!("as asked"),
            b"work" => self.job = Some(Duration::from_millis(50)),
            _ => self.waiting.push_back(data.to_vec()),
        }
        Ok(())
    }

    fn in_length(&self, endpoint: u8) -> Option<usize> {
        self.waiting.front().filter(|_| endpoint == 2 && !self.rude).map(Vec::len)
    }

    fn bulk_in(&mut self, _: u8, max: usize) -> Result<Option<Vec<u8>>, Stall> {
        let Some(mut data) = self.waiting.pop_front() else { return Ok(None) };
        if !self.rude && data.len() > max {
            self.waiting.push_front(data.split_off(max));
        }
        Ok(Some(data))
    }

    fn interrupt_in(&mut self, _: u8, _: usize) -> Result<Option<Vec<u8>>, Stall> {
        Ok(None)
    }

    fn tick(&mut self, _: Millis) -> Option<Millis> {
        None
    }

    fn job(&mut self) -> Option<Work> {
        let takes = self.job.take()?;
        let run = Box::new(move |_: &mut firmware::Memory| -> Done {
            std::thread::sleep(takes);
            Box::new("worked")
        });
        Some(Work { kind: Labour::KeyMaking, run })
    }

    fn finish(&mut self, done: Done) {
        let text = done.downcast::<&str>().expect("what the job gave");
        self.give(text.as_bytes());
    }
}
