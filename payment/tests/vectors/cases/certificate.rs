//! The signer's certificate: for payments and nothing else, valid at the time, of the bank's CA, well formed.

use crate::{
    case::{BANK, Case, case},
    certificate::{
        ANY_PURPOSE, Authority, BASIC_CONSTRAINTS, CLIENT_AUTH, COMMON_NAME, Certificate, DIGITAL_SIGNATURE,
        DISTRIBUTION_POINTS, EXTENDED_KEY_USAGE, KEY_CERT_SIGN, KEY_USAGE, NON_REPUDIATION, PAYER, PAYMENT,
        SERIAL_NUMBER, UNKNOWN, authority, name, purposes, usage,
    },
    der::{bits, boolean, context, integer, octets, oid, printable, sequence, set, tlv, utf8},
    document::inside,
    key::{EC_PUBLIC_KEY, ECDSA_SHA1, ECDSA_SHA256, ECDSA_SHA384, Key, P256},
};

pub(crate) fn cases() -> Vec<Case> {
    [times(), purpose(), key_usage(), issuer(), holder(), keys(), encoding()].concat()
}

fn bent(name: &str, expected: &'static str, wrong: &str, bend: impl Fn(Certificate) -> Certificate) -> Case {
    case(name, BANK.certified(bend), expected, wrong)
}

fn times() -> Vec<Case> {
    let bent = |name, from, until, expected, wrong| bent(name, expected, wrong, |c| c.between(from, until));
    vec![
        bent(
            "certificate-expired",
            "20200101000000Z",
            "20260531235959Z",
            "certificate_expired",
            "The certificate expired the day before.",
        ),
        bent(
            "certificate-expired-now",
            "20200101000000Z",
            "20260601080459Z",
            "certificate_expired",
            "The certificate expired a second before.",
        ),
        bent(
            "certificate-last-second",
            "20200101000000Z",
            "20260601080500Z",
            "accepted",
            "Good: the certificate's last second.",
        )
        .text(),
        bent(
            "certificate-not-yet",
            "20980101000000Z",
            "20991231235959Z",
            "certificate_not_yet_valid",
            "The certificate is for 2098.",
        ),
        bent(
            "certificate-backwards",
            "20990101000000Z",
            "20200101000000Z",
            "certificate_expired",
            "The certificate ends before it begins.",
        ),
    ]
}

fn purpose() -> Vec<Case> {
    let refused = |name, oids: &[&str], wrong| {
        bent(name, "certificate_purpose", wrong, |c| c.with(EXTENDED_KEY_USAGE, false, &purposes(oids)))
    };
    vec![
        refused("purpose-login", &[CLIENT_AUTH], "The certificate is for logging in (clientAuth)."),
        refused("purpose-signing", &["1.3.6.1.5.5.7.3.3"], "The certificate is for signing code."),
        refused(
            "purpose-neighbour",
            &["1.3.6.1.4.1.32473.20.3"],
            "The certificate's purpose is another number of the same arc.",
        ),
        refused("purpose-any", &[ANY_PURPOSE], "The certificate is for any purpose."),
        refused(
            "purpose-payment-and-login",
            &[PAYMENT, CLIENT_AUTH],
            "The certificate is for payments and for logging in.",
        ),
        refused(
            "purpose-payment-and-any",
            &[PAYMENT, ANY_PURPOSE],
            "The certificate is for payments and for any purpose.",
        ),
        refused("purpose-payment-twice", &[PAYMENT, PAYMENT], "The purpose stands there twice."),
        bent("purpose-missing", "certificate_purpose", "The certificate names no purpose.", |c| {
            c.without(EXTENDED_KEY_USAGE)
        }),
        bent("purpose-not-critical", "accepted", "Good: the purpose need not be critical.", |c| {
            c.with(EXTENDED_KEY_USAGE, false, &purposes(&[PAYMENT]))
        }),
        bent(
            "purpose-two-extensions-reversed",
            "certificate_malformed",
            "The certificate names its purposes twice, the first time for logging in.",
            |c| {
                let mut certificate = c;
                certificate
                    .extensions
                    .insert(0, (EXTENDED_KEY_USAGE.into(), false, purposes(&[CLIENT_AUTH])));
                certificate
            },
        ),
        bent(
            "purpose-two-extensions",
            "certificate_malformed",
            "The certificate names its purposes twice, the second time for logging in.",
            |c| {
                let mut certificate = c;
                certificate.extensions.push((EXTENDED_KEY_USAGE.into(), false, purposes(&[CLIENT_AUTH])));
                certificate
            },
        ),
    ]
}

fn key_usage() -> Vec<Case> {
    let refused = |name, bits: u8, wrong| {
        bent(name, "certificate_key_usage", wrong, |c| c.with(KEY_USAGE, true, &usage(bits)))
    };
    let both = DIGITAL_SIGNATURE | NON_REPUDIATION;
    let value =
        |name, value: &[u8], expected, wrong| bent(name, expected, wrong, |c| c.with(KEY_USAGE, true, value));
    vec![
        refused("usage-no-signature", NON_REPUDIATION, "The key usage lacks digitalSignature."),
        refused("usage-no-repudiation", DIGITAL_SIGNATURE, "The key usage lacks nonRepudiation."),
        refused("usage-encipherment", both | 0x20, "The key is for encipherment as well."),
        refused("usage-agreement", both | 0x08, "The key is for key agreement as well."),
        refused("usage-only-agreement", 0x08, "The key is for key agreement alone."),
        refused("usage-certificates", both | KEY_CERT_SIGN, "The key signs certificates as well."),
        refused("usage-none", 0, "The key usage is empty."),
        bent("usage-missing", "certificate_key_usage", "The certificate has no key usage.", |c| {
            c.without(KEY_USAGE)
        }),
        value(
            "usage-decipher",
            &tlv(3, &[&[7, both, 0x80]]),
            "certificate_key_usage",
            "decipherOnly (bit 8) is set as well.",
        ),
        value(
            "usage-undefined-bit",
            &tlv(3, &[&[6, both, 0x40]]),
            "certificate_key_usage",
            "Bit 9 is set, which no standard defines.",
        ),
        bent(
            "usage-two-extensions",
            "certificate_malformed",
            "The key usage stands there twice, the first time for certificates.",
            |c| {
                let mut certificate = c;
                certificate.extensions.insert(0, (KEY_USAGE.into(), true, usage(KEY_CERT_SIGN)));
                certificate
            },
        ),
        value(
            "usage-padded",
            &tlv(3, &[&[0, both]]),
            "certificate_malformed",
            "The key usage has trailing zero bits, which DER cuts.",
        )
        .text(),
    ]
}

fn issuer() -> Vec<Case> {
    let other = Authority::root("U-shield TEST other CA");
    let namesake = Authority::with(Key::p256("namesake"), "U-shield TEST bank CA", |c| c);
    let untrusted = |name: &str, certificate: &[u8], wrong: &str| {
        case(name, BANK.sealed_with(certificate), "certificate_untrusted", wrong)
    };
    let payment = Certificate::payment(&BANK.key);
    let own = Certificate { issuer: payment.subject.clone(), ..payment.clone() }.signed(&BANK.key);
    let posing = Certificate { issuer: BANK.root.name.clone(), ..payment.clone() }.signed(&BANK.key);
    let as_ca =
        Certificate { subject: BANK.root.name.clone(), issuer: BANK.root.name.clone(), ..payment.clone() };
    let mut changed = BANK.certificate.clone();
    *changed.last_mut().unwrap() ^= 1;
    let at = BANK.certificate.windows(16).position(|window| window == PAYER.as_bytes()).unwrap();
    let mut promoted = BANK.certificate.clone();
    promoted[at + 15] = b'2';
    let with = |certificate: &[u8]| {
        crate::document::Document::signed(&BANK.order, &BANK.key, &[certificate, &other.certificate]).der()
    };
    vec![
        untrusted("issuer-other", &payment.clone().signed_by(&other), "Another CA issued the certificate."),
        case(
            "issuer-other-brought-along",
            with(&payment.clone().signed_by(&other)),
            "certificate_untrusted",
            "Another CA issued the certificate, and the document brings that CA's certificate.",
        ),
        untrusted(
            "issuer-namesake",
            &payment.clone().signed_by(&namesake),
            "A CA of the same name and another key issued the certificate.",
        ),
        untrusted("issuer-itself", &own, "The customer signed the certificate."),
        untrusted("issuer-posing", &posing, "The customer signed the certificate in the CA's name."),
        case(
            "issuer-posing-as-ca",
            BANK.sealed_with(&as_ca.signed(&BANK.key)),
            "certificate_malformed",
            "The customer signed a certificate in the CA's name for the CA's name.",
        ),
        untrusted("issuer-signature-changed", &changed, "One bit of the certificate's signature is turned."),
        untrusted("issuer-holder-changed", &promoted, "The user's ID in the certificate was changed.")
            .payer("6222020000000002=6222020000000001"),
        bent(
            "leaf-is-ca",
            "certificate_purpose",
            "The customer's certificate says that it is a CA's.",
            |c| c.with(BASIC_CONSTRAINTS, true, &authority(None)),
        ),
        bent(
            "leaf-is-ca-path-0",
            "certificate_purpose",
            "The customer's certificate is a CA's whose path ends there.",
            |c| c.with(BASIC_CONSTRAINTS, true, &authority(Some(0))),
        ),
        bent(
            "leaf-without-constraints",
            "accepted",
            "Good: a customer's certificate without basic constraints.",
            |c| c.without(BASIC_CONSTRAINTS),
        ),
        bent(
            "leaf-unknown-critical",
            "certificate_malformed",
            "The certificate has a critical extension that nobody knows.",
            |c| c.with(UNKNOWN, true, &octets(b"?")),
        ),
        bent(
            "leaf-unknown",
            "accepted",
            "Good: the certificate has an extension that nobody knows and that may be passed over.",
            |c| c.with(UNKNOWN, false, &octets(b"?")),
        ),
        bent("leaf-with-point", "accepted", "Good: the certificate says where its CRL is.", |c| {
            let point = context(0, &[&context(0, &[&tlv(0x86, &[b"http://ca.example/crl"])])]);
            c.with(DISTRIBUTION_POINTS, false, &sequence(&[&sequence(&[&point])]))
        }),
    ]
}

fn holder() -> Vec<Case> {
    let named = |name: &str, subject: &[u8], expected, wrong: &str| {
        bent(name, expected, wrong, |c| Certificate { subject: subject.to_vec(), ..c })
    };
    let attribute = |kind: &str, value: &[u8]| set(&[&sequence(&[&oid(kind), value])]);
    let both = set(&[
        &sequence(&[&oid(COMMON_NAME), &utf8("张三")])[..],
        &sequence(&[&oid(SERIAL_NUMBER), &printable(PAYER)]),
    ]);
    vec![
        named(
            "holder-without-id",
            &name(&[(COMMON_NAME, "张三")]),
            "certificate_malformed",
            "The certificate names no user ID.",
        ),
        named(
            "holder-two-ids",
            &name(&[(SERIAL_NUMBER, PAYER), (SERIAL_NUMBER, "6222020000000009")]),
            "certificate_malformed",
            "The certificate names two user IDs.",
        ),
        named(
            "holder-two-ids-reversed",
            &name(&[(SERIAL_NUMBER, "6222020000000009"), (SERIAL_NUMBER, PAYER)]),
            "certificate_malformed",
            "The certificate names two user IDs, the payer's behind another.",
        ),
        named(
            "holder-without-id-for-nobody",
            &name(&[(COMMON_NAME, "张三")]),
            "certificate_malformed",
            "The certificate names no user ID, and the account is of a user without one.",
        )
        .payer("=6222020000000001"),
        named("holder-nobody", &sequence(&[]), "certificate_malformed", "The certificate names nobody."),
        named(
            "holder-empty-id",
            &name(&[(COMMON_NAME, "张三"), (SERIAL_NUMBER, "")]),
            "certificate_malformed",
            "The user ID is empty.",
        ),
        named(
            "holder-id-in-name",
            &name(&[(COMMON_NAME, PAYER)]),
            "certificate_malformed",
            "The user ID stands in the common name.",
        ),
        named(
            "holder-id-alone",
            &name(&[(SERIAL_NUMBER, PAYER)]),
            "accepted",
            "Good: a user ID without a name.",
        ),
        named(
            "holder-id-utf8",
            &sequence(&[&attribute(SERIAL_NUMBER, &utf8(PAYER))]),
            "accepted",
            "Good: the user ID is a UTF8String.",
        ),
        named("holder-one-set", &sequence(&[&both]), "accepted", "Good: name and user ID stand in one set.")
            .text(),
        bent(
            "holder-another",
            "payer_mismatch",
            "The certificate is another customer's, whose account it is not.",
            |c| Certificate {
                subject: name(&[(COMMON_NAME, "李四"), (SERIAL_NUMBER, "6222020000000002")]),
                ..c
            },
        ),
    ]
}

/// The key in the certificate is of another kind than a payment key. Only one of these keys could have signed the
/// document.
fn keys() -> Vec<Case> {
    let keyed = |name: &str, key: &[u8], expected, wrong: &str| {
        bent(name, expected, wrong, |c| Certificate { key: key.to_vec(), ..c })
    };
    let info =
        |curve: &[u8], point: &[u8]| sequence(&[&sequence(&[&oid(EC_PUBLIC_KEY), curve]), &bits(point)]);
    let point = BANK.key.public();
    let mut off = point.clone();
    off[64] ^= 1;
    let compressed = [&[2 | (point[64] & 1)], &point[1..33]].concat();
    // SEC 2, 2.4.1: the base point, a point of that curve.
    let of_bitcoin = [
        4, 0x79, 0xBE, 0x66, 0x7E, 0xF9, 0xDC, 0xBB, 0xAC, 0x55, 0xA0, 0x62, 0x95, 0xCE, 0x87, 0x0B, 0x07,
        0x02, 0x9B, 0xFC, 0xDB, 0x2D, 0xCE, 0x28, 0xD9, 0x59, 0xF2, 0x81, 0x5B, 0x16, 0xF8, 0x17, 0x98, 0x48,
        0x3A, 0xDA, 0x77, 0x26, 0xA3, 0xC4, 0x65, 0x5D, 0xA4, 0xFB, 0xFC, 0x0E, 0x11, 0x08, 0xA8, 0xFD, 0x17,
        0xB4, 0x48, 0xA6, 0x85, 0x54, 0x19, 0x9C, 0x47, 0xD0, 0x8F, 0xFB, 0x10, 0xD4, 0xB8,
    ];
    vec![
        keyed(
            "key-secp256k1",
            &info(&oid("1.3.132.0.10"), &of_bitcoin),
            "algorithm_refused",
            "The key is on secp256k1.",
        ),
        keyed("key-no-curve", &info(&[], &point), "algorithm_refused", "The key names no curve."),
        keyed(
            "key-null-curve",
            &info(&tlv(5, &[]), &point),
            "algorithm_refused",
            "The key has NULL for its curve.",
        ),
        keyed(
            "key-compressed",
            &info(&oid(P256), &compressed),
            "algorithm_refused",
            "The point is compressed.",
        ),
        keyed(
            "key-off-the-curve",
            &info(&oid(P256), &off),
            "certificate_malformed",
            "The point is not on the curve.",
        ),
        keyed(
            "key-infinity",
            &info(&oid(P256), &[0]),
            "algorithm_refused",
            "The key is the point at infinity.",
        ),
        keyed(
            "key-another",
            &Key::p256("another").info(),
            "signature_invalid",
            "The certificate is for another key.",
        ),
    ]
}

fn encoding() -> Vec<Case> {
    let mut versionless = Certificate::payment(&BANK.key);
    versionless.version = Vec::new();
    let old = versionless.clone().without(BASIC_CONSTRAINTS).without(KEY_USAGE).without(EXTENDED_KEY_USAGE);
    // A signer's identifier is made from a certificate that has a version. Where the signer's certificate has no
    // version, its twin with a version gives the identifier.
    let swap = |certificate: Vec<u8>| {
        let certificates = context(0, &[&certificate]);
        crate::document::Document { certificates, ..BANK.document() }.der()
    };
    let trailing = sequence(&[inside(&BANK.certificate), &tlv(5, &[])]);
    let [sha256, sha384, sha1] =
        [ECDSA_SHA256, ECDSA_SHA384, ECDSA_SHA1].map(|dotted| sequence(&[&oid(dotted)]));
    let algorithms = |inside: &[u8], outside: &[u8]| Some([inside.to_vec(), outside.to_vec()]);
    vec![
        case(
            "encoding-version-1",
            swap(old.signed_by(&BANK.root)),
            "certificate_missing",
            "The certificate is of version 1, and has no purpose.",
        ),
        case(
            "encoding-version-1-extensions",
            swap(versionless.signed_by(&BANK.root)),
            "certificate_missing",
            "The certificate is of version 1, and has extensions all the same.",
        ),
        case(
            "encoding-field-more",
            swap(trailing),
            "certificate_malformed",
            "A NULL follows the certificate's signature.",
        )
        .text(),
        bent(
            "encoding-false",
            "certificate_malformed",
            "basicConstraints says FALSE, which DER leaves out.",
            |c| c.with(BASIC_CONSTRAINTS, true, &sequence(&[&boolean(false)])),
        )
        .text(),
        bent(
            "encoding-algorithms",
            "certificate_malformed",
            "The certificate names ecdsa-with-SHA384 inside and ecdsa-with-SHA256 outside.",
            |c| Certificate { algorithms: algorithms(&sha384, &sha256), ..c },
        )
        .text(),
        bent(
            "encoding-sha1",
            "certificate_untrusted",
            "The certificate says that it was signed with SHA-1.",
            |c| Certificate { algorithms: algorithms(&sha1, &sha1), ..c },
        ),
        bent("encoding-serial-long", "certificate_malformed", "The serial number has 21 bytes.", |c| {
            Certificate { serial: tlv(2, &[&[0x42; 21]]), ..c }
        })
        .text(),
        bent("encoding-serial-20", "accepted", "Good: the serial number has 20 bytes.", |c| Certificate {
            serial: tlv(2, &[&[0x42; 20]]),
            ..c
        }),
        bent("encoding-serial-negative", "certificate_malformed", "The serial number is negative.", |c| {
            Certificate { serial: tlv(2, &[&[0x80]]), ..c }
        })
        .text(),
        bent(
            "encoding-serial-padded",
            "certificate_malformed",
            "The serial number has a zero byte too many.",
            |c| Certificate { serial: tlv(2, &[&[0, 0x42]]), ..c },
        )
        .text(),
        bent("encoding-serial-zero", "accepted", "Good, by every library: the serial number is 0.", |c| {
            Certificate { serial: integer(0), ..c }
        })
        .text(),
    ]
}
