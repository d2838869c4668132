//! GB/T 32918.5, Annexes A to C, and what must be refused.

use chacha20::ChaCha20Rng;
use hex_literal::hex;
use proptest::prelude::*;
use rand_core::SeedableRng as _;
use sm2::{
    NonZeroScalar, Scalar, U256,
    elliptic_curve::{Curve as _, Group as _},
};
use sm2_signature::reduced;
use std::vec::Vec;
use wire::sm2::{Ciphertext, Signature};
use zeroize::Zeroize as _;

use super::*;

const SECRET: [u8; 32] = hex!("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8");
const NONCE: [u8; 32] = hex!("59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21");
const QX: [u8; 32] = hex!("09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020");
const QY: [u8; 32] = hex!("CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13");
const E: [u8; 32] = hex!("F0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640");
const SIGNATURE: Signature = Signature {
    r: hex!("F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"),
    s: hex!("B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"),
};

fn key() -> Key {
    Key::from_bytes(&SECRET).unwrap()
}

fn number(bytes: &[u8]) -> NonZeroScalar {
    NonZeroScalar::try_from(bytes).unwrap()
}

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

/// The numbers near n, and zero.
fn order(less: u8) -> [u8; 32] {
    let mut order = hex!("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123");
    order[31] -= less;
    order
}

/// Annex A.
#[test]
fn a_signature() {
    let key = key();
    assert_eq!(key.public().point(), [&[4], &QX[..], &QY].concat());
    assert_eq!(
        key.public().z(Identifier::DEFAULT),
        hex!("B2E14C5C79C6DF5B85F4FE7ED8DB7A262B9DA7E07CCB0EA9F4747B8CCDA8A4F3")
    );
    assert_eq!(key.public().digest(Identifier::DEFAULT, b"message digest"), E);
    assert_eq!(key.sign_with(&E, &number(&NONCE)), Some(SIGNATURE));
    assert!(key.public().verifies(&E, &SIGNATURE));
}

/// Annex C.
#[test]
fn a_ciphertext() {
    let text = b"encryption standard";
    let expected = Ciphertext {
        x: hex!("04EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73"),
        y: hex!("E858F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0"),
        hash: hex!("59983C18F809E262923C53AEC295D30383B54E39D609D160AFCB1908D0BD8766"),
        encrypted: hex!("21886CA989CA9C7D58087307CA93092D651EFA").to_vec(),
    };
    assert_eq!(key().public().encrypt_with(text, &number(&NONCE)).as_ref(), Some(&expected));
    assert_eq!(*key().decrypt(&expected).unwrap(), text);
}

/// Annex B.
#[test]
fn an_exchange() {
    let key = |bytes: [u8; 32]| Key::from_bytes(&bytes).unwrap();
    let a = key(hex!("81EB26E941BB5AF16DF116495F90695272AE2CD63D6C4AE1678418BE48230029"));
    let b = key(hex!("785129917D45A9EA5437A59356B82338EAADDA6CEB199088F14AE10DEFA229B5"));
    let ra = key(hex!("D4DE15474DB74D06491C440D305E012400990F3E390C7E87153C12DB2EA60BB3"));
    let rb = key(hex!("7E07124814B309489125EAED101113164EBF0F3458C5BD88335C1F9D596243D6"));
    let id = Identifier::DEFAULT;
    assert_eq!(a.public().z(id), hex!("3B85A57179E11E7E513AA622991F2CA74D1807A0BD4D4B38F90987A17AC245B1"));
    assert_eq!(b.public().z(id), hex!("79C988D63229D97EF19FE02CA1056E01E6A7411ED24694AA8F834F4A4AB022F7"));
    let peer_b = Party { identifier: id, key: b.public(), ephemeral: rb.public() };
    let peer_a = Party { identifier: id, key: a.public(), ephemeral: ra.public() };
    for agreed in [
        a.exchange(Role::Initiator, id, &ra, peer_b, 16).unwrap(),
        b.exchange(Role::Responder, id, &rb, peer_a, 16).unwrap(),
    ] {
        assert_eq!(*agreed.key, hex!("6C89347354DE2484C60B4AB1FDE4C6E5"));
        let s1 = hex!("D3A0FE15DEE185CEAE907A6B595CC32A266ED7B3367E9983A896DC32FA20F8EB");
        assert_eq!(agreed.of_responder, s1);
        let s2 = hex!("18C7894B3816DF16CF07B05C5EC0BEF5D655D58F779CC1B400A4F3884644DB88");
        assert_eq!(agreed.of_initiator, s2);
    }
    let (mut shared, mut other) = (a.shared(&ra, peer_b).unwrap(), b.shared(&rb, peer_a).unwrap());
    assert_eq!(shared, other);
    let x = hex!("C558B44BEE5301D9F52B44D939BB59584D75B9034DD6A9FC826872109A65739F");
    assert_eq!(coordinates(&shared).unwrap()[0], x);
    shared.zeroize();
    other.zeroize();
    // Who takes both for the initiator, or has another identifier, has another key.
    let wrong = b.exchange(Role::Initiator, id, &rb, peer_a, 16).unwrap();
    assert_ne!(*wrong.key, hex!("6C89347354DE2484C60B4AB1FDE4C6E5"));
    let named = Identifier::new(b"Bob").unwrap();
    let wrong = b.exchange(Role::Responder, named, &rb, peer_a, 16).unwrap();
    assert_ne!(*wrong.key, hex!("6C89347354DE2484C60B4AB1FDE4C6E5"));
}

/// A peer whose keys cancel each other out makes no secret: P = -x̄R.
#[test]
fn an_exchange_with_nothing_is_refused() {
    let (own, ephemeral, theirs) = (key(), Key::generate(&mut rng(1)), Key::generate(&mut rng(2)));
    let bytes = theirs.public().point();
    let mut low = [0; 32];
    low[16..].copy_from_slice(&bytes[17..33]);
    low[16] |= 0x80;
    let cancelling = (-(theirs.public().projective() * reduced(&low))).to_affine();
    let cancelling = PublicKey(::sm2::PublicKey::try_from(cancelling).unwrap());
    let peer = Party { identifier: Identifier::DEFAULT, key: &cancelling, ephemeral: theirs.public() };
    let result = own.exchange(Role::Initiator, Identifier::DEFAULT, &ephemeral, peer, 16);
    assert_eq!(result.map(|agreed| agreed.key), Err(Refusal::WrongData));
}

/// Two signatures over one digest differ with the additional data, and are the same without.
#[test]
fn nonces_are_hedged() {
    let key = key();
    let [a, b] = [[1; 32], [2; 32]].map(|extra| key.sign_digest(&E, &extra));
    assert_ne!(a, b);
    assert!(key.public().verifies(&E, &a) && key.public().verifies(&E, &b));
    assert_eq!(key.sign_digest(&E, &[]), key.sign_digest(&E, &[]));
    assert_ne!(key.sign_digest(&E, &[]).r, key.sign_digest(&[7; 32], &[]).r);
    let named = Identifier::new(b"ALICE123@YAHOO.COM").unwrap();
    let signature = key.sign(named, b"message", &[3; 32]);
    assert!(key.public().verifies(&key.public().digest(named, b"message"), &signature));
    assert!(!key.public().verifies(&key.public().digest(Identifier::DEFAULT, b"message"), &signature));
}

#[test]
fn what_is_no_signature_of_the_key() {
    let public = key().public().clone();
    let zero = [0; 32];
    for r in [zero, order(0), [0xFF; 32], order(1)] {
        assert!(!public.verifies(&E, &Signature { r, ..SIGNATURE }));
        assert!(!public.verifies(&E, &Signature { s: r, ..SIGNATURE }));
    }
    // r + s = n.
    let r = number(&SIGNATURE.r);
    assert!(!public.verifies(&E, &Signature { s: (-*r).to_repr().into(), ..SIGNATURE }));
    assert!(!Key::generate(&mut rng(3)).public().verifies(&E, &SIGNATURE));
    assert!(!public.verifies(&zero, &SIGNATURE));
    // What only the owner could make: sG + tP is the point at infinity, and r = e. The standard has no x coordinate there.
    let key = key();
    let e = number(&E);
    let s = (**key.secret.scalar() + Scalar::ONE).invert().unwrap() * *e * -**key.secret.scalar();
    let nothing = Signature { r: e.to_repr().into(), s: s.to_repr().into() };
    assert!(!public.verifies(&E, &nothing));
}

#[test]
fn keys() {
    let key = Key::generate(&mut rng(4));
    let again = Key::from_bytes(&key.to_bytes()).unwrap();
    assert_eq!(again.public(), key.public());
    assert_eq!(std::format!("{key:?}"), "Key(SM2)");
    assert!(Key::from_bytes(&order(2)).is_ok(), "n - 2 is the largest");
    let zero = [0; 32];
    for wrong in [&zero[..], &order(1), &order(0), &[0xFF; 32], &SECRET[1..], &[1; 33], &[]] {
        assert!(Key::from_bytes(wrong).is_err(), "{wrong:02X?}");
    }
    assert_eq!(*::sm2::Sm2::ORDER, U256::from_be_slice(&order(0)));
}

#[test]
fn what_is_no_point() {
    let point = key().public().point();
    assert!(PublicKey::from_point(&point).is_ok());
    let mut off = point.clone();
    off[64] ^= 1;
    let compressed = [&[2], &QX[..]].concat();
    let hybrid = [&[7], &point[1..]].concat();
    let p256 = hex!(
        "04 60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
        "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
    );
    for wrong in [&[0][..], &off, &compressed, &hybrid, &p256, &[4; 65], &point[1..], &[]] {
        assert_eq!(PublicKey::from_point(wrong), Err(Refusal::WrongData), "{wrong:02X?}");
    }
}

/// The length of the identifier stands in front of it in bits, in two bytes.
#[test]
fn identifiers() {
    let z = |bytes: &[u8]| Identifier::new(bytes).map(|identifier| key().public().z(identifier));
    let all = [&b""[..], b"1", b"1234567812345678", &[b'1'; 8191]].map(|bytes| z(bytes).unwrap());
    assert_eq!(all[2], key().public().z(Identifier::DEFAULT));
    assert!((1..4).all(|at| !all[..at].contains(&all[at])));
    assert_eq!(z(&[b'1'; 8192]), None);
}

/// Each byte of a ciphertext counts.
#[test]
fn a_ciphertext_that_was_changed() {
    let key = key();
    let right = key.public().encrypt(b"a secret", &mut rng(5)).unwrap();
    for at in 0..right.plain().len() {
        let mut bytes = right.plain();
        bytes[at] ^= 1;
        let Ok(wrong) = Ciphertext::parse_plain(&bytes) else { continue };
        assert_eq!(key.decrypt(&wrong), Err(Refusal::WrongData), "{at}");
    }
    let other = Key::generate(&mut rng(6));
    assert_eq!(other.decrypt(&right), Err(Refusal::WrongData));
    let empty = Ciphertext { encrypted: Vec::new(), ..right };
    assert_eq!(key.decrypt(&empty), Err(Refusal::WrongData));
    assert_eq!(key.public().encrypt(b"", &mut rng(7)), Err(Refusal::WrongData));
}

/// A byte of a stream is zero once in 256 times: such a nonce is passed over when the text has one byte, and refused when it
/// is decrypted.
#[test]
fn a_stream_of_zeros() {
    let (key, mut rng) = (key(), rng(8));
    let nonce = (0..10_000)
        .map(|_| SecretKey::generate_from_rng(&mut rng).to_nonzero_scalar())
        .find(|nonce| {
            let shared = coordinates(&(key.public().projective() * **nonce)).unwrap();
            derive(&[&shared[0], &shared[1]], 1)[0] == 0
        })
        .expect("one in 256");
    assert_eq!(key.public().encrypt_with(b"x", &nonce), None);
    let shared = coordinates(&(key.public().projective() * *nonce)).unwrap();
    let [x, y] = *coordinates(&ProjectivePoint::mul_by_generator(&nonce)).unwrap();
    let hash = sm3::hash(&[&shared[0], b"x", &shared[1]]);
    let shown = Ciphertext { x, y, hash, encrypted: b"x".to_vec() };
    assert_eq!(key.decrypt(&shown), Err(Refusal::WrongData));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn what_is_encrypted_is_decrypted(text in prop::collection::vec(any::<u8>(), 1..300), seed: u8) {
        let key = Key::generate(&mut rng(seed));
        let ciphertext = key.public().encrypt(&text, &mut rng(seed.wrapping_add(1))).unwrap();
        prop_assert_eq!(&*key.decrypt(&ciphertext).unwrap(), &text);
        prop_assert_eq!(Ciphertext::parse(&ciphertext.bytes()), Ok(ciphertext));
    }

    /// Of whatever length the shared key is, the shorter ones are the longer ones' beginnings (32918.4, 5.4.3).
    #[test]
    fn derived_keys(length in 0usize..100) {
        prop_assert_eq!(&derive(&[b"ab", b"c"], 100)[..length], &derive(&[b"a", b"bc"], length)[..]);
    }
}
