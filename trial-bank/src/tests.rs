//! A bank of each algorithm, without a token.

use std::time::Duration;

use authority::{
    certificate_kind::Kind,
    csr,
    issuer::{Issuer as _, Order},
    moment::Validity,
    signature::PublicKey,
    subject::Subject,
};
use payment::{EncodedOrder, order::Terms, seal};
use sm2::{SecretKey, elliptic_curve::sec1::ToSec1Point as _};
use sm2_signature::PrivateKey;

use super::*;

const PAYER: &str = "6222020200112233";

/// A key of SM2 in software, with its payment certificate of this bank.
fn customer(bank: &mut Bank) -> (PrivateKey, Vec<u8>) {
    let secret = SecretKey::from_slice(&[7; 32]).unwrap();
    let key = PrivateKey::new(&secret).unwrap();
    let point = secret.public_key().to_sec1_point(false).as_bytes().to_vec();
    let subject = Subject {
        organisation: bank.authority.organisation().into(),
        unit: None,
        name: "张三".into(),
        user_id: PAYER.into(),
    };
    let info = csr::info(&subject, &PublicKey { algorithm: KeyAlgorithm::Sm2, point }).unwrap();
    let request = csr::signed(&info, KeyAlgorithm::Sm2, &key.sign(&info)).unwrap();
    let validity = Validity::Days(1);
    let order = Order { request: &request, kind: Kind::Payment, subject: &subject, validity, token: None };
    let certificate = bank.authority.issue(&order).unwrap();
    (key, certificate)
}

fn order(number: &str) -> EncodedOrder {
    let terms = Terms {
        number,
        payer_account: PAYER,
        payee_name: "上海水务",
        payee_account: "6222021234567890123",
        amount: "100.00",
        currency: "CNY",
        memo: "水费",
        lifetime: Duration::from_secs(600),
    };
    terms.issue(SystemTime::now()).unwrap()
}

/// The whole way in SM2, without any foreign program: request, certificate, document, verdict, revocation.
#[test]
fn a_payment_of_sm2_from_the_request_to_the_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let mut bank = Bank::found_with(&folder.path().join("ca"), "Test CA", KeyAlgorithm::Sm2).unwrap();
    let (key, certificate) = customer(&mut bank);
    let first = order("1");
    let document = seal(&first, &[&certificate], |bytes| Ok::<_, Reason>(key.sign(bytes))).unwrap();
    let payment = bank.verify(&document, Some(&first)).unwrap().unwrap();
    assert_eq!((payment.order.decimal_amount(), &*payment.holder.user_id), ("100.00".into(), PAYER));
    assert_eq!(payment.revocation, payment::Revocation::Checked);
    assert_eq!(bank.verify(&document, Some(&first)).unwrap(), Err(Reason::OrderReplayed));

    // No byte of the document is free, and no refusal is a panic.
    let verifier = bank.verifier().unwrap();
    let replay = MemoryReplay::default();
    let check = Check { at: SystemTime::now(), payers: &SameId, replay: &replay, issued: None };
    for at in 0..document.len() {
        let mut changed = document.clone();
        changed[at] ^= 1;
        assert!(verifier.verify(&changed, &check).is_err(), "byte {at}");
    }
    // A bank of P-256 knows nothing of this CA, and neither does another bank of SM2.
    for (name, algorithm) in [("p256", KeyAlgorithm::P256), ("sm2", KeyAlgorithm::Sm2)] {
        let other = Bank::found_with(&folder.path().join(name), "Test CA", algorithm).unwrap();
        assert_eq!(other.verify(&document, None).unwrap(), Err(Reason::CertificateUntrusted), "{name}");
    }
    let serial = authority::certificate::Certificate::parse(&certificate).unwrap().serial;
    bank.authority.revoke(&serial, authority::index::Revocation::KeyCompromise).unwrap();
    let second = order("2");
    let document = seal(&second, &[&certificate], |bytes| Ok::<_, Reason>(key.sign(bytes))).unwrap();
    assert_eq!(bank.verify(&document, Some(&second)).unwrap(), Err(Reason::CertificateRevoked));
}

#[test]
fn a_bank_whose_files_are_gone_says_so_and_refuses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for (name, algorithm) in [("p256", KeyAlgorithm::P256), ("sm2", KeyAlgorithm::Sm2)] {
        let bank = Bank::found_with(&folder.path().join(name), "Test CA", algorithm).unwrap();
        assert_eq!(bank.verify(b"junk", None).unwrap(), Err(Reason::Malformed));
        std::fs::write(bank.authority.crl_path(), "junk").unwrap();
        assert!(matches!(bank.verify(b"junk", None), Err(Error::Trust(_))));
        std::fs::remove_file(bank.authority.certificate_path()).unwrap();
        assert!(matches!(bank.verify(b"junk", None), Err(Error::File(_))));
    }
}
