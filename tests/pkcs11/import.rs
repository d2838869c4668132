//! Private keys that come from outside, by C_CreateObject. Continuous integration cannot do without them.

use cryptoki_sys as ck;
use firmware::fixture::SharedFlash as Flash;
use p256::ecdsa::{Signature, VerifyingKey, signature::Verifier};
use ushield_tests::{road::Road, story::Story};

use crate::{
    call::{Call, Template, flag, number},
    given,
    world::{P256, World},
};

/// Runs all of them.
pub fn all(flash: &Flash) {
    elliptic_keys_sign_and_tell_where_they_come_from(flash);
    an_rsa_key_by_all_or_by_few_of_its_parts(flash);
    the_public_half_that_comes_after_it(flash);
    what_is_refused(flash);
    an_empty_public_key_info_says_nothing(flash);
    by_its_id_it_finds_its_place(flash);
    the_payment_key_stays();
}

const P384: &[u8] = b"\x06\x05\x2b\x81\x04\x00\x22";
const SECP256K1: &[u8] = b"\x06\x05\x2b\x81\x04\x00\x0a";

fn create(user: &Call, template: Template) -> Call {
    Call { template, null: false, ..user.clone() }
}

fn with(mut template: Template, kind: ck::CK_ATTRIBUTE_TYPE, value: Vec<u8>) -> Template {
    template.retain(|(other, _)| *other != kind);
    template.push((kind, value));
    template
}

/// A number of the 2048-bit key that openssl made, by the number's name.
fn rsa(name: &str) -> Vec<u8> {
    let lines = include_str!("rsa2048.txt").lines().map(|line| line.split_once(' ').expect("two words"));
    let (_, hex) = lines.into_iter().find(|(found, _)| *found == name).expect("a number of the key");
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect()
}

/// The modulus and the private exponent: the template must have both.
fn private_rsa() -> Template {
    vec![
        (ck::CKA_CLASS, number(ck::CKO_PRIVATE_KEY)),
        (ck::CKA_KEY_TYPE, number(ck::CKK_RSA)),
        (ck::CKA_TOKEN, flag(true)),
        (ck::CKA_MODULUS, rsa("n")),
        (ck::CKA_PRIVATE_EXPONENT, rsa("d")),
    ]
}

fn all_of_rsa() -> Template {
    let mut template = private_rsa();
    for (kind, name) in [
        (ck::CKA_PRIME_1, "p"),
        (ck::CKA_PRIME_2, "q"),
        (ck::CKA_EXPONENT_1, "dp"),
        (ck::CKA_EXPONENT_2, "dq"),
        (ck::CKA_COEFFICIENT, "qinv"),
    ] {
        template.push((kind, rsa(name)));
    }
    template.push((ck::CKA_PUBLIC_EXPONENT, vec![1, 0, 1]));
    template
}

fn signature(user: &Call, key: ck::CK_OBJECT_HANDLE, mechanism: ck::CK_MECHANISM_TYPE) -> Vec<u8> {
    let sign = Call { key, mechanism, data: b"message".to_vec(), ..user.clone() };
    sign.must("C_SignInit").must("C_Sign").output.take()
}

/// v2.40, 4.9: a key that was made elsewhere was outside of the token once. The key's attributes say so for ever.
fn tells_the_truth(world: &World, user: &Call, key: ck::CK_OBJECT_HANDLE) {
    for (kind, value) in [
        (ck::CKA_LOCAL, false),
        (ck::CKA_ALWAYS_SENSITIVE, false),
        (ck::CKA_NEVER_EXTRACTABLE, false),
        (ck::CKA_SENSITIVE, true),
        (ck::CKA_EXTRACTABLE, false),
    ] {
        assert_eq!(world.bytes(user, key, kind), flag(value), "{kind:#x}");
    }
    let generated = world.bytes(user, key, ck::CKA_KEY_GEN_MECHANISM);
    assert_eq!(generated, number(ck::CK_UNAVAILABLE_INFORMATION));
    for kind in [ck::CKA_VALUE, ck::CKA_PRIVATE_EXPONENT, ck::CKA_PRIME_1, ck::CKA_COEFFICIENT] {
        assert_eq!(world.ask(user, key, kind), Err(ck::CKR_ATTRIBUTE_SENSITIVE), "{kind:#x}");
    }
}

fn elliptic_keys_sign_and_tell_where_they_come_from(flash: &Flash) {
    let world = World::initialized(flash);
    let user = world.user();
    let key = create(&user, with(given::private_ec(), ck::CKA_LABEL, b"brought".to_vec()));
    let key = key.must("C_CreateObject").handle.get();
    let public = VerifyingKey::from_sec1_bytes(&given::point()[2..]).expect("a point");
    let signed = Signature::from_slice(&signature(&user, key, ck::CKM_ECDSA_SHA256)).expect("r and s");
    public.verify(b"message", &signed).expect("a right signature");
    tells_the_truth(&world, &user, key);
    assert_eq!(world.point(&user, "brought"), given::point()[2..]);

    // A P-384 key whose number begins with a zero byte, and is written with one zero byte more.
    let scalar = [vec![0, 0, 7], vec![9; 46]].concat();
    let template = with(with(given::private_ec(), ck::CKA_EC_PARAMS, P384.to_vec()), ck::CKA_VALUE, scalar);
    let key = create(&user, template).must("C_CreateObject").handle.get();
    assert_eq!(signature(&user, key, ck::CKM_ECDSA_SHA384).len(), 96);
    tells_the_truth(&world, &user, key);
    // A key that was not sensitive for a moment is not "always sensitive", although the key is sensitive from now on.
    let open = with(given::private_ec(), ck::CKA_SENSITIVE, flag(false));
    let key = create(&user, open).must("C_CreateObject").handle.get();
    Call { object: key, ..create(&user, vec![(ck::CKA_SENSITIVE, flag(true))]) }.must("C_SetAttributeValue");
    tells_the_truth(&world, &user, key);
}

fn an_rsa_key_by_all_or_by_few_of_its_parts(flash: &Flash) {
    let world = World::initialized(flash);
    let user = world.user();
    let public = vec![
        (ck::CKA_CLASS, number(ck::CKO_PUBLIC_KEY)),
        (ck::CKA_KEY_TYPE, number(ck::CKK_RSA)),
        (ck::CKA_MODULUS, rsa("n")),
        (ck::CKA_PUBLIC_EXPONENT, vec![1, 0, 1]),
    ];
    let public = create(&user, public).must("C_CreateObject").handle.get();
    for template in [all_of_rsa(), private_rsa()] {
        let key = create(&user, template).must("C_CreateObject").handle.get();
        tells_the_truth(&world, &user, key);
        let mechanism = ck::CKM_SHA256_RSA_PKCS;
        let signature = signature(&user, key, mechanism);
        let verify = Call { key: public, mechanism, data: b"message".to_vec(), signature, ..user.clone() };
        verify.must("C_VerifyInit").must("C_Verify");
        let encrypt =
            Call { key: public, mechanism: ck::CKM_RSA_PKCS, data: b"hello".to_vec(), ..user.clone() };
        let data = encrypt.must("C_EncryptInit").must("C_Encrypt").output.take();
        let decrypt = Call { key, mechanism: ck::CKM_RSA_PKCS, data, ..user.clone() };
        assert_eq!(decrypt.must("C_DecryptInit").must("C_Decrypt").output.take(), b"hello");
        assert_eq!(world.bytes(&user, key, ck::CKA_MODULUS), rsa("n"));
    }
}

/// Programs bring both halves of a key. When the public half comes the token has it already, by the name of the private
/// half or by another name.
fn the_public_half_that_comes_after_it(flash: &Flash) {
    let world = World::initialized(flash);
    let user = world.user();
    let mut public = given::public_key(P256, &given::point());
    public.extend([(ck::CKA_TOKEN, flag(true)), (ck::CKA_LABEL, b"public".to_vec())]);
    let bring = create(&user, public);
    assert_eq!(bring.call("C_CreateObject"), ck::CKR_TEMPLATE_INCONSISTENT, "without its private key");
    create(&user, with(given::private_ec(), ck::CKA_LABEL, b"private".to_vec())).must("C_CreateObject");
    bring.must("C_CreateObject");
    assert_eq!(bring.handle.get(), world.public(&user, "public"));
    world.private(&user, "private");
}

fn what_is_refused(flash: &Flash) {
    let world = World::initialized(flash);
    let user = world.user();
    let (ec, all) = (given::private_ec, all_of_rsa);
    let value = |value: Vec<u8>| with(ec(), ck::CKA_VALUE, value);
    let mut other = rsa("p");
    other[0] ^= 0x20;
    let (odd, short) = (
        |mut bytes: Vec<u8>| {
            bytes[5] ^= 1;
            bytes
        },
        |mut bytes: Vec<u8>| {
            bytes[0] &= 0x7F;
            bytes
        },
    );
    for (what, template, rv) in [
        ("another curve", with(ec(), ck::CKA_EC_PARAMS, SECP256K1.to_vec()), ck::CKR_CURVE_NOT_SUPPORTED),
        ("no scalar", value(vec![]), ck::CKR_ATTRIBUTE_VALUE_INVALID),
        ("zero", value(vec![0; 32]), ck::CKR_ATTRIBUTE_VALUE_INVALID),
        ("the order and more", value(vec![0xFF; 32]), ck::CKR_ATTRIBUTE_VALUE_INVALID),
        ("too long a scalar", value(vec![1; 33]), ck::CKR_ATTRIBUTE_VALUE_INVALID),
        (
            "another kind of key",
            with(ec(), ck::CKA_KEY_TYPE, number(ck::CKK_DSA)),
            ck::CKR_ATTRIBUTE_VALUE_INVALID,
        ),
        (
            "RSA-1024",
            with(private_rsa(), ck::CKA_MODULUS, rsa("n")[128..].to_vec()),
            ck::CKR_ATTRIBUTE_VALUE_INVALID,
        ),
        ("2047 bits", with(private_rsa(), ck::CKA_MODULUS, short(rsa("n"))), ck::CKR_ATTRIBUTE_VALUE_INVALID),
        ("another exponent", with(all(), ck::CKA_PUBLIC_EXPONENT, vec![3]), ck::CKR_ATTRIBUTE_VALUE_INVALID),
        ("another prime", with(all(), ck::CKA_PRIME_1, other), ck::CKR_ATTRIBUTE_VALUE_INVALID),
        (
            "another private exponent",
            with(private_rsa(), ck::CKA_PRIVATE_EXPONENT, odd(rsa("d"))),
            ck::CKR_ATTRIBUTE_VALUE_INVALID,
        ),
        (
            "another coefficient",
            with(all(), ck::CKA_COEFFICIENT, odd(rsa("qinv"))),
            ck::CKR_ATTRIBUTE_VALUE_INVALID,
        ),
        (
            "RSA's parts and a curve's",
            with(all(), ck::CKA_EC_PARAMS, P256.to_vec()),
            ck::CKR_TEMPLATE_INCONSISTENT,
        ),
        ("extractable", with(ec(), ck::CKA_EXTRACTABLE, flag(true)), ck::CKR_TEMPLATE_INCONSISTENT),
        ("a session's", with(ec(), ck::CKA_TOKEN, flag(false)), ck::CKR_TEMPLATE_INCONSISTENT),
        ("said to be local", with(ec(), ck::CKA_LOCAL, flag(true)), ck::CKR_ATTRIBUTE_READ_ONLY),
        (
            "another's public key",
            with(ec(), ck::CKA_PUBLIC_KEY_INFO, vec![0x30, 0]),
            ck::CKR_TEMPLATE_INCONSISTENT,
        ),
    ] {
        assert_eq!(create(&user, template).call("C_CreateObject"), rv, "{what}");
    }
    for (kind, _) in ec().into_iter().filter(|(kind, _)| *kind != ck::CKA_TOKEN) {
        let mut half = ec();
        half.retain(|(other, _)| *other != kind);
        assert_eq!(create(&user, half).call("C_CreateObject"), ck::CKR_TEMPLATE_INCOMPLETE, "{kind:#x}");
    }
    let reader = Call { session: world.session(false).session, ..create(&user, ec()) };
    assert_eq!(reader.call("C_CreateObject"), ck::CKR_SESSION_READ_ONLY);
    user.must("C_Logout");
    assert_eq!(create(&user, ec()).call("C_CreateObject"), ck::CKR_USER_NOT_LOGGED_IN);
    // No key of the refused calls is left.
    let again = world.user();
    let search =
        create(&again, vec![(ck::CKA_LOCAL, flag(false)), (ck::CKA_CLASS, number(ck::CKO_PRIVATE_KEY))]);
    search.must("C_FindObjectsInit").must("C_FindObjects");
    assert_eq!(search.handle.get(), 0);
}

/// An empty value is the default of the attribute (v2.40, 4.9). Programs that fill in whole templates write the empty
/// value.
fn an_empty_public_key_info_says_nothing(flash: &Flash) {
    let world = World::initialized(flash);
    let user = world.user();
    let key = create(&user, with(given::private_ec(), ck::CKA_PUBLIC_KEY_INFO, vec![]));
    let key = key.must("C_CreateObject").handle.get();
    assert!(!world.bytes(&user, key, ck::CKA_PUBLIC_KEY_INFO).is_empty(), "the key's own is shown");
    let public = with(given::public_key(P256, &given::point()), ck::CKA_PUBLIC_KEY_INFO, vec![]);
    create(&user, public).must("C_CreateObject");
}

/// The id 01 is that of slot 9A, where PIV's programs look.
fn by_its_id_it_finds_its_place(flash: &Flash) {
    let world = World::initialized(flash);
    let user = world.user();
    create(&user, with(given::private_ec(), ck::CKA_ID, vec![1])).must("C_CreateObject");
    let key = world.private(&user, "authentication");
    assert_eq!(world.bytes(&user, key, ck::CKA_ID), [1]);
    // Once slot 9A is taken, the next key with the same id goes to another place.
    create(&user, with(given::private_ec(), ck::CKA_ID, vec![1])).must("C_CreateObject");
    assert_eq!(world.private(&user, "authentication"), key);
}

/// No id reaches the payment key, nor does anything else that a program says.
fn the_payment_key_stays() {
    let flash = Story::enrolled(Road::InProcess).copy_of_flash();
    // SAFETY: as in `World::new`.
    unsafe { std::env::set_var("USHIELD_PAYMENT_KEY", "show") };
    let world = World::initialized(&flash);
    // SAFETY: as above.
    unsafe { std::env::remove_var("USHIELD_PAYMENT_KEY") };
    let user = world.user();
    let (point, payment) = (world.point(&user, "payment"), world.private(&user, "payment"));
    for (kind, value) in [(ck::CKA_ID, vec![0x50]), (ck::CKA_LABEL, b"payment".to_vec())] {
        let key = create(&user, with(given::private_ec(), kind, value)).must("C_CreateObject").handle.get();
        assert_ne!(key, payment);
        Call { object: key, ..user.clone() }.must("C_DestroyObject");
    }
    assert_eq!(world.point(&user, "payment"), point);
}
