//! Data objects, whose values may be secrets, and random for the host.

use wire::{
    apdu::StatusWord,
    shield::{DataObject, MAX_CHALLENGE, number},
};
use zeroize::Zeroize as _;

use super::Shield;
use crate::{
    applet::{Answer, Step, Turn},
    refusal::Refusal,
    seams::{CryptoRng, Storage},
};

impl<S: Storage, R: CryptoRng> Turn<'_, Shield, S, R> {
    /// CREATE DATA.
    pub(super) fn create_data(&mut self, data: &[u8]) -> Result<Step, Refusal> {
        let mut object = DataObject::parse(data).map_err(|_| Refusal::WrongData)?;
        let done = self.application.create_data(&object);
        object.value.zeroize();
        Ok(Step::Done(Answer::data(number(done?))))
    }

    /// READ DATA.
    pub(super) fn read_data(&self, number: u8) -> Result<Step, Refusal> {
        let mut object = self.application.data(number)?.ok_or(Refusal::NotFound)?;
        let answer = Answer::data(object.bytes());
        object.value.zeroize();
        Ok(Step::Done(answer))
    }

    /// UPDATE DATA.
    pub(super) fn update_data(&mut self, number: u8, data: &[u8]) -> Result<Step, Refusal> {
        let mut object = DataObject::parse(data).map_err(|_| Refusal::WrongData)?;
        let done = self.application.update_data(number, &object);
        object.value.zeroize();
        done?;
        Ok(StatusWord::OK.into())
    }

    /// GET CHALLENGE (ISO 7816-4, 11.5.3) of at most `length` bytes.
    pub(super) fn challenge(&mut self, length: u32) -> Step {
        let length = usize::try_from(length).unwrap_or(MAX_CHALLENGE).min(MAX_CHALLENGE);
        let mut random = alloc::vec![0; length];
        self.application.random(&mut random);
        Step::Done(Answer::data(random))
    }
}
