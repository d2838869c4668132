//! What a payment certificate has to say by itself, whatever its path. Source: RFC 5280, 4.1 and 4.2.

use aws_lc_rs::digest::{SHA256, digest};
use der::{
    Any, Decode, Encode, Tag, Tagged,
    asn1::{BitStringRef, ObjectIdentifier, PrintableStringRef},
    oid::AssociatedOid,
};
use wire::payment::PAYMENT_PURPOSE;
use x509_cert::{
    Certificate,
    ext::pkix::{ExtendedKeyUsage, KeyUsage},
    name::Name,
};

use crate::{
    Reason,
    algorithm::PublicKey,
    payer::{Holder, Signer},
};

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const SERIAL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.5");

/// A payment certificate, read.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    pub(crate) holder: Holder,
    pub(crate) signer: Signer,
    pub(crate) key: PublicKey,
}

impl Leaf {
    /// Reads a certificate that is for payments and nothing else.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Reason> {
        let certificate = parse(bytes)?;
        let tbs = certificate.tbs_certificate();
        check_serial(&certificate)?;
        check_purpose(&certificate)?;
        check_key_usage(&certificate)?;
        let key = PublicKey::read(tbs.subject_public_key_info())?;
        let user_id = match &*attributes(tbs.subject(), SERIAL_NUMBER) {
            [one] if !one.is_empty() => one.clone(),
            _ => return Err(Reason::CertificateMalformed),
        };
        let name = common_name(tbs.subject());
        let serial = crate::order::hex(tbs.serial_number().as_bytes()).to_ascii_uppercase();
        let issuer = tbs.issuer().to_der().map_err(|_| Reason::CertificateMalformed)?;
        let holder = Holder { user_id, name, fingerprint: fingerprint(bytes) };
        Ok(Self { holder, signer: Signer { serial, issuer }, key })
    }
}

/// SHA-256 of a certificate: its name in records and messages, whatever it was signed with.
pub(crate) fn fingerprint(certificate: &[u8]) -> [u8; 32] {
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(digest(&SHA256, certificate).as_ref());
    fingerprint
}

/// Reads a certificate in the one encoding that DER has for it.
pub(crate) fn parse(bytes: &[u8]) -> Result<Certificate, Reason> {
    let certificate = Certificate::from_der(bytes).map_err(|_| Reason::CertificateMalformed)?;
    match certificate.to_der() {
        Ok(again) if again == bytes => Ok(certificate),
        _ => Err(Reason::CertificateMalformed),
    }
}

/// Exactly the payment purpose (RFC 5280, 4.2.1.12). A certificate that was also for log-ins would let a log-in server have
/// payments signed.
fn check_purpose(certificate: &Certificate) -> Result<(), Reason> {
    match extension::<ExtendedKeyUsage>(certificate)? {
        Some(purposes) if purposes.0 == [PAYMENT_PURPOSE] => Ok(()),
        _ => Err(Reason::CertificatePurpose),
    }
}

/// A positive number of 20 octets at most (RFC 5280, 4.1.2.2).
fn check_serial(certificate: &Certificate) -> Result<(), Reason> {
    match certificate.tbs_certificate().serial_number().as_bytes() {
        [first, ..] if first & 0x80 != 0 => Err(Reason::CertificateMalformed),
        bytes if bytes.len() > 20 => Err(Reason::CertificateMalformed),
        _ => Ok(()),
    }
}

/// Exactly digitalSignature and nonRepudiation (RFC 5280, 4.2.1.3): not even a bit that nobody defined.
fn check_key_usage(certificate: &Certificate) -> Result<(), Reason> {
    let bytes = sole_extension(certificate, KeyUsage::OID)?.ok_or(Reason::CertificateKeyUsage)?;
    let bits = BitStringRef::from_der(bytes).map_err(|_| Reason::CertificateMalformed)?;
    match (bits.unused_bits(), bits.raw_bytes()) {
        (6, [0xC0]) => Ok(()),
        // A named bit list ends with a one (X.690, 11.2.2).
        (unused, [.., last]) if last >> unused & 1 == 0 => Err(Reason::CertificateMalformed),
        _ => Err(Reason::CertificateKeyUsage),
    }
}

/// Reads an extension of which there is at most one. Any but its one encoding is refused: a bit that nobody has defined is no
/// usage.
pub(crate) fn extension<T>(certificate: &Certificate) -> Result<Option<T>, Reason>
where
    T: for<'a> Decode<'a> + Encode + AssociatedOid,
{
    let Some(bytes) = sole_extension(certificate, T::OID)? else { return Ok(None) };
    let value = T::from_der(bytes).map_err(|_| Reason::CertificateMalformed)?;
    match value.to_der() {
        Ok(again) if again == bytes => Ok(Some(value)),
        _ => Err(Reason::CertificateMalformed),
    }
}

/// The value of an extension of which there is at most one.
fn sole_extension(certificate: &Certificate, id: ObjectIdentifier) -> Result<Option<&[u8]>, Reason> {
    let extensions = certificate.tbs_certificate().extensions().into_iter().flatten();
    let mut found = extensions.filter(|extension| extension.extn_id == id);
    match (found.next(), found.next()) {
        (one, None) => Ok(one.map(|extension| extension.extn_value.as_bytes())),
        _ => Err(Reason::CertificateMalformed),
    }
}

/// The first commonName, for people to read; empty if there is none.
pub(crate) fn common_name(name: &Name) -> String {
    attributes(name, COMMON_NAME).into_iter().next().unwrap_or_default()
}

/// A subject's attributes of one type, as text. An attribute that is not text counts as empty.
fn attributes(name: &Name, kind: ObjectIdentifier) -> Vec<String> {
    name.iter().filter(|attribute| attribute.oid == kind).map(|attribute| text(&attribute.value)).collect()
}

fn text(value: &Any) -> String {
    let text = match value.tag() {
        Tag::PrintableString => {
            value.decode_as::<PrintableStringRef<'_>>().map(|text| text.as_str().to_owned())
        }
        _ => value.decode_as::<String>(),
    };
    text.unwrap_or_default()
}
