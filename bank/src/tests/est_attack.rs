//! What EST gives to nobody.

use authority::{
    attestation::{maker, maker::Maker},
    certificate_kind::Kind,
    csr,
    signature::PublicKey,
};
use base64ct::{Base64, Encoding};
use der::{Decode, Encode};
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use wire::{algorithm::KeyAlgorithm, attest::Origin};
use x509_cert::request::CertReqInfo;

use super::{
    est::{Est, Fresh, NEW, PKCS10, basic, copy},
    shield::{fresh_key, request},
    world::World,
};
use crate::personal_id::Code;

/// What a client may not have, and what it is told. Nothing is ever issued.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_attested_asked_and_shown_in_the_right_way_gets_nothing() {
    let world = World::new().await;
    let (person, friend) = (world.person("张三", NEW).await, world.person("李四", NEW).await);
    let (fresh, other, est) =
        (world.fresh(&person).await, world.fresh(&friend).await, Est::open(&world).await);
    let [own, _] = fresh.requests();
    let told = est.enrol(&fresh.code, &own).await;
    assert!(
        told.status == 400 && told.body.contains("not shown to have been made on the U-shield"),
        "{}",
        told.body
    );
    assert!(told.head.contains("content-type: text/plain"), "{}", told.head);
    for (what, maker) in [
        ("imported", {
            let mut maker = Maker { serial: fresh.soft.serial, ..Maker::new(Kind::Payment) };
            maker.description.origin = Origin::Imported;
            maker
        }),
        ("another shield's", Maker::new(Kind::Payment)),
        (
            "another factory's",
            Maker { serial: fresh.soft.serial, factory: fresh_key(), ..Maker::new(Kind::Payment) },
        ),
    ] {
        assert_eq!(est.attest(&fresh.code, &maker.attest(&maker::spki(&fresh.keys[0]))).await, 400, "{what}");
    }
    let right = fresh.soft.attest(Kind::Payment, &fresh.keys[0]);
    assert_eq!(est.attest(&other.code, &right).await, 400, "with another customer's code");
    assert_eq!(est.enrol(&fresh.code, &own).await.status, 400, "no statement was taken");
    assert_eq!(est.attest(&fresh.code, &right).await, 204);
    let stolen = request(&fresh.keys[0], &other.subject);
    assert_eq!(est.enrol(&other.code, &stolen).await.status, 400, "another customer's attested key");
    assert_eq!(est.enrol(&other.code, &own).await.status, 400, "another customer's request");
    assert_eq!(est.enrol(&fresh.code, &stolen).await.status, 400, "another customer's name");
    for (what, request) in spoilt(&fresh, &own) {
        assert_eq!(est.enrol(&fresh.code, &request).await.status, 400, "{what}");
    }
    refused_forms(&est, &fresh.code, &Base64::encode_string(&own)).await;
    assert_eq!((world.standing(&person).await, world.standing(&friend).await), (0, 0));
    // All of that was no guess at the code, and five guesses are the end of it.
    assert_eq!(
        est.post("/.well-known/est/payment/simpleenroll", &fresh.code, &Base64::encode_string(&own))
            .await
            .status,
        200
    );
    let guess = Code { code: "0000000000".into(), ..copy(&other.code) };
    for _ in 0..5 {
        assert_eq!(est.attest(&guess, &right).await, 401);
    }
    assert_eq!(est.enrol(&other.code, &own).await.status, 401, "the right code after five wrong ones");
    assert!(world.is_proven().await);
}

/// Requests for an attested key that are refused all the same.
fn spoilt(fresh: &Fresh, own: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let key = PublicKey::parse(&maker::spki(&fresh.keys[0])).expect("a key of P-256");
    let info = csr::info(&fresh.subject, &key).expect("an info");
    let signed = |info: &[u8], by: &SigningKey| {
        let signature: Signature = by.sign(info);
        csr::signed(info, KeyAlgorithm::P256, signature.to_der().as_bytes()).expect("a request")
    };
    // RFC 7030, 3.5: the value cannot be checked in TLS 1.3, which has no tls-unique.
    let mut with_password = CertReqInfo::from_der(&info).expect("an info");
    let password = [
        0x30, 0x12, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x07, 0x31, 0x05, 0x0C, 0x03,
        b'a', b'b', b'c',
    ];
    let attribute = x509_cert::attr::Attribute::from_der(&password).expect("an attribute");
    with_password.attributes.insert(attribute).expect("inserted");
    let with_password = with_password.to_der().expect("an info");
    vec![
        ("another key's proof of possession", signed(&info, &fresh.keys[1])),
        ("a challengePassword", signed(&with_password, &fresh.keys[0])),
        ("a byte less", own[..own.len() - 1].to_vec()),
        ("nothing", Vec::new()),
        ("no request", vec![0x30; 500]),
    ]
}

/// Requests whose form is wrong, each with the right code.
async fn refused_forms(est: &Est, code: &Code, body: &str) {
    let (path, right) = ("/.well-known/est/simpleenroll", basic(code));
    let long = "A".repeat(20_000);
    let bearer = right.replace("Basic", "Bearer");
    let pem = format!("-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----\n");
    for (what, method, path, extra, body, status) in [
        ("no code", "POST", path, PKCS10.to_owned(), body, 401),
        ("another scheme", "POST", path, format!("{bearer}{PKCS10}"), body, 401),
        ("no base64", "POST", path, format!("{right}{PKCS10}"), "!!!!", 400),
        ("PEM", "POST", path, format!("{right}{PKCS10}"), &pem, 400),
        ("too long", "POST", path, format!("{right}{PKCS10}"), &long, 413),
        ("another type", "POST", path, format!("{right}Content-Type: text/plain\r\n"), body, 415),
        ("no type", "POST", path, right.clone(), body, 415),
        ("from a page", "POST", path, format!("{right}{PKCS10}Origin: https://localhost\r\n"), body, 403),
        ("by GET", "GET", path, right.clone(), "", 405),
        (
            "another label",
            "POST",
            "/.well-known/est/other/simpleenroll",
            format!("{right}{PKCS10}"),
            body,
            404,
        ),
        (
            "another certificate's label",
            "POST",
            "/.well-known/est/authentication/simpleenroll",
            format!("{right}{PKCS10}"),
            body,
            400,
        ),
        ("no such operation", "GET", "/.well-known/est/csrattrs", String::new(), "", 404),
        ("no attestation", "POST", "/attestation", right.clone(), body, 400),
        (
            "a renewal without a certificate",
            "POST",
            "/.well-known/est/simplereenroll",
            format!("{right}{PKCS10}"),
            body,
            403,
        ),
    ] {
        let answer = est.ask(None, method, path, &extra, body).await;
        assert_eq!(answer.status, status, "{what}: {}", answer.body);
        assert!(answer.head.contains("content-type: text/plain"), "{what}: {}", answer.head);
        assert_eq!(
            answer.head.contains("www-authenticate: Basic realm="),
            status == 401,
            "{what}: {}",
            answer.head
        );
    }
}
