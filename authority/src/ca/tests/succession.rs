//! A CA whose keys are changed: what the former issuer says of the new one, and what nobody can say in its place.

use super::*;
use crate::succession::Former;

fn another(name: &str, algorithm: KeyAlgorithm) -> (tempfile::TempDir, Authority) {
    let parent = tempfile::tempdir().unwrap();
    let ca = found_for_trial(&parent.path().join("ca"), name, algorithm).unwrap();
    (parent, ca)
}

fn link(from: &Authority, kind: Kind, to: &Certificate) -> Vec<u8> {
    from.signers.link(kind, to, moment::now()).unwrap()
}

fn read(former: &Authority, kind: Kind, link: &[u8]) -> Former {
    Former::read(&former.certificate(kind).der, link).unwrap()
}

#[test]
fn the_former_issuer_alone_says_who_follows_it() {
    let now = moment::now();
    for algorithm in [KeyAlgorithm::P256, KeyAlgorithm::Sm2] {
        let (_one, mut former) = another("Test CA", algorithm);
        let (_two, new) = another("Test CA 2", algorithm);
        let (_three, thief) = another("Test CA", algorithm);
        assert_eq!(former.signers.is_one(), algorithm == KeyAlgorithm::P256);
        for kind in Kind::ALL {
            let key = crate::signature::PrivateKey::generate(former.algorithm(kind).unwrap()).unwrap();
            let info = csr::info(&zhang(), key.public()).unwrap();
            let request = csr::signed(&info, key.public().algorithm, &key.sign(&info)).unwrap();
            let (subject, validity) = (zhang(), Validity::Days(1));
            let order =
                Order { request: &request, kind, subject: &subject, validity, token: Some(kind.name()) };
            let own = Certificate::parse(&former.issue(&order).unwrap()).unwrap();
            let (old, successor) = (former.certificate(kind), new.certificate(kind));
            let said = link(&former, kind, successor);
            assert!(read(&former, kind, &said).has_issued(&own, successor, now), "{algorithm:?} {kind}");
            // Another CA of the same name says nothing, and says nothing about another certificate.
            let forged = link(&thief, kind, successor);
            assert!(!read(&former, kind, &forged).has_issued(&own, successor, now));
            assert!(!read(&thief, kind, &forged).has_issued(&own, successor, now));
            // What is said is said of one name and one key.
            assert!(!read(&former, kind, &said).has_issued(&own, thief.certificate(kind), now));
            // A customer's certificate is no statement, and neither is the issuer's own.
            assert!(!read(&former, kind, &own.der).has_issued(&own, &own, now));
            assert!(!read(&former, kind, &old.der).has_issued(&own, successor, now));
            // It ends with the issuer.
            assert!(!read(&former, kind, &said).has_issued(
                &own,
                successor,
                old.not_after + time::Duration::DAY
            ));
        }
    }
}

/// Whoever has the former certificate alone finds the new key by openssl; and no path leads from the former issuer over the statement to what
/// the new one has issued.
#[test]
fn openssl_takes_the_statement_and_no_path_over_it() {
    let (parent, mut former) = another("Test CA", KeyAlgorithm::P256);
    let (_two, mut new) = another("Test CA 2", KeyAlgorithm::P256);
    let folder = parent.path();
    let issued = issue(&mut new, Kind::Payment).unwrap();
    issue(&mut former, Kind::Payment).unwrap();
    let said = Certificate::parse(&link(&former, Kind::Payment, new.certificate(Kind::Payment))).unwrap();
    let (old, link) =
        (put(folder, "old.pem", former.certificate(Kind::Payment)), put(folder, "link.pem", &said));
    let (new, issued) =
        (put(folder, "new.pem", new.certificate(Kind::Payment)), put(folder, "own.pem", &issued));
    openssl::run(&["verify", "-CAfile", &old, "-x509_strict", &link]);
    let of = |what: &str, file: &str| openssl::run(&["x509", "-in", file, "-noout", what]);
    assert_eq!((of("-pubkey", &link), of("-subject", &link)), (of("-pubkey", &new), of("-subject", &new)));
    let path = ["verify", "-purpose", "any", "-CAfile", &old, "-untrusted", &link, &issued];
    let (good, why) = openssl::try_run(&path);
    assert!(!good && why.contains("path length constraint exceeded"), "{why}");
    openssl::run(&["verify", "-purpose", "any", "-CAfile", &new, &issued]);
}
