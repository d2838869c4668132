//! GB/T 32918.5, Annex A, and what must be refused.

use hex_literal::hex;
use proptest::prelude::*;
use sm2::{
    NonZeroScalar, ProjectivePoint, Scalar, SecretKey,
    elliptic_curve::{Group as _, PrimeField as _, point::AffineCoordinates as _},
};
use std::format;
use wire::sm2::Signature;

use super::*;

const SECRET: [u8; 32] = hex!("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8");
const NONCE: [u8; 32] = hex!("59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21");
const POINT: [u8; 65] = hex!(
    "04 09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
);
const E: [u8; 32] = hex!("F0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640");
const SIGNATURE: Signature = Signature {
    r: hex!("F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"),
    s: hex!("B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"),
};

fn secret() -> Secret {
    Secret::new(&SecretKey::from_slice(&SECRET).unwrap()).unwrap()
}

fn key(secret: &[u8]) -> Option<PrivateKey> {
    SecretKey::from_slice(secret).ok().and_then(|secret| PrivateKey::new(&secret))
}

/// n less a small number.
fn order(less: u8) -> [u8; 32] {
    let mut order = hex!("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123");
    order[31] -= less;
    order
}

#[test]
fn annex_a() {
    let key = key(&SECRET).unwrap();
    let public = PublicKey::from_point(&POINT).unwrap();
    assert_eq!(public.digest(b"message digest"), E);
    assert_eq!(key.public().digest(b"message digest"), E);
    let nonce = NonZeroScalar::try_from(&NONCE[..]).unwrap();
    assert_eq!(secret().sign_with(&E, &nonce), Some(SIGNATURE));
    assert_eq!(
        z(Identifier::DEFAULT, &POINT),
        hex!("B2E14C5C79C6DF5B85F4FE7ED8DB7A262B9DA7E07CCB0EA9F4747B8CCDA8A4F3")
    );
    assert!(public.verifies_digest(&E, &SIGNATURE));
    assert!(public.verifies(b"message digest", &SIGNATURE.bytes()));
    assert!(!public.verifies(b"message digests", &SIGNATURE.bytes()));
}

#[test]
fn numbers_out_of_range_are_no_signature() {
    let public = PublicKey::from_point(&POINT).unwrap();
    for wrong in [[0; 32], order(0), [0xFF; 32]] {
        assert!(!public.verifies_digest(&E, &Signature { r: wrong, ..SIGNATURE }));
        assert!(!public.verifies_digest(&E, &Signature { s: wrong, ..SIGNATURE }));
    }
    // r + s = n: t is zero.
    let r = NonZeroScalar::try_from(&SIGNATURE.r[..]).unwrap();
    let s = (-*r).to_repr().into();
    assert!(!public.verifies_digest(&E, &Signature { s, ..SIGNATURE }));
}

/// s·G + t·P is the point at infinity, whose x a careless program takes for zero: with r = e such a signature would pass.
#[test]
fn a_signature_that_leads_to_infinity_is_refused() {
    let key = key(&SECRET).unwrap();
    let d = NonZeroScalar::try_from(&SECRET[..]).unwrap();
    let r = reduced(&E);
    let inverse = (*d + Scalar::ONE).invert().into_option().unwrap();
    let s = -(r * *d * inverse);
    let signature = Signature { r: r.to_repr().into(), s: s.to_repr().into() };
    assert!(!key.public().verifies_digest(&E, &signature));
}

/// A nonce that gives r = 0, or r + k = n, is passed over: e is chosen so that it would.
#[test]
fn a_nonce_that_makes_no_signature() {
    let (key, nonce) = (secret(), NonZeroScalar::try_from(&NONCE[..]).unwrap());
    let x = reduced(&ProjectivePoint::mul_by_generator(&nonce).to_affine().x().into());
    for e in [-x, -x - *nonce] {
        assert_eq!(key.sign_with(&e.to_repr().into(), &nonce), None);
    }
    assert!(key.sign_with(&(-x + Scalar::ONE).to_repr().into(), &nonce).is_some());
}

/// Two signatures over one digest differ with the additional data, and are the same without.
#[test]
fn nonces_are_hedged() {
    let key = secret();
    let [a, b] = [[1; 32], [2; 32]].map(|extra| key.sign(&E, &extra));
    assert_ne!(a, b);
    let public = PublicKey::from_point(&POINT).unwrap();
    assert!(public.verifies_digest(&E, &a) && public.verifies_digest(&E, &b));
    assert_eq!(key.sign(&E, &[]), key.sign(&E, &[]));
    assert_ne!(key.sign(&E, &[]).r, key.sign(&[7; 32], &[]).r);
}

/// The length of the identifier stands in front of it in bits, in two bytes.
#[test]
fn identifiers() {
    let z = |bytes: &[u8]| Identifier::new(bytes).map(|identifier| z(identifier, &POINT));
    let all = [&b""[..], b"1", b"1234567812345678", &[b'1'; 8191]].map(|bytes| z(bytes).unwrap());
    assert_eq!(Identifier::new(b"1234567812345678"), Some(Identifier::DEFAULT));
    assert!((1..4).all(|at| !all[..at].contains(&all[at])));
    assert_eq!(z(&[b'1'; 8192]), None);
}

#[test]
fn what_is_no_key() {
    assert!(key(&[0; 32]).is_none() && key(&order(0)).is_none() && key(&order(1)).is_none());
    assert!(key(&order(2)).is_some());
    let mut off = POINT;
    off[64] ^= 1;
    let compressed = [&[3], &POINT[1..33]].concat();
    for wrong in [&off[..], &compressed, &POINT[..64], &[0], &[]] {
        assert!(PublicKey::from_point(wrong).is_none(), "{wrong:02X?}");
    }
    assert_eq!(format!("{:?} {:?}", key(&SECRET).unwrap(), secret()), "PrivateKey(SM2) Secret(SM2)");
}

proptest! {
    #[test]
    fn what_is_signed_verifies(secret in any::<[u8; 32]>(), message in prop::collection::vec(any::<u8>(), 0..100)) {
        let Some(key) = key(&secret) else { return Ok(()) };
        let signature = key.sign(&message);
        prop_assert_eq!(&signature, &key.sign(&message), "the nonce is RFC 6979's");
        prop_assert!(key.public().verifies(&message, &signature));
        let mut other = message;
        other.push(0);
        prop_assert!(!key.public().verifies(&other, &signature));
    }

    #[test]
    fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        prop_assert!(!PublicKey::from_point(&POINT).unwrap().verifies(b"", &bytes));
    }
}
