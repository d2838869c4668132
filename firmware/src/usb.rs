//! The device of USB 2.0, chapter 9: its states, its standard requests, its descriptors.
//!
//! `docs/usb-chapter9.md` is the table of every request in every state; the test at the foot checks each row.
//! The bus address is kept only because the chapter has that state: over USB/IP the host's kernel keeps
//! SET_ADDRESS to itself, so that there the exporter addresses the device ([`Device::attach`]).

mod descriptor;
#[cfg(test)]
mod chapter9;

use alloc::vec::Vec;

use wire::usb::{Recipient, RequestKind, Setup, feature, request};

use descriptor::CONFIGURATION;
pub(crate) use descriptor::{About, BULK_IN, BULK_OUT, INTERRUPT_IN, configuration, device};

/// The endpoint answers STALL (USB 2.0, 8.4.5): the request is wrong, or the endpoint is halted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the endpoint stalls")]
pub struct Stall;

/// What a request did, for the floors above.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// Done; the data stage of an IN request, clipped to wLength.
    Data(Vec<u8>),
    /// Done; the device was configured (again), or is configured no more.
    Configured(bool),
    /// Done; the halt of this endpoint was cleared (`None`: of all of them).
    Cleared(Option<u8>),
    /// A class request to the interface.
    Class,
}

/// The visible device states of USB 2.0, 9.1.1. Attached and Powered have no host to talk to; a suspended device
/// answers nothing either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Default,
    Addressed { address: u8 },
    Configured { address: u8, halted: Halted },
}

/// The halted endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Halted {
    bulk_out: bool,
    bulk_in: bool,
    interrupt_in: bool,
}

impl Halted {
    /// The Halt feature of an endpoint other than zero, by its address; `None` for one that does not exist.
    const fn of(&mut self, endpoint: u8) -> Option<&mut bool> {
        match endpoint {
            BULK_OUT => Some(&mut self.bulk_out),
            BULK_IN => Some(&mut self.bulk_in),
            INTERRUPT_IN => Some(&mut self.interrupt_in),
            _ => None,
        }
    }
}

/// A standard request whose reserved fields are as the specification says, in the words of 9.4.
#[derive(Clone, Copy, Debug)]
enum Request {
    SetAddress(u8),
    GetDescriptor { kind: u8, index: u8, language: u16 },
    GetConfiguration,
    SetConfiguration(u8),
    GetInterface(u8),
    SetInterface { interface: u8, alternate: u8 },
    DeviceStatus,
    InterfaceStatus(u8),
    EndpointStatus(u8),
    ClearHalt(u8),
    SetHalt(u8),
    Class,
}

/// What happens to the device.
#[derive(Clone, Copy, Debug)]
enum Event {
    Request(Request),
    /// The exporter does what a hub and a host do before they hand a device on: reset it, give it an address.
    Attach,
    Detach,
}

/// The device and its state.
#[derive(Debug)]
pub(crate) struct Device {
    state: State,
}

impl Device {
    /// A device that was just reset.
    pub(crate) const fn new() -> Self {
        Self { state: State::Default }
    }

    /// Resets the device and gives it an address, as the host's kernel does before USB/IP sees it.
    pub(crate) fn attach(&mut self) {
        drop(self.on(Event::Attach, None));
    }

    /// Takes the device from the bus.
    pub(crate) fn detach(&mut self) {
        drop(self.on(Event::Detach, None));
    }

    /// Answers a control request. The data stage of an OUT request is the class's: no standard request that is
    /// accepted has one.
    ///
    /// # Errors
    /// [`Stall`], when the request does not exist, does not fit the state, or a field is wrong.
    pub(crate) fn control(&mut self, setup: Setup, about: About<'_>) -> Result<Reply, Stall> {
        let request = Request::parse(setup).ok_or(Stall)?;
        let mut reply = self.on(Event::Request(request), Some(about))?;
        if let Reply::Data(data) = &mut reply {
            data.truncate(usize::from(setup.length));
        }
        Ok(reply)
    }

    /// Passes when the endpoint with this address takes data now.
    ///
    /// # Errors
    /// [`Stall`]: not configured, no such endpoint, or halted.
    pub(crate) const fn check(&self, endpoint: u8) -> Result<(), Stall> {
        match self.state {
            State::Configured { mut halted, .. } => match halted.of(endpoint) {
                Some(false) => Ok(()),
                _ => Err(Stall),
            },
            _ => Err(Stall),
        }
    }

    /// bConfigurationValue of the current configuration, 0 when there is none (USB 2.0, 9.4.2).
    pub(crate) const fn configuration_value(&self) -> u8 {
        match self.state {
            State::Configured { .. } => CONFIGURATION,
            _ => 0,
        }
    }

    /// Halts an endpoint from the device's side (USB 2.0, 9.4.5): it stalls until the host clears it.
    pub(crate) fn halt(&mut self, endpoint: u8) {
        drop(self.on(Event::Request(Request::SetHalt(endpoint)), None));
    }

    fn set_state(&mut self, state: State) {
        self.state = state;
    }

    fn on(&mut self, event: Event, about: Option<About<'_>>) -> Result<Reply, Stall> {
        use Event::{Attach, Detach};
        use Request::*;
        use State::{Addressed, Configured, Default};
        let done = || Ok(Reply::Data(Vec::new()));
        let data = |bytes: &[u8]| Ok(Reply::Data(bytes.to_vec()));
        let (next, reply) = match (self.state, event) {
            (_, Attach) => (Addressed { address: 1 }, done()),
            (_, Detach) => (Default, done()),

            // 9.4.6: in the Configured state the behaviour is not specified; ours is to stall.
            (Default | Addressed { .. }, Event::Request(SetAddress(0))) => (Default, done()),
            (Default | Addressed { .. }, Event::Request(SetAddress(address))) => {
                (Addressed { address }, done())
            }

            // 9.4.3: valid in all states.
            (state, Event::Request(GetDescriptor { kind, index, language })) => {
                let found = about.and_then(|about| about.descriptor(kind, index, language));
                (state, found.map(Reply::Data).ok_or(Stall))
            }

            (state @ Addressed { .. }, Event::Request(GetConfiguration)) => (state, data(&[0])),
            (state @ Configured { .. }, Event::Request(GetConfiguration)) => (state, data(&[CONFIGURATION])),

            // 9.4.7. Configuring again resets: data toggles, halts (9.1.1.5) and the class's state.
            (Addressed { address } | Configured { address, .. }, Event::Request(SetConfiguration(0))) => {
                (Addressed { address }, Ok(Reply::Configured(false)))
            }
            (
                Addressed { address } | Configured { address, .. },
                Event::Request(SetConfiguration(CONFIGURATION)),
            ) => (Configured { address, halted: Halted::default() }, Ok(Reply::Configured(true))),

            (state @ Configured { .. }, Event::Request(GetInterface(0))) => (state, data(&[0])),
            (Configured { address, .. }, Event::Request(SetInterface { interface: 0, alternate: 0 })) => {
                (Configured { address, halted: Halted::default() }, Ok(Reply::Cleared(None)))
            }

            // 9.4.5. Powered by the bus, no remote wakeup; an interface has no status.
            (state @ (Addressed { .. } | Configured { .. }), Event::Request(DeviceStatus)) => {
                (state, data(&[0, 0]))
            }
            (state @ Configured { .. }, Event::Request(InterfaceStatus(0))) => (state, data(&[0, 0])),
            (state @ (Addressed { .. } | Configured { .. }), Event::Request(EndpointStatus(0x00 | 0x80))) => {
                (state, data(&[0, 0]))
            }
            (state @ Configured { mut halted, .. }, Event::Request(EndpointStatus(endpoint))) => {
                let status = halted.of(endpoint).map(|halted| u8::from(*halted));
                (state, status.ok_or(Stall).and_then(|status| data(&[status, 0])))
            }

            // 9.4.1, 9.4.9. Endpoint zero has no Halt feature: the specification recommends against it.
            (Configured { address, mut halted }, Event::Request(ClearHalt(endpoint))) => {
                let cleared = halted.of(endpoint).map(|halted| *halted = false);
                let reply = cleared.map(|()| Reply::Cleared(Some(endpoint))).ok_or(Stall);
                (Configured { address, halted }, reply)
            }
            (Configured { address, mut halted }, Event::Request(SetHalt(endpoint))) => {
                let set = halted.of(endpoint).map(|halted| *halted = true);
                (Configured { address, halted }, set.ok_or(Stall).and_then(|()| done()))
            }

            (state @ Configured { .. }, Event::Request(Class)) => (state, Ok(Reply::Class)),

            (state, Event::Request(_)) => (state, Err(Stall)),
        };
        self.set_state(next);
        reply
    }
}

impl Request {
    /// Reads a request; `None` for one that does not exist here, or with a field that has to be otherwise.
    fn parse(setup: Setup) -> Option<Self> {
        let Setup { request, value, index, length, .. } = setup;
        let [low, high] = value.to_le_bytes();
        // bmRequestType's recipient has five bits, all of which count.
        let standard = matches!(setup.kind(), RequestKind::Standard);
        let (is_in, recipient) = (setup.is_in(), setup.recipient());
        match (request, is_in, recipient) {
            _ if setup.kind() == RequestKind::Class => {
                (recipient == Recipient::Interface && index == 0).then_some(Self::Class)
            }
            _ if !standard => None,
            (request::SET_ADDRESS, false, Recipient::Device) => {
                (value <= 127 && index == 0 && length == 0).then_some(Self::SetAddress(low))
            }
            (request::GET_DESCRIPTOR, true, Recipient::Device) => {
                Some(Self::GetDescriptor { kind: high, index: low, language: index })
            }
            (request::GET_CONFIGURATION, true, Recipient::Device) => {
                (value == 0 && index == 0 && length == 1).then_some(Self::GetConfiguration)
            }
            (request::SET_CONFIGURATION, false, Recipient::Device) => {
                (high == 0 && index == 0 && length == 0).then_some(Self::SetConfiguration(low))
            }
            (request::GET_INTERFACE, true, Recipient::Interface) => {
                (value == 0 && length == 1).then_some(Self::GetInterface(u8::try_from(index).ok()?))
            }
            (request::SET_INTERFACE, false, Recipient::Interface) => {
                let (interface, alternate) = (u8::try_from(index).ok()?, u8::try_from(value).ok()?);
                (length == 0).then_some(Self::SetInterface { interface, alternate })
            }
            (request::GET_STATUS, true, _) if value == 0 && length == 2 => Self::status(recipient, index),
            (request::CLEAR_FEATURE | request::SET_FEATURE, false, Recipient::Endpoint)
                if value == feature::ENDPOINT_HALT && length == 0 =>
            {
                let endpoint = u8::try_from(index).ok()?;
                let clears = request == request::CLEAR_FEATURE;
                Some(if clears { Self::ClearHalt(endpoint) } else { Self::SetHalt(endpoint) })
            }
            // No remote wakeup, no test mode (high speed only), no descriptor to set, no isochronous endpoint.
            _ => None,
        }
    }

    fn status(recipient: Recipient, index: u16) -> Option<Self> {
        let index = u8::try_from(index).ok()?;
        match recipient {
            Recipient::Device => (index == 0).then_some(Self::DeviceStatus),
            Recipient::Interface => Some(Self::InterfaceStatus(index)),
            Recipient::Endpoint => Some(Self::EndpointStatus(index)),
            Recipient::Other => None,
        }
    }
}
