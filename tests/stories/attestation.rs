//! Where a key was made: what the token says of it, judged by openssl up to the factory's CA.

use std::{fs, path::Path, process::Command as Process};

use authority::attestation::Factory;
use card::{Error, piv::Piv};
use ushield_tests::{
    scene::Scene,
    story::{No, Story},
};
use wire::{
    apdu::{Command, StatusWord},
    piv::{Algorithm, Slot},
    shield::Container,
    tlv,
};

super::over_each_road!(the_personal_id_is_attested, an_imported_key_is_not);

const NINE_A: Container = Container::Piv(Slot::Authentication);

/// `openssl verify` of a statement, up to the certificate of the brand's factory; and its text.
fn judge(folder: &Path, brand: &str, statement: &[u8], token: &[u8]) -> (bool, String) {
    let factory = Factory::test(brand).expect("a test factory").certificate().pem();
    fs::write(folder.join("factory.pem"), factory).expect("a file");
    for (name, der) in [("statement", statement), ("token", token)] {
        fs::write(folder.join(format!("{name}.der")), der).expect("a file");
        let (good, said) =
            openssl(folder, &["x509", "-inform", "DER", "-in", &format!("{name}.der"), "-out", name]);
        assert!(good, "{said}");
    }
    let chain = ["verify", "-x509_strict", "-CAfile", "factory.pem", "-untrusted", "token", "statement"];
    let (good, said) = openssl(folder, &chain);
    (good, said + &openssl(folder, &["x509", "-in", "statement", "-noout", "-text"]).1)
}

fn openssl(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let output = Process::new("openssl").args(arguments).current_dir(folder).output().expect("openssl runs");
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// Enrolment has checked it already (the story's bank asks for attestation); openssl agrees.
fn the_personal_id_is_attested(scene: Scene) {
    let mut token = Story::enrolled(scene);
    let own = token.shield(|shield| shield.attestation_certificate()).succeeds().expect("it can attest");
    let brand = token.information().brand;
    let folder = tempfile::tempdir().expect("a folder");
    for container in [Container::Payment, NINE_A] {
        let statement = token.shield(|shield| shield.attest(container)).succeeds().expect("it can attest");
        let certificate = token.shield(|shield| shield.certificate(container)).succeeds().expect("an ID");
        let key = |der| wire::pkix::certificate_public_key(der).expect("a certificate").to_vec();
        assert_eq!(key(&statement), key(&certificate), "the key that the bank certified");
        let (good, said) = judge(folder.path(), &brand, &statement, &own);
        assert!(good, "{said}");
        assert!(said.contains(&format!("CN = TEST token attestation {}", container.name())), "{said}");
    }
}

fn an_imported_key_is_not(scene: Scene) {
    let mut token = Story::enrolled(scene);
    let card = token.card();
    let mut piv = Piv::select(card).expect("PIV");
    piv.authenticate_management(Algorithm::Tdes, &[1, 2, 3, 4, 5, 6, 7, 8].repeat(3))
        .expect("the factory's key");
    let data = tlv::object(0x06, &[7; 32]);
    piv.card().data(&Command::new(0, 0xFE, 0x11, 0x9A, &data)).expect("an import");
    let attested = piv.card().data(&Command::new(0, 0xF9, 0x9A, 0, &[]).expecting(65_536));
    assert!(matches!(attested, Err(Error::Refused(StatusWord::CONDITIONS_NOT_SATISFIED))), "{attested:?}");
    token.shield(|shield| shield.attest(NINE_A)).refuses(No::WrongUse);
    // The payment key has no road in.
    let payment = token.card().data(&Command::new(0, 0xFE, 0x11, 0x50, &data));
    assert!(matches!(payment, Err(Error::Refused(_))), "{payment:?}");
    token.shield(|shield| shield.attest(Container::Payment)).succeeds().expect("it can attest");
}
