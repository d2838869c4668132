//! What the CA signs: its own certificate, personal certificates, CRLs. Source: RFC 5280.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint,
    DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer as Signer, KeyIdMethod, KeyUsagePurpose,
    PublicKeyData, RevocationReason, RevokedCertParams, SerialNumber, SignatureAlgorithm,
};
use time::{Duration, OffsetDateTime};

use crate::{
    Error, Reason,
    certificate_kind::Kind,
    csr::Request,
    index::{Index, Revocation},
    issuer::Order,
    key::random,
    moment::Validity,
    signature::{PrivateKey, PublicKey, written},
    subject::arcs,
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
    /// Where verifiers will fetch the CRL.
    pub crl_url: &'a str,
    /// How long its certificate is valid.
    pub validity: Validity,
}

/// The CA's own certificate, DER.
pub(super) fn root(key: &PrivateKey, founding: &Founding<'_>, now: OffsetDateTime) -> Result<Vec<u8>, Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, founding.organisation);
    params.distinguished_name.push(DnType::CommonName, founding.name);
    params.not_before = now - SKEW;
    params.not_after = founding.validity.not_after(now)?;
    params.serial_number = Some(serial()?);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params.self_signed(key).map_err(broken)?.der().to_vec())
}

/// A personal certificate, DER: the order's kind alone decides on its extensions.
pub(super) fn certificate(
    signer: &Signer<'_, PrivateKey>,
    order: &Order<'_>,
    request: &Request,
    crl_url: &str,
    now: OffsetDateTime,
    not_after: OffsetDateTime,
) -> Result<Vec<u8>, Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name = order.subject.distinguished_name()?;
    params.not_before = now - SKEW;
    params.not_after = not_after;
    params.serial_number = Some(serial()?);
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = order.kind.usages().to_vec();
    params.extended_key_usages = vec![match order.kind {
        Kind::Authentication => ExtendedKeyUsagePurpose::ClientAuth,
        Kind::Payment => ExtendedKeyUsagePurpose::Other(arcs(order.kind.purpose())),
    }];
    params.crl_distribution_points = vec![CrlDistributionPoint { uris: vec![crl_url.to_string()] }];
    let key = Certified::parse(&request.public_key).ok_or_else(|| {
        Error::new(
            Reason::IssuerRefused,
            "the CA could not sign",
            "the key of the request is of no algorithm that is certified here",
            "make a request for a key on P-256; nothing was issued",
        )
    })?;
    Ok(params.signed_by(&key, signer).map_err(broken)?.der().to_vec())
}

/// The key that a certificate is for.
struct Certified {
    algorithm: &'static SignatureAlgorithm,
    point: Vec<u8>,
}

impl Certified {
    /// Reads a SubjectPublicKeyInfo, DER.
    fn parse(info: &[u8]) -> Option<Self> {
        let PublicKey { algorithm, point } = PublicKey::parse(info)?;
        Some(Self { algorithm: written(algorithm)?, point })
    }
}

impl PublicKeyData for Certified {
    fn der_bytes(&self) -> &[u8] {
        &self.point
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}

/// The date that a CRL gives to what happens now. It lies a little back, as the beginning of a certificate does: a verifier whose
/// clock is behind would take a CRL of this moment for one from the future. A revocation has the same date, so that no revocation
/// is younger than the CRL that lists it.
pub(super) fn dated(now: OffsetDateTime) -> OffsetDateTime {
    now - SKEW
}

/// The CRL of everything revoked, DER.
pub(super) fn crl(
    signer: &Signer<'_, PrivateKey>,
    index: &Index,
    this_update: OffsetDateTime,
    next_update: OffsetDateTime,
) -> Result<Vec<u8>, Error> {
    let revoked = index.certificates.iter().filter_map(|entry| {
        Some(RevokedCertParams {
            serial_number: SerialNumber::from(bytes(&entry.serial)),
            // A former version of this program, or a clock that was ahead, may have given the revocation a later date.
            revocation_time: entry.revoked_at?.min(this_update),
            reason_code: entry.reason.map(code),
            invalidity_date: None,
        })
    });
    let params = CertificateRevocationListParams {
        this_update,
        next_update,
        crl_number: SerialNumber::from(index.crl_number),
        issuing_distribution_point: None,
        revoked_certs: revoked.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    Ok(params.signed_by(signer).map_err(broken)?.der().to_vec())
}

/// 20 random bytes, positive and of full length (RFC 5280, 4.1.2.2).
fn serial() -> Result<SerialNumber, Error> {
    let mut bytes = [0; 20];
    random(&mut bytes)?;
    bytes[0] = (bytes[0] & 0x7F) | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

fn code(reason: Revocation) -> RevocationReason {
    match reason {
        Revocation::Unspecified => RevocationReason::Unspecified,
        Revocation::KeyCompromise => RevocationReason::KeyCompromise,
        Revocation::AffiliationChanged => RevocationReason::AffiliationChanged,
        Revocation::Superseded => RevocationReason::Superseded,
        Revocation::CessationOfOperation => RevocationReason::CessationOfOperation,
        Revocation::PrivilegeWithdrawn => RevocationReason::PrivilegeWithdrawn,
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

pub(super) fn broken(fault: rcgen::Error) -> Error {
    Error::new(
        Reason::IssuerRefused,
        "the CA could not sign",
        fault,
        "check the CA's files; nothing was issued",
    )
}
