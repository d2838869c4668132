//! A USB device as the rest of this crate drives it: the firmware's token, or a test's device.

use std::any::Any;

use firmware::{Memory, seams::Millis};
use wire::usb::{DeviceDescriptor, EndpointDescriptor, InterfaceDescriptor, Setup, descriptor};

pub use firmware::Stall;

/// A long computation of a device; it may run on any thread.
pub struct Work {
    /// What it is.
    pub kind: Labour,
    /// Does it, in memory that is there for PINs.
    pub run: Box<dyn FnOnce(&mut Memory) -> Done + Send>,
}

/// What a device computes for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Labour {
    /// It stretches a PIN: a tenth of a second in megabytes of memory.
    Stretching,
    /// It makes a key: a second or more, in little memory.
    KeyMaking,
}

/// What came out of a [`Work`]; only the device that gave it out knows its type.
pub type Done = Box<dyn Any + Send>;

/// A USB device as a sans-IO state machine. Every call returns fast: what takes long is given out as [`Work`].
///
/// Endpoints are numbers without the direction bit; lengths are in bytes.
pub trait Device: Send {
    /// What the device tells about itself; asked once, when it is plugged.
    fn descriptors(&self) -> Descriptors;

    /// A host has taken the device: power is on.
    fn attach(&mut self) {}

    /// Power is off: everything volatile is forgotten, and outcomes of [`Work`] given out before are void.
    fn unplug(&mut self);

    /// The host resets the bus (USB 2.0, 7.1.7.5): the device is as if it had just been taken.
    fn reset(&mut self) {
        self.unplug();
        self.attach();
    }

    /// A control transfer. `data` is the OUT data stage; an IN data stage is what returns, at most wLength bytes.
    ///
    /// # Errors
    /// The request is not one that the device takes.
    fn control(&mut self, setup: Setup, data: &[u8]) -> Result<Vec<u8>, Stall>;

    /// A bulk OUT transfer.
    ///
    /// # Errors
    /// The endpoint is halted or not there.
    fn bulk_out(&mut self, endpoint: u8, data: &[u8]) -> Result<(), Stall>;

    /// Bytes from here to the end of the message that an IN endpoint of either kind would send next; `None` when there is
    /// nothing yet (NAK), or the endpoint stalls.
    fn in_length(&self, endpoint: u8) -> Option<usize>;

    /// A bulk IN transfer of at most `max` bytes; `None` when there is nothing yet (NAK).
    ///
    /// # Errors
    /// The endpoint is halted or not there.
    fn bulk_in(&mut self, endpoint: u8, max: usize) -> Result<Option<Vec<u8>>, Stall>;

    /// An interrupt IN transfer of at most `max` bytes; `None` when there is nothing yet (NAK).
    ///
    /// # Errors
    /// The endpoint is halted or not there.
    fn interrupt_in(&mut self, endpoint: u8, max: usize) -> Result<Option<Vec<u8>>, Stall>;

    /// Time goes on; returns when the device wants the next tick, if it wants one.
    fn tick(&mut self, now: Millis) -> Option<Millis>;

    /// Tries left, PIN then PUK, and the most of each; zeros where the device has none. Asked often: it must be cheap.
    fn tries(&self) -> [u8; 4] {
        [0; 4]
    }

    /// A long computation that somebody must run and hand to [`Self::finish`].
    fn job(&mut self) -> Option<Work>;

    /// Takes what came out of the last [`Self::job`].
    fn finish(&mut self, done: Done);
}

/// What a device tells about itself before anybody asks over the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptors {
    /// The device descriptor.
    pub device: DeviceDescriptor,
    /// The configuration descriptor with all that belongs to it.
    pub configuration: Vec<u8>,
}

impl Descriptors {
    /// bConfigurationValue (USB 2.0, table 9-10, offset 5).
    pub fn configuration_value(&self) -> u8 {
        self.configuration.get(5).copied().unwrap_or(0)
    }

    /// Class, subclass and protocol of each interface, by its first alternate setting.
    pub fn interfaces(&self) -> impl Iterator<Item = [u8; 3]> + '_ {
        wire::usb::descriptors(&self.configuration).filter_map(|found| match *found.bytes {
            [9, descriptor::INTERFACE, _, 0, _, class, sub, protocol, _] => Some([class, sub, protocol]),
            _ => None,
        })
    }

    /// The endpoints besides endpoint 0.
    pub fn endpoints(&self) -> impl Iterator<Item = EndpointDescriptor> + '_ {
        wire::usb::endpoints(&self.configuration)
    }

    /// A device with one interface and the given endpoints, for tests and examples.
    pub fn of(
        device: DeviceDescriptor,
        interface: InterfaceDescriptor,
        endpoints: &[EndpointDescriptor],
    ) -> Self {
        let mut configuration = vec![9, descriptor::CONFIGURATION, 0, 0, 1, 1, 0, 0x80, 50];
        configuration.extend(interface.bytes());
        endpoints.iter().for_each(|endpoint| configuration.extend(endpoint.bytes()));
        let total = u16::try_from(configuration.len()).unwrap_or(u16::MAX).to_le_bytes();
        configuration[2..4].copy_from_slice(&total);
        Self { device, configuration }
    }
}
