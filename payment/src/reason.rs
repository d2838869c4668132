//! Why a payment document is refused.

use std::fmt;

/// Why a payment document is refused. [`Reason::code`] is stable: put it in logs, tickets and tests.
///
/// | code | what is wrong |
/// |---|---|
/// | `too_large` | longer than 16 KiB, or more than eight certificates |
/// | `malformed` | not CMS SignedData in the one form that `seal` writes, or bytes after it |
/// | `content_refused` | the content is detached, or not of type id-data |
/// | `signer_count` | no SignerInfo, or several |
/// | `attributes_present` | signed or unsigned attributes |
/// | `algorithm_refused` | another algorithm than the payment key's (ECDSA P-256 with SHA-256, or SM2 with SM3), or than its CA's |
/// | `order_malformed` | the content is no payment order in DER |
/// | `order_unshowable` | the order has a text that no token shows, such as a payee that reads like an amount |
/// | `certificate_missing` | the signer's certificate is not in the document |
/// | `certificate_malformed` | a certificate in the document cannot be read or begins before 1970, or the signer's names no user ID |
/// | `certificate_untrusted` | no path from the certificate to the bank's CA |
/// | `issuer_not_ca` | a certificate that issued another one on the path is not that of a CA |
/// | `issuer_key_usage` | a CA on the path may not sign certificates: its key usage lacks keyCertSign |
/// | `issuer_path_length` | below a CA on the path are more CAs than its pathLenConstraint allows |
/// | `issuer_purpose` | a CA on the path is for other purposes: its extended key usage lacks payments |
/// | `certificate_expired` | the certificate or one of its issuers has expired |
/// | `certificate_not_yet_valid` | the certificate or one of its issuers is not valid yet |
/// | `certificate_revoked` | the certificate or one of its issuers is on a CRL |
/// | `certificate_purpose` | extended key usage is not the payment purpose alone |
/// | `certificate_key_usage` | key usage is not digitalSignature and nonRepudiation alone |
/// | `signature_invalid` | the signature is not the key's over these bytes |
/// | `payer_mismatch` | the certificate's holder may not pay from the payer's account |
/// | `order_mismatch` | signed, but not the order that the bank issued |
/// | `order_lifetime` | the order lives longer than the verifier allows: 24 hours, unless it was set |
/// | `order_not_yet_valid` | issued in the future |
/// | `order_expired` | the order's time is over |
/// | `order_replayed` | the order was accepted before |
/// | `revocation_unknown` | could not tell: no CRL covers the certificate, or its CRL is not the CA's |
/// | `crl_expired` | could not tell: the CRL is too old |
/// | `crl_not_yet_valid` | could not tell: the CRL is from the future |
/// | `payer_unavailable` | could not tell: the payer book did not answer |
/// | `replay_unavailable` | could not tell: the replay store did not answer, is full, or its clock went back |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The document is longer than 16 KiB, or has more than eight certificates.
    #[error("the document is larger than any payment; take it from the customer's program again")]
    TooLarge,
    /// The document is not in the one form that [`crate::seal`] writes.
    #[error(
        "the document is not CMS SignedData in DER as U-shield seals it; ask for the file that was sealed"
    )]
    Malformed,
    /// The content is detached, or of another type than id-data.
    #[error("the document does not contain the order as id-data; seal it again, attached")]
    ContentRefused,
    /// The document has no SignerInfo, or several.
    #[error("the document has not exactly one signer; seal the order again with the payment key alone")]
    SignerCount,
    /// The SignerInfo has attributes.
    #[error("the document has CMS attributes, under which other content could hide; seal it without them")]
    AttributesPresent,
    /// The document names another algorithm than its key has, or the key has another than payment keys of its CA have.
    #[error(
        "the document, its key and the bank's CA are not of one algorithm (ECDSA P-256 with SHA-256, or SM2 with SM3); seal the order \
         with a payment key of this bank, as that key's algorithm has it"
    )]
    AlgorithmRefused,
    /// The content is not a payment order.
    #[error("what was signed is not a payment order; issue an order and have that signed")]
    OrderMalformed,
    /// A text of the order breaks the rule of `wire::display`.
    #[error("the order has a text that no honest token shows; do not pay, and issue the order in plain text")]
    OrderUnshowable,
    /// The signer's certificate is not in the document.
    #[error("the signer's certificate is not in the document; seal the order again with the certificate")]
    CertificateMissing,
    /// A certificate in the document cannot be read.
    #[error(
        "a certificate in the document cannot be read or begins before 1970, or the signer's certificate names no single user ID; \
         seal again with the payment certificate and its CAs alone, or enrol again"
    )]
    CertificateMalformed,
    /// No path leads from the certificate to a CA of the bank.
    #[error("the certificate does not lead to the bank's CA; check the CA file, or enrol with this bank")]
    CertificateUntrusted,
    /// A certificate on the path was issued by the holder of a certificate that is not a CA's.
    #[error(
        "{0} is not a CA's (it has no basicConstraints with cA), so a certificate that it issued counts for nothing; do not pay"
    )]
    IssuerNotCa(PathCertificate),
    /// A CA on the path may not sign certificates.
    #[error("{0} may not sign certificates (its key usage lacks keyCertSign); do not pay, and ask the CA")]
    IssuerKeyUsage(PathCertificate),
    /// More CAs stand below a CA on the path than the CA allows.
    #[error("{0} does not allow so many CAs below it (pathLenConstraint); do not pay, and ask the CA")]
    IssuerPathLength(PathCertificate),
    /// A CA on the path is for other purposes.
    #[error(
        "{0} is not for payments (its extended key usage names other purposes); do not pay, and ask the CA"
    )]
    IssuerPurpose(PathCertificate),
    /// A certificate on the path has expired.
    #[error("the certificate, or one of its CAs', has expired; renew the expired one")]
    CertificateExpired,
    /// A certificate on the path is not valid yet.
    #[error("the certificate, or one of its CAs', is not valid yet; check the clocks of the bank and the CA")]
    CertificateNotYetValid,
    /// A CRL lists a certificate on the path.
    #[error("the certificate was revoked; the holder needs a new personal ID")]
    CertificateRevoked,
    /// The certificate is for another purpose, or for several.
    #[error("the certificate is not for payments alone; sign with the payment certificate")]
    CertificatePurpose,
    /// The certificate has another key usage.
    #[error("the certificate's key usage is not that of payments; enrol again")]
    CertificateKeyUsage,
    /// The signature is not the key's over the order.
    #[error("the signature does not fit the order and the certificate: one of them was changed; do not pay")]
    SignatureInvalid,
    /// The account is somebody else's.
    #[error("the holder may not pay from this account; do not pay, and ask the account's owner")]
    PayerMismatch,
    /// The order is not the one that the bank issued.
    #[error("this is not the order that the bank issued; do not pay, and issue the order again")]
    OrderMismatch,
    /// The order lives too long.
    #[error("the order lives longer than this bank allows; issue one that expires sooner")]
    OrderLifetime,
    /// The order was issued in the future.
    #[error("the order was issued in the future; check the bank's clocks")]
    OrderNotYetValid,
    /// The order has expired.
    #[error("the order has expired; issue a new one")]
    OrderExpired,
    /// The order was accepted before.
    #[error("the order was accepted before; do not pay twice, and issue a new order for another payment")]
    OrderReplayed,
    /// No CRL covers a certificate on the path.
    #[error("whether the certificate was revoked is unknown; fetch the CRL of each CA in the path")]
    RevocationUnknown,
    /// The CRL is too old.
    #[error("the CRL is past its next update; fetch a new one")]
    CrlExpired,
    /// The CRL was issued in the future.
    #[error("the CRL was issued in the future; check the clocks of the bank and the CA")]
    CrlNotYetValid,
    /// The payer book did not answer.
    #[error("the payer book did not answer; try again when the book answers")]
    PayerUnavailable,
    /// The replay store did not answer.
    #[error(
        "the replay store did not answer, is full, or its clock went back; try again when the store works"
    )]
    ReplayUnavailable,
}

/// Which certificate on the path from the signer's up to the bank's CA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct PathCertificate {
    /// Its place: 1 issued the signer's certificate, 2 issued that one, and so on.
    pub place: u8,
    /// SHA-256 of its DER, what `openssl x509 -fingerprint -sha256` prints.
    pub fingerprint: [u8; 32],
}

impl PathCertificate {
    const NONE: Self = Self { place: 0, fingerprint: [0; 32] };
}

impl fmt::Display for PathCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fingerprint = crate::order::hex(&self.fingerprint);
        match self.place {
            1 => write!(f, "the issuer's certificate (SHA-256 {fingerprint})"),
            place => write!(f, "certificate {place} above the signer's (SHA-256 {fingerprint})"),
        }
    }
}

impl Reason {
    /// All reasons, in the order of the checks; those that point at a certificate point at none here.
    pub const ALL: [Self; 32] = [
        Self::TooLarge,
        Self::Malformed,
        Self::SignerCount,
        Self::AttributesPresent,
        Self::AlgorithmRefused,
        Self::ContentRefused,
        Self::CertificateMissing,
        Self::OrderMalformed,
        Self::OrderUnshowable,
        Self::CertificateMalformed,
        Self::CertificatePurpose,
        Self::CertificateKeyUsage,
        Self::CertificateUntrusted,
        Self::IssuerNotCa(PathCertificate::NONE),
        Self::IssuerKeyUsage(PathCertificate::NONE),
        Self::IssuerPurpose(PathCertificate::NONE),
        Self::IssuerPathLength(PathCertificate::NONE),
        Self::CertificateExpired,
        Self::CertificateNotYetValid,
        Self::CertificateRevoked,
        Self::RevocationUnknown,
        Self::CrlNotYetValid,
        Self::CrlExpired,
        Self::SignatureInvalid,
        Self::OrderMismatch,
        Self::OrderLifetime,
        Self::OrderNotYetValid,
        Self::OrderExpired,
        Self::PayerMismatch,
        Self::PayerUnavailable,
        Self::OrderReplayed,
        Self::ReplayUnavailable,
    ];

    /// The reason in one stable word.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::ContentRefused => "content_refused",
            Self::SignerCount => "signer_count",
            Self::AttributesPresent => "attributes_present",
            Self::AlgorithmRefused => "algorithm_refused",
            Self::OrderMalformed => "order_malformed",
            Self::OrderUnshowable => "order_unshowable",
            Self::CertificateMissing => "certificate_missing",
            Self::CertificateMalformed => "certificate_malformed",
            Self::CertificateUntrusted => "certificate_untrusted",
            Self::IssuerNotCa(_) => "issuer_not_ca",
            Self::IssuerKeyUsage(_) => "issuer_key_usage",
            Self::IssuerPathLength(_) => "issuer_path_length",
            Self::IssuerPurpose(_) => "issuer_purpose",
            Self::CertificateExpired => "certificate_expired",
            Self::CertificateNotYetValid => "certificate_not_yet_valid",
            Self::CertificateRevoked => "certificate_revoked",
            Self::CertificatePurpose => "certificate_purpose",
            Self::CertificateKeyUsage => "certificate_key_usage",
            Self::SignatureInvalid => "signature_invalid",
            Self::PayerMismatch => "payer_mismatch",
            Self::OrderMismatch => "order_mismatch",
            Self::OrderLifetime => "order_lifetime",
            Self::OrderNotYetValid => "order_not_yet_valid",
            Self::OrderExpired => "order_expired",
            Self::OrderReplayed => "order_replayed",
            Self::RevocationUnknown => "revocation_unknown",
            Self::CrlExpired => "crl_expired",
            Self::CrlNotYetValid => "crl_not_yet_valid",
            Self::PayerUnavailable => "payer_unavailable",
            Self::ReplayUnavailable => "replay_unavailable",
        }
    }

    /// The certificate that is wrong, where the reason points at one.
    pub const fn certificate(self) -> Option<PathCertificate> {
        match self {
            Self::IssuerNotCa(certificate)
            | Self::IssuerKeyUsage(certificate)
            | Self::IssuerPathLength(certificate)
            | Self::IssuerPurpose(certificate) => Some(certificate),
            _ => None,
        }
    }

    /// True when the document was found neither bad nor good. Nothing is paid then, but the same document may be accepted
    /// later.
    pub const fn could_not_tell(self) -> bool {
        matches!(
            self,
            Self::RevocationUnknown
                | Self::CrlNotYetValid
                | Self::CrlExpired
                | Self::PayerUnavailable
                | Self::ReplayUnavailable
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_documented_and_say_what_to_do() {
        let codes: HashSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        let table: Vec<_> =
            include_str!("reason.rs").lines().filter(|line| line.starts_with("/// | `")).collect();
        assert_eq!(table.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            let row = table.iter().find(|row| row.starts_with(&format!("/// | `{}` |", reason.code())));
            let row = row.unwrap_or_else(|| panic!("{} is not in the table", reason.code()));
            assert_eq!(row.contains("could not tell"), reason.could_not_tell(), "{row}");
            assert!(reason.to_string().contains("; "), "{reason} does not say what to do");
        }
    }
}
