//! Data objects: bytes that a host keeps on the token, and that the token does not understand.

use wire::shield::{Command, DataHead, DataObject, Deleted, Listed, parse_number};
use zeroize::Zeroizing;

use super::{ALL, Shield};
use crate::{error::Error, pipe::Secret};

impl Shield<'_> {
    /// LIST of data objects: everything but their values. Private objects are listed only while the PIN is verified.
    ///
    /// # Errors
    /// [`Error::Nonsense`] when the answer is malformed, and the line's own.
    pub fn data_objects(&mut self) -> Result<Vec<DataHead>, Error> {
        let answer = self.ask(Command::List(Listed::Data), ALL)?;
        Ok(DataHead::parse_list(&answer)?)
    }

    /// CREATE DATA: a new data object, and its number. Wants the PIN.
    ///
    /// # Errors
    /// [`Error::Refused`]: 6982 without the PIN, 6A80 for a name or value that is too long
    /// ([`wire::shield::MAX_LABEL`], [`wire::shield::MAX_VALUE`]), 6A84 when there is no room.
    pub fn create_data(&mut self, object: &DataObject) -> Result<u8, Error> {
        let data = Secret::new(object.bytes());
        Ok(parse_number(&self.ask(Command::CreateData(&data), 256)?)?)
    }

    /// READ DATA: a data object, with its value.
    ///
    /// # Errors
    /// [`Error::Refused`]: 6A82 when there is no object of this number, or the object is private and the PIN is not
    /// verified.
    pub fn read_data(&mut self, number: u8) -> Result<DataObject, Error> {
        let answer = Zeroizing::new(self.ask(Command::ReadData(number), ALL)?);
        Ok(DataObject::parse(&answer)?)
    }

    /// UPDATE DATA: a data object takes the place and the number of a former one. Wants the PIN.
    ///
    /// # Errors
    /// As [`Self::create_data`]; 6A82 when there is none of this number.
    pub fn update_data(&mut self, number: u8, object: &DataObject) -> Result<(), Error> {
        let data = Secret::new(object.bytes());
        self.tell(Command::UpdateData(number, &data))
    }

    /// DELETE of a data object. Wants the PIN.
    ///
    /// # Errors
    /// [`Error::Refused`]: 6982 without the PIN, 6A82 when there is none of this number.
    pub fn delete_data(&mut self, number: u8) -> Result<(), Error> {
        self.tell(Command::Delete(Deleted::Data(number)))
    }
}
