//! One certificate of a certification path, with what the path asks of it. Source: RFC 5280, 4.2 and 6.1.

use der::{Encode, asn1::ObjectIdentifier, oid::AssociatedOid};
use std::ops::RangeInclusive;
use wire::payment::PAYMENT_PURPOSE;
use x509_cert::{
    Certificate, Version,
    ext::pkix::{
        BasicConstraints, CrlDistributionPoints, ExtendedKeyUsage, KeyUsage, NameConstraints, SubjectAltName,
        name::{DistributionPointName, GeneralName},
    },
    time::Validity,
};

use crate::{
    Reason,
    certificate::{common_name, extension, fingerprint, parse},
    signature::{PublicKey, Signed},
};

/// Seconds since 1970 in which something is valid, both ends included.
pub(crate) type Window = RangeInclusive<u64>;

/// The extensions that may be critical: what they say is heeded, here or by webpki.
const HEEDED: [ObjectIdentifier; 6] = [
    KeyUsage::OID,
    SubjectAltName::OID,
    BasicConstraints::OID,
    NameConstraints::OID,
    CrlDistributionPoints::OID,
    ExtendedKeyUsage::OID,
];

/// A certificate that was read strictly; names are DER.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) der: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) serial: Vec<u8>,
    pub(crate) key: PublicKey,
    pub(crate) window: Window,
    /// Where the certificate's CRLs are: the names of the distribution points that are for all reasons and of its own issuer.
    pub(crate) points: Vec<GeneralName>,
    pub(crate) is_ca: bool,
    pub(crate) path_length: Option<u8>,
    key_usage: Option<KeyUsage>,
    purposes: Option<ExtendedKeyUsage>,
    signed: Signed,
    name: String,
    version: Version,
    heeds_all: bool,
}

impl Link {
    pub(crate) fn read(der: &[u8]) -> Result<Self, Reason> {
        let certificate = parse(der)?;
        let tbs = certificate.tbs_certificate();
        let Validity { not_before, not_after, .. } = tbs.validity();
        let encoded = |name: &x509_cert::name::Name| name.to_der().map_err(|_| Reason::CertificateMalformed);
        let constraints = extension::<BasicConstraints>(&certificate)?;
        let critical = tbs.extensions().into_iter().flatten().filter(|extension| extension.critical);
        let heeds_all = critical.map(|extension| extension.extn_id).all(|id| HEEDED.contains(&id));
        Ok(Self {
            subject: encoded(tbs.subject())?,
            issuer: encoded(tbs.issuer())?,
            serial: tbs.serial_number().as_bytes().to_vec(),
            key: PublicKey::read(tbs.subject_public_key_info()).ok_or(Reason::CertificateMalformed)?,
            window: not_before.to_unix_duration().as_secs()..=not_after.to_unix_duration().as_secs(),
            points: points(&certificate),
            is_ca: constraints.as_ref().is_some_and(|constraints| constraints.ca),
            path_length: constraints.and_then(|constraints| constraints.path_len_constraint),
            key_usage: extension(&certificate)?,
            purposes: extension(&certificate)?,
            signed: Signed::read(der).ok_or(Reason::CertificateMalformed)?,
            name: common_name(tbs.subject()),
            version: tbs.version(),
            heeds_all,
            der: der.to_vec(),
        })
    }

    /// Whether the other's name and key issued this one.
    pub(crate) fn issued_by(&self, other: &Self) -> bool {
        self.issuer == other.subject && other.key.signed(&self.signed)
    }

    /// RFC 5280, 3.2: such certificates carry a CA from one key to the next, and do not count in pathLenConstraint.
    pub(crate) fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// RFC 5280, 6.1.4 (n).
    pub(crate) fn may_sign_certificates(&self) -> bool {
        self.key_usage.is_none_or(|usage| usage.key_cert_sign())
    }

    /// RFC 5280, 6.3.3 (f).
    pub(crate) fn may_sign_crls(&self) -> bool {
        self.key_usage.is_none_or(|usage| usage.crl_sign())
    }

    /// Whether the CA may issue for payments: a CA that names purposes has to name this one.
    pub(crate) fn may_issue_for_payments(&self) -> bool {
        self.purposes.as_ref().is_none_or(|purposes| purposes.0.contains(&PAYMENT_PURPOSE))
    }

    /// Why the certificate cannot stand in the CA file. Every certificate there is trusted to issue.
    pub(crate) fn anchor_fault(&self) -> Option<&'static str> {
        let faults = [
            (self.version != Version::V3, "is not of X.509 version 3"),
            (!self.is_ca, "is no CA's: it has no basicConstraints with cA"),
            (!self.may_sign_certificates(), "may not sign certificates: its key usage lacks keyCertSign"),
            (
                !self.may_issue_for_payments(),
                "is not for payments: its extended key usage names other purposes",
            ),
            (!self.heeds_all, "has a critical extension that is not understood"),
        ];
        faults.into_iter().find_map(|(there, fault)| there.then_some(fault))
    }

    /// The certificate's name and fingerprint, for people. Texts from the certificate are escaped.
    pub(crate) fn describe(&self) -> String {
        format!("{:?}, SHA-256 {}", self.name, crate::order::hex(&fingerprint(&self.der)))
    }
}

/// The distribution points (RFC 5280, 4.2.1.13). A point that cannot be read names no CRL.
fn points(certificate: &Certificate) -> Vec<GeneralName> {
    let Ok(Some(points)) = extension::<CrlDistributionPoints>(certificate) else { return Vec::new() };
    let whole = points.0.into_iter().filter(|point| point.reasons.is_none() && point.crl_issuer.is_none());
    whole
        .filter_map(|point| match point.distribution_point {
            Some(DistributionPointName::FullName(names)) => Some(names),
            _ => None,
        })
        .flatten()
        .collect()
}
