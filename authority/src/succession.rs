//! One issuer after another: what tells a holder, whose certificate the former issuer has signed, that another key is the same bank's.
//!
//! The former issuer says so with its own key: it signs a certificate for the name and the key of its successor, as RFC 9810, 4.4 has it
//! (“new with old”). The two issuers have two names, and the former one allows no CA below it, so this certificate is a statement and no
//! part of a path.

use time::OffsetDateTime;

use crate::{Error, certificate::Certificate};

/// An issuer that has been followed by another one, and what it says of its successor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Former {
    certificate: Certificate,
    link: Certificate,
}

impl Former {
    /// Reads both certificates, PEM or DER.
    ///
    /// # Errors
    /// One of them is no certificate.
    pub fn read(certificate: &[u8], link: &[u8]) -> Result<Self, Error> {
        Ok(Self { certificate: Certificate::parse(certificate)?, link: Certificate::parse(link)? })
    }

    /// Whether the former issuer has signed this certificate, and says that `successor` follows it. Whoever hands all of this over has no
    /// need to be trusted: the key that has signed the certificate has signed the statement.
    pub fn has_issued(
        &self,
        certificate: &Certificate,
        successor: &Certificate,
        now: OffsetDateTime,
    ) -> bool {
        certificate.issued_by(&self.certificate) && self.vouches_for(successor, now)
    }

    fn vouches_for(&self, successor: &Certificate, now: OffsetDateTime) -> bool {
        let link = &self.link;
        link.issued_by(&self.certificate)
            // No customer's certificate is such a statement, whatever its name.
            && link.is_authority()
            && !link.has_unknown_critical_extension()
            && link.valid_at(now)
            && (&link.subject, &link.public_key) == (&successor.subject, &successor.public_key)
    }
}
