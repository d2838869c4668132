//! The factory whose tokens are trusted: a CA certificate from a file, or the TEST factory of a brand, whose key follows
//! from the brand's name (`wire::attest::factory_seed`) and is therefore known to everybody.

use const_oid::db::rfc4519::O;
use sha2::{Digest, Sha256};
use wire::attest;

use crate::{
    Error, Reason,
    certificate::{Certificate, display_name},
    signature::{PrivateKey, name},
};

/// The brand of the tokens that `ushield` makes unless told otherwise.
pub const TEST_BRAND: &str = "U-shield";

/// A factory's CA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Factory(Certificate);

impl Factory {
    /// Reads a factory's CA certificate, PEM or DER.
    ///
    /// # Errors
    /// [`Reason::Damaged`]: no certificate. [`Reason::Invalid`]: not one of a CA that signs itself, or one whose key is not of
    /// [`attest::ALGORITHM`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let certificate = Certificate::parse(bytes)?;
        if super::attests(&certificate) && certificate.is_authority() && certificate.issued_by(&certificate) {
            return Ok(Self(certificate));
        }
        Err(Error::new(
            Reason::Invalid,
            "the factory's CA was not taken",
            format!(
                "“{}” is not the certificate of a CA that signs itself with {}, as the factories of tokens do",
                display_name(&certificate.subject),
                name(attest::ALGORITHM).unwrap_or_default()
            ),
            "name the CA certificate that the tokens' maker publishes: --factory-ca FILE",
        ))
    }

    /// The TEST factory of a brand.
    ///
    /// # Errors
    /// None that comes: a hash that is no key, 256 times running.
    pub fn test(brand: &str) -> Result<Self, Error> {
        let key = (0..=u8::MAX).find_map(|counter| {
            PrivateKey::of_scalar(attest::ALGORITHM, &Sha256::digest(attest::factory_seed(brand, counter)))
        });
        let none =
            || Error::new(Reason::Invalid, "there is no such test factory", "no key", "take another brand");
        let key = key.ok_or_else(none)?;
        // RFC 7093, 2, method 1.
        let identifier: [u8; 20] =
            Sha256::digest(&key.public().point)[..20].try_into().map_err(|_| none())?;
        let tbs = attest::factory(brand, &key.public().info(), &identifier);
        Certificate::parse(&attest::certificate(&tbs, &key.sign(&tbs))).map(Self)
    }

    /// The brand of the factory's tokens: the organisation in the CA's name, which has at most 64 characters of the brand
    /// (`wire::attest::factory`).
    pub fn brand(&self) -> Option<&str> {
        self.0.subject.iter().find(|(kind, _)| *kind == O).map(|(_, text)| text.as_str())
    }

    /// The CA's certificate.
    pub const fn certificate(&self) -> &Certificate {
        &self.0
    }
}
