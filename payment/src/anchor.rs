//! The bank's CA file. Every certificate in the file may issue, so every one must be a CA's. Source: RFC 5280, 6.1.1 (d).

use rustls_pki_types::{CertificateDer, TrustAnchor, pem::PemObject};
use webpki::anchor_from_trusted_cert;
use wire::pkix::begins_before_1970;

use crate::{link::Link, trust_error::TrustError};

/// A CA certificate that paths may end at.
pub(crate) struct Anchor {
    pub(crate) link: Link,
    pub(crate) trusted: TrustAnchor<'static>,
}

/// Reads a CA file, PEM (any number) or DER (one). The anchors are sorted, so that their order in the file means
/// nothing.
pub(crate) fn read(file: &[u8]) -> Result<Vec<Anchor>, TrustError> {
    let all = read_all::<CertificateDer<'static>>(file).map_err(TrustError::Ca)?;
    if all.is_empty() {
        return Err(TrustError::Ca("there is none".into()));
    }
    let mut anchors =
        all.iter().enumerate().map(|(index, der)| anchor(index + 1, der)).collect::<Result<Vec<_>, _>>()?;
    anchors.sort_by(|one, other| one.link.der.cmp(&other.link.der));
    anchors.dedup_by(|one, other| one.link.der == other.link.der);
    Ok(anchors)
}

fn anchor(number: usize, der: &CertificateDer<'static>) -> Result<Anchor, TrustError> {
    let unreadable = |_| {
        let why = match begins_before_1970(der) {
            true => "begins before 1970, and times before 1970 are not understood",
            false => "is not X.509 in DER of the strict form",
        };
        TrustError::Ca(format!("certificate {number} of the file {why}"))
    };
    let link = Link::read(der).map_err(unreadable)?;
    if let Some(fault) = link.anchor_fault() {
        return Err(TrustError::NotCa { number, certificate: link.describe(), fault });
    }
    let trusted = anchor_from_trusted_cert(der).map_err(|error| TrustError::Ca(format!("{error:?}")))?;
    Ok(Anchor { link, trusted: trusted.to_owned() })
}

/// PEM with any number of sections, or one DER.
pub(crate) fn read_all<T: PemObject + From<Vec<u8>>>(bytes: &[u8]) -> Result<Vec<T>, String> {
    if bytes.first() == Some(&0x30) {
        return Ok(vec![T::from(bytes.to_vec())]);
    }
    T::pem_slice_iter(bytes).collect::<Result<_, _>>().map_err(|error| error.to_string())
}
