//! The token over `card`: every road that it knows leads to the same commands.

use authority::attestation::Attestation;
use card::{Error, shield::Shield};
use wire::{
    algorithm::KeyAlgorithm,
    shield::{Container, Information},
};

use super::Token;

impl Token for Shield<'_> {
    fn information(&mut self) -> Result<Information, Error> {
        Shield::information(self)
    }

    fn verify(&mut self, pin: &[u8]) -> Result<(), Error> {
        Shield::verify(self, pin)
    }

    fn generate(&mut self, container: Container, algorithm: KeyAlgorithm) -> Result<Vec<u8>, Error> {
        Shield::generate(self, container, algorithm)
    }

    fn sign_request(&mut self, container: Container, info: &[u8]) -> Result<Vec<u8>, Error> {
        Shield::sign_request(self, container, info)
    }

    fn install(&mut self, certificates: &[(Container, &[u8])]) -> Result<(), Error> {
        Shield::install(self, certificates)
    }

    fn certificate(&mut self, container: Container) -> Result<Option<Vec<u8>>, Error> {
        Shield::certificate(self, container)
    }

    fn pending_public_key(&mut self, container: Container) -> Result<Option<Vec<u8>>, Error> {
        Shield::pending_public_key(self, container)
    }

    fn attest_pending(&mut self, container: Container) -> Result<Option<Attestation>, Error> {
        let Some(token) = Shield::attestation_certificate(self)? else { return Ok(None) };
        let statement = Shield::attest_pending(self, container)?;
        Ok(statement.map(|statement| Attestation { statement, token }))
    }
}
