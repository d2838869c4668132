//! SM2 beside P-256: two curves whose points are equally long, two digests of one length, and one bank that knows which of its CAs uses
//! what. No document and no certificate chooses.

use std::sync::LazyLock;

use crate::{
    case::{BANK, Case, case},
    certificate::{Authority, CLIENT_AUTH, Certificate, Crl, EXTENDED_KEY_USAGE, authority, purposes},
    der::{bits, octets, oid, sequence, set, tlv, unsigned},
    document::{Document, SHA256, Signer},
    key::{DEFAULT_ID, EC_PUBLIC_KEY, ECDSA_SHA256, Key, P256, SM2, SM2_ORDER, SM2_SM3, sm3},
};

const SM3: &str = "1.2.156.10197.1.401";
/// What GM/T 0010 names SM2 signatures.
const SM2_SIGN: &str = "1.2.156.10197.1.301.1";
const CA: &str = "U-shield TEST SM2 bank CA";

/// A bank of SM2 and its customer.
struct Sm2Bank {
    root: Authority,
    key: Key,
    certificate: Vec<u8>,
    crl: Vec<u8>,
}

static SM2_BANK: LazyLock<Sm2Bank> = LazyLock::new(|| {
    let root = Authority::with(Key::sm2(CA), CA, |certificate| certificate);
    let key = Key::sm2("SM2 customer");
    let certificate = Certificate::payment(&key).signed_by(&root);
    let crl = Crl::new(1, &[0x66]).signed_by(&root);
    Sm2Bank { root, key, certificate, crl }
});

pub(crate) fn cases() -> Vec<Case> {
    [good(), names(), forms(), signatures(), encodings(), keys(), authorities(), certificates(), lists()]
        .concat()
}

/// A SignerInfo with the names of SM2's form.
fn signer(key: &Key, certificate: &[u8], order: &[u8]) -> Signer {
    let (digest, algorithm) = (sequence(&[&oid(SM3)]), sequence(&[&oid(SM2_SM3)]));
    Signer { digest, algorithm, ..Signer::new(key, certificate, order) }
}

fn of(certificates: &[&[u8]], signer: &Signer) -> Document {
    let digests = set(&[&sequence(&[&oid(SM3)])]);
    Document { digests, ..Document::of(&BANK.order, certificates, &[&signer.der()]) }
}

/// The good order, sealed with this key and certificate.
fn sealed(key: &Key, certificates: &[&[u8]]) -> Vec<u8> {
    of(certificates, &signer(key, certificates[0], &BANK.order)).der()
}

/// The customer's SignerInfo.
fn own() -> Signer {
    signer(&SM2_BANK.key, &SM2_BANK.certificate, &BANK.order)
}

fn with(signer: Signer) -> Vec<u8> {
    of(&[&SM2_BANK.certificate], &signer).der()
}

/// A document of these algorithms, the digest once beside the content as well.
fn named(digest: &[&[u8]], algorithm: &[&[u8]]) -> Vec<u8> {
    let (digest, algorithm) = (sequence(digest), sequence(algorithm));
    let digests = set(&[&digest]);
    Document { digests, ..of(&[&SM2_BANK.certificate], &Signer { digest, algorithm, ..own() }) }.der()
}

/// A case of the bank of SM2.
fn sm2(name: &str, document: Vec<u8>, expected: &'static str, wrong: &str) -> Case {
    case(&format!("sm2-{name}"), document, expected, wrong)
        .ca("sm2-bank", &[&SM2_BANK.root.certificate])
        .crls(&[("sm2-bank-1", &SM2_BANK.crl)])
}

fn good() -> Vec<Case> {
    let key = Key::sm2("SM2 branch");
    let branch = Certificate::authority(2, "U-shield TEST SM2 branch CA", &key);
    let name = branch.subject.clone();
    let branch = Authority { certificate: branch.signed_by(&SM2_BANK.root), name, key };
    let certificate = Certificate::payment(&SM2_BANK.key).signed_by(&branch);
    let crl = Crl::new(1, &[]).signed_by(&branch);
    vec![
        sm2(
            "good",
            sealed(&SM2_BANK.key, &[&SM2_BANK.certificate]),
            "accepted",
            "Good: a payment of SM2 with SM3, as a token of SM2 and `payment::seal` make it.",
        )
        .text()
        .differs("sm2"),
        sm2(
            "good-branch",
            sealed(&SM2_BANK.key, &[&certificate, &branch.certificate]),
            "accepted",
            "Good: a CA of SM2 stands between the bank's and the customer.",
        )
        .crls(&[("sm2-bank-1", &SM2_BANK.crl), ("sm2-branch", &crl)])
        .text()
        .differs("sm2"),
    ]
}

/// What the document names.
fn names() -> Vec<Case> {
    let bad = |name: &str, document: Vec<u8>, wrong: &str| sm2(name, document, "algorithm_refused", wrong);
    let null = tlv(5, &[]);
    let (sm3, sha256) = (oid(SM3), oid(SHA256));
    let (sm2_sm3, ecdsa) = (oid(SM2_SM3), oid(ECDSA_SHA256));
    let p256 = Signer {
        digest: sequence(&[&sm3]),
        algorithm: sequence(&[&sm2_sm3]),
        ..Signer::new(&BANK.key, &BANK.certificate, &BANK.order)
    };
    let p256 = Document {
        digests: set(&[&sequence(&[&sm3])]),
        ..Document::of(&BANK.order, &[&BANK.certificate], &[&p256.der()])
    };
    vec![
        bad("digest-sha256", named(&[&sha256], &[&sm2_sm3]), "SHA-256 is named beside SM2-with-SM3."),
        bad("signature-ecdsa", named(&[&sm3], &[&ecdsa]), "ECDSA with SHA-256 is named beside SM3."),
        bad(
            "named-p256",
            named(&[&sha256], &[&ecdsa]),
            "A key of SM2 signed, and P-256's two algorithms are named.",
        ),
        bad(
            "signature-sm2-alone",
            named(&[&sm3], &[&oid(SM2_SIGN)]),
            "The signature is named as GM/T 0010 has it: 1.2.156.10197.1.301.1.",
        ),
        bad("signature-curve", named(&[&sm3], &[&oid(SM2)]), "The signature is named after the curve."),
        bad("signature-sm3", named(&[&sm3], &[&sm3]), "The signature is named after the digest."),
        bad("digest-null", named(&[&sm3, &null], &[&sm2_sm3]), "The digest has the parameters NULL."),
        bad(
            "signature-null",
            named(&[&sm3], &[&sm2_sm3, &null]),
            "The signature algorithm has the parameters NULL.",
        ),
        bad(
            "signature-parameters",
            named(&[&sm3], &[&sm2_sm3, &oid(SM2)]),
            "The signature algorithm has the curve for parameters.",
        ),
        case(
            "sm2-p256-named-sm2",
            p256.der(),
            "algorithm_refused",
            "A key on P-256 signed, and SM2's two algorithms are named.",
        ),
    ]
}

/// The frame.
fn forms() -> Vec<Case> {
    let document = || of(&[&SM2_BANK.certificate], &own());
    let gm = |last: u8| format!("1.2.156.10197.6.1.4.2.{last}");
    let attributes =
        tlv(0xA0, &[&sequence(&[&oid("1.2.840.113549.1.9.3"), &set(&[&oid("1.2.840.113549.1.7.1")])])]);
    vec![
        sm2(
            "form-digests",
            Document { digests: set(&[&sequence(&[&oid(SHA256)])]), ..document() }.der(),
            "malformed",
            "The list of digests names SHA-256, and the signer SM3.",
        ),
        sm2(
            "form-gm-type",
            Document { kind: gm(2), ..document() }.der(),
            "malformed",
            "The outer type is signedData of GM/T 0010.",
        ),
        sm2(
            "form-gm-content",
            Document { content_kind: gm(1), ..document() }.der(),
            "content_refused",
            "The content's type is data of GM/T 0010.",
        ),
        sm2(
            "form-attributes",
            with(Signer { signed: attributes, ..own() }),
            "attributes_present",
            "The SignerInfo has signed attributes.",
        ),
        sm2(
            "form-detached",
            Document { content: Vec::new(), ..document() }.der(),
            "content_refused",
            "The order is not in the document.",
        ),
    ]
}

/// What the signature is over.
fn signatures() -> Vec<Case> {
    let bad = |name: &str, signature: Vec<u8>, wrong: &str| {
        sm2(name, with(Signer { signature: octets(&signature), ..own() }), "signature_invalid", wrong)
    };
    let key = &SM2_BANK.key;
    let over = |z: &[u8]| key.sign_e(&sm3(&[z, &BANK.order]));
    let other = Key::sm2("another");
    let sha256: [u8; 32] =
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &BANK.order).as_ref().try_into().unwrap();
    vec![
        bad("id-empty", over(&key.z(b"")), "The identifier is empty: openssl's, when nobody names one."),
        bad("id-other", over(&key.z(b"ALICE123@YAHOO.COM")), "The identifier is another one."),
        bad("id-payer", over(&key.z(b"6222020000000001")), "The identifier is the payer's ID."),
        bad("without-z", over(b""), "Z is left out: SM3 of the order alone was signed."),
        bad("z-of-another", over(&other.z(DEFAULT_ID)), "Z is of another key."),
        bad("e-sha256", key.sign_e(&sha256), "SHA-256 of the order was signed by SM2's equation."),
        bad(
            "z-twice",
            key.sign_e(&sm3(&[&key.z(DEFAULT_ID), &sm3(&[&key.z(DEFAULT_ID), &BANK.order])])),
            "e was hashed a second time, behind Z.",
        ),
        bad("another-order", key.sign(b"another order"), "The signature is over other bytes."),
        bad("another-key", other.sign(&BANK.order), "Another key of SM2 signed."),
        bad(
            "ecdsa-of-p256",
            Key::p256("SM2 customer").sign(&BANK.order),
            "The same number, as a key on P-256, signed by ECDSA.",
        ),
    ]
}

/// How the signature is written.
fn encodings() -> Vec<Case> {
    let bad = |name: &str, signature: Vec<u8>, wrong: &str| {
        sm2(name, with(Signer { signature: octets(&signature), ..own() }), "signature_invalid", wrong)
    };
    let key = &SM2_BANK.key;
    let (r, s) = key.numbers(&sm3(&[&key.z(DEFAULT_ID), &BANK.order]));
    let (one, two) = (unsigned(&r), unsigned(&s));
    let good = sequence(&[&one, &two]);
    let zero = unsigned(&[]);
    let blob = [&[0; 32][..], &r, &[0; 32], &s].concat();
    vec![
        bad("signature-raw", [r, s].concat(), "The signature is r and s, 32 bytes each, without DER."),
        bad("signature-skf", blob, "The signature is SKF's structure of two fields of 64 bytes."),
        bad("signature-swapped", sequence(&[&two, &one]), "r and s have changed places."),
        bad("signature-r-zero", sequence(&[&zero, &two]), "r is zero."),
        bad("signature-s-zero", sequence(&[&one, &zero]), "s is zero."),
        bad("signature-s-order", sequence(&[&one, &unsigned(&SM2_ORDER)]), "s is n."),
        bad(
            "signature-wide",
            sequence(&[&tlv(2, &[&[0, 0], &r]), &two]),
            "r has a zero byte too many: BER, not DER.",
        ),
        bad("signature-three", sequence(&[&one, &two, &zero]), "A third number follows r and s."),
        bad("signature-trailing", [&good[..], &[0]].concat(), "A byte follows the signature."),
        bad("signature-octets", octets(&good), "The signature is in an OCTET STRING once more."),
    ]
}

/// The key in the certificate.
fn keys() -> Vec<Case> {
    let key = &SM2_BANK.key;
    let info = |algorithm: &[&[u8]], point: &[u8]| sequence(&[&sequence(algorithm), &bits(point)]);
    let certified = |info: Vec<u8>| {
        let certificate = Certificate { key: info, ..Certificate::payment(key) }.signed_by(&SM2_BANK.root);
        sealed(key, &[&certificate])
    };
    let (ec, curve, point) = (oid(EC_PUBLIC_KEY), oid(SM2), key.public());
    let compressed = [&[2 + (point[64] & 1)], &point[1..33]].concat();
    let mut off = point.clone();
    off[64] ^= 1;
    vec![
        sm2(
            "key-on-p256",
            certified(info(&[&ec, &oid(P256)], &point)),
            "certificate_malformed",
            "A point of SM2's curve is named one of P-256.",
        ),
        sm2(
            "key-of-p256",
            certified(info(&[&ec, &curve], &BANK.key.public())),
            "certificate_malformed",
            "A point of P-256 is named one of SM2's curve.",
        ),
        sm2(
            "key-off-curve",
            certified(info(&[&ec, &curve], &off)),
            "certificate_malformed",
            "The point does not lie on the curve.",
        ),
        sm2(
            "key-infinity",
            certified(info(&[&ec, &curve], &[0])),
            "algorithm_refused",
            "The key is the point at infinity.",
        ),
        sm2(
            "key-compressed",
            certified(info(&[&ec, &curve], &compressed)),
            "algorithm_refused",
            "The point is compressed.",
        ),
        sm2(
            "key-without-curve",
            certified(info(&[&ec], &point)),
            "algorithm_refused",
            "The key names no curve.",
        ),
        sm2(
            "key-null",
            certified(info(&[&ec, &tlv(5, &[])], &point)),
            "algorithm_refused",
            "The key has NULL for a curve.",
        ),
        sm2(
            "key-curve-alone",
            certified(info(&[&curve], &point)),
            "algorithm_refused",
            "The curve is named as the key's algorithm.",
        ),
        sm2(
            "key-sm2-sign",
            certified(info(&[&oid(SM2_SIGN), &curve], &point)),
            "algorithm_refused",
            "The key's algorithm is named 1.2.156.10197.1.301.1.",
        ),
    ]
}

/// Whose CA is of what.
fn authorities() -> Vec<Case> {
    let of_p256 = Certificate::payment(&SM2_BANK.key).signed_by(&BANK.root);
    let of_sm2 = Certificate::payment(&BANK.key).signed_by(&SM2_BANK.root);
    let branch = SM2_BANK.root.branch(2, "U-shield TEST P-256 below SM2", |certificate| {
        certificate.with("2.5.29.19", true, &authority(None))
    });
    let below = Certificate::payment(&SM2_BANK.key).signed_by(&branch);
    let crl = Crl::new(1, &[]).signed_by(&branch);
    let namesake = Authority::with(Key::sm2("another CA"), CA, |certificate| certificate);
    let foreign = Certificate::payment(&SM2_BANK.key).signed_by(&namesake);
    let good = sealed(&SM2_BANK.key, &[&SM2_BANK.certificate]);
    vec![
        case(
            "sm2-ca-p256",
            sealed(&SM2_BANK.key, &[&of_p256]),
            "algorithm_refused",
            "A CA of P-256 certifies a payment key of SM2.",
        ),
        sm2(
            "ca-sm2-certifies-p256",
            Document::signed(&BANK.order, &BANK.key, &[&of_sm2]).der(),
            "algorithm_refused",
            "A CA of SM2 certifies a payment key on P-256.",
        ),
        sm2(
            "ca-p256-between",
            sealed(&SM2_BANK.key, &[&below, &branch.certificate]),
            "algorithm_refused",
            "A CA of P-256 stands between a CA of SM2 and a key of SM2.",
        )
        .crls(&[("sm2-bank-1", &SM2_BANK.crl), ("sm2-p256-branch", &crl)]),
        sm2(
            "ca-namesake",
            sealed(&SM2_BANK.key, &[&foreign]),
            "certificate_untrusted",
            "Another CA of SM2 has the name of the bank's.",
        ),
        case(
            "sm2-ca-missing",
            good,
            "certificate_untrusted",
            "The CA file has the bank's CA of P-256 alone.",
        ),
        sm2(
            "ca-missing-p256",
            BANK.document().der(),
            "certificate_untrusted",
            "A payment on P-256, and the CA file has the bank's CA of SM2 alone.",
        ),
    ]
}

/// How the CA signed the certificate.
fn certificates() -> Vec<Case> {
    let key = &SM2_BANK.key;
    let sealed_with = |certificate: Vec<u8>| sealed(key, &[&certificate]);
    let named = |inside: Vec<u8>, outside: Vec<u8>| {
        let algorithms = Some([inside, outside]);
        sealed_with(Certificate { algorithms, ..Certificate::payment(key) }.signed_by(&SM2_BANK.root))
    };
    let own = || sequence(&[&oid(SM2_SM3)]);
    let ecdsa = || sequence(&[&oid(ECDSA_SHA256)]);
    let null = || sequence(&[&oid(SM2_SM3), &tlv(5, &[])]);
    let empty =
        Authority { key: Key::sm2_as(CA, b""), name: SM2_BANK.root.name.clone(), certificate: Vec::new() };
    let purpose = Certificate::payment(key).with(EXTENDED_KEY_USAGE, true, &purposes(&[CLIENT_AUTH]));
    vec![
        sm2(
            "certificate-ecdsa",
            named(ecdsa(), ecdsa()),
            "certificate_untrusted",
            "The CA signed by SM2, and the certificate names ECDSA with SHA-256.",
        ),
        sm2(
            "certificate-two-names",
            named(own(), ecdsa()),
            "certificate_untrusted",
            "The certificate names SM2 inside and ECDSA outside.",
        ),
        sm2(
            "certificate-two-names-turned",
            named(ecdsa(), own()),
            "certificate_malformed",
            "The certificate names ECDSA inside and SM2 outside.",
        ),
        sm2(
            "certificate-null",
            named(null(), null()),
            "certificate_untrusted",
            "The certificate's signature algorithm has the parameters NULL.",
        ),
        sm2(
            "certificate-sm2-alone",
            named(sequence(&[&oid(SM2_SIGN)]), sequence(&[&oid(SM2_SIGN)])),
            "certificate_untrusted",
            "The certificate's signature is named 1.2.156.10197.1.301.1.",
        ),
        sm2(
            "certificate-id-empty",
            sealed_with(Certificate::payment(key).signed_by(&empty)),
            "certificate_untrusted",
            "The CA signed with an empty identifier.",
        ),
        sm2(
            "certificate-purpose",
            sealed_with(purpose.signed_by(&SM2_BANK.root)),
            "certificate_purpose",
            "The certificate is for log-ins.",
        ),
    ]
}

/// The CA's CRL.
fn lists() -> Vec<Case> {
    let good = || sealed(&SM2_BANK.key, &[&SM2_BANK.certificate]);
    let name = || SM2_BANK.root.name.clone();
    let list =
        |key: Key| Crl::new(2, &[]).signed_by(&Authority { key, name: name(), certificate: Vec::new() });
    vec![
        sm2("crl-revoked", good(), "certificate_revoked", "The CA of SM2 revoked the certificate.")
            .crls(&[("sm2-revoked", &Crl::new(2, &[0x42]).signed_by(&SM2_BANK.root))]),
        sm2(
            "crl-p256",
            good(),
            "revocation_unknown",
            "A key on P-256 signed the CRL, the number of the CA's key of SM2.",
        )
        .crls(&[("sm2-crl-p256", &list(Key::p256(CA)))]),
        sm2("crl-id-empty", good(), "revocation_unknown", "The CRL was signed with an empty identifier.")
            .crls(&[("sm2-crl-id-empty", &list(Key::sm2_as(CA, b"")))]),
        sm2("crl-another-key", good(), "revocation_unknown", "Another key of SM2 signed the CRL.")
            .crls(&[("sm2-crl-another-key", &list(Key::sm2("another CA")))]),
    ]
}
