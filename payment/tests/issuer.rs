//! Who may issue: what stands in the CA file, and what stands between it and the signer; openssl judges the same.

use crate::bank::{
    Ca, NOW, an_order, ca_params, customer_params,
    forge::code,
    judge::{certificates, openssl},
    purpose, verify_at,
};
use payment::{Reason, Revocation, TrustError, Verifier, seal};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use std::process::Command;

fn refused(file: &str) -> (usize, String) {
    match Verifier::new(file.as_bytes(), &[]).unwrap_err() {
        error @ TrustError::NotCa { number, .. } => (number, error.to_string()),
        error => panic!("{error}"),
    }
}

/// A customer's certificate could issue certificates if it stood in the file of the CA. The error names that
/// certificate, and escapes the names in it.
#[test]
fn a_customers_certificate_beside_the_ca_is_named() {
    let ca = Ca::new();
    let mut params = customer_params();
    params.distinguished_name.push(rcgen::DnType::CommonName, "evil\u{1b}[2J\u{202e}");
    let customer = ca.issue(&params);
    let (number, sentence) = refused(&certificates(&[&ca.der, &customer.certificate]));
    assert_eq!(number, 2);
    assert!(sentence.contains("certificate 2") && sentence.contains("basicConstraints"), "{sentence}");
    assert!(sentence.contains("evil") && !sentence.contains(['\u{1b}', '\u{202e}']), "{sentence}");
    assert_eq!(refused(&certificates(&[&customer.certificate, &ca.der])).0, 1);
    assert_eq!(refused(&certificates(&[&customer.certificate])).0, 1);
    assert!(Verifier::new(&customer.certificate, &[]).is_err(), "DER, too");
    assert!(Verifier::new(certificates(&[&ca.der, &ca.der]).as_bytes(), &[]).is_ok());
}

#[test]
fn an_anchor_is_a_cas() {
    let with = |bend: &dyn Fn(&mut CertificateParams), word: &str| {
        let mut params = ca_params("Test Bank CA");
        bend(&mut params);
        let ca = Ca::with(params);
        let sentence = refused(&ca.pem).1;
        assert!(sentence.contains(word), "{sentence}");
        let customer = ca.customer();
        openssl(&[&ca.der], &[], &[], &customer.certificate).0
    };
    // openssl takes a root with keyCertSign for a CA, also where the root has no basicConstraints.
    assert!(with(&|params| params.is_ca = IsCa::NoCa, "basicConstraints"));
    assert!(!with(&|params| params.is_ca = IsCa::ExplicitNoCa, "basicConstraints"));
    assert!(!with(&|params| params.key_usages = vec![KeyUsagePurpose::DigitalSignature], "keyCertSign"));
    assert!(!with(&|params| params.key_usages = vec![KeyUsagePurpose::CrlSign], "keyCertSign"));
    // openssl is told not to look at purposes.
    let login = vec![ExtendedKeyUsagePurpose::ServerAuth];
    assert!(with(&|params| params.extended_key_usages = login.clone(), "purposes"));
    assert!(!with(
        &|params| {
            let mut unknown = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 32473, 99], vec![5, 0]);
            unknown.set_criticality(true);
            params.custom_extensions.push(unknown);
        },
        "critical",
    ));
    let good = |bend: &dyn Fn(&mut CertificateParams)| {
        let mut params = ca_params("Test Bank CA");
        bend(&mut params);
        let ca = Ca::with(params);
        assert_eq!(code(ca.verify(&ca.customer().seal(&an_order("1")))), "accepted");
    };
    good(&|params| params.key_usages.clear());
    good(&|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, purpose()]);
    good(&|params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)));
}

/// A certificate of version 1 has no extensions, and so nothing in it says that its subject is a CA.
#[test]
fn an_anchor_is_of_version_3() {
    let folder = tempfile::tempdir().unwrap();
    let run = |line: &str| {
        let arguments: Vec<&str> = line.split(' ').collect();
        let output = Command::new("openssl").current_dir(folder.path()).args(arguments).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    };
    run("ecparam -name prime256v1 -genkey -noout -out key.pem");
    run("req -new -key key.pem -subj /CN=Old -out req.pem");
    run("x509 -req -in req.pem -signkey key.pem -out ca.pem");
    let (_, sentence) = refused(&std::fs::read_to_string(folder.path().join("ca.pem")).unwrap());
    assert!(sentence.contains("version 3"), "{sentence}");
}

/// The reason says what is wrong with a CA between the bank's CA and the customer, and which CA is meant.
#[test]
fn an_intermediate_is_a_cas() {
    let root = Ca::new();
    let verify = |above: &Ca, bend: &dyn Fn(&mut CertificateParams)| {
        let mut params = ca_params("Branch CA");
        bend(&mut params);
        let branch = above.intermediate(params.clone());
        // rcgen checks no issuer, so that the customer's certificate is made also where the branch may issue none.
        let customer = branch.customer();
        let mut chain = vec![&customer.certificate[..], &branch.der];
        if above.der != root.der {
            chain.push(&above.der);
        }
        let document = seal(&an_order("1"), &chain, |bytes| customer.sign(bytes)).unwrap();
        let verdict = root.verify(&document);
        let (good, said) = openssl(&[&root.der], &chain[1..], &[], &customer.certificate);
        if let Err(reason) = verdict
            && let Some(which) = reason.certificate()
        {
            let digest = |der: &[u8]| aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
            let named = chain
                .iter()
                .chain([&&root.der[..]])
                .position(|der| digest(der).as_ref() == which.fingerprint);
            assert_eq!(named, Some(usize::from(which.place)), "{reason}");
            assert!(reason.to_string().contains(&hex(&which.fingerprint)), "{reason}");
        }
        (code(verdict), good, said)
    };
    let says = |bend: &dyn Fn(&mut CertificateParams), expected: &str| {
        let (found, good, said) = verify(&root, bend);
        assert_eq!(found, expected);
        // openssl is told not to look at purposes.
        assert_eq!(good, ["accepted", "issuer_purpose"].contains(&expected), "{expected}: {said}");
    };
    says(&|_| {}, "accepted");
    says(&|params| params.key_usages.clear(), "accepted");
    says(&|params| params.is_ca = IsCa::NoCa, "issuer_not_ca");
    says(&|params| params.is_ca = IsCa::ExplicitNoCa, "issuer_not_ca");
    says(&|params| params.key_usages = vec![KeyUsagePurpose::DigitalSignature], "issuer_key_usage");
    says(&|params| params.key_usages = vec![KeyUsagePurpose::CrlSign], "issuer_key_usage");
    says(&|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth], "issuer_purpose");
    says(&|params| params.extended_key_usages = vec![purpose()], "accepted");
    // A region that allows no CA below it.
    let mut narrow = ca_params("Region CA");
    narrow.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let (found, good, said) = verify(&root.intermediate(narrow), &|_| {});
    assert_eq!((found, good), ("issuer_path_length", false), "{said}");
    let mut wide = ca_params("Region CA");
    wide.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
    let (found, good, said) = verify(&root.intermediate(wide), &|_| {});
    assert_eq!((found, good), ("accepted", true), "{said}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// webpki does not look at an anchor's pathLenConstraint: this crate does.
#[test]
fn an_anchors_path_length_counts() {
    let mut params = ca_params("Test Bank CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let root = Ca::with(params.clone());
    let sealed = |issuer: &Ca| {
        let customer = issuer.customer();
        let certificates = [&customer.certificate[..], &issuer.der];
        (seal(&an_order("1"), &certificates, |bytes| customer.sign(bytes)).unwrap(), customer)
    };
    let branch = root.intermediate(ca_params("Branch CA"));
    let (document, customer) = sealed(&branch);
    let reason = root.verify(&document).unwrap_err();
    assert!(matches!(reason, Reason::IssuerPathLength(which) if which.place == 2), "{reason}");
    assert!(!openssl(&[&root.der], &[&branch.der], &[], &customer.certificate).0);
    // The old key of the CA certifies the new key under the same name. Such a certificate is no CA below (4.2.1.9).
    params.use_authority_key_identifier_extension = true;
    let renewed = root.intermediate(params);
    let (document, customer) = sealed(&renewed);
    assert_eq!(code(root.verify(&document)), "accepted");
    let (good, said) = openssl(&[&root.der], &[&renewed.der], &[], &customer.certificate);
    assert!(good, "{said}");
}

/// Mallory's payment certificate is no CA's: what she issues is refused, also where the bank's CRL is beside it.
#[test]
fn a_customer_issues_nothing() {
    let ca = Ca::new();
    let mallory = ca.customer();
    let params = customer_params();
    let below = Ca { issuer: Issuer::new(params, mallory.key), ..Ca::new() };
    let mut victim = customer_params();
    victim.serial_number = Some(rcgen::SerialNumber::from_slice(&[0x43]));
    let victim = below.issue_for(KeyPair::generate().unwrap(), &victim);
    let chain = [&victim.certificate[..], &mallory.certificate];
    let document = seal(&an_order("1"), &chain, |bytes| victim.sign(bytes)).unwrap();
    let verifier = Verifier::new(ca.pem.as_bytes(), &[&ca.crl(&[])]).unwrap();
    assert_eq!(code(ca.verify(&document)), "issuer_not_ca");
    assert_eq!(code(verify_at(&verifier, &document, NOW)), "issuer_not_ca");
    assert!(!openssl(&[&ca.der], &[&mallory.certificate], &[], &victim.certificate).0);
    let honest = ca.customer().seal(&an_order("2"));
    assert_eq!(verify_at(&verifier, &honest, NOW).unwrap().revocation, Revocation::Checked);
}
