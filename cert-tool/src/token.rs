//! The token as enrolment sees it.

mod shield;
#[cfg(test)]
pub(crate) mod soft;

use authority::{attestation::Attestation, certificate_kind::Kind};
use card::Error;
use wire::{
    Malformed,
    algorithm::KeyAlgorithm,
    piv::PublicKey,
    shield::{Container, Information},
};

/// What a token does for enrolment. Each call is one command of the shield applet (docs/shield-applet.md).
pub trait Token {
    /// GET INFORMATION.
    ///
    /// # Errors
    /// The line broke, or the token refused.
    fn information(&mut self) -> Result<Information, Error>;

    /// VERIFY with the PIN; the proof is spent by the next use of the payment key.
    ///
    /// # Errors
    /// As above; `63Cx` tells the tries left.
    fn verify(&mut self, pin: &[u8]) -> Result<(), Error>;

    /// GENERATE a pending key: its public key, tag 7F49. The key in use stays as it is.
    ///
    /// # Errors
    /// As above.
    fn generate(&mut self, container: Container, algorithm: KeyAlgorithm) -> Result<Vec<u8>, Error>;

    /// SIGN REQUEST: the signature (DER) over the whole CertificationRequestInfo by the pending key.
    ///
    /// # Errors
    /// As above; Cancel and time-out have status words of their own.
    fn sign_request(&mut self, container: Container, info: &[u8]) -> Result<Vec<u8>, Error>;

    /// INSTALL CERTIFICATES: all of them with their pending keys, or none.
    ///
    /// # Errors
    /// As above. When the line broke, either may be the case.
    fn install(&mut self, certificates: &[(Container, &[u8])]) -> Result<(), Error>;

    /// The certificate in use, DER.
    ///
    /// # Errors
    /// As above.
    fn certificate(&mut self, container: Container) -> Result<Option<Vec<u8>>, Error>;

    /// The pending public key, tag 7F49.
    ///
    /// # Errors
    /// As above.
    fn pending_public_key(&mut self, container: Container) -> Result<Option<Vec<u8>>, Error>;

    /// ATTEST of the pending key; `None` from a token that cannot attest.
    ///
    /// # Errors
    /// As above.
    fn attest_pending(&mut self, container: Container) -> Result<Option<Attestation>, Error>;
}

/// The algorithm of a key of the personal ID. That of the payment key is the brand's, and the token tells it. The other key is for
/// TLS and ssh, and stock programs of these verify no SM2 (docs/decisions/0050-the-algorithm-of-a-brand.md).
pub const fn algorithm(kind: Kind, information: &Information) -> KeyAlgorithm {
    match kind {
        Kind::Payment => information.algorithm,
        Kind::Authentication => KeyAlgorithm::P256,
    }
}

/// The point in a public key template (tag 7F49) of an elliptic key, uncompressed.
pub(crate) fn point(algorithm: KeyAlgorithm, template: &[u8]) -> Result<Vec<u8>, Error> {
    match PublicKey::parse(algorithm, template)? {
        PublicKey::Point { point, .. } => Ok(point.to_vec()),
        PublicKey::Rsa { .. } => Err(Malformed::new("public key", "is not a point of a curve").into()),
    }
}
