//! The firmware's token as a [`Device`].
//!
//! The firmware knows neither threads nor `Any`: here a token's tickets become [`Work`] that any thread can do, and what
//! comes of that work finds its way back to the token.

use firmware::{
    Token,
    seams::{CryptoRng, Millis, Panel, Storage},
    token::Finished,
};
use wire::usb::Setup;

use crate::urb::{Descriptors, Device, Done, Labour, Stall, Work};

impl<S: Storage + Send, P: Panel + Send, R: CryptoRng + Send> Device for Token<S, P, R> {
    fn descriptors(&self) -> Descriptors {
        Descriptors { device: self.device(), configuration: self.configuration() }
    }

    fn attach(&mut self) {
        Self::attach(self);
    }

    fn unplug(&mut self) {
        Self::unplug(self);
    }

    fn control(&mut self, setup: Setup, data: &[u8]) -> Result<Vec<u8>, Stall> {
        Self::control(self, setup, data)
    }

    fn bulk_out(&mut self, endpoint: u8, data: &[u8]) -> Result<(), Stall> {
        Self::bulk_out(self, endpoint, data)
    }

    fn in_length(&self, endpoint: u8) -> Option<usize> {
        Self::in_length(self, endpoint)
    }

    fn bulk_in(&mut self, endpoint: u8, max: usize) -> Result<Option<Vec<u8>>, Stall> {
        Self::bulk_in(self, endpoint, max)
    }

    fn interrupt_in(&mut self, endpoint: u8, max: usize) -> Result<Option<Vec<u8>>, Stall> {
        Self::interrupt_in(self, endpoint, max)
    }

    fn tick(&mut self, now: Millis) -> Option<Millis> {
        Self::tick(self, now)
    }

    fn tries(&self) -> [u8; 4] {
        Self::tries(self)
    }

    fn job(&mut self) -> Option<Work> {
        let ticket = Self::job(self)?;
        let kind = if ticket.stretches() { Labour::Stretching } else { Labour::KeyMaking };
        Some(Work { kind, run: Box::new(move |memory| Box::new(ticket.run_in(memory))) })
    }

    fn finish(&mut self, done: Done) {
        // Only this token's own tickets come back to it.
        if let Ok(finished) = done.downcast::<Finished>() {
            Self::finish(self, *finished);
        }
    }
}
