//! The SignerInfo: there is one, it has no attributes, and its signature fits.

use crate::{
    case::{BANK, Case, case},
    certificate::{Authority, Certificate},
    der::{context, generalized, integer, octets, oid, sequence, set, sorted, tlv, unsigned, utf8},
    document::{AMOUNT, DATA, Document, NONCE, Order, PAYEE_ACCOUNT, PAYEE_NAME, SHA256, Signer, identifier},
    key::{EC_PUBLIC_KEY, ECDSA_SHA1, ECDSA_SHA256, ECDSA_SHA384, Key, RSA_SHA256},
};
use aws_lc_rs::digest::{SHA256 as DIGEST, digest};

const CONTENT_TYPE: &str = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";
const SIGNING_TIME: &str = "1.2.840.113549.1.9.5";

fn signer() -> Signer {
    Signer::new(&BANK.key, &BANK.certificate, &BANK.order)
}

fn with(signer: Signer) -> Vec<u8> {
    Document { signers: set(&[&signer.der()]), ..BANK.document() }.der()
}

pub(crate) fn cases() -> Vec<Case> {
    [count(), attributes(), algorithms(), signatures(), changes()].concat()
}

fn count() -> Vec<Case> {
    let one = signer().der();
    let again = Signer { signature: octets(&BANK.key.sign_with_s(&BANK.order, true)), ..signer() }.der();
    let low = Signer { signature: octets(&BANK.key.sign_with_s(&BANK.order, false)), ..signer() }.der();
    let other_key = Key::p256("second customer");
    let other = Certificate::payment(&other_key).serial(0x43).signed_by(&BANK.root);
    let other_signer = Signer::new(&other_key, &other, &BANK.order).der();
    let bad_signer = Signer { signature: octets(&other_key.sign(&BANK.order)), ..signer() }.der();
    let refused =
        |name: &str, document: Document, wrong: &str| case(name, document.der(), "signer_count", wrong);
    let signers = |all: &[&[u8]]| Document { signers: set(all), ..BANK.document() };
    let two = Document::of(&BANK.order, &[&BANK.certificate, &other], &sorted(&[&one, &other_signer]));
    vec![
        refused("signer-none", signers(&[]), "Nobody signed."),
        refused("signer-twice", signers(&[&one, &one]), "The same SignerInfo stands there twice."),
        refused(
            "signer-both-s",
            signers(&sorted(&[&low, &again])),
            "The signer's two signatures stand side by side.",
        ),
        refused("signer-two", two, "Two customers signed."),
        refused(
            "signer-good-and-bad",
            signers(&sorted(&[&one, &bad_signer])),
            "A good signature stands beside one that does not fit.",
        ),
    ]
}

fn attribute(kind: &str, value: &[u8]) -> Vec<u8> {
    sequence(&[&oid(kind), &set(&[value])])
}

fn attributes() -> Vec<Case> {
    let hash = digest(&DIGEST, &BANK.order);
    let [kind, hash] =
        [attribute(CONTENT_TYPE, &oid(DATA)), attribute(MESSAGE_DIGEST, &octets(hash.as_ref()))];
    let time = attribute(SIGNING_TIME, &tlv(0x17, &[b"260601080400Z"]));
    let signed_over = |attributes: &[&[u8]]| {
        let attributes = sorted(attributes);
        let signature = octets(&BANK.key.sign(&set(&attributes)));
        Signer { signed: context(0, &attributes), signature, ..signer() }
    };
    let refused =
        |name: &str, signer: Signer, wrong: &str| case(name, with(signer), "attributes_present", wrong);
    // What was signed is a SET OF attributes, and the document says that the set was the content.
    let as_content = set(&sorted(&[&kind, &hash]));
    let countersignature = attribute("1.2.840.113549.1.9.6", &signer().der());
    vec![
        refused("attributes-signed", signed_over(&[&kind, &hash]), "The signature is over attributes."),
        refused(
            "attributes-signed-with-time",
            signed_over(&[&kind, &hash, &time]),
            "The signature is over attributes, with the signing time.",
        ),
        refused(
            "attributes-signed-without-digest",
            signed_over(&[&kind, &time]),
            "The signature is over attributes that do not name the content's digest.",
        ),
        refused(
            "attributes-not-signed",
            Signer { signed: context(0, &sorted(&[&kind, &hash])), ..signer() },
            "Attributes stand in the place of signed ones, and the signature is over the order.",
        ),
        refused(
            "attributes-signed-empty",
            Signer { signed: context(0, &[]), ..signer() },
            "The set of signed attributes is empty.",
        ),
        refused(
            "attributes-unsigned",
            Signer { unsigned: context(1, &[&time]), ..signer() },
            "There is an unsigned attribute.",
        ),
        refused(
            "attributes-countersignature",
            Signer { unsigned: context(1, &[&countersignature]), ..signer() },
            "There is a countersignature.",
        ),
        refused(
            "attributes-unsigned-empty",
            Signer { unsigned: context(1, &[]), ..signer() },
            "The set of unsigned attributes is empty.",
        ),
        case(
            "attributes-as-content",
            BANK.sealed(&as_content),
            "order_malformed",
            "A signature over attributes is passed off as one over content.",
        ),
    ]
}

fn algorithms() -> Vec<Case> {
    let algorithm = |dotted: &str| sequence(&[&oid(dotted)]);
    let null = |dotted: &str| sequence(&[&oid(dotted), &tlv(5, &[])]);
    let refused =
        |name: &str, signer: Signer, wrong: &str| case(name, with(signer), "algorithm_refused", wrong);
    let rsa = Key::rsa();
    let p384 = Key::p384("customer");
    let ed25519 = Key::ed25519("customer");
    let by = |key: &Key, digest: &str, algorithm: Vec<u8>| {
        let certificate = Certificate::payment(key).signed_by(&BANK.root);
        let mut signer = Signer::new(key, &certificate, &BANK.order);
        (signer.digest, signer.algorithm) = (sequence(&[&oid(digest)]), algorithm);
        let mut document = Document::of(&BANK.order, &[&certificate], &[&signer.der()]);
        document.digests = set(&[&sequence(&[&oid(digest)])]);
        document.der()
    };
    let sha1 = "1.3.14.3.2.26";
    let sha384 = "2.16.840.1.101.3.4.2.2";
    let digest = |digest: &str, algorithm: &str| {
        let signer =
            Signer { digest: sequence(&[&oid(digest)]), algorithm: sequence(&[&oid(algorithm)]), ..signer() };
        let digests = set(&[&sequence(&[&oid(digest)])]);
        Document { digests, signers: set(&[&signer.der()]), ..BANK.document() }.der()
    };
    vec![
        case(
            "algorithm-sha1",
            digest(sha1, ECDSA_SHA1),
            "algorithm_refused",
            "It says that SHA-1 was signed.",
        ),
        case(
            "algorithm-sha384",
            digest(sha384, ECDSA_SHA384),
            "algorithm_refused",
            "It says that SHA-384 was signed.",
        ),
        case(
            "algorithm-sha512",
            digest("2.16.840.1.101.3.4.2.3", "1.2.840.10045.4.3.4"),
            "algorithm_refused",
            "It says that SHA-512 was signed.",
        ),
        refused(
            "algorithm-mixed",
            Signer { digest: algorithm(sha384), ..signer() },
            "The digest is SHA-384, the signature ecdsa-with-SHA256.",
        ),
        refused(
            "algorithm-digest-null",
            Signer { digest: null(SHA256), ..signer() },
            "The digest algorithm has NULL for parameters.",
        ),
        refused(
            "algorithm-signature-null",
            Signer { algorithm: null(ECDSA_SHA256), ..signer() },
            "The signature algorithm has NULL for parameters.",
        ),
        refused(
            "algorithm-key-type",
            Signer { algorithm: algorithm(EC_PUBLIC_KEY), ..signer() },
            "The signature algorithm is the key's type, id-ecPublicKey.",
        ),
        case(
            "algorithm-rsa",
            by(&rsa, SHA256, null(RSA_SHA256)),
            "algorithm_refused",
            "The customer's key is RSA.",
        ),
        case(
            "algorithm-rsa-as-ecdsa",
            by(&rsa, SHA256, algorithm(ECDSA_SHA256)),
            "algorithm_refused",
            "The customer's key is RSA, and the signature says that it is ECDSA.",
        ),
        case(
            "algorithm-p384",
            by(&p384, sha384, algorithm(ECDSA_SHA384)),
            "algorithm_refused",
            "The customer's key is on P-384.",
        ),
        case(
            "algorithm-p384-as-sha256",
            by(&p384, SHA256, algorithm(ECDSA_SHA256)),
            "algorithm_refused",
            "The customer's key is on P-384, and the signature says SHA-256.",
        ),
        case(
            "algorithm-p384-with-sha256",
            with_p384(),
            "algorithm_refused",
            "The customer's key is on P-384, and its signature over SHA-256 is good.",
        ),
        case(
            "algorithm-ed25519",
            by(&ed25519, "2.16.840.1.101.3.4.2.3", algorithm("1.3.101.112")),
            "algorithm_refused",
            "The customer's key is Ed25519.",
        ),
    ]
}

fn with_p384() -> Vec<u8> {
    let key = Key::p384("customer");
    let certificate = Certificate::payment(&key).signed_by(&BANK.root);
    let signature = octets(&key.sign_with_sha256(&BANK.order));
    let signer = Signer { signature, ..Signer::new(&key, &certificate, &BANK.order) };
    Document::of(&BANK.order, &[&certificate], &[&signer.der()]).der()
}

fn signatures() -> Vec<Case> {
    let (r, s) = BANK.key.halves(&BANK.order);
    let signature = BANK.key.sign(&BANK.order);
    let refused = |name: &str, signature: &[u8], wrong: &str| {
        case(name, with(Signer { signature: octets(signature), ..signer() }), "signature_invalid", wrong)
    };
    let pair = |r: &[u8], s: &[u8]| sequence(&[&unsigned(r), &unsigned(s)]);
    let mut flipped = signature.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let long = [&[0x30, 0x81], &signature[1..]].concat();
    let twice = digest(&DIGEST, digest(&DIGEST, &BANK.order).as_ref());
    let negative = |half: &[u8; 32]| tlv(2, &[&[half[0] | 0x80], &half[1..]]);
    vec![
        refused("signature-changed", &flipped, "One bit of the signature is turned."),
        refused("signature-empty", &[], "The signature is empty."),
        refused("signature-zero", &pair(&[0], &[0]), "r and s are 0."),
        refused("signature-one", &pair(&[1], &[1]), "r and s are 1."),
        refused("signature-s-zero", &pair(&r, &[0]), "s is 0."),
        refused("signature-swapped", &pair(&s, &r), "r and s have changed places."),
        refused(
            "signature-large-r",
            &BANK.key.sign_with_large_r(&BANK.order),
            "r is not below the group's order.",
        ),
        refused("signature-negative", &sequence(&[&negative(&r), &negative(&s)]), "r and s are negative."),
        refused("signature-raw", &[r, s].concat(), "The signature is r and s side by side, without DER."),
        refused(
            "signature-trailing",
            &[&signature[..], &[0]].concat(),
            "A byte follows inside of the signature.",
        ),
        refused(
            "signature-long-length",
            &long,
            "The signature's own length has a byte too many: BER, not DER.",
        ),
        refused(
            "signature-of-digest",
            &BANK.key.sign(digest(&DIGEST, &BANK.order).as_ref()),
            "The order's digest was hashed again.",
        ),
        refused(
            "signature-of-digest-twice",
            &BANK.key.sign(twice.as_ref()),
            "The order's digest was hashed twice more.",
        ),
        refused("signature-of-another-key", &Key::p256("mallory").sign(&BANK.order), "Another key signed."),
        refused(
            "signature-of-another-order",
            &BANK.key.sign(&Order::good().with(AMOUNT, integer(1)).der()),
            "The customer signed another order.",
        ),
        case(
            "signature-identifier-key",
            with(Signer {
                version: 3,
                identifier: tlv(0x80, &[&digest(&DIGEST, b"key").as_ref()[..20]]),
                ..signer()
            }),
            "malformed",
            "The signer is named by a key identifier, and not by issuer and serial number.",
        ),
        case(
            "signature-version-3",
            with(Signer { version: 3, ..signer() }),
            "malformed",
            "The SignerInfo's version does not fit how it names the signer.",
        ),
        case(
            "signature-identifier-other-serial",
            with(Signer {
                identifier: identifier(&Certificate::payment(&BANK.key).serial(0x43).signed_by(&BANK.root)),
                ..signer()
            }),
            "certificate_missing",
            "The signer is named by another serial number.",
        ),
        case(
            "signature-identifier-other-issuer",
            with(Signer {
                identifier: identifier(
                    &Certificate::payment(&BANK.key).signed_by(&Authority::root("U-shield TEST other CA")),
                ),
                ..signer()
            }),
            "certificate_missing",
            "The signer is named by another issuer.",
        ),
    ]
}

/// The content was changed after the signature was made over the good order.
fn changes() -> Vec<Case> {
    let refused = |name: &str, order: Order, wrong: &str| {
        let order = order.der();
        let document = Document { content: context(0, &[&octets(&order)]), ..BANK.document() }.der();
        // A bank that kept no order has only the signature to find the change by.
        case(name, document, "signature_invalid", wrong).issued_itself(&order)
    };
    let stranger = Certificate::payment(&Key::p256("stranger")).signed_by(&BANK.root);
    let substituted = Document { certificates: context(0, &[&stranger]), ..BANK.document() }.der();
    vec![
        refused(
            "changed-amount",
            Order::good().with(AMOUNT, integer(1_000_000)),
            "The amount was changed after it was signed.",
        ),
        refused(
            "changed-payee",
            Order::good().text(PAYEE_NAME, "北京水务"),
            "The payee was changed after it was signed.",
        ),
        refused(
            "changed-account",
            Order::good().text(PAYEE_ACCOUNT, "6222021234567890124"),
            "The payee's account was changed after it was signed.",
        ),
        refused(
            "changed-nonce",
            Order::good().with(NONCE, octets(&[9; 16])),
            "The nonce was changed after it was signed.",
        ),
        refused(
            "changed-expiry",
            Order::good().with(crate::document::EXPIRES, generalized("20260601235959Z")),
            "The time of expiry was changed after it was signed.",
        ),
        refused(
            "changed-memo",
            Order::good().with(crate::document::MEMO, utf8("6月水费!")),
            "The memo was changed after it was signed.",
        ),
        case(
            "changed-certificate",
            substituted,
            "signature_invalid",
            "The certificate is another customer's, of the same serial number.",
        ),
    ]
}
