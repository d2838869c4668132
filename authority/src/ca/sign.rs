//! What the CA signs: its own certificates, personal certificates, CRLs. Source: RFC 5280; for SM2 GM/T 0015.

pub(super) mod build;

use der::asn1::{Ia5String, Uint};
use time::{Duration, OffsetDateTime};
use wire::algorithm::KeyAlgorithm;
use x509_cert::{
    Version,
    crl::{RevokedCert, TbsCertList},
    ext::pkix::{
        AccessDescription, AuthorityInfoAccessSyntax, BasicConstraints, CrlDistributionPoints, CrlNumber,
        CrlReason, ExtendedKeyUsage, KeyUsage, KeyUsages,
        crl::dp::DistributionPoint,
        name::{DistributionPointName, GeneralName},
    },
    serial_number::SerialNumber,
};

use self::build::{Content, broken, extension, key_identifier, list, moment, own_identifier};
use super::signer::Signer;
use crate::{
    Error,
    certificate::Certificate,
    csr::Request,
    index::Revocation,
    issuer::Order,
    key::random,
    moment::Validity,
    register::Register,
    signature::{PrivateKey, PublicKey},
    subject::name,
};
use const_oid::db::{
    rfc4519::{CN, O},
    rfc5280::ID_AD_OCSP,
};

/// Certificates are valid from a little before they are made: a verifier's clock may be behind the CA's.
pub(super) const SKEW: Duration = Duration::minutes(5);

/// What a new CA is to be.
#[derive(Clone, Copy, Debug)]
pub struct Founding<'a> {
    /// CN of its certificate.
    pub name: &'a str,
    /// O of its certificate and of all that it issues: the bank.
    pub organisation: &'a str,
    /// The algorithm of the keys of payment certificates, and of the key that signs them: P-256 or SM2. With SM2 the CA has a second
    /// issuer, of P-256, for certificates for authentication.
    pub algorithm: KeyAlgorithm,
    /// Where verifiers will fetch the CRL.
    pub crl_url: &'a str,
    /// Where verifiers will fetch the CRL of the second issuer, if there is one.
    pub authentication_crl_url: &'a str,
    /// How long its certificates are valid.
    pub validity: Validity,
}

/// The CA's own certificate for this key and common name, DER.
pub(super) fn root(
    key: &PrivateKey,
    common_name: &str,
    founding: &Founding<'_>,
    now: OffsetDateTime,
) -> Result<Vec<u8>, Error> {
    let own = name(&[(O, founding.organisation.to_owned()), (CN, common_name.to_owned())])?;
    let usage = KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign);
    let content = Content {
        serial: serial()?,
        issuer: own.clone(),
        subject: own,
        from: now - SKEW,
        until: founding.validity.not_after(now)?,
        key: key.public().info(),
        extensions: vec![
            extension(&BasicConstraints { ca: true, path_len_constraint: Some(0) }, true)?,
            extension(&usage, true)?,
            key_identifier(key.public())?,
        ],
    };
    content.signed(key)
}

/// What an issuer says of the one that takes its place: a certificate for the successor's name and key, DER. It ends with the first of the two.
pub(super) fn link(signer: &Signer, successor: &Certificate, now: OffsetDateTime) -> Result<Vec<u8>, Error> {
    let (issuer, authority) = own_identifier(&signer.certificate)?;
    let key = PublicKey::parse(&successor.public_key).ok_or_else(|| broken("the successor's key"))?;
    let usage = KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign);
    let content = Content {
        serial: serial()?,
        issuer,
        subject: own_identifier(successor)?.0,
        from: now - SKEW,
        until: signer.certificate.not_after.min(successor.not_after),
        key: successor.public_key.clone(),
        extensions: vec![
            authority,
            extension(&BasicConstraints { ca: true, path_len_constraint: Some(0) }, true)?,
            extension(&usage, true)?,
            key_identifier(&key)?,
        ],
    };
    content.signed(&signer.key)
}

/// A personal certificate, DER: the order's kind alone decides on its extensions.
pub(super) fn certificate(
    signer: &Signer,
    order: &Order<'_>,
    request: &Request,
    page: &dyn Register,
    now: OffsetDateTime,
    not_after: OffsetDateTime,
) -> Result<Vec<u8>, Error> {
    let key =
        PublicKey::parse(&request.public_key).ok_or_else(|| broken("the request's key cannot be written"))?;
    let (issuer, authority) = own_identifier(&signer.certificate)?;
    let mut extensions = vec![
        authority,
        key_identifier(&key)?,
        extension(&BasicConstraints { ca: false, path_len_constraint: None }, true)?,
        extension(&order.kind.usage(), true)?,
        extension(&ExtendedKeyUsage(vec![order.kind.purpose()]), false)?,
        extension(&distribution_point(page.distribution_point(order.kind))?, false)?,
    ];
    if let Some(url) = page.responder(order.kind) {
        extensions.push(extension(&responder(url)?, false)?);
    }
    let content = Content {
        serial: serial()?,
        issuer,
        subject: order.subject.name()?,
        from: now - SKEW,
        until: not_after,
        key: request.public_key.clone(),
        extensions,
    };
    content.signed(&signer.key)
}

/// RFC 5280, 4.2.2.1: where the responder is.
fn responder(url: &str) -> Result<AuthorityInfoAccessSyntax, Error> {
    let access_location = GeneralName::UniformResourceIdentifier(Ia5String::new(url).map_err(broken)?);
    Ok(AuthorityInfoAccessSyntax(vec![AccessDescription { access_method: ID_AD_OCSP, access_location }]))
}

fn distribution_point(url: &str) -> Result<CrlDistributionPoints, Error> {
    let url = GeneralName::UniformResourceIdentifier(Ia5String::new(url).map_err(broken)?);
    let distribution_point = Some(DistributionPointName::FullName(vec![url]));
    Ok(CrlDistributionPoints(vec![DistributionPoint { distribution_point, reasons: None, crl_issuer: None }]))
}

/// The date that a CRL gives to what happens now. It lies a little back, as the beginning of a certificate does: a verifier whose
/// clock is behind would take a CRL of this moment for one from the future. A revocation has the same date, so that no revocation
/// is younger than the CRL that lists it.
pub fn dated(now: OffsetDateTime) -> OffsetDateTime {
    now - SKEW
}

/// The CRL of everything revoked that this issuer issued, DER.
pub(super) fn crl(
    signer: &Signer,
    page: &dyn Register,
    this_update: OffsetDateTime,
    next_update: OffsetDateTime,
) -> Result<Vec<u8>, Error> {
    let own = page.entries().iter().filter(|entry| signer.charge.covers(entry.kind));
    let revoked = own.filter_map(|entry| {
        // A former version of this program, or a clock that was ahead, may have given the revocation a later date.
        let at = entry.revoked_at?.min(this_update);
        Some(revoked(&entry.serial, at, entry.reason))
    });
    let revoked = revoked.collect::<Result<Vec<_>, Error>>()?;
    let (issuer, authority) = own_identifier(&signer.certificate)?;
    let number = CrlNumber(Uint::new(&page.crl_number().to_be_bytes()).map_err(broken)?);
    let tbs = TbsCertList {
        version: Version::V2,
        signature: build::algorithm(&signer.key)?,
        issuer,
        this_update: moment(this_update)?,
        next_update: Some(moment(next_update)?),
        // The list is absent where nothing is revoked (RFC 5280, 5.1.2.6).
        revoked_certificates: (!revoked.is_empty()).then_some(revoked),
        crl_extensions: Some(vec![authority, extension(&number, false)?]),
    };
    list(tbs, &signer.key)
}

fn revoked(serial: &str, at: OffsetDateTime, reason: Option<Revocation>) -> Result<RevokedCert, Error> {
    let reason = reason.map(|reason| extension(&code(reason), false)).transpose()?;
    Ok(RevokedCert {
        serial_number: SerialNumber::new(&bytes(serial)).map_err(broken)?,
        revocation_date: moment(at)?,
        crl_entry_extensions: reason.map(|reason| vec![reason]),
    })
}

/// 20 random bytes, positive and of full length (RFC 5280, 4.1.2.2).
pub(super) fn serial() -> Result<SerialNumber, Error> {
    let mut bytes = [0; 20];
    random(&mut bytes)?;
    bytes[0] = (bytes[0] & 0x7F) | 0x40;
    SerialNumber::new(&bytes).map_err(broken)
}

pub(super) fn code(reason: Revocation) -> CrlReason {
    match reason {
        Revocation::Unspecified => CrlReason::Unspecified,
        Revocation::KeyCompromise => CrlReason::KeyCompromise,
        Revocation::AffiliationChanged => CrlReason::AffiliationChanged,
        Revocation::Superseded => CrlReason::Superseded,
        Revocation::CessationOfOperation => CrlReason::CessationOfOperation,
        Revocation::PrivilegeWithdrawn => CrlReason::PrivilegeWithdrawn,
        Revocation::CertificateHold => CrlReason::CertificateHold,
    }
}

/// The bytes of a serial number in hexadecimal; the index holds what [`crate::certificate::hex`] wrote.
fn bytes(serial: &str) -> Vec<u8> {
    serial
        .as_bytes()
        .chunks(2)
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}
