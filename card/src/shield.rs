//! The shield applet's commands. Source: docs/shield-applet.md; its bytes are in [`wire::shield`].

mod data;
mod object;
mod officer;

use wire::{
    algorithm::KeyAlgorithm,
    apdu::StatusWord,
    pin::Reference,
    shield::{AID, Attested, Command, Container, Information, Object, OldAndNew, Wished, install},
};

use crate::{
    card::{Card, PinState, pin_state},
    compressed,
    error::Error,
    pipe::Secret,
};

/// "All there is", for answers that may exceed 256 bytes.
const ALL: u32 = 65_536;

/// A card with the shield applet selected.
pub struct Shield<'a> {
    card: &'a mut Card,
}

impl<'a> Shield<'a> {
    /// SELECT by the whole AID. SELECT ends the PIN's proof for the payment key.
    ///
    /// # Errors
    /// [`Error::Refused`] with 6A82 when the card is no U-shield token, and the line's own.
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

    /// GET INFORMATION: brand, serial, generation, tries left, flags.
    ///
    /// # Errors
    /// [`Error::Nonsense`] when the answer lacks something, and the line's own. A token that failed its self-test
    /// still answers.
    pub fn information(&mut self) -> Result<Information, Error> {
        let answer = self.ask(Command::GetInformation, 256)?;
        Ok(Information::parse(&answer)?)
    }

    /// VERIFY with the PIN, not padded. The next command that uses the payment key spends the proof.
    ///
    /// # Errors
    /// [`Error::Refused`]: 63Cx wrong ([`Error::tries`] tells how many are left), 6983 locked.
    pub fn verify(&mut self, pin: &[u8]) -> Result<(), Error> {
        if pin.is_empty() {
            return Err(Error::Invalid("the PIN is empty: nothing was sent, no try is spent"));
        }
        self.tell(Command::Verify(pin))
    }

    /// VERIFY without data: whether the PIN is verified, or how many tries are left. The command spends no try.
    ///
    /// # Errors
    /// The line's own.
    pub fn pin_state(&mut self) -> Result<PinState, Error> {
        pin_state(&self.card.transmit(&Command::AskVerified.apdu())?)
    }

    /// CHANGE REFERENCE DATA of the PIN.
    ///
    /// # Errors
    /// [`Error::Refused`]: 63Cx when the old PIN is wrong, 9D06 when the new PIN is too easy or of a wrong length.
    pub fn change_pin(&mut self, old: &[u8], new: &[u8]) -> Result<(), Error> {
        self.change(Reference::Pin, old, new)
    }

    /// CHANGE REFERENCE DATA of the PUK.
    ///
    /// # Errors
    /// [`Error::PukRefused`] when the old PUK is wrong or locked, 9D06 as above.
    pub fn change_puk(&mut self, old: &[u8], new: &[u8]) -> Result<(), Error> {
        self.change(Reference::Puk, old, new).map_err(Error::of_puk)
    }

    /// RESET RETRY COUNTER: sets a new PIN by the PUK, as a bank's counter does for a locked PIN.
    ///
    /// # Errors
    /// [`Error::PukRefused`] when the PUK is wrong or locked, 9D06 as above.
    pub fn unblock(&mut self, puk: &[u8], new_pin: &[u8]) -> Result<(), Error> {
        let mut codes = Secret::default();
        let codes = OldAndNew::write(&mut codes, puk, new_pin).map_err(Error::Refused)?;
        self.tell(Command::ResetRetryCounter(codes)).map_err(Error::of_puk)
    }

    fn change(&mut self, reference: Reference, old: &[u8], new: &[u8]) -> Result<(), Error> {
        let mut codes = Secret::default();
        let codes = OldAndNew::write(&mut codes, old, new).map_err(Error::Refused)?;
        self.tell(Command::ChangeReferenceData(reference, codes))
    }

    /// GENERATE: makes a *pending* key in the container, which works on with its former key until [`Self::install`].
    /// Returns the public key, tag 7F49 ([`wire::piv::PublicKey`] reads it). Wants the PIN verified.
    ///
    /// # Errors
    /// [`Error::Refused`]: 6982 without the PIN, 6A80 for an algorithm that the container does not take.
    pub fn generate(&mut self, container: Container, algorithm: KeyAlgorithm) -> Result<Vec<u8>, Error> {
        let mut data = Vec::new();
        self.ask(Command::Generate(container, Wished::write(&mut data, algorithm)), ALL)
    }

    /// SIGN REQUEST: the signature (ECDSA with SHA-256, DER) over a whole CertificationRequestInfo, DER. The token's
    /// screen shows the subject of the request, and this call waits for OK.
    ///
    /// # Errors
    /// [`Error::Refused`]: 6982 without the PIN, 6985 when the request is not for the container's key, 9D01 Cancel,
    /// 9D02 nobody pressed in time, 9D03 factory PIN.
    pub fn sign_request(&mut self, container: Container, info: &[u8]) -> Result<Vec<u8>, Error> {
        self.ask(Command::SignRequest(container, info), 256)
    }

    /// INSTALL CERTIFICATES: puts each certificate (DER) with its pending key in place, all or none. Wants the PIN.
    ///
    /// # Errors
    /// [`Error::Refused`]: 9D05 when a certificate is not for the pending key, 6982 without the PIN.
    pub fn install(&mut self, items: &[(Container, &[u8])]) -> Result<(), Error> {
        self.tell(Command::InstallCertificates(&install(items)))
    }

    /// SIGN PAYMENT: the signature (ECDSA with SHA-256, DER) over a whole PaymentOrder, DER. The token's screen shows
    /// the order, and this call waits for OK. Each order needs a VERIFY of its own just before.
    ///
    /// # Errors
    /// [`Error::Refused`]: 6982 without the PIN, 9D01 Cancel, 9D02 nobody pressed in time, 9D03 factory PIN, 9D04
    /// text that cannot be shown, 6A88 without a payment key.
    pub fn sign_payment(&mut self, order: &[u8]) -> Result<Vec<u8>, Error> {
        self.ask(Command::SignPayment(order), 256)
    }

    /// The certificate in the container, DER; `None` when there is none. A certificate that a PIV program stored
    /// compressed is unpacked.
    ///
    /// # Errors
    /// [`Error::Nonsense`] for a compressed certificate that cannot be unpacked, and the line's own.
    pub fn certificate(&mut self, container: Container) -> Result<Option<Vec<u8>>, Error> {
        self.object(Object::Certificate, container)?.map(compressed::certificate).transpose()
    }

    /// The public key in use, tag 7F49; `None` when there is none.
    ///
    /// # Errors
    /// The line's own.
    pub fn public_key(&mut self, container: Container) -> Result<Option<Vec<u8>>, Error> {
        self.object(Object::PublicKey, container)
    }

    /// The public key that waits for its certificate, tag 7F49; `None` when none does.
    ///
    /// # Errors
    /// The line's own.
    pub fn pending_public_key(&mut self, container: Container) -> Result<Option<Vec<u8>>, Error> {
        self.object(Object::PendingPublicKey, container)
    }

    /// ATTEST: the token's statement that the key in use was made on this token. The statement is a certificate
    /// (DER), signed by the key of [`Self::attestation_certificate`]. `None` on a token that cannot attest.
    ///
    /// # Errors
    /// [`Error::Refused`]: 6985 for a key that came from outside, 6A88 without a key.
    pub fn attest(&mut self, container: Container) -> Result<Option<Vec<u8>>, Error> {
        self.attestation(Attested::Key(container))
    }

    /// As [`Self::attest`], for the key that waits for its certificate.
    ///
    /// # Errors
    /// As [`Self::attest`].
    pub fn attest_pending(&mut self, container: Container) -> Result<Option<Vec<u8>>, Error> {
        self.attestation(Attested::PendingKey(container))
    }

    /// The certificate of the token's attestation key, DER, which its factory signed; `None` on a token that cannot
    /// attest.
    ///
    /// # Errors
    /// The line's own.
    pub fn attestation_certificate(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.attestation(Attested::Token)
    }

    /// `None` also for a token that is older than ATTEST and does not know the command.
    fn attestation(&mut self, of: Attested) -> Result<Option<Vec<u8>>, Error> {
        match self.ask(Command::Attest(of), ALL) {
            Ok(certificate) => Ok(Some(certificate)),
            Err(Error::Refused(StatusWord::NOT_FOUND | StatusWord::WRONG_INSTRUCTION)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn object(&mut self, object: Object, container: Container) -> Result<Option<Vec<u8>>, Error> {
        match self.ask(Command::GetObject(object, container), ALL) {
            Ok(object) => Ok(Some(object)),
            Err(Error::Refused(StatusWord::NOT_FOUND)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A command that is answered by a status word alone.
    fn tell(&mut self, command: Command<'_>) -> Result<(), Error> {
        self.card.data(&command.apdu()).map(drop)
    }

    /// A command with an answer of at most `ne` bytes.
    fn ask(&mut self, command: Command<'_>, ne: u32) -> Result<Vec<u8>, Error> {
        self.card.data(&command.apdu().expecting(ne))
    }
}

#[cfg(test)]
mod tests;
