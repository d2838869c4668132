//! Yubico's commands that stock tools know, with the bytes that those tools send.

use super::*;
use crate::{
    crypto::{KeyAlgorithm, ManagementAlgorithm, ManagementKey, PrivateKey, sha256},
    fixture::rng,
};
use hex_literal::hex;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};

impl Bench {
    /// GET METADATA.
    fn metadata(&mut self, reference: u8) -> Vec<u8> {
        self.data([0, 0xF7, 0, reference], &[])
    }
}

#[test]
fn version_and_serial_number() {
    let mut bench = Bench::new();
    assert_eq!(bench.send(&hex!("00FD0000 00")), hex!("050403 9000"));
    let serial = bench.data([0, 0xF8, 0, 0], &[]);
    assert_eq!(format!("{:08X}", u32::from_be_bytes(serial.try_into().unwrap())), bench.application.serial());
    for apdu in [&hex!("00FD0001")[..], &hex!("00F80100"), &hex!("00F7019A")] {
        assert_eq!(bench.status(apdu), StatusWord::WRONG_P1P2, "{apdu:02X?}");
    }
}

/// docs.yubico.com, "Get metadata", table 1.
#[test]
fn metadata_of_pin_puk_and_management_key() {
    let mut bench = Bench::managed();
    assert_eq!(bench.metadata(0x80), hex!("0101FF 050100 06020606"));
    assert_eq!(bench.metadata(0x81), hex!("0101FF 050100 06020606"));
    bench.verify(b"000000");
    assert_eq!(bench.metadata(0x80), hex!("0101FF 050100 06020605"), "the most, and those left");
    assert_eq!(bench.metadata(0x9B), hex!("010103 02020001 050101"));
    let key = ManagementKey::new(ManagementAlgorithm::Aes256, &[7; 32]).unwrap();
    bench.application.set_management_key(&key).unwrap();
    assert_eq!(bench.metadata(0x9B), hex!("01010C 02020001 050100"));

    let mut factory = Bench { application: application(profile(), None), ..Bench::new() };
    assert_eq!(factory.metadata(0x80)[3..6], hex!("050101"));
}

#[test]
fn metadata_of_a_key() {
    let mut bench = Bench::managed();
    for reference in [0x9A, 0x9C, 0x9D, 0x9E, 0x50, 0x00, 0x96] {
        assert_eq!(bench.word([0, 0xF7, 0, reference], &[]), "6A88", "{reference:02X}");
    }
    for (slot, policy) in [(0x9A, 2), (0x9C, 3), (0x9D, 2), (0x9E, 1)] {
        let template = bench.data([0, 0x47, 0, slot], &hex!("AC03 800111"));
        let head = [&hex!("010111 0202")[..], &[policy], &hex!("01 030101 0443")].concat();
        assert_eq!(bench.metadata(slot), [&head, &template[3..]].concat(), "{slot:02X}");
    }
}

/// `set-mgm-key` can ask for a key that wants a touch. The token has no touch, and refuses to promise one.
#[test]
fn a_management_key_that_wants_a_touch() {
    let mut bench = Bench::managed();
    let data = [&hex!("03 9B 18")[..], &[7; 24]].concat();
    assert_eq!(bench.word([0, 0xFF, 0xFF, 0xFE], &data), "6A81");
    assert_eq!(bench.word([0, 0xFF, 0xFF, 0xFD], &data), "6A86");
    assert_eq!(bench.word([0, 0xFF, 0xFF, 0xFF], &data), "9000");
}

/// The scalar of RFC 6979, A.2.5, as `import-key` sends it.
#[test]
fn an_elliptic_key_comes_in() {
    let mut bench = Bench::managed();
    let scalar = hex!("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721");
    let data = [&hex!("06 20")[..], &scalar].concat();
    assert_eq!(bench.word([0, 0xFE, 0x11, 0x9A], &data), "9000");
    let point = hex!(
        "04 60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
        "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"
    );
    let expected = [&hex!("010111 02020201 030102 0443 8641")[..], &point].concat();
    assert_eq!(bench.metadata(0x9A), expected, "imported");
    assert_eq!(bench.verify(PIN), "9000");
    let digest = sha256(b"abc");
    let answer =
        bench.data([0, 0x87, 0x11, 0x9A], &authenticate(&[(tag::RESPONSE, &[]), (tag::CHALLENGE, &digest)]));
    let signature = p256::ecdsa::Signature::from_der(&inside(&answer, tag::RESPONSE)).unwrap();
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).unwrap();
    key.verify_prehash(&digest, &signature).unwrap();

    // A key that is made here replaces the imported one, and is marked as made here. A P-384 key can be imported, too.
    // A number that is no key is refused, and changes nothing.
    bench.data([0, 0x47, 0, 0x9A], &hex!("AC03 800111"));
    assert_eq!(bench.metadata(0x9A)[7..10], hex!("030101"));
    let secret = PrivateKey::generate_ec(KeyAlgorithm::P384, &mut rng(5)).unwrap();
    let data = tlv::object(0x06, &secret.to_bytes());
    assert_eq!(bench.word([0, 0xFE, 0x14, 0x9E], &data), "9000");
    assert_eq!(bench.metadata(0x9E)[..10], hex!("010114 02020101 030102"));
    let secret = PrivateKey::generate_ec(KeyAlgorithm::Sm2, &mut rng(6)).unwrap();
    assert_eq!(bench.word([0, 0xFE, 0x54, 0x9D], &tlv::object(0x06, &secret.to_bytes())), "9000");
    assert_eq!(
        bench.metadata(0x9D),
        [&hex!("010154 02020201 030102 0443")[..], &secret.public_key()[3..]].concat()
    );
    let before = bench.metadata(0x9E);
    let order = hex!("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551");
    for wrong in [&[0; 32][..], &order, &scalar[1..], &[7; 33], &[]] {
        assert_eq!(bench.word([0, 0xFE, 0x11, 0x9E], &tlv::object(0x06, wrong)), "6A80", "{wrong:02X?}");
    }
    assert_eq!(bench.metadata(0x9E), before);
}

/// The five parts of an RSA key, as `import-key` sends them: tags 01 to 05, 128 bytes each.
fn crt(key: &rsa::PrivateKey) -> [Vec<u8>; 5] {
    let coefficient = key.crt_coefficient().unwrap();
    [&key.primes()[0], &key.primes()[1], key.dp().unwrap(), key.dq().unwrap(), &coefficient].map(|number| {
        let bytes = number.to_be_bytes();
        let mut part = std::vec![0; 128_usize.saturating_sub(bytes.len())];
        part.extend_from_slice(&bytes[bytes.len().saturating_sub(128)..]);
        part
    })
}

fn parts(parts: &[Vec<u8>; 5]) -> Vec<u8> {
    (1..).zip(parts).flat_map(|(tag, part)| tlv::object(tag, part)).collect()
}

#[test]
fn an_rsa_key_comes_in() {
    let mut bench = Bench::managed();
    let key = rsa::PrivateKey::new(&mut rng(7), 2048).unwrap();
    let good = crt(&key);
    assert_eq!(bench.word([0, 0xFE, 0x07, 0x9A], &[parts(&good), hex!("AA0102").to_vec()].concat()), "9000");
    assert_eq!(bench.metadata(0x9A)[..10], hex!("010107 02020201 030102"));
    assert_eq!(bench.verify(PIN), "9000");
    let sent = key.as_public_key().encrypt(&mut rng(9), rsa::Pkcs1v15Encrypt, b"secret").unwrap();
    let answer =
        bench.data([0, 0x87, 0x07, 0x9A], &authenticate(&[(tag::RESPONSE, &[]), (tag::CHALLENGE, &sent)]));
    assert_eq!(inside(&answer, tag::RESPONSE)[249..], *b"\0secret");

    let before = bench.metadata(0x9A);
    let mut wrong: Vec<Vec<u8>> = (0..5)
        .map(|at| {
            let mut changed = good.clone();
            changed[at][100] ^= 4;
            parts(&changed)
        })
        .collect();
    // The primes in the other order need another coefficient. Then a part is missing, too short, given twice, or of
    // another key.
    wrong.push(parts(&[&good[1], &good[0], &good[3], &good[2], &good[4]].map(Clone::clone)));
    wrong.push(parts(&good)[..parts(&good).len() - 131].to_vec());
    wrong.push(parts(&good.clone().map(|part| part[1..].to_vec())));
    wrong.push([parts(&good), tlv::object(1, &good[0])].concat());
    wrong.push([parts(&good), tlv::object(6, &[7; 32])].concat());
    wrong.push(parts(&good)[1..].to_vec());
    for data in wrong {
        assert_eq!(bench.word([0, 0xFE, 0x07, 0x9A], &data), "6A80", "{data:02X?}");
    }
    assert_eq!(bench.metadata(0x9A), before);
    assert_eq!(key.size(), 256);
}

/// One of the primes is in truth a product of two. The other parts follow from the two primes by the rules, and yet the
/// key does not decrypt.
#[test]
fn a_composite_is_no_prime() {
    let mut bench = Bench::managed();
    let key = |seed| rsa::PrivateKey::new(&mut rng(seed), 1024).unwrap();
    let (one, two) = (key(3), key(4));
    let composite = rsa::PrivateKey::from_p_q(
        rsa::BoxedUint::from_be_slice(&one.n_bytes(), 1024).unwrap(),
        rsa::BoxedUint::from_be_slice(&two.n_bytes(), 1024).unwrap(),
        rsa::BoxedUint::from(65_537_u64),
    )
    .expect("the crate does not look");
    assert_eq!(bench.word([0, 0xFE, 0x07, 0x9A], &parts(&crt(&composite))), "6A80");
}

#[test]
fn what_import_refuses() {
    let mut bench = Bench::managed();
    let scalar = tlv::object(0x06, &[7; 32]);
    let with = |more: &[u8]| [&scalar[..], more].concat();
    // The PIN policies are those of SP 800-73-4. No policy asks for a touch.
    for (slot, data, word) in [
        (0x9A, with(&hex!("AA0102 AB0101")), "9000"),
        (0x9C, with(&hex!("AA0103")), "9000"),
        (0x9E, with(&hex!("AA0101 AB0100")), "9000"),
        (0x9A, with(&hex!("AA0101")), "9000"),
        (0x95, with(&hex!("AA0103")), "9000"),
        (0x9A, with(&hex!("AA0104")), "6A80"),
        (0x9A, with(&hex!("AB0102")), "6A80"),
        (0x9A, with(&hex!("AB0103")), "6A80"),
        (0x9A, with(&hex!("AA020202")), "6A80"),
        (0x9A, with(&scalar), "6A80"),
        (0x9A, with(&hex!("070100")), "6A80"),
        (0x9A, Vec::new(), "6A80"),
    ] {
        assert_eq!(bench.word([0, 0xFE, 0x11, slot], &data), word, "{slot:02X} {data:02X?}");
    }
    // These references are no slots: the payment key's, the attestation key's, the management key's and the PIN's. The
    // other numbers are no algorithm of a key.
    for (algorithm, reference) in
        [(0x11, 0x50), (0x11, 0xF9), (0x11, 0x9B), (0x11, 0x80), (0x03, 0x9A), (0x06, 0x9A), (0xE0, 0x9A)]
    {
        assert_eq!(bench.word([0, 0xFE, algorithm, reference], &scalar), "6A86", "{reference:02X}");
    }
    assert_eq!(Bench::new().word([0, 0xFE, 0x11, 0x9A], &scalar), "6982", "without the management key");
    assert_eq!(bench.tries(), (6, 6));
}

/// ATTEST, and the certificate of the key that signs statements: slot F9, object 5FFF01.
#[test]
fn a_key_made_here_is_attested() {
    let mut bench = Bench::managed();
    for (apdu, word) in [
        (&hex!("00F99A00")[..], 0x6A88), // no key
        (&hex!("00F95000"), 0x6A86),     // the payment key is no slot
        (&hex!("00F9F900"), 0x6A86),
        (&hex!("00F99A01"), 0x6A86),
    ] {
        assert_eq!(bench.status(apdu), StatusWord(word), "{apdu:02X?}");
    }
    let template = bench.data([0, 0x47, 0, 0x9A], &hex!("AC03 800111"));
    let statement = bench.data([0, 0xF9, 0x9A, 0], &[]);
    assert!(wire::pkix::certificate_public_key(&statement).unwrap().ends_with(&template[5..]));

    let object = bench.data([0, 0xCB, 0x3F, 0xFF], &hex!("5C03 5FFF01"));
    let certificate = tlv::find(tlv::only(&object, tag::DATA).unwrap(), tag::CERTIFICATE).unwrap();
    let key = wire::pkix::certificate_public_key(certificate).unwrap();
    let metadata = bench.metadata(0xF9);
    assert_eq!(metadata[..14], hex!("010111 02020101 030101 0443 8641"));
    assert!(key.ends_with(&metadata[14..]));
    // The attestation key and its certificate stay for the token's life.
    let put = [&hex!("5C03 5FFF01")[..], &hex!("5300")].concat();
    assert_eq!(bench.word([0, 0xDB, 0x3F, 0xFF], &put), "6A81");
    assert_eq!(bench.word([0, 0x47, 0, 0xF9], &hex!("AC03 800111")), "6A86");

    bench.word([0, 0xFE, 0x11, 0x9A], &tlv::object(0x06, &[7; 32]));
    assert_eq!(bench.word([0, 0xF9, 0x9A, 0], &[]), "6985", "a key from outside");
}
