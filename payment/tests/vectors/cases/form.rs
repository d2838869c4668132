//! The frame: not one byte of it is free.

use crate::{
    case::{BANK, Case, case},
    certificate::{Certificate, UNKNOWN},
    der::{base64, context, integer, octets, oid, sequence, set, sorted, tlv, utf8},
    document::{DATA, Document, SHA256, SIGNED_DATA, Signer, inside},
    key::Key,
};

pub(crate) fn cases() -> Vec<Case> {
    [bytes(), lengths(), fields(), content(), certificates()].concat()
}

fn bytes() -> Vec<Case> {
    let good = BANK.document().der();
    let bad = |name: &str, bytes: Vec<u8>, wrong: &str| case(name, bytes, "malformed", wrong);
    let text = base64(&good);
    vec![
        bad("form-empty", Vec::new(), "The file is empty."),
        bad("form-noise", (0..200_u8).map(|byte| byte.wrapping_mul(151)).collect(), "The file is noise."),
        bad("form-nul", vec![0; 64], "The file is 64 zero bytes."),
        bad("form-truncated", good[..good.len() - 1].to_vec(), "The last byte is missing."),
        bad("form-half", good[..good.len() / 2].to_vec(), "The second half is missing."),
        bad("form-trailing-byte", [&good[..], &[0]].concat(), "A zero byte follows the document."),
        bad("form-trailing-text", [&good[..], b"hello"].concat(), "Five bytes follow the document."),
        bad("form-twice", [&good[..], &good].concat(), "The document stands in the file twice."),
        bad("form-leading-byte", [&[0], &good[..]].concat(), "A zero byte stands before the document."),
        bad("form-base64", text.into_bytes(), "The document is in base64."),
        bad("form-order-alone", BANK.order.clone(), "The file is the order, without a signature."),
        bad("form-certificate", BANK.certificate.clone(), "The file is the certificate."),
        case("form-huge", vec![0x30; 16 * 1024 + 1], "too_large", "The file is longer than 16 KiB."),
        bad("form-deep", [0x30, 0x80].repeat(2000), "2,000 SEQUENCEs are open inside each other."),
    ]
}

fn lengths() -> Vec<Case> {
    let good = BANK.document().der();
    let bad = |name: &str, bytes: Vec<u8>, wrong: &str| case(name, bytes, "malformed", wrong);
    let signed_data = inside(&good)[oid(SIGNED_DATA).len()..].to_vec();
    let rest = &inside(inside(&signed_data))[integer(1).len()..];
    let open = |tag: u8, body: &[u8]| [&[tag, 0x80], body, &[0, 0]].concat();
    let chunks = |order: &[u8]| [octets(&order[..50]), octets(&order[50..])].concat();
    let content = |content: Vec<u8>| Document { content, ..BANK.document() }.der();
    let signer = Signer::new(&BANK.key, &BANK.certificate, &BANK.order);
    let long_signature = [&[0x04, 0x81], &signer.signature[1..]].concat();
    let with_signer = |signer: Signer| Document { signers: set(&[&signer.der()]), ..BANK.document() }.der();
    vec![
        bad("form-indefinite", open(0x30, inside(&good)), "The outer length is indefinite: BER, not DER."),
        bad(
            "form-indefinite-inside",
            sequence(&[&oid(SIGNED_DATA), &open(0xA0, inside(&signed_data))]),
            "The content's length is indefinite: BER, not DER.",
        ),
        bad(
            "form-long-length",
            [&[0x30, 0x83, 0], &good[2..]].concat(),
            "The outer length has a byte too many.",
        ),
        bad(
            "form-long-signature-length",
            with_signer(Signer { signature: long_signature, ..signer.clone() }),
            "The signature's length has a byte too many.",
        ),
        bad(
            "form-order-in-pieces",
            content(context(0, &[&tlv(0x24, &[&chunks(&BANK.order)])])),
            "The content is an OCTET STRING in two pieces: BER, not DER.",
        ),
        bad(
            "form-order-in-pieces-open",
            content(context(0, &[&open(0x24, &chunks(&BANK.order))])),
            "The content is an OCTET STRING in two pieces, of indefinite length.",
        ),
        bad(
            "form-long-version",
            sequence(&[&oid(SIGNED_DATA), &context(0, &[&sequence(&[&[2, 2, 0, 1], rest])])]),
            "The version has a zero byte too many.",
        ),
    ]
}

fn fields() -> Vec<Case> {
    let bad = |name: &str, document: &Document, wrong: &str| case(name, document.der(), "malformed", wrong);
    let good = BANK.document();
    let sha256 = sequence(&[&oid(SHA256)]);
    let null = sequence(&[&oid(SHA256), &tlv(5, &[])]);
    let crl = &BANK.crl;
    let mut longer = good.der();
    // A NULL after the signers, inside of the SignedData.
    let data = inside(inside(&longer).get(oid(SIGNED_DATA).len()..).unwrap());
    longer = sequence(&[&oid(SIGNED_DATA), &context(0, &[&sequence(&[inside(data), &tlv(5, &[])])])]);
    vec![
        bad("form-version-0", &Document { version: 0, ..good.clone() }, "The SignedData's version is 0."),
        bad("form-version-3", &Document { version: 3, ..good.clone() }, "The SignedData's version is 3."),
        bad(
            "form-digests-none",
            &Document { digests: set(&[]), ..good.clone() },
            "No digest algorithm is listed.",
        ),
        bad(
            "form-digests-null",
            &Document { digests: set(&[&null]), ..good.clone() },
            "The digest algorithm has NULL for parameters.",
        ),
        bad(
            "form-digests-two",
            &Document {
                digests: set(&[&sha256, &sequence(&[&oid("2.16.840.1.101.3.4.2.2")])]),
                ..good.clone()
            },
            "SHA-384 is listed as well.",
        ),
        bad(
            "form-digests-other",
            &Document { digests: set(&[&sequence(&[&oid("1.3.14.3.2.26")])]), ..good.clone() },
            "SHA-1 is listed in the place of SHA-256.",
        ),
        bad(
            "form-crl-inside",
            &Document { crls: context(1, &[crl]), ..good.clone() },
            "The document brings a CRL of its own; a bank takes CRLs from its CA.",
        ),
        bad(
            "form-crls-empty",
            &Document { crls: context(1, &[]), ..good.clone() },
            "The document has an empty set of CRLs.",
        ),
        bad(
            "form-crl-nonsense-inside",
            &Document { crls: context(1, &[&sequence(&[])]), ..good.clone() },
            "The document brings a CRL that is none.",
        ),
        case("form-field-more", longer, "malformed", "A NULL follows the signers."),
        bad("form-type-data", &Document { kind: DATA.into(), ..good.clone() }, "The outer type is id-data."),
        bad(
            "form-type-enveloped",
            &Document { kind: "1.2.840.113549.1.7.3".into(), ..good },
            "The outer type is id-envelopedData.",
        ),
    ]
}

fn content() -> Vec<Case> {
    let good = BANK.document();
    let refused =
        |name: &str, document: Document, expected, wrong: &str| case(name, document.der(), expected, wrong);
    let of_kind = |kind: &str| Document { content_kind: kind.into(), ..good.clone() };
    let nested = Document::signed(&good.der(), &BANK.key, &[&BANK.certificate]);
    vec![
        refused(
            "content-detached",
            Document { content: Vec::new(), ..good.clone() },
            "content_refused",
            "The order is not in the document.",
        ),
        refused(
            "content-none",
            Document { content: context(0, &[]), ..good.clone() },
            "malformed",
            "The content's [0] is empty.",
        ),
        refused(
            "content-digested",
            of_kind("1.2.840.113549.1.7.5"),
            "content_refused",
            "The content's type is id-digestedData.",
        ),
        refused(
            "content-signed",
            of_kind(SIGNED_DATA),
            "content_refused",
            "The content's type is id-signedData.",
        ),
        refused(
            "content-order-type",
            of_kind("1.3.6.1.4.1.32473.20.1"),
            "content_refused",
            "The content's type is id-paymentOrder, and not id-data.",
        ),
        refused(
            "content-timestamp",
            of_kind("1.2.840.113549.1.9.16.1.4"),
            "content_refused",
            "The content's type is id-ct-TSTInfo.",
        ),
        refused(
            "content-nested",
            Document { content_kind: SIGNED_DATA.into(), ..nested.clone() },
            "content_refused",
            "A signed document is signed again.",
        ),
        refused(
            "content-nested-as-data",
            nested,
            "order_malformed",
            "A signed document is signed again, as data.",
        ),
        refused(
            "content-text",
            Document { content: context(0, &[&utf8("order")]), ..good.clone() },
            "malformed",
            "The content is a UTF8String.",
        ),
        refused(
            "content-not-wrapped",
            Document { content: context(0, &[&BANK.order]), ..good.clone() },
            "malformed",
            "The order stands there itself, and not in an OCTET STRING (PKCS #7 1.5 had it so).",
        ),
    ]
}

fn certificates() -> Vec<Case> {
    let good = BANK.document();
    let bad = |name: &str, certificates: Vec<u8>, expected, wrong: &str| {
        case(name, Document { certificates, ..good.clone() }.der(), expected, wrong)
    };
    let own = &BANK.certificate[..];
    let stranger =
        |serial: u8| Certificate::payment(&Key::p256("stranger")).serial(serial).signed_by(&BANK.root);
    let strangers: Vec<Vec<u8>> = (1..=8).map(stranger).collect();
    let twin = Certificate::payment(&Key::p256("stranger")).signed_by(&BANK.root);
    let renewed =
        Certificate::payment(&BANK.key).between("20210101000000Z", "20991231235959Z").signed_by(&BANK.root);
    let all: Vec<&[u8]> = strangers.iter().map(Vec::as_slice).chain([own]).collect();
    let mut unsorted = sorted(&[own, &strangers[0]]);
    unsorted.reverse();
    let large =
        Certificate::payment(&Key::p256("stranger")).serial(9).with(UNKNOWN, false, &octets(&[0; 15_500]));
    let large = large.signed_by(&BANK.root);
    let extra = |bytes: &[u8]| context(0, &sorted(&[own, bytes]));
    let [mut cut, mut garbled] = [strangers[0].clone(), strangers[0].clone()];
    cut = sequence(&[inside(&cut).get(..inside(&cut).len() - 2).unwrap()]);
    let middle = garbled.len() / 2;
    garbled[middle - 40..middle].fill(0xFF);
    vec![
        bad(
            "certificates-field-missing",
            Vec::new(),
            "certificate_missing",
            "The document has no certificates.",
        ),
        bad("certificates-none", context(0, &[]), "certificate_missing", "The set of certificates is empty."),
        bad(
            "certificates-not-the-signers",
            context(0, &[&strangers[0]]),
            "certificate_missing",
            "The only certificate is somebody else's.",
        ),
        bad(
            "certificates-the-ca-alone",
            context(0, &[&BANK.root.certificate]),
            "certificate_missing",
            "The only certificate is the CA's.",
        ),
        bad(
            "certificates-two-of-one-name",
            context(0, &sorted(&[own, &twin])),
            "certificate_missing",
            "Two certificates have the signer's issuer and serial number: which one signed would be a guess.",
        ),
        bad(
            "certificates-two-of-one-key",
            context(0, &sorted(&[own, &renewed])),
            "certificate_missing",
            "Two certificates have the signer's issuer, serial number and key: which one counts would be a guess.",
        ),
        bad(
            "certificates-unsorted",
            context(0, &unsorted),
            "malformed",
            "The set of certificates is not in DER's order.",
        ),
        bad(
            "certificates-twice",
            context(0, &[own, own]),
            "malformed",
            "The certificate stands there twice.",
        ),
        bad(
            "certificates-large",
            context(0, &sorted(&[own, &large])),
            "too_large",
            "A second certificate makes the document larger than 16 KiB.",
        ),
        bad("certificates-nine", context(0, &sorted(&all)), "too_large", "There are nine certificates."),
        bad(
            "extra-empty",
            extra(&sequence(&[])),
            "certificate_malformed",
            "An empty SEQUENCE stands among the certificates.",
        ),
        bad(
            "extra-order",
            extra(&BANK.order),
            "certificate_malformed",
            "An order stands among the certificates.",
        ),
        bad(
            "extra-nested",
            extra(&sequence(&[&sequence(&[&integer(1)]), &sequence(&[]), &tlv(3, &[&[0]])])),
            "certificate_malformed",
            "A SEQUENCE with a certificate's outline stands among the certificates.",
        ),
        bad(
            "extra-cut",
            extra(&cut),
            "certificate_malformed",
            "A certificate without its end stands among the certificates.",
        ),
        bad(
            "extra-garbled",
            extra(&garbled),
            "certificate_malformed",
            "A garbled certificate stands among the certificates.",
        ),
        bad("extra-integer", extra(&integer(5)), "malformed", "An INTEGER stands among the certificates."),
        bad(
            "extra-attribute-certificate",
            extra(&context(2, &[inside(&strangers[0])])),
            "malformed",
            "An attribute certificate stands among the certificates.",
        ),
        bad(
            "extra-other-format",
            extra(&context(3, &[&oid("1.3.6.1.4.1.32473.99"), &tlv(5, &[])])),
            "malformed",
            "A certificate of another format stands among the certificates.",
        ),
        bad("extra-crl", extra(&BANK.crl), "certificate_malformed", "A CRL stands among the certificates."),
    ]
}
