//! A CA whose books are elsewhere: rows that its owner has read, and writes.

use super::*;
use crate::register::Register;

/// What a bank has read of its tables, and what it is going to write.
#[derive(Default)]
struct Rows {
    read: Vec<Entry>,
    written: usize,
}

impl Register for Rows {
    fn entries(&self) -> &[Entry] {
        &self.read
    }

    fn record(&mut self, entry: Entry) {
        self.read.push(entry);
        self.written += 1;
    }

    fn distribution_point(&self, kind: Kind) -> &str {
        if kind == Kind::Payment { "http://bank.example/payment.crl" } else { "http://bank.example/9a.crl" }
    }

    fn responder(&self, kind: Kind) -> Option<&str> {
        (kind == Kind::Payment).then_some("http://bank.example/ocsp")
    }

    fn crl_number(&self) -> u64 {
        41
    }
}

fn signers(algorithm: KeyAlgorithm) -> (tempfile::TempDir, PathBuf, Signers) {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("ca");
    let founding = Founding { algorithm, ..founding() };
    Signers::found(&folder, &founding, Some(PASSPHRASE.as_bytes())).unwrap();
    let signers = Signers::open(&folder, Some(PASSPHRASE.as_bytes())).unwrap();
    (parent, folder, signers)
}

#[test]
fn the_rules_and_the_crl_follow_the_rows() {
    let (_parent, folder, ca) = signers(KeyAlgorithm::P256);
    let (mut rows, now, key) = (Rows::default(), moment::now(), KeyPair::generate().unwrap());
    let subject = zhang();
    let of = |request: &[u8], kind, rows: &mut Rows| {
        let order = Order { request, kind, subject: &subject, validity: Validity::Days(1), token: None };
        ca.issue(&order, rows, now)
    };
    let own = request(&key, &subject);
    let certificate = Certificate::parse(&of(&own, Kind::Payment, &mut rows).unwrap()).unwrap();
    assert_eq!((rows.written, &rows.read[0].serial), (1, &certificate.serial));
    assert!(ca.issued(&certificate));
    // A refusal leaves the page as it was.
    let refused = of(&own, Kind::Authentication, &mut rows).unwrap_err();
    assert!(refused.why().contains("has a certificate for payment already"), "{refused}");
    let other = Subject { name: "李四".into(), ..zhang() };
    let foreign = request(&KeyPair::generate().unwrap(), &other);
    let order = Order {
        request: &foreign,
        kind: Kind::Payment,
        subject: &other,
        validity: Validity::Days(1),
        token: None,
    };
    assert!(ca.issue(&order, &mut rows, now).unwrap_err().why().contains("is asked for “李四”"));
    assert_eq!(rows.written, 1);

    rows.read[0].revoke(dated(now), Revocation::KeyCompromise);
    let crl = ca.crl(Kind::Payment, &rows, dated(now), now + time::Duration::DAY).unwrap();
    let path = folder.join("rows.crl");
    fs::write(&path, crl).unwrap();
    let path = path.to_str().unwrap();
    let root = folder.join(CERTIFICATE);
    let text = openssl::run(&["crl", "-inform", "DER", "-in", path, "-noout", "-text"]);
    assert!(
        text.contains(&certificate.serial) && text.contains("X509v3 CRL Number: \n                41"),
        "{text}"
    );
    openssl::run(&["crl", "-inform", "DER", "-in", path, "-noout", "-CAfile", root.to_str().unwrap()]);
}

/// Keys and certificates alone: `cert-tool`, which keeps its books in the folder, does not take this CA for one of its own.
#[test]
fn a_ca_without_books_is_not_opened_as_one_with_books() {
    for (algorithm, files) in [(KeyAlgorithm::P256, 3), (KeyAlgorithm::Sm2, 5)] {
        let (_parent, folder, ca) = signers(algorithm);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), files, "keys, certificates and the lock");
        let two = ca.certificate(Kind::Payment) != ca.certificate(Kind::Authentication);
        assert_eq!(two, algorithm == KeyAlgorithm::Sm2);
        assert!(Authority::find(&folder).is_err());
        let again = Signers::found(&folder, &founding(), None).unwrap_err();
        assert_eq!(again.reason(), Reason::Exists);
        let wrong = Signers::open(&folder, Some(b"another passphrase")).err().unwrap();
        assert_eq!(wrong.reason(), Reason::SecretWrong);
    }
}

/// RFC 5280, 4.2.2.1: a certificate names the responder where there is one.
#[test]
fn a_certificate_names_the_crl_and_the_responder_that_the_page_names() {
    let (_parent, folder, ca) = signers(KeyAlgorithm::P256);
    for (kind, wanted) in [(Kind::Payment, "http://bank.example/ocsp"), (Kind::Authentication, "")] {
        let (subject, key) = (zhang(), KeyPair::generate().unwrap());
        let own = request(&key, &subject);
        let order =
            Order { request: &own, kind, subject: &subject, validity: Validity::Days(1), token: None };
        let der = ca.issue(&order, &mut Rows::default(), moment::now()).unwrap();
        let path = folder.join("certificate.der");
        fs::write(&path, der).unwrap();
        let path = path.to_str().unwrap();
        let found = openssl::run(&["x509", "-inform", "DER", "-in", path, "-noout", "-ocsp_uri"]);
        assert_eq!(found.trim(), wanted);
        let text = openssl::run(&["x509", "-inform", "DER", "-in", path, "-noout", "-text"]);
        assert!(text.contains(Rows::default().distribution_point(kind)), "{text}");
    }
}

/// The passphrase is changed, and a change that was interrupted between the two keys of a CA loses neither.
#[test]
fn a_ca_is_closed_by_another_passphrase() {
    for algorithm in [KeyAlgorithm::P256, KeyAlgorithm::Sm2] {
        let (_parent, folder, _) = signers(algorithm);
        let (former, new) = (PASSPHRASE.as_bytes(), "another passphrase".as_bytes());
        let key = folder.join(MAIN.key);
        let before = fs::read(&key).unwrap();
        assert!(Signers::close_again(&folder, &[former], b"short").is_err());
        assert!(Signers::close_again(&folder, &[b"a wrong passphrase"], new).is_err());
        assert_eq!(fs::read(&key).unwrap(), before);
        Signers::close_again(&folder, &[new, former], new).unwrap();
        assert!(Signers::open(&folder, Some(former)).is_err());
        Signers::open(&folder, Some(new)).unwrap();
        fs::write(&key, before).unwrap();
        assert!(Signers::open(&folder, Some(new)).is_err());
        Signers::open_by_any(&folder, &[new, former]).unwrap();
        Signers::close_again(&folder, &[new, former], new).unwrap();
        Signers::open(&folder, Some(new)).unwrap();
    }
}
