//! Who issues certificates, as enrolment sees it: a folder, or a bank's server behind the same trait.

use wire::algorithm::KeyAlgorithm;

use crate::{
    Error, attestation::Attestation, certificate::Certificate, certificate_kind::Kind, moment::Validity,
    signature::PublicKey, subject::Subject,
};

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
    /// The CA's own certificate, under which it issues certificates of this kind.
    fn certificate(&self, kind: Kind) -> &Certificate;

    /// Whether a certificate of this kind was signed by this issuer, or by one whose place this issuer has taken.
    fn has_issued(&self, kind: Kind, certificate: &Certificate) -> bool {
        certificate.issued_by(self.certificate(kind))
    }

    /// The algorithm of the keys that it certifies for this kind, which is its own key's. `None`: it certifies none.
    fn algorithm(&self, kind: Kind) -> Option<KeyAlgorithm> {
        PublicKey::parse(&self.certificate(kind).public_key).map(|key| key.algorithm)
    }

    /// The organisation that its certificates name.
    fn organisation(&self) -> &str;

    /// Refuses now what [`Self::issue`] would refuse later, before anything is changed on the token.
    ///
    /// # Errors
    /// The subject or the validity is not one that this issuer certifies, or it cannot issue now.
    fn ready(&mut self, subject: &Subject, validity: Validity) -> Result<(), Error>;

    /// Issues one certificate, DER. The issuer has recorded it, durably, when this returns.
    ///
    /// # Errors
    /// It refuses, or could not record it; then there is no such certificate.
    fn issue(&mut self, order: &Order<'_>) -> Result<Vec<u8>, Error>;

    /// Whether it issues nothing without the token's statement on the key ([`Self::issue_attested`]).
    fn wants_attestation(&self) -> bool {
        false
    }

    /// As [`Self::issue`], with what the token says of the key. A CA that stands beside the token leaves that check to enrolment.
    ///
    /// # Errors
    /// As [`Self::issue`].
    fn issue_attested(
        &mut self,
        order: &Order<'_>,
        _attestation: Option<&Attestation>,
    ) -> Result<Vec<u8>, Error> {
        self.issue(order)
    }

    /// Whether it issued this certificate and has not revoked it.
    ///
    /// # Errors
    /// It could not tell.
    fn stands(&mut self, certificate: &Certificate) -> Result<bool, Error>;

    /// Records that these certificates are on the token: they were read back. Other certificates that were on their way to
    /// that token never arrived. Their keys are gone, so they are revoked.
    ///
    /// # Errors
    /// It could not be recorded; the certificates are good all the same.
    fn delivered(&mut self, token: &str, serials: &[String]) -> Result<(), Error>;

    /// Revokes certificates that never reached the token, and issues a CRL that says so.
    ///
    /// # Errors
    /// It could not be recorded.
    fn withdraw(&mut self, serials: &[String]) -> Result<(), Error>;
}
