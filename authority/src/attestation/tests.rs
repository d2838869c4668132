//! Every rule of the check, broken once, with chains that are otherwise right; openssl reads the same chains.

use der::Encode;
use wire::algorithm::KeyAlgorithm;
use x509_cert::der::asn1::ObjectIdentifier;

use super::{
    maker::{Maker, SERIAL, certificate, key, spki},
    *,
};
use crate::{
    ca::found_for_trial, certificate_kind::Kind, issuer::Issuer as _, openssl, signature::PrivateKey,
};

fn why(factory: &Factory, attestation: &Attestation, kind: Kind) -> String {
    let expected = Expected { container: kind.container(), public_key: &spki(&key(5)), serial: Some(SERIAL) };
    let error = check(factory, Some(attestation), &expected).unwrap_err();
    assert_eq!(error.reason(), Reason::NotAttested);
    assert!(error.next().contains("--factory-ca"), "{error}");
    error.why().to_string()
}

#[test]
fn a_key_made_on_a_token_passes() {
    for kind in Kind::ALL {
        let maker = Maker::new(kind);
        let attestation = maker.attest(&spki(&key(5)));
        for serial in [Some(SERIAL), None] {
            let expected = Expected { container: kind.container(), public_key: &spki(&key(5)), serial };
            check(&maker.factory(), Some(&attestation), &expected).unwrap();
        }
    }
}

#[test]
fn a_key_made_in_software_does_not() {
    let maker = Maker::new(Kind::Payment);
    let expected = Expected { container: Container::Payment, public_key: &spki(&key(5)), serial: None };
    let error = check(&maker.factory(), None, &expected).unwrap_err();
    assert_eq!(error.reason(), Reason::NotAttested);
    assert!(error.why().contains("made in software"), "{error}");
}

#[test]
fn each_rule_broken_once() {
    type Spoil = fn(&mut Maker);
    let kind = Kind::Payment;
    let good = Maker::new(kind);
    let mine = spki(&key(5));
    let spoil = |change: Spoil| {
        let mut maker = good.clone();
        change(&mut maker);
        why(&good.factory(), &maker.attest(&mine), kind)
    };
    let table: [(Spoil, &str); 8] = [
        (|maker| maker.factory = key(3), "not signed by the factory"),
        (|maker| maker.brand = "another", "by “O=another, CN=TEST factory CA”"),
        (|maker| maker.signer = key(4), "not signed by the token's attestation key"),
        (|maker| maker.description.origin = Origin::Imported, "came from outside"),
        (|maker| maker.description.container = 0x9A, "another container"),
        (|maker| maker.description.pin = Pin::Once, "PIN each time"),
        (|maker| maker.serial = "00000001", "serial numbers differ"),
        (|maker| maker.token = key(4), "not signed by the token's attestation key"),
    ];
    for (change, expected) in table {
        let found = spoil(change);
        assert!(found.contains(expected), "{found}");
    }
    let foreign = why(&good.factory(), &good.attest(&spki(&key(6))), kind);
    assert!(foreign.contains("another key"), "{foreign}");
    assert!(why(&good.factory(), &good.attest(&mine), Kind::Authentication).contains("another container"));
}

/// Factories and tokens attest with P-256, whatever the algorithm of the keys that they attest. A CA of SM2 signs itself as a factory
/// does, and is none; a token with an attestation key of SM2 is refused, though its factory certified it.
#[test]
fn sm2_attests_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let ca = found_for_trial(&folder.path().join("ca"), "TEST factory CA", KeyAlgorithm::Sm2).unwrap();
    let certificate = |kind| ca.certificate(kind).clone();
    let refused = Factory::parse(&certificate(Kind::Payment).der).unwrap_err();
    assert_eq!(refused.reason(), Reason::Invalid);
    assert!(refused.why().contains("signs itself with ECDSA on P-256 with SHA-256"), "{refused}");
    Factory::parse(&certificate(Kind::Authentication).der).unwrap();

    let (maker, mine) = (Maker::new(Kind::Payment), spki(&key(5)));
    let own = PrivateKey::of_scalar(KeyAlgorithm::Sm2, &[2; 32]).unwrap().public().info();
    let tbs = wire::attest::token([7; 16], maker.brand, maker.serial, &own, &[2; 20], &[1; 20]);
    let token = maker::certificate(&tbs, &maker.factory);
    let found = why(&maker.factory(), &Attestation { token, ..maker.attest(&mine) }, Kind::Payment);
    assert!(found.contains("of another algorithm"), "{found}");
}

/// What stands in the wrong place, or is no certificate at all.
#[test]
fn other_certificates_are_no_statements() {
    let maker = Maker::new(Kind::Payment);
    let good = maker.attest(&spki(&key(5)));
    let swapped = Attestation { statement: good.token.clone(), token: good.statement.clone() };
    assert!(why(&maker.factory(), &swapped, Kind::Payment).contains("does not say where the key comes from"));
    // The token's key may sign statements, and no further tokens.
    let chained = Attestation { token: good.statement.clone(), ..good.clone() };
    assert!(why(&maker.factory(), &chained, Kind::Payment).contains("not signed by the factory"));
    let root = Attestation { token: maker.factory().certificate().der.clone(), ..good.clone() };
    assert!(why(&maker.factory(), &root, Kind::Payment).contains("not signed by the token's"));
    for bytes in [&[][..], &[0x30, 0], b"junk"] {
        let junk = Attestation { statement: bytes.to_vec(), ..good.clone() };
        assert!(why(&maker.factory(), &junk, Kind::Payment).contains("no certificate"));
        let junk = Attestation { token: bytes.to_vec(), ..good.clone() };
        assert!(why(&maker.factory(), &junk, Kind::Payment).contains("no certificate"));
    }
    for place in 0..good.statement.len() {
        let mut changed = good.clone();
        changed.statement[place] ^= 1;
        why(&maker.factory(), &changed, Kind::Payment);
    }
}

/// RFC 5280, 4.2: what is critical and not understood makes a certificate worthless.
#[test]
fn a_critical_extension_must_be_understood() {
    let maker = Maker::new(Kind::Payment);
    let good = maker.attest(&spki(&key(5)));
    let mut statement =
        x509_cert::Certificate::from_der(&good.statement).unwrap().tbs_certificate().to_der().unwrap();
    let oid = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.41482.3.3").to_der().unwrap();
    let at = statement.windows(oid.len()).position(|window| window == oid).unwrap() + oid.len();
    // The version, four bytes of extnValue less, and `critical` in their place, three bytes, and an empty value.
    statement.splice(at..at + 5, [0x01, 0x01, 0xFF, 0x04, 0x00]);
    let attestation = Attestation { statement: certificate(&statement, &key(2)), ..good };
    assert!(why(&maker.factory(), &attestation, Kind::Payment).contains("critical"));
}

#[test]
fn what_is_no_factory() {
    let maker = Maker::new(Kind::Payment);
    let attestation = maker.attest(&spki(&key(5)));
    for der in [&attestation.statement, &attestation.token] {
        assert_eq!(Factory::parse(der).unwrap_err().reason(), Reason::Invalid);
    }
    assert_eq!(Factory::parse(b"junk").unwrap_err().reason(), Reason::Damaged);
}

/// The TEST factory's certificate, and what it says of itself.
#[test]
fn openssl_accepts_the_test_factory() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("factory.pem");
    let factory = Factory::test(TEST_BRAND).unwrap();
    std::fs::write(&file, factory.certificate().pem()).unwrap();
    let file = file.to_str().unwrap();
    openssl::run(&["verify", "-x509_strict", "-check_ss_sig", "-CAfile", file, file]);
    let text = openssl::run(&["x509", "-in", file, "-noout", "-text"]);
    assert!(text.contains("O = U-shield, CN = TEST factory CA") && text.contains("pathlen:1"), "{text}");
    assert_eq!(Factory::parse(factory.certificate().pem().as_bytes()).unwrap(), factory);
    assert_ne!(Factory::test("another").unwrap(), factory);
}

#[test]
fn an_attestation_travels_in_pem() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("attested.pem");
    let attestation = Maker::new(Kind::Payment).attest(&spki(&key(5)));
    std::fs::write(&path, attestation.pem()).unwrap();
    assert_eq!(Attestation::read(&path).unwrap(), attestation);
    let pem = attestation.pem();
    for wrong in ["", "junk", &pem[..pem.len() / 2], &format!("{pem}{pem}"), &format!("{pem}x")] {
        std::fs::write(&path, wrong).unwrap();
        assert_eq!(Attestation::read(&path).unwrap_err().reason(), Reason::Damaged, "{wrong}");
    }
}
