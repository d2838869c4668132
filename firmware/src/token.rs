//! The token's front door: what the bus, the clock and the holder do to it, as calls.
//!
//! Sans-IO and deterministic: nothing here waits, and the same calls give the same bytes. Whoever plugs the token into a bus
//! calls [`Token::control`], [`Token::bulk_out`] and so on as URBs come. After each of these calls it calls [`Token::job`]
//! and [`Token::tick`], because only a tick tells the time, shows what the buttons did, and says when to tick again.

use alloc::vec::Vec;

use wire::usb::{DeviceDescriptor, Setup};

pub use crate::usb::Stall;
use crate::{
    apdu::Interpreter,
    application::{Application, Factory},
    ccid::{Numbered, Reader},
    crypto::{Job, Memory, Outcome},
    profile::Profile,
    refusal::Refusal,
    seams::{CryptoRng, Millis, Panel, Storage},
    usb::{self, About, BULK_IN, BULK_OUT, Device, INTERRUPT_IN, Reply},
};

/// Endpoint numbers have four bits; bit 7 of an address says IN (USB 2.0, table 9-13).
const IN: u8 = 0x80;

/// A token on its bus.
pub struct Token<S: Storage, P: Panel, R: CryptoRng> {
    device: Device,
    reader: Reader<Interpreter<S, R>, P>,
}

/// A long computation that the token waits for. Run it on any thread and hand what it brings to
/// [`Token::finish`]; meanwhile every call stays fast.
#[derive(Debug)]
pub struct Ticket(Numbered<Job>);

/// What a [`Ticket`] brought. It is for the command that asked for the computation. When that command was aborted, the
/// outcome is dropped.
#[derive(Debug)]
pub struct Finished(Numbered<Outcome>);

impl Ticket {
    /// Computes, from milliseconds to seconds, in memory of its own.
    pub fn run(self) -> Finished {
        self.run_in(&mut Memory::default())
    }

    /// As [`Self::run`], in memory that the caller keeps: a PIN is stretched in megabytes.
    pub fn run_in(self, memory: &mut Memory) -> Finished {
        let Self(Numbered(number, job)) = self;
        Finished(Numbered(number, job.run_in(memory)))
    }

    /// Whether it stretches a PIN, and so wants memory; another makes a key.
    pub const fn stretches(&self) -> bool {
        matches!(self.0.1, Job::Stretch(_))
    }
}

impl<S: Storage, P: Panel, R: CryptoRng> Token<S, P, R> {
    /// Makes a token in an empty storage, and opens it.
    ///
    /// # Errors
    /// `PinForm` for a PIN or PUK of a wrong length, or the storage failed.
    pub fn manufacture(
        profile: Profile,
        secret: &[u8; 32],
        storage: S,
        panel: P,
        rng: R,
        factory: &Factory,
    ) -> Result<Self, Refusal> {
        Self::manufacture_in(&mut Memory::default(), profile, secret, storage, panel, rng, factory)
    }

    /// As [`Self::manufacture`], in memory that is there.
    ///
    /// # Errors
    /// As [`Self::manufacture`].
    pub fn manufacture_in(
        memory: &mut Memory,
        profile: Profile,
        secret: &[u8; 32],
        mut storage: S,
        panel: P,
        mut rng: R,
        factory: &Factory,
    ) -> Result<Self, Refusal> {
        Application::manufacture(&profile, secret, &mut storage, &mut rng, memory, factory)?;
        Ok(Self::open(profile, secret, storage, panel, rng))
    }

    /// Whether the storage holds a token.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn exists(storage: &S) -> Result<bool, Refusal> {
        Application::<S, R>::exists(storage)
    }

    /// Opens the token that the storage holds. One that fails its self-test is there all the same, says so
    /// ([`Self::is_healthy`], GET INFORMATION), and refuses to work (GM/T 0027 5.5).
    pub fn open(profile: Profile, secret: &[u8; 32], storage: S, panel: P, rng: R) -> Self {
        let timeout = profile.brand.prompt_timeout;
        let card = Interpreter::new(Application::open(profile, secret, storage, rng));
        Self { device: Device::new(), reader: Reader::new(card, panel, timeout) }
    }

    /// Plugs the token into a bus whose host resets and addresses devices out of the token's sight, as USB/IP's
    /// does: the token is then in the Address state, off, and waits for SET_CONFIGURATION. A bus that brings
    /// SET_ADDRESS to the token needs no call: a token is in the Default state from the start.
    ///
    /// Power comes with it: the token tests itself again (GM/T 0027 5.5), and finishes what a power cut interrupted.
    pub fn attach(&mut self) {
        self.reader.reset(false);
        self.reader.card.application_mut().power_on();
        self.device.attach();
    }

    /// Takes the power away: secrets in RAM are wiped, a prompt is gone from the screen, and what the host had
    /// not read is lost.
    pub fn unplug(&mut self) {
        self.reader.reset(false);
        self.reader.card.application_mut().power_off();
        self.device.detach();
    }

    /// A control transfer. `data` is the data stage of an OUT request; the answer is that of an IN request, at
    /// most wLength bytes, and empty for OUT.
    ///
    /// # Errors
    /// [`Stall`], for this request only.
    pub fn control(&mut self, setup: Setup, _data: &[u8]) -> Result<Vec<u8>, Stall> {
        let application = self.reader.card.application();
        let about = About { profile: application.profile(), serial: application.serial() };
        match self.device.control(setup, about)? {
            Reply::Data(data) => return Ok(data),
            Reply::Class => {
                let mut data = self.reader.class_request(setup).ok_or(Stall)?;
                data.truncate(usize::from(setup.length));
                return Ok(data);
            }
            Reply::Configured(configured) => self.reader.reset(configured),
            Reply::Cleared(Some(BULK_OUT)) => self.reader.clear_out(),
            Reply::Cleared(Some(BULK_IN)) => self.reader.clear_in(),
            Reply::Cleared(Some(_)) => {}
            Reply::Cleared(None) => {
                self.reader.clear_out();
                self.reader.clear_in();
            }
        }
        Ok(Vec::new())
    }

    /// A bulk OUT transfer to an endpoint number (without direction bit), or a piece of one: all pieces but the
    /// last are whole packets of 64 bytes.
    ///
    /// # Errors
    /// [`Stall`]: no such endpoint, not configured, or halted. The endpoint halts from now on, until the host clears it, when
    /// the transfer has no CCID header or eight answers wait unread.
    pub fn bulk_out(&mut self, endpoint: u8, data: &[u8]) -> Result<(), Stall> {
        self.check(endpoint, BULK_OUT)?;
        self.reader.bulk_out(data).map_err(|_| {
            self.device.halt(BULK_OUT);
            Stall
        })
    }

    /// Bytes from here to the end of the message that an IN endpoint (number without direction bit) would send next, in
    /// packets; `None` when it would answer NAK or STALL. A bus needs this number to know whether the next packet fits.
    pub fn in_length(&self, endpoint: u8) -> Option<usize> {
        let address = endpoint | IN;
        self.device.check(address).ok()?;
        match address {
            BULK_IN if endpoint != address => self.reader.bulk_in_length(),
            INTERRUPT_IN if endpoint != address => self.reader.interrupt_in_length(),
            _ => None,
        }
    }

    /// At most `max` bytes of the next message on a bulk IN endpoint (number without direction bit); `None` is
    /// NAK: ask again after the next call that changes something. A message ends where the bytes end; on a real bus an
    /// empty packet follows a last packet of 64 bytes.
    ///
    /// # Errors
    /// [`Stall`]: no such endpoint, not configured, or halted.
    pub fn bulk_in(&mut self, endpoint: u8, max: usize) -> Result<Option<Vec<u8>>, Stall> {
        self.check(endpoint | IN, BULK_IN)?;
        Ok(self.reader.bulk_in(max))
    }

    /// As [`Self::bulk_in`], for the interrupt endpoint: one event after configuration, then NAK, because the
    /// card never leaves.
    ///
    /// # Errors
    /// As [`Self::bulk_in`].
    pub fn interrupt_in(&mut self, endpoint: u8, max: usize) -> Result<Option<Vec<u8>>, Stall> {
        self.check(endpoint | IN, INTERRUPT_IN)?;
        Ok(self.reader.interrupt_in(max))
    }

    fn check(&self, address: u8, meant: u8) -> Result<(), Stall> {
        if address == meant { self.device.check(address) } else { Err(Stall) }
    }

    /// Tells the time: looks at the buttons while a prompt waits, ends it when its time is over, and asks the
    /// host for more time. The answer is when to call again, `None` when nothing waits for the time.
    pub fn tick(&mut self, now: Millis) -> Option<Millis> {
        self.reader.tick(now)
    }

    /// A computation that waits to be run, if there is one; each is handed out once.
    pub fn job(&mut self) -> Option<Ticket> {
        self.reader.job().map(Ticket)
    }

    /// Brings what a job brought. If its command was aborted meanwhile, nothing happens.
    pub fn finish(&mut self, finished: Finished) {
        self.reader.finish(finished.0);
    }

    /// The device descriptor.
    pub fn device(&self) -> DeviceDescriptor {
        usb::device(self.profile())
    }

    /// The configuration descriptor, with the interface, class and endpoint descriptors behind it.
    pub fn configuration(&self) -> Vec<u8> {
        usb::configuration()
    }

    /// bConfigurationValue of the current configuration, 0 when there is none.
    pub const fn configuration_value(&self) -> u8 {
        self.device.configuration_value()
    }

    /// The brand.
    pub const fn profile(&self) -> &Profile {
        self.reader.card.application().profile()
    }

    /// The serial number, as its USB string.
    pub fn serial(&self) -> &str {
        self.reader.card.application().serial()
    }

    /// Tries left, PIN then PUK, and the most of each; zeros when the token failed its self-test.
    pub fn tries(&self) -> [u8; 4] {
        self.reader.card.application().tries()
    }

    /// Why the token refuses to work, if it does.
    pub fn fault(&self) -> Option<Refusal> {
        self.reader.card.application().fault()
    }

    /// Whether the self-test passed.
    pub const fn is_healthy(&self) -> bool {
        self.reader.card.application().healthy()
    }

    /// The panel, for the program around the token.
    pub const fn panel(&mut self) -> &mut P {
        &mut self.reader.panel
    }

    /// The storage, for the program around the token.
    pub const fn storage(&mut self) -> &mut S {
        self.reader.card.application_mut().storage()
    }
}

#[cfg(test)]
mod tests;
