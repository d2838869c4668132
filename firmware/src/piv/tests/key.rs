use super::*;
use crate::{
    crypto::{KeyAlgorithm, sha256},
    vault::KeyId,
};
use hex_literal::hex;
use p256::{PublicKey, SecretKey, ecdsa::signature::hazmat::PrehashVerifier as _};
use rsa::pkcs1v15::Pkcs1v15Sign;
use wire::{
    piv::{self, Slot},
    shield::Container,
};

const P256: u8 = 0x11;
const P384: u8 = 0x14;
const RSA: u8 = 0x07;
const SM2: u8 = 0x54;

impl Bench {
    /// Makes a key, and returns its template.
    fn generate(&mut self, slot: u8, algorithm: u8) -> Vec<u8> {
        self.data([0, 0x47, 0, slot], &[0xAC, 3, 0x80, 1, algorithm])
    }

    fn sign(&mut self, slot: u8, algorithm: u8, digest: &[u8]) -> Vec<u8> {
        let answer = self.data([0, 0x87, algorithm, slot], &authenticate(&[(0x82, &[]), (0x81, digest)]));
        inside(&answer, 0x82)
    }
}

fn point(algorithm: KeyAlgorithm, template: &[u8]) -> Vec<u8> {
    match piv::PublicKey::parse(algorithm, template).unwrap() {
        piv::PublicKey::Point { point, .. } => point.to_vec(),
        piv::PublicKey::Rsa { .. } => panic!("RSA"),
    }
}

/// SP 800-73-4 part 2, 3.3.2 and appendix A.4: a P-256 key is made, and signs a digest.
#[test]
fn p256_signs() {
    let mut bench = Bench::managed();
    let template = bench.send(&hex!("00 47 00 9A 05 AC 03 80 01 11 00"));
    assert_eq!((template.len(), &template[..6]), (72, &hex!("7F49 43 86 41 04")[..]));
    assert_eq!(bench.verify(PIN), "9000");
    let digest = sha256(b"abc");
    let answer = bench.send(&[&hex!("00 87 11 9A 26 7C 24 82 00 81 20")[..], &digest, &[0]].concat());
    let signature = inside(&answer[..answer.len() - 2], 0x82);
    let key =
        p256::ecdsa::VerifyingKey::from_sec1_bytes(&point(KeyAlgorithm::P256, &template[..70])).unwrap();
    key.verify_prehash(&digest, &p256::ecdsa::Signature::from_der(&signature).unwrap()).unwrap();
}

#[test]
fn p384_signs() {
    let mut bench = Bench::managed();
    let template = bench.generate(0x9E, P384);
    assert_eq!(template[..5], hex!("7F49 63 86 61"));
    let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(&point(KeyAlgorithm::P384, &template)).unwrap();
    for digest in [&[0x77; 48][..], &[0x77; 32], &[0x77; 64]] {
        let signature = p384::ecdsa::Signature::from_der(&bench.sign(0x9E, P384, digest)).unwrap();
        let mut field = [0; 48];
        let cut = &digest[..digest.len().min(48)];
        field[48 - cut.len()..].copy_from_slice(cut);
        key.verify_prehash(&field, &signature).unwrap();
    }
}

/// Appendix A.5: the key management key agrees on a secret, 7C 45 82 00 85 41 04 … .
#[test]
fn p256_agrees() {
    let mut bench = Bench::managed();
    let template = bench.generate(0x9D, P256);
    assert_eq!(bench.verify(PIN), "9000");
    let host = SecretKey::from_slice(&[0x31; 32]).unwrap();
    let ours = host.public_key().to_sec1_bytes();
    let data = [&hex!("7C 45 82 00 85 41")[..], &ours].concat();
    let answer = bench.data([0, 0x87, P256, 0x9D], &data);
    assert_eq!(answer[..4], hex!("7C 22 82 20"));
    let card = PublicKey::from_sec1_bytes(&point(KeyAlgorithm::P256, &template)).unwrap();
    assert_eq!(answer[4..], host.diffie_hellman(&card).raw_secret_bytes()[..]);

    let mut off = ours.to_vec();
    off[64] ^= 1;
    let compressed = [&[2 + (ours[64] & 1)], &ours[1..33]].concat();
    for wrong in [&off[..], &compressed, &[0], &[], &ours[..64], &[4; 97]] {
        let data = authenticate(&[(0x82, &[]), (0x85, wrong)]);
        assert_eq!(bench.word([0, 0x87, P256, 0x9D], &data), "6A80", "{wrong:02X?}");
    }
}

/// Algorithm 54: a key is made, and signs e of 32 bytes. The applet has no other use for it, because SP 800-73-4 has no command
/// that would carry a ciphertext of SM2 or the keys of its exchange.
#[test]
fn sm2_signs() {
    let mut bench = Bench::managed();
    let template = bench.generate(0x9A, SM2);
    assert_eq!(template[..6], hex!("7F49 43 86 41 04"));
    assert_eq!(bench.verify(PIN), "9000");
    let public = crate::crypto::sm2::PublicKey::from_point(&template[5..]).unwrap();
    let e = public.digest(crate::crypto::sm2::Identifier::DEFAULT, b"abc");
    let signature = wire::sm2::Signature::parse(&bench.sign(0x9A, SM2, &e)).unwrap();
    assert!(public.verifies(&e, &signature) && !public.verifies(&[0; 32], &signature));
    for wrong in [&e[..31], &[7; 33], &[7; 20], &[]] {
        let data = authenticate(&[(0x82, &[]), (0x81, wrong)]);
        assert_eq!(bench.word([0, 0x87, SM2, 0x9A], &data), "6A80", "{wrong:02X?}");
    }
    let agree = authenticate(&[(0x82, &[]), (0x85, &template[5..])]);
    assert_eq!(bench.word([0, 0x87, SM2, 0x9A], &agree), "6A80");
    // The algorithm of the command is the key's, although a point of P-256 is as long.
    let data = authenticate(&[(0x82, &[]), (0x81, &e)]);
    assert_eq!(bench.word([0, 0x87, P256, 0x9A], &data), "6A86");
    bench.generate(0x9A, P256);
    assert_eq!(bench.word([0, 0x87, SM2, 0x9A], &data), "6A86");
}

/// Appendix A.4: the padded block has 256 bytes. Here an extended command brings the block, and in the appendix a
/// chain.
#[test]
fn rsa_signs_and_decrypts() {
    let mut bench = Bench::managed();
    let template = bench.generate(0x9A, RSA);
    assert_eq!(template[..5], hex!("7F49 82 0109"), "no more room than the two numbers take");
    let Ok(piv::PublicKey::Rsa { modulus, exponent }) =
        piv::PublicKey::parse(KeyAlgorithm::Rsa2048, &template)
    else {
        panic!()
    };
    assert_eq!((modulus.len(), exponent), (256, &hex!("010001")[..]));
    assert_eq!(bench.verify(PIN), "9000");
    let number = rsa::BoxedUint::from_be_slice_vartime;
    let public = rsa::PublicKey::new(number(modulus), number(exponent)).unwrap();

    let digest = sha256(b"abc");
    let info = hex!("3031300d060960864801650304020105000420");
    let block = [&[0, 1][..], &[0xFF; 202], &[0], &info, &digest].concat();
    let answer = bench.data([0, 0x87, RSA, 0x9A], &authenticate(&[(0x82, &[]), (0x81, &block)]));
    assert_eq!(answer[..8], hex!("7C 82 0104 82 82 0100"));
    let scheme = Pkcs1v15Sign { hash_len: Some(32), prefix: info.into() };
    public.verify(scheme, &digest, &answer[8..]).unwrap();

    let sent = public.encrypt(&mut crate::fixture::rng(9), rsa::Pkcs1v15Encrypt, b"secret").unwrap();
    let clear = bench.sign(0x9A, RSA, &sent);
    assert_eq!((&clear[..2], &clear[249..]), (&[0, 2][..], &b"\0secret"[..]));

    for wrong in [&block[1..], &[0xFF; 256], &[0; 257]] {
        assert_eq!(bench.word([0, 0x87, RSA, 0x9A], &authenticate(&[(0x82, &[]), (0x81, wrong)])), "6A80");
    }
    let agree = authenticate(&[(0x82, &[]), (0x85, &[4; 65])]);
    assert_eq!(bench.word([0, 0x87, RSA, 0x9A], &agree), "6A80");
}

/// SP 800-73-4 part 1, table 4b: 9A and 9D want the PIN once, 9C always, 9E never.
#[test]
fn when_a_key_wants_the_pin() {
    let mut bench = Bench::managed();
    for slot in [0x9A, 0x9C, 0x9D, 0x9E] {
        bench.generate(slot, P256);
    }
    let data = authenticate(&[(0x82, &[]), (0x81, &[7; 32])]);
    let word = |bench: &mut Bench, slot| bench.word([0, 0x87, P256, slot], &data);
    assert_eq!([0x9A, 0x9C, 0x9D, 0x9E].map(|slot| word(&mut bench, slot)), ["6982", "6982", "6982", "9000"]);
    assert_eq!(bench.verify(PIN), "9000");
    assert_eq!(word(&mut bench, 0x9C), "9000");
    assert_eq!(word(&mut bench, 0x9C), "6982", "one verification, one signature");
    assert_eq!([0x9A, 0x9A, 0x9D, 0x9E].map(|slot| word(&mut bench, slot)), ["9000"; 4]);
    assert_eq!(bench.verify(PIN), "9000");
    assert_eq!(word(&mut bench, 0x9A), "9000");
    assert_eq!(word(&mut bench, 0x9C), "6982", "another key's command came between");
    assert_eq!(bench.verify(PIN), "9000");
    assert_eq!(bench.word([0, 0x87, P256, 0x9C], &hex!("7C00")), "6A80");
    assert_eq!(word(&mut bench, 0x9C), "6982", "a command that failed has spent it too");
    assert_eq!(bench.send(&hex!("0020FF80")), hex!("9000"));
    assert_eq!([0x9A, 0x9C, 0x9D, 0x9E].map(|slot| word(&mut bench, slot)), ["6982", "6982", "6982", "9000"]);
}

#[test]
fn a_new_key_takes_the_place_of_the_old_one() {
    let mut bench = Bench::managed();
    assert_eq!(bench.verify(PIN), "9000");
    let former = bench.generate(0x9A, P256);
    bench.sign(0x9A, P256, &[7; 32]);
    assert_ne!(bench.generate(0x9A, P256), former);
    let template = bench.generate(0x9A, P384);
    let signature = p384::ecdsa::Signature::from_der(&bench.sign(0x9A, P384, &[7; 48])).unwrap();
    let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(&point(KeyAlgorithm::P384, &template)).unwrap();
    key.verify_prehash(&[7; 48], &signature).unwrap();
    let data = authenticate(&[(0x82, &[]), (0x81, &[7; 32])]);
    assert_eq!(bench.word([0, 0x87, P256, 0x9A], &data), "6A86", "the old algorithm");
}

/// The forms of the template that stock tools send, and requests in it that this token refuses.
#[test]
fn the_template_of_generate() {
    let mut bench = Bench::managed();
    let table: [(&[u8], &str); 14] = [
        (&hex!("AC03 800111"), "9000"),
        (&hex!("AC05 800111 8100"), "9000"),
        (&hex!("AC06 800111 AA0100"), "9000"),
        (&hex!("AC09 800111 AA0102 AB0101"), "9000"),
        (&hex!("AC06 800111 AA0104"), "6A80"),
        (&hex!("AC06 800111 AB0102"), "6A80"),
        (&hex!("AC06 800111 800111"), "6A80"),
        (&hex!("AC03 800106"), "6A80"),
        (&hex!("AC03 800103"), "6A80"),
        (&hex!("AC04 80021111"), "6A80"),
        (&hex!("AC08 800107 8103 000003"), "6A80"),
        (&hex!("AC00"), "6A80"),
        (&hex!("AC03 800111 00"), "6A80"),
        (&[], "6A80"),
    ];
    for (data, word) in table {
        assert_eq!(bench.word([0, 0x47, 0, 0x9A], data), word, "{data:02X?}");
    }
}

/// The payment key has no reference in PIV, whatever the algorithm. PIV neither makes that key nor uses it.
#[test]
fn the_payment_key_is_out_of_reach() {
    let mut bench = Bench::managed();
    assert_eq!(bench.verify(PIN), "9000");
    let payment = KeyId::Current(Container::Payment);
    bench.application.generate(payment, KeyAlgorithm::P256).unwrap();
    let before = bench.application.public_key(payment).unwrap();
    for reference in (0..=0xFF).filter(|byte| !matches!(byte, 0x82..=0x95 | 0x9A..=0x9E)) {
        assert_eq!(bench.word([0, 0x47, 0, reference], &hex!("AC03800111")), "6A86");
        for algorithm in [P256, P384, RSA, 0x03] {
            let data = authenticate(&[(0x82, &[]), (0x81, &[7; 32])]);
            assert_eq!(bench.word([0, 0x87, algorithm, reference], &data), "6A86");
        }
    }
    assert!(before.is_some());
    assert_eq!(bench.application.public_key(payment).unwrap(), before);
}

/// GENERATE may ask for a policy, by the tag that stock tools use. The policy belongs to the key, not to the slot.
#[test]
fn a_key_keeps_the_policy_it_was_made_with() {
    let mut bench = Bench::managed();
    let data = authenticate(&[(0x82, &[]), (0x81, &[7; 32])]);
    let word = |bench: &mut Bench, slot| bench.word([0, 0x87, P256, slot], &data);
    for (slot, policy) in [(0x9A, 3), (0x9C, 1), (0x82, 2), (0x9E, 3)] {
        bench.data([0, 0x47, 0, slot], &[0xAC, 6, 0x80, 1, P256, 0xAA, 1, policy]);
    }
    assert_eq!([0x9A, 0x9C, 0x82, 0x9E].map(|slot| word(&mut bench, slot)), ["6982", "9000", "6982", "6982"]);
    assert_eq!(bench.verify(PIN), "9000");
    assert_eq!([0x9A, 0x9A, 0x82, 0x9E].map(|slot| word(&mut bench, slot)), ["9000", "6982", "9000", "6982"]);
    // A key that is made without a policy has the slot's policy again.
    bench.generate(0x9C, P256);
    assert_eq!(word(&mut bench, 0x9C), "6982");
}

/// SP 800-73-4 part 1, tables 3 and 4b: twenty retired key management keys and their certificates.
#[test]
fn retired_keys_work_as_9d_does() {
    let mut bench = Bench::managed();
    let history = hex!("5C035FC10C");
    let get = [0, 0xCB, 0x3F, 0xFF];
    assert_eq!(bench.word(get, &history), "6A82");
    let mut keys = Vec::new();
    for slot in Slot::all().skip(4) {
        keys.push((slot, bench.generate(slot.reference(), P256)));
    }
    assert_eq!(keys.len(), 20);
    assert_eq!(bench.verify(PIN), "9000");
    let host = SecretKey::from_slice(&[0x31; 32]).unwrap();
    let data = authenticate(&[(0x82, &[]), (0x85, &host.public_key().to_sec1_bytes())]);
    for (slot, template) in &keys {
        let answer = bench.data([0, 0x87, P256, slot.reference()], &data);
        let card = PublicKey::from_sec1_bytes(&point(KeyAlgorithm::P256, template)).unwrap();
        assert_eq!(inside(&answer, 0x82), host.diffie_hellman(&card).raw_secret_bytes()[..], "{slot:?}");
    }
    let certificate = piv::certificate_object(&[0x30, 2, 5, 0]);
    let put = [&hex!("5C035FC10F")[..], &tlv::object(0x53, &certificate)].concat();
    assert_eq!(bench.word([0, 0xDB, 0x3F, 0xFF], &put), "9000");
    assert_eq!(bench.data(get, &hex!("5C035FC10F")), tlv::object(0x53, &certificate));
    // Part 1, 3.3.3: the history object now counts three keys, so that stock hosts look at 82 to 84.
    assert_eq!(bench.data(get, &history), hex!("5308 C10103 C20100 FE00"));
}

/// An RSA-2048 key in a retired slot signs a padded block. With the policy "always" each use spends a proof of the PIN.
#[test]
fn a_retired_rsa_key_spends_its_proof() {
    let mut bench = Bench::managed();
    bench.data([0, 0x47, 0, 0x95], &[0xAC, 6, 0x80, 1, RSA, 0xAA, 1, 3]);
    let block = [&[0, 1][..], &[0xFF; 221], &[0], &[7; 32]].concat();
    let data = authenticate(&[(0x82, &[]), (0x81, &block)]);
    assert_eq!(bench.word([0, 0x87, RSA, 0x95], &data), "6982");
    assert_eq!(bench.verify(PIN), "9000");
    assert_eq!(bench.word([0, 0x87, RSA, 0x95], &data), "9000");
    assert_eq!(bench.word([0, 0x87, RSA, 0x95], &data), "6982");
}
