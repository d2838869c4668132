//! CRLs of every kind.

use der::{Decode, Encode};
use rcgen::{
    CertificateRevocationListParams, CrlIssuingDistributionPoint, KeyIdMethod, RevocationReason,
    RevokedCertParams, SerialNumber, SigningKey,
};
use time::{Duration, OffsetDateTime};
use x509_cert::crl::{CertificateList, TbsCertList};

use super::{Ca, TODAY};

/// The content of a CRL. The CRL is valid for a week from the start of its day, unless a test changes that.
#[derive(Clone)]
pub(crate) struct List {
    pub(crate) number: u8,
    pub(crate) from: OffsetDateTime,
    pub(crate) days: i64,
    /// The revoked serial numbers, of one byte each, each with its reason.
    pub(crate) revoked: Vec<(u8, Option<RevocationReason>)>,
    pub(crate) point: Option<CrlIssuingDistributionPoint>,
}

/// A CRL with this number, which begins so many days after today.
pub(crate) fn list(number: u8, day: i64) -> List {
    List { number, from: TODAY + Duration::days(day), days: 7, revoked: Vec::new(), point: None }
}

impl List {
    pub(crate) fn revoking(mut self, serial: u8) -> Self {
        self.revoked.push((serial, Some(RevocationReason::KeyCompromise)));
        self
    }

    pub(crate) fn holding(mut self, serial: u8) -> Self {
        self.revoked.push((serial, Some(RevocationReason::CertificateHold)));
        self
    }

    pub(crate) fn of(&self, ca: &Ca) -> Vec<u8> {
        let revoke = |(serial, reason_code): &(u8, Option<RevocationReason>)| RevokedCertParams {
            serial_number: SerialNumber::from_slice(&[*serial]),
            revocation_time: TODAY,
            reason_code: *reason_code,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: self.from,
            next_update: self.from + Duration::days(self.days),
            crl_number: SerialNumber::from_slice(&[self.number]),
            issuing_distribution_point: self.point.clone(),
            revoked_certs: self.revoked.iter().map(revoke).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&ca.issuer).unwrap().der().to_vec()
    }

    /// The CRL with a change that rcgen does not allow, signed again by the CA.
    pub(crate) fn bent(&self, ca: &Ca, bend: impl FnOnce(&mut TbsCertList)) -> Vec<u8> {
        let mut list = CertificateList::from_der(&self.of(ca)).unwrap();
        bend(&mut list.tbs_cert_list);
        let signature = ca.issuer.key().sign(&list.tbs_cert_list.to_der().unwrap()).unwrap();
        list.signature = der::asn1::BitString::from_bytes(&signature).unwrap();
        list.to_der().unwrap()
    }
}
