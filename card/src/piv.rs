//! The PIV applet's commands. Source: NIST SP 800-73-4 part 2; its bytes are in [`wire::piv`].

mod management;

use wire::{
    apdu::StatusWord,
    pin::Reference,
    piv::{
        AID, Algorithm, Authenticating, Command, Padded, Slot, TagList, TwoPadded, certificate_object,
        has_own_tag, put_data, tag,
    },
    tlv,
};
use zeroize::{Zeroize, Zeroizing};

use crate::{
    card::{Card, PinState, pin_state},
    compressed,
    error::Error,
    pipe::Secret,
};

/// "All there is", for answers that may exceed 256 bytes.
const ALL: u32 = 65_536;

/// A card with the PIV applet selected.
pub struct Piv<'a> {
    card: &'a mut Card,
}

impl<'a> Piv<'a> {
    /// SELECT by the whole AID (3.1.1).
    ///
    /// # Errors
    /// [`Error::Refused`] with 6A82 when the card has no PIV applet, and the line's own.
    pub fn select(card: &'a mut Card) -> Result<Self, Error> {
        card.select(&AID)?;
        Ok(Self { card })
    }

    /// A card on which the caller knows that the applet is selected.
    pub const fn on(card: &'a mut Card) -> Self {
        Self { card }
    }

    /// The card below.
    pub const fn card(&mut self) -> &mut Card {
        self.card
    }

    /// VERIFY with the PIN, 1 to 8 bytes, which is padded here (3.2.1).
    ///
    /// # Errors
    /// [`Error::Refused`]: 63Cx wrong ([`Error::tries`] tells how many are left), 6983 locked.
    pub fn verify(&mut self, pin: &[u8]) -> Result<(), Error> {
        let mut field = Secret::default();
        let field = Padded::write(&mut field, pin).map_err(|_| no_pin())?;
        self.tell(Command::Verify(field))
    }

    /// VERIFY without data: whether the PIN is verified, or how many tries are left (3.2.1). The command spends no
    /// try.
    ///
    /// # Errors
    /// The line's own.
    pub fn pin_state(&mut self) -> Result<PinState, Error> {
        pin_state(&self.card.transmit(&Command::AskVerified.apdu())?)
    }

    /// VERIFY with P1 FF: the PIN is not verified any more (3.2.1).
    ///
    /// # Errors
    /// The line's own.
    pub fn log_out(&mut self) -> Result<(), Error> {
        self.tell(Command::ForgetVerified)
    }

    /// CHANGE REFERENCE DATA of the PIN (3.2.2).
    ///
    /// # Errors
    /// [`Error::Refused`]: 63Cx when the old PIN is wrong, 6A80 when the new PIN is not allowed.
    pub fn change_pin(&mut self, old: &[u8], new: &[u8]) -> Result<(), Error> {
        self.change(Reference::Pin, old, new)
    }

    /// CHANGE REFERENCE DATA of the PUK (3.2.2).
    ///
    /// # Errors
    /// [`Error::PukRefused`] when the old PUK is wrong or locked.
    pub fn change_puk(&mut self, old: &[u8], new: &[u8]) -> Result<(), Error> {
        self.change(Reference::Puk, old, new).map_err(Error::of_puk)
    }

    /// RESET RETRY COUNTER: the PUK unlocks the PIN and sets a new one (3.2.3).
    ///
    /// # Errors
    /// [`Error::PukRefused`] when the PUK is wrong or locked.
    pub fn unblock(&mut self, puk: &[u8], new_pin: &[u8]) -> Result<(), Error> {
        let mut fields = Secret::default();
        let fields = TwoPadded::write(&mut fields, puk, new_pin).map_err(|_| no_pin())?;
        self.tell(Command::ResetRetryCounter(fields)).map_err(Error::of_puk)
    }

    fn change(&mut self, reference: Reference, old: &[u8], new: &[u8]) -> Result<(), Error> {
        let mut fields = Secret::default();
        let fields = TwoPadded::write(&mut fields, old, new).map_err(|_| no_pin())?;
        self.tell(Command::ChangeReferenceData(reference, fields))
    }

    /// A command that is answered by a status word alone.
    fn tell(&mut self, command: Command<'_>) -> Result<(), Error> {
        self.card.data(&command.apdu()).map(drop)
    }

    /// A command with an answer of at most `ne` bytes.
    fn ask(&mut self, command: Command<'_>, ne: u32) -> Result<Vec<u8>, Error> {
        self.card.data(&command.apdu().expecting(ne))
    }

    /// GET DATA: the content of a data object of [`wire::piv::object`], without its tag 53 (or 7E); `None` when it is empty
    /// or not there (3.1.2).
    ///
    /// # Errors
    /// [`Error::Refused`] with 6982 for an object behind the PIN, and the line's own.
    pub fn data_object(&mut self, tag_of_object: u32) -> Result<Option<Vec<u8>>, Error> {
        let mut list = Vec::new();
        let list = TagList::write(&mut list, tag_of_object).map_err(Error::Refused)?;
        let answer = match self.ask(Command::GetData(list), ALL) {
            Err(Error::Refused(StatusWord::NOT_FOUND)) => return Ok(None),
            other => other?,
        };
        let outer = if has_own_tag(tag_of_object) { tag_of_object } else { tag::DATA };
        let content = tlv::only(&answer, outer)?;
        Ok((!content.is_empty()).then(|| content.to_vec()))
    }

    /// PUT DATA: replaces a data object; empty content empties it (3.3.1). Wants the management key.
    ///
    /// # Errors
    /// [`Error::Refused`]: 6982 without the management key, 6A84 when there is no room.
    pub fn put_data_object(&mut self, tag_of_object: u32, content: &[u8]) -> Result<(), Error> {
        let data = put_data(tag_of_object, content).map_err(Error::Refused)?;
        self.tell(Command::PutData(&data))
    }

    /// The certificate of a slot, DER; `None` when the slot has none (part 1, table 10).
    ///
    /// # Errors
    /// [`Error::Nonsense`] for a compressed one that cannot be unpacked, and the line's own.
    pub fn certificate(&mut self, slot: Slot) -> Result<Option<Vec<u8>>, Error> {
        let Some(content) = self.data_object(slot.certificate())? else { return Ok(None) };
        let info = tlv::find(&content, tag::CERTIFICATE_INFO).unwrap_or_default();
        let packed = info.iter().any(|bits| bits & 1 != 0);
        match tlv::find(&content, tag::CERTIFICATE) {
            Some(certificate) if packed && !compressed::is_compressed(certificate) => {
                Err(Error::nonsense("certificate object", "it says that it is compressed, and is not"))
            }
            Some(certificate) => compressed::certificate(certificate.to_vec()).map(Some),
            None => Err(Error::nonsense("certificate object", "no tag 70")),
        }
    }

    /// Stores the certificate (DER) of a slot. Wants the management key.
    ///
    /// # Errors
    /// As [`Self::put_data_object`].
    pub fn put_certificate(&mut self, slot: Slot, certificate: &[u8]) -> Result<(), Error> {
        self.put_data_object(slot.certificate(), &certificate_object(certificate))
    }

    /// GENERATE ASYMMETRIC KEY PAIR: a new key in the slot at once (3.3.2). The public key, tag 7F49
    /// ([`wire::piv::PublicKey`] reads it). Wants the management key.
    ///
    /// # Errors
    /// [`Error::Refused`]: 6982 without the management key, 6A80 for an algorithm that the slot does not take.
    pub fn generate(&mut self, slot: Slot, algorithm: Algorithm) -> Result<Vec<u8>, Error> {
        let inside = tlv::object(tag::ALGORITHM, &[algorithm as u8]);
        let template = tlv::object(tag::CONTROL_REFERENCE_TEMPLATE, &inside);
        self.ask(Command::GenerateKeyPair { slot, template: &template }, ALL)
    }

    /// GENERAL AUTHENTICATE, signing: `block` is the digest for ECDSA, the whole padded block for RSA (3.2.4 and
    /// appendix A.3). The signature: DER for ECDSA, as long as the modulus for RSA.
    ///
    /// # Errors
    /// [`Error::Refused`]: 6982 without the PIN (9C wants it just before), 6A80 for a block that does not fit.
    pub fn sign(&mut self, slot: Slot, algorithm: Algorithm, block: &[u8]) -> Result<Vec<u8>, Error> {
        self.operate(slot, algorithm, tag::CHALLENGE, block).map(|mut secret| std::mem::take(&mut *secret))
    }

    /// GENERAL AUTHENTICATE, ECDH: the shared secret (the x coordinate) with the other side's uncompressed point
    /// (3.2.4 and appendix A.4).
    ///
    /// # Errors
    /// As [`Self::sign`]; 6A80 for a point that is not on the curve.
    pub fn agree(
        &mut self,
        slot: Slot,
        algorithm: Algorithm,
        point: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.operate(slot, algorithm, tag::EXPONENTIATION, point)
    }

    /// `7C { 82 00, input }` out, `7C { 82 output }` back.
    fn operate(
        &mut self,
        slot: Slot,
        algorithm: Algorithm,
        input: u32,
        block: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut inside = Vec::with_capacity(block.len() + 8);
        tlv::put(&mut inside, tag::RESPONSE, &[]);
        tlv::put(&mut inside, input, block);
        // An ECDSA signature and a shared secret fit a short answer, an RSA block does not.
        let ne = if algorithm == Algorithm::Rsa2048 { ALL } else { 256 };
        let answer = self.authenticate(algorithm, Authenticating::Slot(slot), &inside, ne)?;
        Ok(Zeroizing::new(field(&answer, tag::RESPONSE)?.to_vec()))
    }

    /// One GENERAL AUTHENTICATE; what stands inside tag 7C.
    fn authenticate(
        &mut self,
        algorithm: Algorithm,
        key: Authenticating,
        inside: &[u8],
        ne: u32,
    ) -> Result<Secret, Error> {
        let template = tlv::object(tag::DYNAMIC_AUTHENTICATION_TEMPLATE, inside);
        let command = Command::GeneralAuthenticate { algorithm, key, template: &template };
        Ok(Secret::new(self.ask(command, ne)?))
    }

    /// Host and token prove to each other that they have the card management key, of TDES or AES (3.2.4 and appendix
    /// A.1). From then on until the next reset the token takes PUT DATA and GENERATE.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the key's length is not the algorithm's, [`Error::Refused`] when the token holds
    /// another key, [`Error::Nonsense`] when the token cannot prove that it has the key.
    pub fn authenticate_management(&mut self, algorithm: Algorithm, key: &[u8]) -> Result<(), Error> {
        let cipher = management::Cipher::new(algorithm, key)?;
        let ask = tlv::object(tag::WITNESS, &[]);
        let answer = self.authenticate(algorithm, Authenticating::Management, &ask, 256)?;
        let mut witness = Zeroizing::new(field(&answer, tag::WITNESS)?.to_vec());
        cipher.decrypt(&mut witness)?;
        let mut challenge = Zeroizing::new(vec![0; witness.len()]);
        getrandom::fill(&mut challenge).map_err(|error| Error::Broken(std::io::Error::other(error)))?;
        let mut inside = Secret::new(Vec::with_capacity(2 * witness.len() + 8));
        tlv::put(&mut inside, tag::WITNESS, &witness);
        tlv::put(&mut inside, tag::CHALLENGE, &challenge);
        let answer = self.authenticate(algorithm, Authenticating::Management, &inside, 256)?;
        cipher.encrypt(&mut challenge)?;
        let proof = field(&answer, tag::RESPONSE)?;
        if !bool::from(subtle::ConstantTimeEq::ct_eq(proof, challenge.as_slice())) {
            return Err(Error::nonsense(
                "GENERAL AUTHENTICATE",
                "the token does not know the management key",
            ));
        }
        witness.zeroize();
        Ok(())
    }
}

/// The field inside a 7C template.
fn field(answer: &[u8], tag_of_field: u32) -> Result<&[u8], Error> {
    let inside = tlv::only(answer, tag::DYNAMIC_AUTHENTICATION_TEMPLATE)?;
    tlv::find(inside, tag_of_field)
        .ok_or(Error::nonsense("GENERAL AUTHENTICATE", "the answer lacks its field"))
}

const fn no_pin() -> Error {
    Error::Invalid("a PIV PIN has 1 to 8 bytes, none of them FF: nothing was sent, no try is spent")
}

#[cfg(test)]
mod tests;
