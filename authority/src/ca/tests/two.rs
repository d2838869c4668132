//! A CA of SM2: two issuers, one folder, one index. openssl reads and verifies all that they issue.

use der::{Decode as _, Encode as _};

use super::*;
use crate::signature::PrivateKey;
use rcgen::PKCS_ECDSA_P384_SHA384;

/// What openssl has to be told to verify SM2 as everybody does.
const DISTID: [&str; 2] = ["-vfyopt", "distid:1234567812345678"];

fn of_sm2() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("ca");
    found(&folder, &Founding { algorithm: KeyAlgorithm::Sm2, ..founding() }, None).unwrap();
    (parent, folder)
}

fn request_of(algorithm: KeyAlgorithm) -> Vec<u8> {
    let key = PrivateKey::generate(algorithm).unwrap();
    let info = csr::info(&zhang(), key.public()).unwrap();
    csr::signed(&info, algorithm, &key.sign(&info)).unwrap()
}

fn ask(ca: &mut Authority, kind: Kind, algorithm: KeyAlgorithm) -> Result<Certificate, Error> {
    let (subject, request, validity) = (zhang(), request_of(algorithm), Validity::Days(1));
    let order = Order { request: &request, kind, subject: &subject, validity, token: Some("T1") };
    Certificate::parse(&ca.issue(&order)?)
}

fn algorithms(certificate: &Certificate) -> (KeyAlgorithm, String) {
    let key = PublicKey::parse(&certificate.public_key).unwrap().algorithm;
    let read = x509_cert::Certificate::from_der(&certificate.der).unwrap();
    assert_eq!(read.signature_algorithm(), read.tbs_certificate().signature());
    assert_eq!(read.signature_algorithm().parameters, None);
    (key, read.signature_algorithm().oid.to_string())
}

/// Has openssl verify the bare signatures of a CRL and of the CA's own certificate. `openssl verify` hands the identifier on to the
/// certificate that it is asked about, and neither to CRLs nor to the certificates of the CA file.
fn openssl_verifies_the_crl(folder: &Path, root: &str, crl: &str, algorithm: KeyAlgorithm) {
    let [signed, signature, key] = ["signed", "signature", "key.pem"].map(|name| at(folder, name));
    openssl::run(&["x509", "-in", root, "-noout", "-pubkey", "-out", &key]);
    let verify: &[&str] = match algorithm {
        KeyAlgorithm::Sm2 => &["dgst", "-sm3", "-sigopt", "distid:1234567812345678"],
        _ => &["dgst", "-sha256"],
    };
    let crl = crate::certificate::pem_or_der("X509 CRL", &fs::read(crl).unwrap()).unwrap();
    let list: x509_cert::crl::CertificateList = x509_cert::crl::CertificateList::from_der(&crl).unwrap();
    let root = crate::certificate::pem_or_der("CERTIFICATE", &fs::read(root).unwrap()).unwrap();
    let root = x509_cert::Certificate::from_der(&root).unwrap();
    for (tbs, bits) in [
        (list.tbs_cert_list.to_der().unwrap(), &list.signature),
        (root.tbs_certificate().to_der().unwrap(), root.signature()),
    ] {
        fs::write(&signed, tbs).unwrap();
        fs::write(&signature, bits.as_bytes().unwrap()).unwrap();
        let said = openssl::run(&[verify, &["-verify", &key, "-signature", &signature, &signed]].concat());
        assert!(said.contains("Verified OK"), "{said}");
    }
}

#[test]
fn each_issuer_certifies_its_kind_with_its_algorithm_and_openssl_verifies_both() {
    let (_parent, folder) = of_sm2();
    let mut ca = Authority::open(&folder, None).unwrap();
    let sm2_with_sm3 = "1.2.156.10197.1.501";
    for (kind, algorithm, signed, root, crl, url) in [
        (Kind::Payment, KeyAlgorithm::Sm2, sm2_with_sm3, CERTIFICATE, CRL, "http://crl.bank.example/ca.crl"),
        (
            Kind::Authentication,
            KeyAlgorithm::P256,
            "1.2.840.10045.4.3.2",
            "authentication-ca.pem",
            "authentication-crl.pem",
            "http://crl.bank.example/authentication-ca.crl",
        ),
    ] {
        assert_eq!(ca.algorithm(kind), Some(algorithm));
        let distid: &[&str] = if algorithm == KeyAlgorithm::Sm2 { &DISTID } else { &[] };
        let certificate = ask(&mut ca, kind, algorithm).unwrap();
        assert_eq!(algorithms(&certificate), (algorithm, signed.to_owned()));
        assert!(certificate.is_of(kind) && certificate.issued_by(ca.certificate(kind)));
        assert_eq!(certificate.holder(), Some(zhang()));
        let (root, crl) = (at(&folder, root), at(&folder, crl));
        let path = put(&folder, "cert.pem", &certificate);
        let verify = ["verify", "-CAfile", &root, "-purpose", "any", "-x509_strict"];
        openssl::run(&[&verify[..], distid, &[&path]].concat());
        openssl_verifies_the_crl(&folder, &root, &crl, algorithm);
        let text = openssl::run(&["x509", "-in", &path, "-noout", "-text"]);
        assert!(text.contains(&format!("URI:{url}\n")), "{text}");
        // The other issuer has another name, and says nothing of this certificate.
        let other = Kind::ALL.into_iter().find(|other| *other != kind).unwrap();
        assert!(!certificate.issued_by(ca.certificate(other)));
        assert_ne!(ca.certificate(kind).subject, ca.certificate(other).subject);
    }
    assert_eq!(ca.certificate_path(), folder.join("ca.pem"));
    assert_eq!(ca.authentication_certificate_path(), folder.join("authentication-ca.pem"));
    assert_eq!(ca.index().unwrap().certificates.len(), 2, "one index");
}

#[test]
fn a_key_of_another_algorithm_is_refused_by_each_issuer() {
    let (_parent, folder) = of_sm2();
    let mut sm2 = Authority::open(&folder, None).unwrap();
    let (_other_parent, folder) = fresh();
    let mut p256 = open(&folder);
    let mut why = |two: bool, kind, algorithm| {
        let ca = if two { &mut sm2 } else { &mut p256 };
        let fault = ask(ca, kind, algorithm).unwrap_err();
        assert_eq!(fault.reason(), Reason::IssuerRefused, "{fault}");
        fault.why().to_string()
    };
    for (two, kind, algorithm, wanted) in [
        (true, Kind::Payment, KeyAlgorithm::P256, "for payment of SM2 with SM3 alone"),
        (true, Kind::Authentication, KeyAlgorithm::Sm2, "for authentication of ECDSA on P-256"),
        (false, Kind::Payment, KeyAlgorithm::Sm2, "for payment of ECDSA on P-256"),
        (false, Kind::Authentication, KeyAlgorithm::Sm2, "for authentication of ECDSA on P-256"),
    ] {
        let why = why(two, kind, algorithm);
        assert!(why.contains(wanted) && why.contains("--algorithm"), "{why}");
    }
    assert!(sm2.index().unwrap().certificates.is_empty() && p256.index().unwrap().certificates.is_empty());
}

#[test]
fn each_issuers_crl_lists_its_own_and_openssl_refuses_what_was_revoked() {
    let (_parent, folder) = of_sm2();
    let mut ca = Authority::open(&folder, None).unwrap();
    let issued = [(Kind::Payment, KeyAlgorithm::Sm2), (Kind::Authentication, KeyAlgorithm::P256)]
        .map(|(kind, algorithm)| ask(&mut ca, kind, algorithm).unwrap());
    for certificate in &issued {
        assert!(ca.stands(certificate).unwrap() && ca.issued(certificate));
        ca.revoke(&certificate.serial, Revocation::KeyCompromise).unwrap();
        assert!(!ca.stands(certificate).unwrap());
    }
    let files = [(CERTIFICATE, CRL), ("authentication-ca.pem", "authentication-crl.pem")];
    for ((root, crl), certificate) in files.into_iter().zip(&issued) {
        let (root, crl) = (at(&folder, root), at(&folder, crl));
        let text = openssl::run(&["crl", "-in", &crl, "-noout", "-text"]);
        assert_eq!(text.matches("Serial Number:").count(), 1, "{text}");
        for expected in [&*certificate.serial, "CRL Number: \n                3\n", "Key Compromise"] {
            assert!(text.contains(expected), "{expected} is missing:\n{text}");
        }
        let path = put(&folder, "cert.pem", certificate);
        let algorithm = PublicKey::parse(&certificate.public_key).unwrap().algorithm;
        openssl_verifies_the_crl(&folder, &root, &crl, algorithm);
        if algorithm == KeyAlgorithm::P256 {
            let verify =
                ["verify", "-CAfile", &root, "-CRLfile", &crl, "-crl_check", "-purpose", "any", &path];
            let (good, said) = openssl::try_run(&verify);
            assert!(!good && said.contains("certificate revoked"), "{said}");
        }
    }
    assert_eq!(ca.issue_crl(1).unwrap(), 4, "one number for both");
    // Each CRL is a witness: an index that knows less than either is an old copy.
    let (crl, der) = ("authentication-crl.pem", "authentication-crl.der");
    let kept = [crl, der].map(|name| fs::read(folder.join(name)).unwrap());
    let index = fs::read(folder.join(INDEX)).unwrap();
    ca.issue_crl(1).unwrap();
    for name in [CRL, "crl.der"] {
        fs::remove_file(folder.join(name)).unwrap();
    }
    fs::write(folder.join(INDEX), &index).unwrap();
    assert_eq!(Authority::open(&folder, None).err().unwrap().reason(), Reason::Damaged);
    for (name, bytes) in [crl, der].into_iter().zip(kept) {
        fs::write(folder.join(name), bytes).unwrap();
    }
    Authority::open(&folder, None).unwrap();
}

#[test]
fn the_second_issuers_files_are_guarded_as_the_first_ones_are() {
    let (_parent, folder) = of_sm2();
    let reason = || Authority::open(&folder, None).err().unwrap().reason();
    let key = folder.join("authentication-ca-key.pem");
    let main = fs::read(folder.join(KEY)).unwrap();
    let own = fs::read(&key).unwrap();
    fs::write(&key, &main).unwrap();
    assert_eq!(reason(), Reason::WrongKey, "the key of SM2 is not that of the certificate of P-256");
    fs::write(&key, &own).unwrap();
    Authority::open(&folder, None).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(reason(), Reason::TooOpen);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    }
    fs::remove_file(folder.join("authentication-ca.pem")).unwrap();
    assert!(Authority::open(&folder, None).is_err(), "the index says that there are two issuers");
}

#[test]
fn the_keys_of_both_issuers_open_with_one_passphrase_and_openssl_opens_them() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("ca");
    let founding = Founding { algorithm: KeyAlgorithm::Sm2, ..founding() };
    found(&folder, &founding, Some(PASSPHRASE.as_bytes())).unwrap();
    assert!(Authority::find(&folder).unwrap().wants_passphrase());
    open(&folder);
    for (key, certificate) in [(KEY, CERTIFICATE), ("authentication-ca-key.pem", "authentication-ca.pem")] {
        let (key, pass) = (at(&folder, key), format!("pass:{PASSPHRASE}"));
        let public = openssl::run(&["pkey", "-in", &key, "-passin", &pass, "-pubout"]);
        assert_eq!(public, openssl::run(&["x509", "-in", &at(&folder, certificate), "-noout", "-pubkey"]));
    }
}

#[test]
fn a_ca_is_of_p256_or_of_sm2() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("ca");
    for algorithm in [KeyAlgorithm::P384, KeyAlgorithm::Rsa2048] {
        let fault = found(&folder, &Founding { algorithm, ..founding() }, None).unwrap_err();
        assert_eq!(fault.reason(), Reason::Invalid, "{fault}");
        assert!(!folder.exists());
    }
    // The name of the second issuer is longer than that of the CA, and has to be a name, too.
    let name = "长".repeat(60);
    let founding = Founding { algorithm: KeyAlgorithm::Sm2, name: &name, ..founding() };
    assert_eq!(found(&folder, &founding, None).unwrap_err().reason(), Reason::Invalid);
    // A request for a key that nobody certifies.
    let mut ca = found_for_trial(&folder, "Test CA", KeyAlgorithm::Sm2).unwrap();
    let p384 = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let request = rcgen::CertificateParams::default().serialize_request(&p384).unwrap().der().to_vec();
    let (subject, validity) = (zhang(), Validity::Days(1));
    let order = Order { request: &request, kind: Kind::Payment, subject: &subject, validity, token: None };
    assert!(ca.issue(&order).unwrap_err().why().contains("SM2"));
}
