//! Why no verifier can be made of a CA file and CRLs.

/// Why a CA certificate or a CRL cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// No CA certificate, or one that cannot be read.
    #[error("no CA certificate can be read from the CA file ({0}); give the bank's ca.pem, or its DER")]
    Ca(String),
    /// A certificate in the CA file that may not issue: as an anchor it could issue payment certificates.
    #[error(
        "certificate {number} of the CA file ({certificate}) {fault}; take it out of the CA file, which is for the \
         bank's CAs alone"
    )]
    NotCa {
        /// Its place in the file, from 1.
        number: usize,
        /// Its common name, escaped, and its fingerprint.
        certificate: String,
        /// What it lacks.
        fault: &'static str,
    },
    /// A certificate in the CA file that a CA of the file revoked.
    #[error(
        "the certificate {certificate} of the CA file is revoked: {crl} lists it; take it out of the CA file"
    )]
    Revoked {
        /// Its common name, escaped, and its fingerprint.
        certificate: String,
        /// Which CRL says so, escaped.
        crl: String,
    },
    /// A CRL that cannot be read, or not be used.
    #[error("the CRL cannot be read ({0}); give the CA's crl.pem, or its DER")]
    Crl(String),
    /// Two CRLs of one issuer and key cannot both be right.
    #[error("{0}; ask the CA which one is right, and give that one alone")]
    CrlContradiction(String),
}
