//! A device that does what bulk OUT tells it.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use firmware::seams::Millis;
use host_driver::urb::{Descriptors, Device, Done, Labour, Stall, Work};
use wire::usb::{
    DeviceDescriptor, EndpointDescriptor, InterfaceDescriptor, Recipient, Setup, descriptor, request,
};

/// What happened to the device, and a gate at which the device waits.
#[derive(Debug, Default)]
pub struct Told {
    pub attached: AtomicUsize,
    pub unplugged: AtomicUsize,
    pub asked: AtomicUsize,
    gate: Mutex<bool>,
    opened: Condvar,
}

impl Told {
    pub fn attached(&self) -> usize {
        self.attached.load(Relaxed)
    }

    pub fn unplugged(&self) -> usize {
        self.unplugged.load(Relaxed)
    }

    /// Lets the callers go on whom `busy` and `work` hold.
    pub fn open_gate(&self) {
        *self.gate.lock().unwrap() = true;
        self.opened.notify_all();
    }

    fn pass(&self) {
        let closed = self.gate.lock().unwrap();
        drop(self.opened.wait_while(closed, |open| !*open).unwrap());
    }
}

/// Bulk OUT 1 takes a command. Bulk IN 2 or interrupt IN 3 gives what the command brings:
///
/// | command | what it brings |
/// |---|---|
/// | `busy` | the call itself hangs until the gate opens: a device that breaks its promise |
/// | `work` | a job that ends once the gate opens, and then `worked` |
/// | `later` | `later`, 20 ms later |
/// | `stall` | the IN endpoint stalls until CLEAR_FEATURE |
/// | `rude` | 500 bytes at once, whatever is asked for |
/// | `event` | `event` on the interrupt endpoint |
/// | `panic` | a panic; `fail` one in a job; `die` one at the next power-off |
/// | else | itself |
pub struct Fake {
    told: Arc<Told>,
    waiting: VecDeque<Vec<u8>>,
    events: VecDeque<Vec<u8>>,
    job: Option<&'static str>,
    later: Option<Option<Millis>>,
    halted: bool,
    rude: bool,
    dying: bool,
}

impl Fake {
    pub fn new() -> (Self, Arc<Told>) {
        let told = Arc::new(Told::default());
        let fake = Self {
            told: Arc::clone(&told),
            waiting: VecDeque::new(),
            events: VecDeque::new(),
            job: None,
            later: None,
            halted: false,
            rude: false,
            dying: false,
        };
        (fake, told)
    }

    fn standard(&mut self, setup: Setup) -> Result<Vec<u8>, Stall> {
        let Descriptors { device, configuration } = self.descriptors();
        match (setup.request, setup.recipient()) {
            (request::GET_DESCRIPTOR, _) => match setup.value.to_be_bytes() {
                [descriptor::DEVICE, 0] => Ok(device.bytes().to_vec()),
                // The device gives the whole descriptor, whatever wLength says: the engine cuts it.
                [descriptor::CONFIGURATION, 0] => Ok(configuration),
                _ => Err(Stall),
            },
            (request::GET_STATUS, _) => Ok(vec![u8::from(self.halted), 0]),
            (request::GET_CONFIGURATION, _) => Ok(vec![1]),
            (request::CLEAR_FEATURE, Recipient::Endpoint) => {
                self.halted = false;
                Ok(vec![])
            }
            (request::SET_CONFIGURATION, _) => Ok(vec![]),
            (request::GET_INTERFACE, Recipient::Interface) if setup.index == 0 => Ok(vec![0]),
            _ => Err(Stall),
        }
    }
}

impl Device for Fake {
    fn descriptors(&self) -> Descriptors {
        let endpoint =
            |address, attributes| EndpointDescriptor { address, attributes, max_packet: 64, interval: 1 };
        Descriptors::of(
            DeviceDescriptor {
                usb: 0x0200,
                class: [0; 3],
                max_packet: 64,
                vendor: 0x163C,
                product: 0x0407,
                release: 0x0123,
                strings: [0; 3],
                configurations: 1,
            },
            InterfaceDescriptor { number: 0, alternate: 0, endpoints: 3, class: [11, 0, 0], string: 0 },
            &[endpoint(0x01, 2), endpoint(0x82, 2), endpoint(0x83, 3)],
        )
    }

    fn attach(&mut self) {
        self.told.attached.fetch_add(1, Relaxed);
    }

    fn unplug(&mut self) {
        assert!(!self.dying, "as asked");
        self.told.unplugged.fetch_add(1, Relaxed);
        let told = Arc::clone(&self.told);
        *self = Self { told, ..Self::new().0 };
    }

    fn control(&mut self, setup: Setup, _: &[u8]) -> Result<Vec<u8>, Stall> {
        self.standard(setup)
    }

    fn bulk_out(&mut self, _: u8, data: &[u8]) -> Result<(), Stall> {
        match data {
            b"busy" => {
                self.told.pass();
                self.waiting.push_back(b"free".to_vec());
            }
            b"work" => self.job = Some("worked"),
            b"fail" => self.job = Some("failed"),
            b"later" => self.later = Some(None),
            b"stall" => self.halted = true,
            b"rude" => {
                self.rude = true;
                self.waiting.push_back(vec![7; 500]);
            }
            b"event" => self.events.push_back(data.to_vec()),
            b"panic" => panic!("as asked"),
            b"die" => self.dying = true,
            _ => self.waiting.push_back(data.to_vec()),
        }
        Ok(())
    }

    fn in_length(&self, endpoint: u8) -> Option<usize> {
        let line = if endpoint == 3 { &self.events } else { &self.waiting };
        line.front().filter(|_| !self.halted && !self.rude).map(Vec::len)
    }

    fn bulk_in(&mut self, _: u8, max: usize) -> Result<Option<Vec<u8>>, Stall> {
        self.told.asked.fetch_add(1, Relaxed);
        if self.halted {
            return Err(Stall);
        }
        let Some(mut data) = self.waiting.pop_front() else { return Ok(None) };
        if !self.rude && data.len() > max {
            self.waiting.push_front(data.split_off(max));
        }
        Ok(Some(data))
    }

    fn interrupt_in(&mut self, _: u8, _: usize) -> Result<Option<Vec<u8>>, Stall> {
        self.told.asked.fetch_add(1, Relaxed);
        Ok(self.events.pop_front())
    }

    fn tick(&mut self, now: Millis) -> Option<Millis> {
        match self.later? {
            Some(when) if when <= now => {
                self.later = None;
                self.waiting.push_back(b"later".to_vec());
                None
            }
            Some(when) => Some(when),
            None => {
                self.later = Some(Some(now.after(20)));
                Some(now.after(20))
            }
        }
    }

    fn job(&mut self) -> Option<Work> {
        let outcome = self.job.take()?;
        let told = Arc::clone(&self.told);
        let run = Box::new(move |_: &mut firmware::Memory| -> Done {
            told.pass();
            assert_eq!(outcome, "worked", "as asked");
            Box::new(outcome)
        });
        Some(Work { kind: Labour::KeyMaking, run })
    }

    fn finish(&mut self, done: Done) {
        self.waiting.push_back(done.downcast::<&str>().unwrap().as_bytes().to_vec());
    }
}
