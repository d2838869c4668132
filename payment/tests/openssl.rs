//! OpenSSL, which nobody here wrote, judges the documents, the certificates and the order's ASN.1.

use crate::bank::{Ca, Customer, an_order};
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn openssl(folder: &Path, arguments: &[&str]) -> Output {
    Command::new("openssl").current_dir(folder).args(arguments).output().unwrap_or_else(|error| {
        panic!(
            "this test runs the openssl program, which did not start ({error}): install the package openssl"
        )
    })
}

fn cms_verify(folder: &Path) -> Output {
    openssl(
        folder,
        &[
            "cms",
            "-verify",
            "-inform",
            "DER",
            "-in",
            "payment.cms",
            "-CAfile",
            "ca.pem",
            "-purpose",
            "any",
            "-out",
            "order.out",
            "-attime",
            "1780301100",
        ],
    )
}

#[test]
fn openssl_accepts_the_document_and_finds_the_order_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let (ca, order) = (Ca::new(), an_order("1"));
    let sealed = ca.customer().seal(&order);
    fs::write(folder.path().join("ca.pem"), &ca.pem).unwrap();
    fs::write(folder.path().join("payment.cms"), &sealed).unwrap();
    let output = cms_verify(folder.path());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read(folder.path().join("order.out")).unwrap(), *order);

    // One byte of the payee's name.
    let position = sealed.windows(3).position(|bytes| bytes == "上".as_bytes()).unwrap();
    let mut changed = sealed;
    changed[position + 2] ^= 1;
    fs::write(folder.path().join("payment.cms"), &changed).unwrap();
    assert!(!cms_verify(folder.path()).status.success());
    assert_eq!(ca.verify(&changed).unwrap_err().code(), "signature_invalid");
}

#[test]
fn openssl_follows_an_intermediate_in_the_document() {
    let folder = tempfile::tempdir().unwrap();
    let root = Ca::new();
    let branch = root.intermediate(crate::bank::ca_params("Branch CA"));
    let customer: Customer = branch.customer();
    let order = an_order("1");
    let sealed =
        payment::seal(&order, &[&customer.certificate, &branch.der], |bytes| customer.sign(bytes)).unwrap();
    fs::write(folder.path().join("ca.pem"), &root.pem).unwrap();
    fs::write(folder.path().join("payment.cms"), &sealed).unwrap();
    let output = cms_verify(folder.path());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(root.verify(&sealed).unwrap().order_der, *order);
}

/// The document that OpenSSL makes, without attributes and in DER, has the same form as ours.
#[test]
fn a_document_that_openssl_sealed_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let (ca, order) = (Ca::new(), an_order("1"));
    let customer = ca.customer();
    let certificate = format!(
        "-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n",
        base64(folder.path(), &customer.certificate)
    );
    fs::write(folder.path().join("cert.pem"), certificate).unwrap();
    fs::write(folder.path().join("key.pem"), customer.key.serialize_pem()).unwrap();
    fs::write(folder.path().join("order.der"), &order).unwrap();
    let sign = |more: &[&str]| {
        let arguments = [
            "cms",
            "-sign",
            "-binary",
            "-nodetach",
            "-md",
            "sha256",
            "-in",
            "order.der",
            "-signer",
            "cert.pem",
            "-inkey",
            "key.pem",
            "-outform",
            "DER",
            "-out",
            "payment.cms",
        ];
        let output = openssl(folder.path(), &[&arguments, more].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::read(folder.path().join("payment.cms")).unwrap()
    };
    assert_eq!(ca.verify(&sign(&["-noattr"])).unwrap().order_der, *order);
    // The documents that OpenSSL makes by default are refused: for their attributes, for a length that is left open,
    // for another name of the signer.
    assert_eq!(ca.verify(&sign(&[])).unwrap_err().code(), "attributes_present");
    assert_eq!(ca.verify(&sign(&["-noattr", "-stream"])).unwrap_err().code(), "malformed");
    assert_eq!(ca.verify(&sign(&["-noattr", "-keyid"])).unwrap_err().code(), "malformed");
    assert_eq!(ca.verify(&sign(&["-noattr", "-nocerts"])).unwrap_err().code(), "certificate_missing");
    assert_eq!(ca.verify(&sign(&["-noattr", "-md", "sha512"])).unwrap_err().code(), "algorithm_refused");
}

fn base64(folder: &Path, bytes: &[u8]) -> String {
    fs::write(folder.join("plain"), bytes).unwrap();
    String::from_utf8(openssl(folder, &["base64", "-in", "plain"]).stdout).unwrap()
}

/// docs/payment-order.asn1 names the fields in order; OpenSSL says which types the DER has.
#[test]
fn the_asn1_module_is_what_the_der_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("order.der"), an_order("1")).unwrap();
    let output = openssl(folder.path(), &["asn1parse", "-inform", "DER", "-in", "order.der"]);
    let parsed = String::from_utf8(output.stdout).unwrap();
    let types: Vec<&str> = parsed
        .lines()
        .filter(|line| line.contains("d=1"))
        .map(|line| line.split("prim:").nth(1).unwrap().split([':', '[']).next().unwrap().trim())
        .collect();

    let module = include_str!("../../docs/payment-order.asn1");
    let body = module.split("PaymentOrder ::= SEQUENCE {").nth(1).unwrap().split('}').next().unwrap();
    let fields: Vec<(&str, &str)> = body
        .lines()
        .map(|line| line.split("--").next().unwrap().trim())
        .filter(|line| !line.is_empty())
        .map(|line| line.split_once(char::is_whitespace).unwrap())
        .collect();
    let named = |kind: &str| {
        let known = [
            ("OBJECT IDENTIFIER", "OBJECT"),
            ("OCTET STRING", "OCTET STRING"),
            ("UTF8String", "UTF8STRING"),
            ("INTEGER", "INTEGER"),
            ("PrintableString", "PRINTABLESTRING"),
            ("GeneralizedTime", "GENERALIZEDTIME"),
        ];
        known
            .into_iter()
            .find(|(asn1, _)| kind.trim().starts_with(asn1))
            .unwrap_or_else(|| panic!("{kind}"))
            .1
    };
    assert_eq!(fields.iter().map(|(_, kind)| named(kind)).collect::<Vec<_>>(), types);
    assert_eq!(
        fields.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        [
            "kind",
            "number",
            "nonce",
            "payerAccount",
            "payeeName",
            "payeeAccount",
            "amount",
            "currency",
            "issued",
            "expires",
            "memo"
        ]
    );
    let arc =
        |oid: der::asn1::ObjectIdentifier| oid.arcs().map(|a| a.to_string()).collect::<Vec<_>>().join(" ");
    for oid in [wire::payment::PAYMENT_ORDER, wire::payment::PAYMENT_PURPOSE] {
        assert!(module.contains(&arc(oid)), "{oid} is not in the module");
    }
}
