//! Keys and certificates that a host makes, names and removes. No command here touches the payment container.

use wire::{
    apdu::StatusWord,
    shield::{
        Command, Container, Contents, Deleted, Import, Inventory, Listed, Name, Named, NewKey, Object, Place,
        Uses, parse_created, parse_placed, put_certificate,
    },
};
use zeroize::Zeroizing;

use super::{ALL, Shield};
use crate::{error::Error, pipe::Secret};

impl Shield<'_> {
    /// LIST: what each container that is not empty holds, in one command. No PIN is asked for.
    ///
    /// # Errors
    /// [`Error::Nonsense`] when the answer is malformed, and the line's own.
    pub fn contents(&mut self) -> Result<Vec<Contents>, Error> {
        let answer = self.ask(Command::List(Listed::Containers), ALL)?;
        Ok(Contents::parse_list(&answer)?)
    }

    /// LIST of containers and data objects with what stands behind their heads, in one command. `None` from a token that is
    /// older than this command. No PIN is asked for; values of private data objects are not told.
    ///
    /// # Errors
    /// As [`Self::contents`].
    pub fn inventory(&mut self) -> Result<Option<Inventory>, Error> {
        match self.ask(Command::List(Listed::Inventory), ALL) {
            Ok(answer) => Ok(Some(Inventory::parse(&answer)?)),
            Err(Error::Refused(StatusWord::WRONG_P1P2)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// CREATE KEY: makes a key pair that is in use at once. Returns the container of the pair and its public half,
    /// tag 7F49 ([`wire::piv::PublicKey`] reads it). Wants the PIN. RSA-2048 takes seconds.
    ///
    /// # Errors
    /// [`Error::Refused`]: 6982 without the PIN, 6A84 when every container is taken, 6A89 when the named container is
    /// taken, 6985 for the payment container, 6A80 for a use that the algorithm does not have.
    pub fn create_key(&mut self, place: Place, key: &NewKey) -> Result<(Container, Vec<u8>), Error> {
        let answer = self.ask(Command::CreateKey(place, &key.bytes()), ALL)?;
        Ok(parse_created(&answer)?)
    }

    /// IMPORT KEY: takes in a private key from outside, which is in use at once. Returns the container of the key and
    /// its public half, tag 7F49. The token says for ever that the key came from outside. Wants the PIN.
    ///
    /// # Errors
    /// As [`Self::create_key`]; 6A80 for parts that make no key of this algorithm.
    pub fn import_key(&mut self, place: Place, import: &Import<'_>) -> Result<(Container, Vec<u8>), Error> {
        let mut data = Secret::new(Vec::with_capacity(import.length()));
        import.put(&mut data);
        let answer = self.ask(Command::ImportKey(place, &data), ALL)?;
        Ok(parse_created(&answer)?)
    }

    /// USE KEY: does with a container's key what GENERAL AUTHENTICATE of the PIV applet does
    /// ([`crate::piv::Piv::sign`] and its kin), for PINs of any length. The input of [`Uses::SIGN`] is a digest or a
    /// padded block, of [`Uses::AGREE`] a point, of [`Uses::DECRYPT`] a block.
    ///
    /// # Errors
    /// [`Error::Refused`]: 6982 without the PIN (which some keys want just before), 6985 for a use that the key does
    /// not have, 6A80 for an input that does not fit, 6A88 without a key there.
    pub fn use_key(
        &mut self,
        container: Container,
        uses: Uses,
        input: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let answer = self.ask(Command::UseKey { uses, container, input }, ALL)?;
        Ok(Zeroizing::new(answer))
    }

    /// GET OBJECT: a host's notes on a container's key; empty when there are none.
    ///
    /// # Errors
    /// The line's own.
    pub fn key_notes(&mut self, container: Container) -> Result<Vec<u8>, Error> {
        Ok(self.object(Object::KeyNotes, container)?.unwrap_or_default())
    }

    /// GET OBJECT: a host's notes on a container's certificate; empty when there are none.
    ///
    /// # Errors
    /// The line's own.
    pub fn certificate_notes(&mut self, container: Container) -> Result<Vec<u8>, Error> {
        Ok(self.object(Object::CertificateNotes, container)?.unwrap_or_default())
    }

    /// PUT CERTIFICATE: stores a certificate, DER, and returns its container. [`Place::Any`] is beside the
    /// certificate's key if that has no certificate yet, and otherwise a free container. Wants the PIN.
    ///
    /// # Errors
    /// [`Error::Refused`]: 6982 without the PIN, 6A80 for what is no certificate, 9D05 when the container's key is
    /// another one, 6A84 and 6A89 as [`Self::create_key`], 6985 for the payment container.
    pub fn put_certificate(&mut self, place: Place, der: &[u8], name: &Name) -> Result<Container, Error> {
        let answer = self.ask(Command::PutCertificate(place, &put_certificate(der, name)), 256)?;
        Ok(parse_placed(&answer)?)
    }

    /// SET NAME of a container's key. Wants the PIN.
    ///
    /// # Errors
    /// [`Error::Refused`]: 6982 without the PIN, 6A88 without a key there, 6985 for the payment container.
    pub fn name_key(&mut self, container: Container, name: &Name) -> Result<(), Error> {
        self.tell(Command::SetName(Named::Key, container, &name.bytes()))
    }

    /// SET NAME of a container's certificate. Wants the PIN.
    ///
    /// # Errors
    /// As [`Self::name_key`].
    pub fn name_certificate(&mut self, container: Container, name: &Name) -> Result<(), Error> {
        self.tell(Command::SetName(Named::Certificate, container, &name.bytes()))
    }

    /// DELETE a container's key, for ever. Wants the PIN.
    ///
    /// # Errors
    /// As [`Self::name_key`].
    pub fn delete_key(&mut self, container: Container) -> Result<(), Error> {
        self.delete(container, true, false)
    }

    /// DELETE a container's certificate. Wants the PIN.
    ///
    /// # Errors
    /// As [`Self::name_key`].
    pub fn delete_certificate(&mut self, container: Container) -> Result<(), Error> {
        self.delete(container, false, true)
    }

    /// DELETE the key and the certificate of a container: both or neither. Wants the PIN.
    ///
    /// # Errors
    /// As [`Self::name_key`].
    pub fn empty(&mut self, container: Container) -> Result<(), Error> {
        self.delete(container, true, true)
    }

    fn delete(&mut self, container: Container, key: bool, certificate: bool) -> Result<(), Error> {
        self.tell(Command::Delete(Deleted::Of { container, key, certificate }))
    }
}
