//! A bank for tests: a CA, its customers, its orders, its clock.

#![allow(dead_code, reason = "each test program uses another part of the bank")]

pub(crate) mod forge;
pub(crate) mod judge;
pub(crate) mod list;

use payment::{Check, EncodedOrder, MemoryReplay, Payment, Reason, SameId, Verifier, order, seal};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, SigningKey,
};
use std::{convert::Infallible, time::SystemTime};
use time::{Duration, OffsetDateTime, macros::datetime};

pub(crate) const NOW: &str = "2026-06-01T08:05:00Z";
pub(crate) const PAYER: &str = "6222020000000001";
pub(crate) const TODAY: OffsetDateTime = datetime!(2026-06-01 00:00 UTC);

pub(crate) fn at(time: &str) -> SystemTime {
    order::parse_time(time).unwrap()
}

/// An order that expires at 08:10.
pub(crate) fn an_order(number: &str) -> EncodedOrder {
    an_order_of(number, PAYER, "2026-06-01T08:10:00Z")
}

pub(crate) fn an_order_of(number: &str, account: &str, expires: &str) -> EncodedOrder {
    let json = format!(
        r#"{{"number": "{number}", "nonce": "000102030405060708090a0b0c0d0e0f", "payer_account": "{account}",
        "payee_name": "上海水务", "payee_account": "6222021234567890123", "amount": "100.00", "currency": "CNY",
        "issued": "2026-06-01T08:00:00Z", "expires": "{expires}", "memo": "6月水费"}}"#
    );
    order::from_json(&json).unwrap()
}

pub(crate) struct Ca {
    pub(crate) issuer: Issuer<'static, KeyPair>,
    pub(crate) der: Vec<u8>,
    pub(crate) pem: String,
}

pub(crate) struct Customer {
    pub(crate) key: KeyPair,
    pub(crate) certificate: Vec<u8>,
}

pub(crate) fn ca_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = (TODAY - Duration::days(30), TODAY + Duration::days(3650));
    params
}

/// What the CA puts into a payment certificate. A test may change it.
pub(crate) fn customer_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "张三");
    params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 5]), PAYER);
    params.serial_number = Some(SerialNumber::from_slice(&[0x42]));
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::ContentCommitment];
    params.extended_key_usages = vec![purpose()];
    params.use_authority_key_identifier_extension = true;
    (params.not_before, params.not_after) = (TODAY - Duration::days(1), TODAY + Duration::days(365));
    params
}

pub(crate) fn purpose() -> ExtendedKeyUsagePurpose {
    ExtendedKeyUsagePurpose::Other(wire::payment::PAYMENT_PURPOSE.arcs().map(u64::from).collect())
}

impl Ca {
    pub(crate) fn new() -> Self {
        Self::with(ca_params("Test Bank CA"))
    }

    pub(crate) fn with(params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { der: certificate.der().to_vec(), pem: certificate.pem(), issuer: Issuer::new(params, key) }
    }

    /// A CA whose certificate this CA issues.
    pub(crate) fn intermediate(&self, params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Self { der: certificate.der().to_vec(), pem: certificate.pem(), issuer: Issuer::new(params, key) }
    }

    /// A certificate for another CA's key.
    pub(crate) fn issue_certificate(&self, other: &Self, params: &CertificateParams) -> Vec<u8> {
        params.signed_by(other.issuer.key(), &self.issuer).unwrap().der().to_vec()
    }

    pub(crate) fn customer(&self) -> Customer {
        self.issue(&customer_params())
    }

    pub(crate) fn issue(&self, params: &CertificateParams) -> Customer {
        self.issue_for(KeyPair::generate().unwrap(), params)
    }

    pub(crate) fn issue_for(&self, key: KeyPair, params: &CertificateParams) -> Customer {
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().to_vec();
        Customer { key, certificate }
    }

    /// A CRL of this week that revokes these serial numbers.
    pub(crate) fn crl(&self, revoked: &[&[u8]]) -> Vec<u8> {
        let revoke = |serial: &&[u8]| RevokedCertParams {
            serial_number: SerialNumber::from_slice(serial),
            revocation_time: TODAY,
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: TODAY,
            next_update: TODAY + Duration::days(7),
            crl_number: SerialNumber::from_slice(&[1]),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(revoke).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).unwrap().der().to_vec()
    }

    pub(crate) fn verifier(&self) -> Verifier {
        Verifier::new(self.pem.as_bytes(), &[]).unwrap()
    }

    /// Verifies now, with an empty replay store and the user's ID as the account.
    pub(crate) fn verify(&self, document: &[u8]) -> Result<Payment, Reason> {
        verify_at(&self.verifier(), document, NOW)
    }
}

pub(crate) fn verify_at(verifier: &Verifier, document: &[u8], time: &str) -> Result<Payment, Reason> {
    let replay = MemoryReplay::default();
    verifier.verify(document, &Check { at: at(time), payers: &SameId, replay: &replay, issued: None })
}

impl Customer {
    /// ECDSA with SHA-256, as the token signs.
    pub(crate) fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, Infallible> {
        Ok(self.key.sign(bytes).unwrap())
    }

    pub(crate) fn seal(&self, order: &EncodedOrder) -> Vec<u8> {
        seal(order, &[&self.certificate], |bytes| self.sign(bytes)).unwrap()
    }

    /// Seals without the checks of `seal`.
    pub(crate) fn forge(&self, order: &[u8]) -> Vec<u8> {
        forge::forge(self, order)
    }
}
