//! Each reason for a refusal is provoked. Then come the attacks that the reasons are for.

use crate::bank::{
    Ca, Customer, NOW, PAYER, an_order, at, ca_params, customer_params,
    forge::{DATA, ECDSA, SHA256, SIGNED_DATA, code, document, forge, signer_info, tlv},
    purpose, verify_at,
};
use payment::{
    Accounts, Against, Check, EncodedOrder, Holder, MemoryReplay, OrderKey, PayerBook, Recorded, ReplayStore,
    SameId, SealError, Unavailable, Verifier, seal,
};
use rcgen::{DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use std::{collections::HashMap, time::SystemTime};
use time::macros::datetime;

/// A document of a customer whose certificate this CA issued with other parameters.
fn sealed_with(ca: &Ca, bend: impl FnOnce(&mut rcgen::CertificateParams)) -> Vec<u8> {
    let mut params = customer_params();
    bend(&mut params);
    forge(&ca.issue(&params), &an_order("1"))
}

#[test]
fn a_good_document_is_a_payment() {
    let (ca, order) = (Ca::new(), an_order("1"));
    let customer = ca.customer();
    let payment = ca.verify(&customer.seal(&order)).unwrap();
    assert_eq!((payment.order_der, payment.order), (order.to_vec(), order.order().clone()));
    assert_eq!((payment.holder.user_id.as_str(), payment.holder.name.as_str()), (PAYER, "张三"));
    assert_eq!(code(ca.verify(&forge(&customer, &order))), "accepted");
}

#[test]
fn the_form_is_one() {
    let (ca, order) = (Ca::new(), an_order("1"));
    let customer = ca.customer();
    let good = customer.seal(&order);
    let refused = |document: &[u8], reason: &str| assert_eq!(code(ca.verify(document)), reason);
    refused(&[], "malformed");
    refused(&[&good[..], &[0]].concat(), "malformed");
    refused(&vec![0x30; 16 * 1024 + 1], "too_large");
    let stranger = |serial: u8| {
        let mut params = customer_params();
        params.serial_number = Some(rcgen::SerialNumber::from_slice(&[serial]));
        ca.issue(&params).certificate
    };
    let certificates: Vec<Vec<u8>> = (0..9_u8).map(stranger).collect();
    let mut certificates: Vec<&[u8]> = certificates.iter().map(Vec::as_slice).collect();
    let info = signer_info(&customer, &order, &[], &[]);
    certificates.sort();
    refused(&document(&order, &certificates, &info), "too_large");
    // Indefinite length (BER), a length longer than need be, a SET OF out of order.
    let indefinite = [&[0x30, 0x80], &good[4..], &[0, 0]].concat();
    refused(&indefinite, "malformed");
    refused(&[&[0x30, 0x83, 0], &good[2..]].concat(), "malformed");
    let mut two = [&customer.certificate[..], certificates[0]];
    two.sort();
    assert_eq!(code(ca.verify(&document(&order, &two, &info))), "accepted");
    two.reverse();
    refused(&document(&order, &two, &info), "malformed");
    refused(&document(&order, &[two[0], two[0]], &info), "malformed");
    // Another version, another digest algorithm, another type of the document.
    let with = |from: &[u8], to: &[u8]| {
        // The headers' lengths stay true only where both texts have one length.
        assert_eq!(from.len(), to.len());
        let position = good.windows(from.len()).position(|window| window == from).unwrap();
        [&good[..position], to, &good[position + from.len()..]].concat()
    };
    refused(&with(b"\x02\x01\x01\x31\x0D", b"\x02\x01\x03\x31\x0D"), "malformed");
    refused(&with(b"\x01\x65\x03\x04\x02\x01", b"\x01\x65\x03\x04\x02\x02"), "malformed");
    refused(&with(SIGNED_DATA, DATA), "malformed");
    // The first DATA inside of the document is the type of the content.
    refused(&with(DATA, b"\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x05"), "content_refused");
    refused(&document(&order, &[], &info), "certificate_missing");
    refused(&document(&order, &certificates[..2], &info), "certificate_missing");
    // Two certificates have the same issuer and serial number. Which of the two signed would be a guess.
    let twin = ca.customer().certificate;
    let mut two = [&customer.certificate[..], &twin];
    two.sort();
    refused(&document(&order, &two, &info), "certificate_missing");
}

#[test]
fn one_signer_without_attributes_and_with_the_one_algorithm() {
    let (ca, order) = (Ca::new(), an_order("1"));
    let customer = ca.customer();
    let refused = |signers: &[u8], reason: &str| {
        assert_eq!(code(ca.verify(&document(&order, &[&customer.certificate], signers))), reason);
    };
    let info = signer_info(&customer, &order, &[], &[]);
    let other = signer_info(&customer, &order, &[], &[]);
    let (first, second) = if info < other { (&info, &other) } else { (&other, &info) };
    refused(&[], "signer_count");
    refused(&[&first[..], second].concat(), "signer_count");
    let set = tlv(0xA0, &[&tlv(0x30, &[DATA, &tlv(0x31, &[DATA])])]);
    refused(&signer_info(&customer, &order, &set, &[]), "attributes_present");
    refused(&signer_info(&customer, &order, &tlv(0xA0, &[]), &[]), "attributes_present");
    refused(&signer_info(&customer, &order, &[], &tlv(0xA1, &[&set[2..]])), "attributes_present");
    refused(&signer_info(&customer, &order, &[], &tlv(0xA1, &[])), "attributes_present");
    let swapped = |from: &[u8], to: &[u8]| {
        let position = info.windows(from.len()).rposition(|window| window == from).unwrap();
        [&info[..position], to, &info[position + from.len()..]].concat()
    };
    // ecdsa-with-SHA384, and SHA-384 as the digest.
    refused(&swapped(ECDSA, b"\x30\x0A\x06\x08\x2A\x86\x48\xCE\x3D\x04\x03\x03"), "algorithm_refused");
    refused(&swapped(SHA256, b"\x30\x0B\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02"), "algorithm_refused");
}

/// A signer can be made to sign attributes. An attacker then says that the attributes, as a SET OF, were the content.
#[test]
fn signed_attributes_do_not_pass_for_content() {
    let ca = Ca::new();
    let customer = ca.customer();
    let attribute = tlv(0x30, &[DATA, &tlv(0x31, &[DATA])]);
    let attributes = tlv(0x31, &[&attribute]);
    assert_eq!(code(ca.verify(&forge(&customer, &attributes))), "order_malformed");
    // The other direction: the signature is over the order, and attributes stand beside it. A lenient reader would not
    // hash those attributes.
    let order = an_order("1");
    let info = signer_info(&customer, &order, &tlv(0xA0, &[&attribute]), &[]);
    assert_eq!(code(ca.verify(&document(&order, &[&customer.certificate], &info))), "attributes_present");
    assert!(EncodedOrder::parse(attributes).is_err(), "attributes are no order, so nobody seals them");
}

#[test]
fn the_certificate_is_for_payments_alone() {
    let ca = Ca::new();
    let refused = |bend: &dyn Fn(&mut rcgen::CertificateParams), reason: &str| {
        assert_eq!(code(ca.verify(&sealed_with(&ca, bend))), reason);
    };
    refused(&|_| {}, "accepted");
    refused(
        &|params| params.extended_key_usages = vec![purpose(), ExtendedKeyUsagePurpose::ClientAuth],
        "certificate_purpose",
    );
    refused(
        &|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth],
        "certificate_purpose",
    );
    refused(&|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any], "certificate_purpose");
    refused(&|params| params.extended_key_usages.clear(), "certificate_purpose");
    refused(&|params| params.key_usages = vec![KeyUsagePurpose::DigitalSignature], "certificate_key_usage");
    refused(&|params| params.key_usages.push(KeyUsagePurpose::KeyCertSign), "certificate_key_usage");
    refused(&|params| params.key_usages.clear(), "certificate_key_usage");
    refused(
        &|params| {
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, "张三");
        },
        "certificate_malformed",
    );
    refused(
        &|params| params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained),
        "certificate_purpose",
    );
    let p384 = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let other_curve = ca.issue_for(p384, &customer_params());
    assert_eq!(code(ca.verify(&forge(&other_curve, &an_order("1")))), "algorithm_refused");
}

#[test]
fn the_certificate_leads_to_the_banks_ca() {
    let (ca, other) = (Ca::new(), Ca::new());
    let order = an_order("1");
    assert_eq!(code(ca.verify(&other.customer().seal(&order))), "certificate_untrusted");
    // A payment certificate is no CA: what it issues is refused.
    let mallory = ca.customer();
    let below = Ca { issuer: rcgen::Issuer::new(customer_params(), mallory.key), ..Ca::new() };
    let victim = below.customer();
    let document =
        seal(&order, &[&victim.certificate, &mallory.certificate], |bytes| victim.sign(bytes)).unwrap();
    assert_ne!(code(ca.verify(&document)), "accepted");
    // The customer signs a certificate for the customer's own key, with the name of the CA.
    let mut params = customer_params();
    params.distinguished_name = ca_params("Test Bank CA").distinguished_name;
    params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 5]), PAYER);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().der().to_vec();
    let own = Customer { key, certificate };
    assert_eq!(code(ca.verify(&own.seal(&order))), "certificate_untrusted");
}

#[test]
fn validity_at_the_time_of_the_verification() {
    let ca = Ca::new();
    let document = ca.customer().seal(&an_order("1"));
    let verifier = ca.verifier();
    // The verifier has found the path of this certificate before. The dates are checked again all the same.
    for (time, reason) in [
        (NOW, "accepted"),
        ("2026-05-30T23:59:59Z", "certificate_not_yet_valid"),
        ("2027-06-01T00:00:01Z", "certificate_expired"),
        (NOW, "accepted"),
        ("2026-06-01T08:10:00Z", "accepted"),
        ("2026-06-01T08:10:01Z", "order_expired"),
        ("2026-06-01T07:55:00Z", "accepted"),
        ("2026-06-01T07:54:59Z", "order_not_yet_valid"),
    ] {
        assert_eq!(code(verify_at(&verifier, &document, time)), reason, "{time}");
    }
    // The dates of the anchor count as well, and so do those of an intermediate certificate.
    let mut params = ca_params("Old CA");
    params.not_after = datetime!(2026-06-01 08:04 UTC);
    let old = Ca::with(params.clone());
    let document = old.customer().seal(&an_order("1"));
    let verifier = old.verifier();
    assert_eq!(code(verify_at(&verifier, &document, "2026-06-01T08:04:00Z")), "accepted");
    assert_eq!(code(verify_at(&verifier, &document, "2026-06-01T08:04:01Z")), "certificate_expired");
    let branch = ca.intermediate(params);
    let customer = branch.customer();
    let document =
        seal(&an_order("1"), &[&customer.certificate, &branch.der], |bytes| customer.sign(bytes)).unwrap();
    let verifier = ca.verifier();
    assert_eq!(code(verify_at(&verifier, &document, "2026-06-01T08:04:00Z")), "accepted");
    assert_eq!(code(verify_at(&verifier, &document, "2026-06-01T08:04:01Z")), "certificate_expired");
    let mut young = ca_params("Young CA");
    young.not_before = datetime!(2026-06-01 08:06 UTC);
    let young = Ca::with(young);
    assert_eq!(code(young.verify(&young.customer().seal(&an_order("1")))), "certificate_not_yet_valid");
}

#[test]
fn revocation() {
    let (ca, order) = (Ca::new(), an_order("1"));
    let document = ca.customer().seal(&order);
    let verify = |crls: &[&[u8]], time: &str| {
        code(verify_at(&Verifier::new(ca.pem.as_bytes(), crls).unwrap(), &document, time))
    };
    assert_eq!(verify(&[&ca.crl(&[])], NOW), "accepted");
    assert_eq!(verify(&[&ca.crl(&[&[0x41], &[0x43]])], NOW), "accepted");
    assert_eq!(verify(&[&ca.crl(&[&[0x41], &[0x42]])], NOW), "certificate_revoked");
    // The first CRL is of another CA. The second CRL has this CA's name and another key.
    assert_eq!(verify(&[&Ca::with(ca_params("Other")).crl(&[])], NOW), "revocation_unknown");
    assert_eq!(verify(&[&Ca::new().crl(&[])], NOW), "revocation_unknown");
    // A CRL that has become too old is refused, also where the verifier has found the path before.
    let verifier = Verifier::new(ca.pem.as_bytes(), &[&ca.crl(&[])]).unwrap();
    assert_eq!(code(verify_at(&verifier, &document, NOW)), "accepted");
    assert_eq!(code(verify_at(&verifier, &document, "2026-06-08T00:00:01Z")), "crl_expired");
    // An intermediate can be revoked, too, and needs its CRL.
    let branch = ca.intermediate({
        let mut params = ca_params("Branch CA");
        params.serial_number = Some(rcgen::SerialNumber::from_slice(&[0x77]));
        params
    });
    let customer = branch.customer();
    let document = seal(&order, &[&customer.certificate, &branch.der], |bytes| customer.sign(bytes)).unwrap();
    let verify =
        |crls: &[&[u8]]| code(verify_at(&Verifier::new(ca.pem.as_bytes(), crls).unwrap(), &document, NOW));
    assert_eq!(verify(&[&ca.crl(&[]), &branch.crl(&[])]), "accepted");
    assert_eq!(verify(&[&ca.crl(&[&[0x77]]), &branch.crl(&[])]), "certificate_revoked");
    assert_eq!(verify(&[&branch.crl(&[])]), "revocation_unknown");
}

#[test]
fn ca_and_crl_files_are_pem_or_der_and_damage_is_named() {
    let ca = Ca::new();
    assert!(Verifier::new(&ca.der, &[]).is_ok());
    assert!(Verifier::new(format!("a note\n{}{}", ca.pem, Ca::new().pem).as_bytes(), &[]).is_ok());
    for (file, crls) in [
        (&b""[..], &[][..]),
        (&ca.der[..50], &[]),
        (b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----", &[]),
        (&ca.der, &[&b"nonsense"[..]]),
        (&ca.der, &[&b"\x30\x00"[..]]),
    ] {
        let error = Verifier::new(file, crls).unwrap_err().to_string();
        assert!(error.contains("pem"), "{error}");
    }
}

#[test]
fn the_payer_is_bound_to_the_certificate() {
    let ca = Ca::new();
    let document = ca.customer().seal(&an_order("1"));
    let verifier = ca.verifier();
    let verify = |payers: &dyn PayerBook| {
        let replay = MemoryReplay::default();
        code(verifier.verify(&document, &Check { at: at(NOW), payers, replay: &replay, issued: None }))
    };
    let book = |user: &str| Accounts(HashMap::from([(PAYER.into(), user.into())]));
    assert_eq!(verify(&SameId), "accepted");
    assert_eq!(verify(&book(PAYER)), "accepted");
    assert_eq!(verify(&book("somebody else")), "payer_mismatch");
    assert_eq!(verify(&Accounts::default()), "payer_mismatch");
    assert_eq!(
        verify(&|holder: &Holder, account: &str| holder.name == "张三" && account == PAYER),
        "accepted"
    );
    assert_eq!(verify(&|_: &Holder, _: &str| false), "payer_mismatch");
    struct Broken;
    impl PayerBook for Broken {
        fn may_pay(&self, _: &Holder, _: &str) -> Result<bool, Unavailable> {
            Err(Unavailable)
        }
    }
    assert_eq!(verify(&Broken), "payer_unavailable");
    let other = sealed_with(&ca, |params| {
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 5]), "6222020000000002");
    });
    assert_eq!(code(ca.verify(&other)), "payer_mismatch");
}

#[test]
fn only_the_order_that_the_bank_issued() {
    let ca = Ca::new();
    let (one, two) = (an_order("1"), an_order("2"));
    let (customer, verifier, replay) = (ca.customer(), ca.verifier(), MemoryReplay::default());
    let verify = |issued: &[u8]| {
        let check = Check { at: at(NOW), payers: &SameId, replay: &replay, issued: Some(issued) };
        code(verifier.verify(&customer.seal(&one), &check))
    };
    assert_eq!(verify(&two), "order_mismatch");
    assert_eq!(verify(&one), "accepted");
}

/// The other value of s that fits the signature: n - s.
fn other_s(signature: &[u8]) -> Vec<u8> {
    const N: [u8; 32] = [
        0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC,
        0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
    ];
    let r = &signature[2..4 + usize::from(signature[3])];
    let s = &signature[2 + r.len() + 2..];
    let mut wide = [0; 33];
    wide[33 - s.len()..].copy_from_slice(s);
    let (mut result, mut borrow) = ([0; 32], 0);
    for i in (0..32).rev() {
        let difference = i16::from(N[i]) - i16::from(wide[i + 1]) - borrow;
        borrow = i16::from(difference < 0);
        result[i] = (difference & 0xFF) as u8;
    }
    let digits = &result[result.iter().position(|byte| *byte != 0).unwrap()..];
    let sign: &[u8] = if digits[0] & 0x80 == 0 { &[] } else { &[0] };
    tlv(0x30, &[r, &tlv(2, &[sign, digits])])
}

#[test]
fn an_order_is_paid_once_whatever_its_signature() {
    let (ca, order) = (Ca::new(), an_order("1"));
    let (customer, verifier, replay) = (ca.customer(), ca.verifier(), MemoryReplay::default());
    let signature = customer.sign(&order).unwrap();
    let sealed = |signature: Vec<u8>| {
        seal(&order, &[&customer.certificate], |_| Ok::<_, SealError<()>>(signature)).unwrap()
    };
    let documents = [sealed(signature.clone()), sealed(other_s(&signature)), customer.seal(&order)];
    assert_ne!(documents[0], documents[1]);
    for first in &documents {
        assert_eq!(code(ca.verify(first)), "accepted", "each alone is good");
    }
    let verify = |document: &[u8], time: &str| {
        code(
            verifier
                .verify(document, &Check { at: at(time), payers: &SameId, replay: &replay, issued: None }),
        )
    };
    // A document that was refused is not recorded as paid.
    assert_eq!(verify(&documents[0], "2026-06-01T08:10:01Z"), "order_expired");
    let fresh = MemoryReplay::default();
    let refuse = |_: &Holder, _: &str| false;
    let check = Check { at: at(NOW), payers: &refuse, replay: &fresh, issued: None };
    assert_eq!(code(verifier.verify(&documents[0], &check)), "payer_mismatch");
    let check = Check { payers: &SameId, ..check };
    assert_eq!(code(verifier.verify(&documents[0], &check)), "accepted");
    for again in &documents {
        assert_eq!(code(verifier.verify(again, &check)), "order_replayed");
    }
    assert_eq!(code(verifier.verify(&customer.seal(&an_order("2")), &check)), "accepted");
}

#[test]
fn a_store_that_cannot_tell_accepts_nothing() {
    struct Broken;
    impl ReplayStore for Broken {
        fn record(&self, _: OrderKey, _: SystemTime, _: SystemTime) -> Result<Recorded, Unavailable> {
            Err(Unavailable)
        }
    }
    let ca = Ca::new();
    let document = ca.customer().seal(&an_order("1"));
    let check = Check { at: at(NOW), payers: &SameId, replay: &Broken, issued: None };
    assert_eq!(code(ca.verifier().verify(&document, &check)), "replay_unavailable");
    let full = MemoryReplay::new(0);
    assert_eq!(
        code(ca.verifier().verify(&document, &Check { replay: &full, ..check })),
        "replay_unavailable"
    );
}

#[test]
fn a_wrong_signature_is_neither_sealed_nor_accepted() {
    let (ca, order) = (Ca::new(), an_order("1"));
    let (customer, other) = (ca.customer(), ca.customer());
    let wrong_key = Customer { key: KeyPair::generate().unwrap(), certificate: customer.certificate.clone() };
    assert_eq!(code(ca.verify(&forge(&wrong_key, &order))), "signature_invalid");
    let info = signer_info(&customer, &an_order("2"), &[], &[]);
    assert_eq!(code(ca.verify(&document(&order, &[&customer.certificate], &info))), "signature_invalid");
    let sealed = seal(&order, &[&customer.certificate], |bytes| other.sign(bytes));
    assert!(matches!(sealed, Err(SealError::Signature)));
    let no_certificates: [&[u8]; 0] = [];
    assert!(matches!(seal(&order, &no_certificates, |bytes| other.sign(bytes)), Err(SealError::Certificate)));
    let sealed = seal(&order, &[&customer.certificate], |_| Err("Cancel was pressed"));
    assert_eq!(sealed.unwrap_err().to_string(), "Cancel was pressed");
    let ca_first = seal(&order, &[&ca.der], |bytes| customer.sign(bytes));
    assert!(matches!(ca_first, Err(SealError::Certificate)));
}

/// Every bit of a document is turned, and the document is refused. The document is cut or lengthened anywhere, and is
/// refused. Nothing panics.
#[test]
fn every_flipped_bit_is_refused() {
    let ca = Ca::new();
    let document = ca.customer().seal(&an_order("1"));
    let verifier = ca.verifier();
    let mut reasons = HashMap::<_, usize>::new();
    for (position, bit) in (0..document.len()).flat_map(|position| (0..8).map(move |bit| (position, bit))) {
        let mut changed = document.clone();
        changed[position] ^= 1 << bit;
        let reason = verify_at(&verifier, &changed, NOW).expect_err("a changed document was accepted");
        *reasons.entry(reason.code()).or_default() += 1;
    }
    println!("{} bits flipped, all refused: {reasons:?}", document.len() * 8);
    for length in 0..document.len() {
        assert!(verify_at(&verifier, &document[..length], NOW).is_err(), "{length}");
    }
    assert_eq!(code(verify_at(&verifier, &document, NOW)), "accepted");
}

/// Many threads share one verifier and one store. Of their verdicts on one order exactly one is a payment.
#[test]
fn threads_share_a_verifier() {
    let ca = Ca::new();
    let document = ca.customer().seal(&an_order("1"));
    let (verifier, replay) = (ca.verifier(), MemoryReplay::default());
    let check = Check { at: at(NOW), payers: &SameId, replay: &replay, issued: None };
    let codes = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| code(verifier.verify(&document, &check)))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(codes.iter().filter(|code| **code == "accepted").count(), 1);
    assert_eq!(codes.iter().filter(|code| **code == "order_replayed").count(), 7);
}

/// What a bank with a database does: it verifies, looks at its own books, and records in its own transaction. Until it has recorded, the
/// same document is as good as before.
#[test]
fn a_document_is_verified_without_being_recorded() {
    let (ca, order) = (Ca::new(), an_order("1"));
    let customer = ca.customer();
    let (document, verifier, replay) = (customer.seal(&order), ca.verifier(), MemoryReplay::default());
    let against = Against { at: at(NOW), payers: &SameId, issued: Some(&order) };
    for _killed_before_the_posting in 0..3 {
        let verified = verifier.examine(&document, &against).unwrap();
        assert_eq!((verified.order(), verified.order_der()), (order.order(), &order[..]));
        assert_eq!(verified.order_key(), OrderKey::of(order.order()));
        assert_eq!(verified.holder().user_id, PAYER);
    }
    let certificate = named(&customer.certificate);
    let payment = verifier.examine(&document, &against).unwrap().record(&replay).unwrap();
    assert_eq!((&payment.signer.serial, &payment.signer.issuer), (&certificate.0, &certificate.1));
    let again = verifier.examine(&document, &against).unwrap();
    assert_eq!(again.record(&replay), Err(payment::Reason::OrderReplayed));
    // Whoever records by other means has the payment all the same, and it is the same payment.
    assert_eq!(verifier.examine(&document, &against).unwrap().into_payment(), payment);
    // What is wrong is refused before anything could be recorded.
    let other = an_order("2");
    let refused = verifier.examine(&document, &Against { issued: Some(&other), ..against });
    assert_eq!(refused.unwrap_err().code(), "order_mismatch");
    let stranger = |_: &Holder, _: &str| false;
    let refused = verifier.examine(&document, &Against { payers: &stranger, ..against });
    assert_eq!(refused.unwrap_err().code(), "payer_mismatch");
}

/// Serial number in hexadecimal, and the issuer's name in DER, by another reader.
fn named(certificate: &[u8]) -> (String, Vec<u8>) {
    use der::{Decode, Encode};
    let certificate = x509_cert::Certificate::from_der(certificate).unwrap();
    let tbs = certificate.tbs_certificate();
    let serial: String = tbs.serial_number().as_bytes().iter().map(|byte| format!("{byte:02X}")).collect();
    (serial, tbs.issuer().to_der().unwrap())
}
