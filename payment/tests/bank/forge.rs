//! Documents by hand, independent of the crate's writer.

use payment::{Payment, Reason};

use super::Customer;

/// The reason's code, or "accepted".
pub(crate) fn code(result: Result<Payment, Reason>) -> &'static str {
    result.map_or_else(Reason::code, |_| "accepted")
}

/// Seals without the checks of `seal`: by swapping the certificate of a good document.
pub(crate) fn forge(customer: &Customer, order: &[u8]) -> Vec<u8> {
    document(order, &[&customer.certificate], &signer_info(customer, order, &[], &[]))
}

pub(crate) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = body.len();
    let header = match length {
        0..0x80 => vec![tag, length as u8],
        0x80..0x100 => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    [header, body].concat()
}

pub(crate) const DATA: &[u8] = b"\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x01";
pub(crate) const SIGNED_DATA: &[u8] = b"\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x02";
pub(crate) const SHA256: &[u8] = b"\x30\x0B\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01";
pub(crate) const ECDSA: &[u8] = b"\x30\x0A\x06\x08\x2A\x86\x48\xCE\x3D\x04\x03\x02";

pub(crate) fn identifier(certificate: &[u8]) -> Vec<u8> {
    use cms::cert::{IssuerAndSerialNumber, x509::Certificate};
    use der::{Decode, Encode};
    let certificate = Certificate::from_der(certificate).unwrap();
    let tbs = certificate.tbs_certificate();
    let (issuer, serial_number) = (tbs.issuer().clone(), tbs.serial_number().clone());
    IssuerAndSerialNumber { issuer, serial_number }.to_der().unwrap()
}

pub(crate) fn signer_info(
    customer: &Customer,
    signed: &[u8],
    signed_attributes: &[u8],
    unsigned_attributes: &[u8],
) -> Vec<u8> {
    let signature = tlv(4, &[&customer.sign(signed).unwrap()]);
    let id = identifier(&customer.certificate);
    tlv(0x30, &[b"\x02\x01\x01", &id, SHA256, signed_attributes, ECDSA, &signature, unsigned_attributes])
}

/// A document by hand, independent of the crate's writer.
pub(crate) fn document(order: &[u8], certificates: &[&[u8]], signers: &[u8]) -> Vec<u8> {
    let content = tlv(0x30, &[DATA, &tlv(0xA0, &[&tlv(4, &[order])])]);
    let certificates = tlv(0xA0, certificates);
    let data =
        tlv(0x30, &[b"\x02\x01\x01", &tlv(0x31, &[SHA256]), &content, &certificates, &tlv(0x31, &[signers])]);
    tlv(0x30, &[SIGNED_DATA, &tlv(0xA0, &[&data])])
}
