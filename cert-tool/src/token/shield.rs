//! The token over `card`: every road that it knows leads to the same commands.

use card::shield::Shield;
use wire::shield::{Container, Information};

use super::{Fault, Token};
use authority::attestation::Attestation;

impl Token for Shield<'_> {
    fn information(&mut self) -> Result<Information, Fault> {
        Ok(Shield::information(self)?)
    }

    fn verify(&mut self, pin: &[u8]) -> Result<(), Fault> {
        Ok(Shield::verify(self, pin)?)
    }

    fn generate(&mut self, container: Container) -> Result<Vec<u8>, Fault> {
        Ok(Shield::generate(self, container, super::ALGORITHM)?)
    }

    fn sign_request(&mut self, container: Container, info: &[u8]) -> Result<Vec<u8>, Fault> {
        Ok(Shield::sign_request(self, container, info)?)
    }

    fn install(&mut self, certificates: &[(Container, &[u8])]) -> Result<(), Fault> {
        Ok(Shield::install(self, certificates)?)
    }

    fn certificate(&mut self, container: Container) -> Result<Option<Vec<u8>>, Fault> {
        Ok(Shield::certificate(self, container)?)
    }

    fn pending_public_key(&mut self, container: Container) -> Result<Option<Vec<u8>>, Fault> {
        Ok(Shield::pending_public_key(self, container)?)
    }

    fn attest_pending(&mut self, container: Container) -> Result<Option<Attestation>, Fault> {
        let Some(token) = Shield::attestation_certificate(self)? else { return Ok(None) };
        let statement = Shield::attest_pending(self, container)?;
        Ok(statement.map(|statement| Attestation { statement, token }))
    }
}

impl From<card::Error> for Fault {
    fn from(error: card::Error) -> Self {
        match error {
            card::Error::Refused(word) | card::Error::PukRefused(word) => Self::Refused(word),
            card::Error::Busy => Self::Busy,
            card::Error::Nonsense(fault) => fault.into(),
            other => Self::Gone(other.to_string()),
        }
    }
}
