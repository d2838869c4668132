//! Who issues certificates, as enrolment sees it: a folder today, a bank's server behind the same trait tomorrow.

use crate::{Error, certificate::Certificate, kind::Kind, moment::Validity, subject::Subject};

/// What an issuer is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The certification request, DER.
    pub request: &'a [u8],
    /// Which of the two certificates.
    pub kind: Kind,
    /// Whom it is for; the request must say the same.
    pub subject: &'a Subject,
    /// How long it is valid.
    pub validity: Validity,
    /// The serial number of the token that it will be installed on, when it is known.
    pub token: Option<&'a str>,
}

/// A certification authority. An issued certificate is on its way until [`Self::delivered`] or
/// [`Self::withdraw`] says what became of it.
pub trait Issuer {
    /// The CA's own certificate.
    fn certificate(&self) -> &Certificate;

    /// The organisation that its certificates name.
    fn organisation(&self) -> &str;

    /// Refuses now what would be refused later, so that nothing is changed on the token for nothing.
    ///
    /// # Errors
    /// The subject or the validity is not one that this issuer certifies, or it cannot issue now.
    fn ready(&mut self, subject: &Subject, validity: Validity) -> Result<(), Error>;

    /// Issues one certificate, DER. The issuer has recorded it, durably, when this returns.
    ///
    /// # Errors
    /// It refuses, or could not record it; then there is no such certificate.
    fn issue(&mut self, order: &Order<'_>) -> Result<Vec<u8>, Error>;

    /// Whether it issued this certificate and has not revoked it.
    ///
    /// # Errors
    /// It could not tell.
    fn stands(&mut self, certificate: &Certificate) -> Result<bool, Error>;

    /// These are on the token and were read back. What else was on its way to that token never arrived: its keys
    /// are gone, so it is revoked.
    ///
    /// # Errors
    /// It could not be recorded; the certificates are good all the same.
    fn delivered(&mut self, token: &str, serials: &[String]) -> Result<(), Error>;

    /// These never reached the token: they are revoked, and the CRL says so.
    ///
    /// # Errors
    /// It could not be recorded.
    fn withdraw(&mut self, serials: &[String]) -> Result<(), Error>;
}
