//! What the security officer of PKCS#11 does with the PUK, and random numbers from the token.

use wire::shield::{Command, Initialising, MAX_CHALLENGE};

use super::Shield;
use crate::{error::Error, pipe::Secret};

impl Shield<'_> {
    /// Whether this is the PUK: CHANGE REFERENCE DATA changes the PUK to itself. The PUK stays as it is, and all its
    /// tries are there again.
    ///
    /// # Errors
    /// [`Error::PukRefused`] when the PUK is wrong or locked.
    pub fn check_puk(&mut self, puk: &[u8]) -> Result<(), Error> {
        self.change_puk(puk, puk)
    }

    /// INITIALISE, proved by the PUK: erases every key, certificate and data object but the payment container's, and
    /// gives the token a label, at most [`wire::shield::MAX_TOKEN_LABEL`] bytes of UTF-8. PIN, PUK and management key stay.
    ///
    /// # Errors
    /// [`Error::PukRefused`] when the PUK is wrong or locked; nothing was erased then. 6A80 for a label that is too long.
    pub fn initialise(&mut self, puk: &[u8], label: &str) -> Result<(), Error> {
        let mut data = Secret::default();
        let initialising = Initialising::write(&mut data, puk, label).map_err(Error::Refused)?;
        self.tell(Command::Initialise(initialising)).map_err(Error::of_puk)
    }

    /// GET CHALLENGE: random bytes from the token, as many as `bytes` holds.
    ///
    /// # Errors
    /// [`Error::Nonsense`] when the token sends another number of bytes, and the line's own.
    pub fn random(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        for chunk in bytes.chunks_mut(MAX_CHALLENGE) {
            let ne = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
            let answer = self.card.data(&Command::GetChallenge(ne).apdu())?;
            if answer.len() != chunk.len() {
                return Err(Error::nonsense("GET CHALLENGE", "another number of bytes than was asked for"));
            }
            chunk.copy_from_slice(&answer);
        }
        Ok(())
    }
}
