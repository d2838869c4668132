//! The document and the order by hand, each part of which a case can bend. Source: RFC 5652, 5; docs/payment-order.asn1.

use crate::{
    certificate::PAYER,
    der::{context, generalized, integer, octets, oid, printable, sequence, set, sorted, tlv, utf8},
    key::{ECDSA_SHA256, Key},
};

pub(crate) const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";
pub(crate) const DATA: &str = "1.2.840.113549.1.7.1";
pub(crate) const SHA256: &str = "2.16.840.1.101.3.4.2.1";
pub(crate) const ORDER: &str = "1.3.6.1.4.1.32473.20.1";

/// The fields of an order by their place.
pub(crate) const KIND: usize = 0;
pub(crate) const NUMBER: usize = 1;
pub(crate) const NONCE: usize = 2;
pub(crate) const PAYER_ACCOUNT: usize = 3;
pub(crate) const PAYEE_NAME: usize = 4;
pub(crate) const PAYEE_ACCOUNT: usize = 5;
pub(crate) const AMOUNT: usize = 6;
pub(crate) const CURRENCY: usize = 7;
pub(crate) const ISSUED: usize = 8;
pub(crate) const EXPIRES: usize = 9;
pub(crate) const MEMO: usize = 10;

/// An order, each field as DER.
#[derive(Clone)]
pub(crate) struct Order(pub(crate) Vec<Vec<u8>>);

impl Order {
    /// ¥100.00 from the payer to 上海水务, issued at 08:00 and good until 08:10.
    pub(crate) fn good() -> Self {
        Self(vec![
            oid(ORDER),
            utf8("20260601-0001"),
            octets(&(0..16).collect::<Vec<u8>>()),
            utf8(PAYER),
            utf8("上海水务"),
            utf8("6222021234567890123"),
            integer(10_000),
            printable("CNY"),
            generalized("20260601080000Z"),
            generalized("20260601081000Z"),
            utf8("6月水费"),
        ])
    }

    /// The order with this field, which is given in DER.
    pub(crate) fn with(mut self, field: usize, value: Vec<u8>) -> Self {
        self.0[field] = value;
        self
    }

    /// The order with this text in a field.
    pub(crate) fn text(self, field: usize, text: &str) -> Self {
        self.with(field, utf8(text))
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        tlv(0x30, &[&self.0.concat()])
    }
}

/// Issuer and serial number of a certificate. The certificate must have a version.
pub(crate) fn identifier(certificate: &[u8]) -> Vec<u8> {
    let body = inside(inside(certificate));
    let (_version, rest) = split(body);
    let (serial, rest) = split(rest);
    let (_algorithm, rest) = split(rest);
    sequence(&[split(rest).0, serial])
}

/// The content of the TLV that comes first.
pub(crate) fn inside(bytes: &[u8]) -> &[u8] {
    &split(bytes).0[header(bytes)..]
}

fn header(bytes: &[u8]) -> usize {
    2 + if bytes[1] < 0x80 { 0 } else { usize::from(bytes[1] & 0x7F) }
}

/// The TLV that comes first, and the bytes behind that TLV.
pub(crate) fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let long = &bytes[2..header(bytes)];
    let length = match long {
        [] => usize::from(bytes[1]),
        _ => long.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
    };
    bytes.split_at(header(bytes) + length)
}

/// A SignerInfo.
#[derive(Clone)]
pub(crate) struct Signer {
    pub(crate) version: u64,
    /// The SignerIdentifier, whole.
    pub(crate) identifier: Vec<u8>,
    pub(crate) digest: Vec<u8>,
    /// The signed attributes in their tag [0], whole.
    pub(crate) signed: Vec<u8>,
    pub(crate) algorithm: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    /// The unsigned attributes in their tag [1], whole.
    pub(crate) unsigned: Vec<u8>,
}

impl Signer {
    pub(crate) fn new(key: &Key, certificate: &[u8], message: &[u8]) -> Self {
        Self {
            version: 1,
            identifier: identifier(certificate),
            digest: sequence(&[&oid(SHA256)]),
            signed: Vec::new(),
            algorithm: sequence(&[&oid(ECDSA_SHA256)]),
            signature: octets(&key.sign(message)),
            unsigned: Vec::new(),
        }
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        sequence(&[
            &integer(self.version),
            &self.identifier,
            &self.digest,
            &self.signed,
            &self.algorithm,
            &self.signature,
            &self.unsigned,
        ])
    }
}

/// A document.
#[derive(Clone)]
pub(crate) struct Document {
    pub(crate) kind: String,
    pub(crate) version: u64,
    pub(crate) digests: Vec<u8>,
    pub(crate) content_kind: String,
    /// The content in its tag [0], whole.
    pub(crate) content: Vec<u8>,
    /// The certificates in their tag [0], whole.
    pub(crate) certificates: Vec<u8>,
    /// The CRLs in their tag [1], whole.
    pub(crate) crls: Vec<u8>,
    /// The SET OF SignerInfo, whole.
    pub(crate) signers: Vec<u8>,
}

impl Document {
    /// The document with these SignerInfos in the order given, and with these certificates, sorted.
    pub(crate) fn of(order: &[u8], certificates: &[&[u8]], signers: &[&[u8]]) -> Self {
        Self {
            kind: SIGNED_DATA.into(),
            version: 1,
            digests: set(&[&sequence(&[&oid(SHA256)])]),
            content_kind: DATA.into(),
            content: context(0, &[&octets(order)]),
            certificates: context(0, &sorted(certificates)),
            crls: Vec::new(),
            signers: set(signers),
        }
    }

    /// The document that the holder of the first certificate signed.
    pub(crate) fn signed(order: &[u8], key: &Key, certificates: &[&[u8]]) -> Self {
        Self::of(order, certificates, &[&Signer::new(key, certificates[0], order).der()])
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        let content = sequence(&[&oid(&self.content_kind), &self.content]);
        let data = sequence(&[
            &integer(self.version),
            &self.digests,
            &content,
            &self.certificates,
            &self.crls,
            &self.signers,
        ]);
        sequence(&[&oid(&self.kind), &context(0, &[&data])])
    }
}
