//! What CRLs say, in any order, and what openssl says of the same CRLs.

use crate::bank::{
    Ca, Customer, NOW, an_order, ca_params, customer_params,
    forge::code,
    judge::{crls, openssl},
    list::{List, list},
    verify_at,
};
use std::slice::from_ref;

use der::{asn1::OctetString, oid::ObjectIdentifier};
use payment::{TrustError, Verifier, seal};
use rcgen::{
    CrlDistributionPoint, CrlIssuingDistributionPoint, CrlScope, Issuer, KeyUsagePurpose, SerialNumber,
};
use time::Duration;
use x509_cert::ext::Extension;

/// The serial number of the customer's certificate.
const HIS: u8 = 0x42;

/// The verdict. The order of the CRLs must not change it, nor whether the CRLs stand in one file or in several.
fn verdict(ca: &Ca, document: &[u8], lists: &[&[u8]], time: &str) -> &'static str {
    let mut reversed = lists.to_vec();
    reversed.reverse();
    let (together, backwards) = (crls(lists), crls(&reversed));
    let mut found = Vec::new();
    for files in [lists, &reversed, &[together.as_bytes()], &[backwards.as_bytes()]] {
        let verifier = Verifier::new(ca.pem.as_bytes(), files).unwrap();
        found.push(code(verify_at(&verifier, document, time)));
    }
    found.dedup();
    assert_eq!(found.len(), 1, "the order changes the verdict: {found:?}");
    found[0]
}

/// The last column of a row where openssl agrees with us. Elsewhere that column says why openssl differs.
const AGREES: Option<&str> = None;

#[test]
fn the_newest_tells_and_each_revokes() {
    let ca = Ca::new();
    let customer = ca.customer();
    let document = customer.seal(&an_order("1"));
    let (old, new, expired) = (list(1, -3), list(2, 0), list(1, -30));
    let rows: &[(&str, &[List], &str, Option<&str>)] = &[
        ("a fresh one", from_ref(&new), "accepted", AGREES),
        ("revoked in the newest", &[old.clone(), new.clone().revoking(HIS)], "certificate_revoked", AGREES),
        ("expired", from_ref(&expired), "crl_expired", AGREES),
        ("expired beside fresh", &[expired.clone(), new.clone()], "accepted", AGREES),
        (
            "revoked in an expired one",
            &[expired.clone().revoking(HIS), new.clone()],
            "certificate_revoked",
            Some("openssl looks at the newest alone"),
        ),
        ("revoked in an expired one alone", &[expired.clone().revoking(HIS)], "certificate_revoked", AGREES),
        ("held", &[new.clone().holding(HIS)], "certificate_revoked", AGREES),
        ("held and let go", &[old.clone().holding(HIS), new.clone()], "accepted", AGREES),
        (
            "held, let go, held again",
            &[list(1, -4).holding(HIS), list(2, -3), list(3, 0).holding(HIS)],
            "certificate_revoked",
            AGREES,
        ),
        (
            "held, then revoked",
            &[old.clone().holding(HIS), new.clone().revoking(HIS)],
            "certificate_revoked",
            AGREES,
        ),
        ("from the future", &[list(3, 1)], "crl_not_yet_valid", AGREES),
        ("fresh, and one from the future", &[new.clone(), list(3, 1)], "accepted", AGREES),
        ("let go in the future only", &[new.clone().holding(HIS), list(3, 1)], "certificate_revoked", AGREES),
        (
            "revoked in the future",
            &[new.clone(), list(3, 1).revoking(HIS)],
            "certificate_revoked",
            Some("openssl takes the one whose time has come"),
        ),
        ("another's serial number", &[new.clone().revoking(HIS + 1)], "accepted", AGREES),
    ];
    for (name, lists, expected, differs) in rows {
        let lists: Vec<Vec<u8>> = lists.iter().map(|list| list.of(&ca)).collect();
        let lists: Vec<&[u8]> = lists.iter().map(Vec::as_slice).collect();
        assert_eq!(verdict(&ca, &document, &lists, NOW), *expected, "{name}");
        let (good, said) = openssl(&[&ca.der], &[], &lists, &customer.certificate);
        assert_eq!(good == (*expected == "accepted"), differs.is_none(), "{name}: {said}");
    }
}

/// A CRL can be too old or too new. The same verifier says so at one time, and not at another time.
#[test]
fn the_time_of_the_verification_counts() {
    let ca = Ca::new();
    let document = ca.customer().seal(&an_order("1"));
    let mut young = list(1, 0);
    young.from += Duration::minutes(8 * 60 + 10); // 08:10
    let verifier = Verifier::new(ca.pem.as_bytes(), &[&young.of(&ca)]).unwrap();
    for (time, expected) in [
        ("2026-06-01T08:04:59Z", "crl_not_yet_valid"),
        ("2026-06-01T08:05:00Z", "accepted"),
        ("2026-06-01T08:04:59Z", "crl_not_yet_valid"),
        ("2026-06-01T08:10:00Z", "accepted"),
    ] {
        assert_eq!(code(verify_at(&verifier, &document, time)), expected, "{time}");
    }
    // A CRL is over from its nextUpdate on, as openssl has it.
    let mut old = list(1, -7);
    old.from += Duration::minutes(8 * 60 + 6);
    let verifier = Verifier::new(ca.pem.as_bytes(), &[&old.of(&ca)]).unwrap();
    assert_eq!(code(verify_at(&verifier, &document, "2026-06-01T08:05:59Z")), "accepted");
    assert_eq!(code(verify_at(&verifier, &document, "2026-06-01T08:06:00Z")), "crl_expired");
    // The second list lifts the hold, and begins at 08:06. With the allowed skew of the clocks that list counts from
    // 08:01 on.
    let held = list(1, -1).holding(HIS).of(&ca);
    let mut free = list(2, 0);
    free.from += Duration::minutes(8 * 60 + 6);
    let verifier = Verifier::new(ca.pem.as_bytes(), &[&held, &free.of(&ca)]).unwrap();
    for (time, expected) in [
        ("2026-06-01T08:01:00Z", "accepted"),
        ("2026-06-01T08:00:59Z", "certificate_revoked"),
        ("2026-06-01T08:01:00Z", "accepted"),
    ] {
        assert_eq!(code(verify_at(&verifier, &document, time)), expected, "{time}");
    }
}

/// A CA has a new key under its old name. Each certificate is held against the CRL of the key that signed the
/// certificate.
#[test]
fn a_new_key_under_an_old_name() {
    let (former, present) = (Ca::new(), Ca::new());
    let files = [format!("{}{}", former.pem, present.pem), format!("{}{}", present.pem, former.pem)];
    let (his, hers) = (former.customer(), present.customer());
    let (one, other) = (list(1, 0).of(&former), list(1, 0).of(&present));
    let revoking = list(2, 0).revoking(HIS).of(&former);
    let verify = |customer: &Customer, lists: &[&[u8]]| {
        let mut found = files.iter().flat_map(|file| {
            let mut reversed = lists.to_vec();
            reversed.reverse();
            [lists.to_vec(), reversed].map(|lists| {
                let verifier = Verifier::new(file.as_bytes(), &lists).unwrap();
                code(verify_at(&verifier, &customer.seal(&an_order("1")), NOW))
            })
        });
        let first = found.next().unwrap();
        assert!(found.all(|other| other == first));
        let (good, said) = openssl(&[&former.der, &present.der], &[], lists, &customer.certificate);
        // openssl takes the first anchor of this name, or goes by the key identifier where the certificate has one.
        assert_eq!(good, first == "accepted", "{said}");
        first
    };
    assert_eq!(verify(&his, &[&one, &other]), "accepted");
    assert_eq!(verify(&hers, &[&one, &other]), "accepted");
    assert_eq!(verify(&his, &[&other]), "revocation_unknown");
    assert_eq!(verify(&hers, &[&one]), "revocation_unknown");
    // Serial numbers are counted per key here: the CRL of the former key revokes no certificate of the present key.
    assert_eq!(verify(&his, &[&revoking, &other]), "certificate_revoked");
    assert_eq!(verify(&hers, &[&revoking, &other]), "accepted");
}

#[test]
fn what_contradicts_itself_is_refused_at_once() {
    let ca = Ca::new();
    let build = |lists: &[&[u8]]| {
        let mut reversed = lists.to_vec();
        reversed.reverse();
        let (one, other) =
            (Verifier::new(ca.pem.as_bytes(), lists), Verifier::new(ca.pem.as_bytes(), &reversed));
        assert_eq!(one.is_ok(), other.is_ok());
        one.err().map(|error| error.to_string())
    };
    let first = list(1, 0).of(&ca);
    let contradicts = |other: &[u8]| {
        let error = build(&[&first, other]).expect("a contradiction is accepted");
        assert!(error.contains("contradicts") && error.contains("Test Bank CA"), "{error}");
    };
    contradicts(&list(1, 0).revoking(HIS).of(&ca));
    contradicts(&list(1, 1).of(&ca));
    contradicts(&list(2, -1).of(&ca));
    contradicts(&list(0, 0).bent(&ca, without_number));
    // The same list twice, the same list signed anew, or a second list that begins at the same second: none of them is
    // a contradiction.
    assert_eq!(build(&[&first, &first]), None);
    assert_eq!(build(&[&first, &list(1, 0).bent(&ca, |_| {})]), None);
    assert_eq!(build(&[&first, &list(2, 0).revoking(HIS).of(&ca)]), None);
    assert_eq!(build(&[&first, &list(0, 1).bent(&ca, without_number)]), None);
    // The list between two lists has no number, and the numbers of the two fall.
    let middle = list(0, 1).bent(&ca, without_number);
    assert!(build(&[&list(5, 0).of(&ca), &middle, &list(3, 2).of(&ca)]).is_some());
    // Lists of another key do not contradict this list, nor do lists of another scope.
    assert_eq!(build(&[&first, &list(1, 0).revoking(HIS).of(&Ca::new())]), None);
    assert_eq!(build(&[&first, &pointed(1, "http://ca/1.crl").of(&ca)]), None);
}

/// Nobody knows who signed a CRL that no CA of the file signed. A damaged copy of such a CRL stops no verifier. Where
/// two such CRLs contradict each other, revocation is unknown for the certificates of that issuer, and for no others.
#[test]
fn what_no_known_key_signed_stops_no_verifier() {
    let ca = Ca::new();
    let branch = ca.intermediate(ca_params("Branch CA"));
    let (his, hers) = (ca.customer(), branch.customer());
    let his = his.seal(&an_order("1"));
    let hers = seal(&an_order("1"), &[&hers.certificate[..], &branch.der], |bytes| hers.sign(bytes)).unwrap();
    let (ours, theirs) = (list(1, 0).of(&ca), list(1, 0).of(&branch));
    for place in [theirs.len() - 1, theirs.windows(6).position(|six| six == b"260601").unwrap() + 5] {
        let mut flipped = theirs.clone();
        flipped[place] ^= 2;
        assert_eq!(verdict(&ca, &his, &[&ours, &theirs, &flipped], NOW), "accepted");
        assert_eq!(verdict(&ca, &hers, &[&ours, &theirs, &flipped], NOW), "accepted");
        assert_eq!(verdict(&ca, &hers, &[&ours, &flipped], NOW), "revocation_unknown");
    }
    for other in [list(1, 1).of(&branch), list(1, 0).revoking(HIS).of(&branch)] {
        assert_eq!(verdict(&ca, &his, &[&ours, &theirs, &other], NOW), "accepted");
        assert_eq!(verdict(&ca, &hers, &[&ours, &theirs, &other], NOW), "revocation_unknown");
    }
}

/// A CA stands in the CA file and is revoked. The CA that revoked it is its issuer, which stands in the same file.
#[test]
fn an_anchor_that_another_anchor_revoked_is_refused_by_name() {
    const SUB: u8 = 0x71;
    let root = Ca::new();
    let mut params = ca_params("Sub CA");
    params.serial_number = Some(SerialNumber::from_slice(&[SUB]));
    let sub = root.intermediate(params);
    let document = sub.customer().seal(&an_order("1"));
    let fresh = list(1, 0).of(&sub);
    let verify = |root_lists: &[Vec<u8>], time: &str| {
        let mut lists: Vec<&[u8]> = root_lists.iter().map(Vec::as_slice).collect();
        lists.push(&fresh);
        let mut found = Vec::new();
        for file in [format!("{}{}", root.pem, sub.pem), format!("{}{}", sub.pem, root.pem)] {
            lists.reverse();
            found.push(match Verifier::new(file.as_bytes(), &lists) {
                Ok(verifier) => code(verify_at(&verifier, &document, time)).to_string(),
                Err(error) => error.to_string(),
            });
        }
        assert_eq!(found[0], found[1], "the order changes the verdict");
        found.swap_remove(0)
    };
    let refused = |lists: &[Vec<u8>]| {
        let said = verify(lists, NOW);
        assert!(
            said.contains("Sub CA") && said.contains("is revoked") && said.contains("take it out"),
            "{said}"
        );
    };
    let (old, new) = (list(1, -30), list(2, 0));
    assert_eq!(verify(&[], NOW), "accepted");
    assert_eq!(verify(&[new.of(&root)], NOW), "accepted");
    refused(&[new.clone().revoking(SUB).of(&root)]);
    // A revocation counts whatever its age, as with any other certificate. A hold counts only until a newer list lifts
    // the hold.
    refused(&[old.clone().revoking(SUB).of(&root), new.of(&root)]);
    refused(&[old.of(&root), new.clone().holding(SUB).of(&root)]);
    let held = old.holding(SUB).of(&root);
    refused(from_ref(&held));
    assert_eq!(verify(&[held.clone(), new.of(&root)], NOW), "accepted");
    // The list that lifts the hold counts only once its time has come.
    let tomorrow = [held, list(2, 1).of(&root)];
    assert_eq!(verify(&tomorrow, NOW), "certificate_revoked");
    // A list that another CA signed does not revoke the CA, nor does a list with another serial number.
    assert_eq!(verify(&[new.clone().revoking(SUB).of(&Ca::new())], NOW), "accepted");
    assert_eq!(verify(&[new.revoking(SUB + 1).of(&root)], NOW), "accepted");
    // Here the CA file holds the root alone, and the document brings the certificate. The reason says that it is
    // revoked.
    let lists = [list(2, 0).revoking(SUB).of(&root), fresh.clone()];
    let customer = sub.customer();
    let document =
        seal(&an_order("1"), &[&customer.certificate[..], &sub.der], |bytes| customer.sign(bytes)).unwrap();
    let lists: Vec<&[u8]> = lists.iter().map(Vec::as_slice).collect();
    assert_eq!(verdict(&root, &document, &lists, NOW), "certificate_revoked");
}

fn without_number(tbs: &mut x509_cert::crl::TbsCertList) {
    let number = ObjectIdentifier::new_unwrap("2.5.29.20");
    tbs.crl_extensions.as_mut().unwrap().retain(|extension| extension.extn_id != number);
}

fn pointed(number: u8, uri: &str) -> List {
    let distribution_point = CrlDistributionPoint { uris: vec![uri.into()] };
    List { point: Some(CrlIssuingDistributionPoint { distribution_point, scope: None }), ..list(number, 0) }
}

/// docs/decisions/0018-revocation.md: our verdict is that of openssl, which says "Different CRL scope".
#[test]
fn a_crl_of_a_point_is_for_those_who_name_the_point() {
    let ca = Ca::new();
    let customer = |uris: &[&str]| {
        let mut params = customer_params();
        let point = |uri: &&str| CrlDistributionPoint { uris: vec![(*uri).into()] };
        params.crl_distribution_points = uris.iter().map(point).collect();
        ca.issue(&params)
    };
    let (nowhere, here) = (customer(&[]), customer(&["http://ca/2.crl", "http://ca/1.crl"]));
    let (one, three) = (pointed(1, "http://ca/1.crl"), pointed(1, "http://ca/3.crl"));
    let verify = |customer: &Customer, lists: &[&[u8]]| {
        let verdict = verdict(&ca, &customer.seal(&an_order("1")), lists, NOW);
        let (good, said) = openssl(&[&ca.der], &[], lists, &customer.certificate);
        println!("{verdict}: openssl {good} {said}");
        (verdict, good)
    };
    let (one, three_revoking) = (one.of(&ca), three.clone().revoking(HIS).of(&ca));
    let (three, complete) = (three.of(&ca), list(1, 0).of(&ca));
    assert_eq!(verify(&nowhere, &[&one]), ("revocation_unknown", false));
    assert_eq!(verify(&here, &[&three]), ("revocation_unknown", false));
    assert_eq!(verify(&here, &[&one]), ("accepted", true));
    assert_eq!(verify(&here, &[&one, &three]), ("accepted", true));
    assert_eq!(verify(&here, &[&complete]), ("accepted", true));
    assert_eq!(verify(&nowhere, &[&one, &complete]), ("accepted", true));
    // A serial number belongs to its issuer, whichever of the issuer's lists has it. openssl does not look at the other
    // list.
    assert_eq!(verify(&nowhere, &[&three_revoking, &complete]), ("certificate_revoked", true));
    let scoped = |scope: CrlScope| {
        let mut list = pointed(1, "http://ca/1.crl");
        list.point.as_mut().unwrap().scope = Some(scope);
        list.of(&ca)
    };
    assert_eq!(verify(&here, &[&scoped(CrlScope::UserCertsOnly)]), ("accepted", true));
    assert_eq!(verify(&here, &[&scoped(CrlScope::CaCertsOnly)]), ("revocation_unknown", false));
}

/// A list that is not a complete list of the CA's own certificates is refused, and the error says what the list is.
#[test]
fn lists_of_other_kinds_are_refused_by_name() {
    let ca = Ca::new();
    let refused = |list: &[u8], word: &str| {
        let error = Verifier::new(ca.pem.as_bytes(), &[list]).unwrap_err();
        assert!(matches!(error, TrustError::Crl(_)) && error.to_string().contains(word), "{error}");
    };
    let extended = |id: &str, critical: bool, value: &[u8]| {
        list(1, 0).bent(&ca, |tbs| {
            let extension = extension(id, critical, value);
            tbs.crl_extensions.as_mut().unwrap().push(extension);
        })
    };
    refused(&extended("2.5.29.27", true, b"\x02\x01\x01"), "delta");
    refused(&extended("2.5.29.28", true, b"\x30\x03\x84\x01\xFF"), "indirect");
    refused(&extended("2.5.29.28", true, b"\x30\x04\x83\x02\x06\x40"), "reasons");
    refused(&extended("2.5.29.28", true, b"\x30\x03\x85\x01\xFF"), "attribute");
    refused(&extended("1.3.6.1.4.1.32473.99", true, b"\x05\x00"), "1.3.6.1.4.1.32473.99");
    refused(&extended("2.5.29.20", false, b"\x02\x01\x02"), "twice");
    assert!(
        Verifier::new(ca.pem.as_bytes(), &[&extended("1.3.6.1.4.1.32473.99", false, b"\x05\x00")]).is_ok()
    );
    let entry = |id: &str, critical: bool, value: &[u8]| {
        list(1, 0).revoking(7).bent(&ca, |tbs| {
            let extension = extension(id, critical, value);
            tbs.revoked_certificates.as_mut().unwrap()[0].crl_entry_extensions = Some(vec![extension]);
        })
    };
    refused(&entry("2.5.29.21", false, b"\x0A\x01\x08"), "removeFromCRL");
    refused(&entry("2.5.29.29", true, b"\x30\x00"), "other CAs");
    refused(&entry("1.3.6.1.4.1.32473.99", true, b"\x05\x00"), "1.3.6.1.4.1.32473.99");
    refused(&list(1, 0).bent(&ca, |tbs| tbs.next_update = None), "next one");
    refused(&list(1, 0).bent(&ca, |tbs| tbs.next_update = Some(tbs.this_update)), "before");
    refused(&list(1, 0).bent(&ca, |tbs| tbs.version = x509_cert::Version::V3), "version 2");
    refused(&[&list(1, 0).of(&ca)[..], &[0]].concat(), "DER");
}

fn extension(id: &str, critical: bool, value: &[u8]) -> Extension {
    let extn_value = OctetString::new(value).unwrap();
    Extension { extn_id: ObjectIdentifier::new_unwrap(id), critical, extn_value }
}

/// An entry whose reason no standard knows is a revocation.
#[test]
fn an_unknown_reason_revokes() {
    let ca = Ca::new();
    let document = ca.customer().seal(&an_order("1"));
    for value in [&b"\x0A\x01\x07"[..], b"\x0A\x01\x63", b"\x05\x00"] {
        let list = list(1, 0).holding(HIS).bent(&ca, |tbs| {
            let entry = &mut tbs.revoked_certificates.as_mut().unwrap()[0];
            entry.crl_entry_extensions = Some(vec![extension("2.5.29.21", false, value)]);
        });
        assert_eq!(verdict(&ca, &document, &[&list], NOW), "certificate_revoked");
    }
}

/// A forged or damaged CRL says nothing. A warning names that CRL, so that nobody misses what it was to revoke.
#[test]
fn a_crl_counts_by_its_signature() {
    let ca = Ca::new();
    let document = ca.customer().seal(&an_order("1"));
    let good = list(1, 0).of(&ca);
    let mut forged = list(2, 0).revoking(HIS).of(&ca);
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(verdict(&ca, &document, &[&forged], NOW), "revocation_unknown");
    assert_eq!(verdict(&ca, &document, &[&forged, &good], NOW), "accepted");
    let verifier = Verifier::new(ca.pem.as_bytes(), &[&forged, &good]).unwrap();
    let foreign = verifier.foreign_crls();
    assert!(foreign.len() == 1 && foreign[0].contains("number 02"), "{foreign:?}");
    // A CA that may not sign CRLs has none (RFC 5280, 6.3.3 f); openssl refuses, too.
    let mut params = ca_params("Quiet CA");
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let quiet = Ca::with(params);
    let loud = Ca {
        issuer: Issuer::new(
            ca_params("Quiet CA"),
            rcgen::KeyPair::from_pem(&quiet.issuer.key().serialize_pem()).unwrap(),
        ),
        ..Ca::new()
    };
    let customer = quiet.customer();
    let list = list(1, 0).of(&loud);
    assert_eq!(verdict(&quiet, &customer.seal(&an_order("1")), &[&list], NOW), "revocation_unknown");
    assert!(!openssl(&[&quiet.der], &[], &[&list], &customer.certificate).0);
}

/// Every certificate below the CA file is held against its own issuer's CRLs.
#[test]
fn each_level_can_be_revoked() {
    let numbered = |name: &str, serial: u8| {
        let mut params = ca_params(name);
        params.serial_number = Some(SerialNumber::from_slice(&[serial]));
        params
    };
    let root = Ca::new();
    let region = root.intermediate(numbered("Region CA", 0x71));
    let branch = region.intermediate(numbered("Branch CA", 0x72));
    let customer = branch.customer();
    let between: [&[u8]; 2] = [&region.der, &branch.der];
    let document = seal(&an_order("1"), &[&customer.certificate[..], &region.der, &branch.der], |bytes| {
        customer.sign(bytes)
    })
    .unwrap();
    let of = |levels: [List; 3]| -> Vec<Vec<u8>> {
        levels.iter().zip([&root, &region, &branch]).map(|(list, ca)| list.of(ca)).collect()
    };
    let fresh = || list(1, 0);
    for (lists, expected) in [
        (of([fresh(), fresh(), fresh()]), "accepted"),
        (of([fresh().revoking(0x71), fresh(), fresh()]), "certificate_revoked"),
        (of([fresh(), fresh().revoking(0x72), fresh()]), "certificate_revoked"),
        (of([fresh(), fresh(), fresh().revoking(HIS)]), "certificate_revoked"),
        // The root's list does not speak of certificates that the branch issued.
        (of([fresh().revoking(HIS), fresh().revoking(HIS), fresh()]), "accepted"),
        (of([list(1, -30), fresh(), fresh()]), "crl_expired"),
        // A certificate that is known to be revoked is refused, also where another list is too old.
        (of([fresh().revoking(0x71), fresh(), list(1, -30)]), "certificate_revoked"),
        (of([fresh(), fresh(), fresh()])[..2].to_vec(), "revocation_unknown"),
        (of([fresh(), fresh(), fresh()])[1..].to_vec(), "revocation_unknown"),
    ] {
        let lists: Vec<&[u8]> = lists.iter().map(Vec::as_slice).collect();
        assert_eq!(verdict(&root, &document, &lists, NOW), expected);
        let (good, said) = openssl(&[&root.der], &between, &lists, &customer.certificate);
        assert_eq!(good, expected == "accepted", "{expected}: {said}");
    }
}
