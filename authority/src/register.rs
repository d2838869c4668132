//! What a CA keeps of the certificates that it issued, as issuing sees it: the index in a CA's folder ([`crate::index::Index`]), or the
//! rows that a bank has read from its own tables.
//!
//! A register is a page and no store. Whoever issues reads the page under a lock or in a transaction, lets the CA write on the page, and
//! makes the page durable before the certificate leaves the CA (`docs/decisions/0056-the-register-behind-a-trait.md`).

use crate::{
    certificate_kind::Kind,
    index::{Entry, Index},
};

/// A page of a CA's books.
pub trait Register {
    /// What the rules of issuing look at: at least all certificates of the key and all of the holder's ID that an order names. For a CRL: at
    /// least all that are revoked.
    fn entries(&self) -> &[Entry];

    /// Writes down a certificate that is being issued. The caller makes the entry durable before the certificate leaves the CA.
    fn record(&mut self, entry: Entry);

    /// Where verifiers fetch the CRL for certificates of this kind.
    fn distribution_point(&self, kind: Kind) -> &str;

    /// Where verifiers ask about a certificate of this kind by OCSP; [`None`] where nobody answers.
    fn responder(&self, kind: Kind) -> Option<&str> {
        let _ = kind;
        None
    }

    /// The number of the CRL that is being issued. The number is spent already: no other CRL of the CA ever has it (RFC 5280, 5.2.3).
    fn crl_number(&self) -> u64;
}

/// The index of a CA in a folder.
impl Register for Index {
    fn entries(&self) -> &[Entry] {
        &self.certificates
    }

    fn record(&mut self, entry: Entry) {
        self.certificates.push(entry);
    }

    fn distribution_point(&self, kind: Kind) -> &str {
        match (kind, &self.authentication_crl_url) {
            (Kind::Authentication, Some(url)) => url,
            _ => &self.crl_url,
        }
    }

    fn crl_number(&self) -> u64 {
        self.crl_number
    }
}
