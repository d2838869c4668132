//! The payment container: hosts see its certificate alone, unless the holder wants the key shown.

use cryptoki_sys as ck;
use firmware::fixture::SharedFlash as Flash;
use ushield_tests::{
    road::Road,
    scene::{Make, Scene},
    story::Story,
};

use crate::{
    call::{Call, number},
    story::{signature, verifies},
    world::World,
};

/// Runs all of them.
pub fn all() {
    let flash = Story::enrolled(Road::InProcess).copy_of_flash();
    the_first_key_is_one_that_signs(&flash);
    the_certificate_comes_last_and_is_nobodys(&flash);
    shown_it_signs_no_digest(&flash);
    a_key_of_sm2_is_hidden_and_its_certificate_is_read();
}

/// Every handle of a class, in the order of C_FindObjects.
fn every(call: &Call, class: Option<ck::CK_OBJECT_CLASS>) -> Vec<ck::CK_OBJECT_HANDLE> {
    let template = class.map(|class| (ck::CKA_CLASS, number(class))).into_iter().collect();
    let search = Call { template, null: false, ..call.clone() };
    search.must("C_FindObjectsInit");
    let mut all = Vec::new();
    loop {
        match search.must("C_FindObjects").handle.get() {
            0 => break,
            handle => all.push(handle),
        }
    }
    search.must("C_FindObjectsFinal");
    all
}

fn names(world: &World, call: &Call, handles: &[ck::CK_OBJECT_HANDLE]) -> Vec<Vec<u8>> {
    handles.iter().map(|handle| world.bytes(call, *handle, ck::CKA_LABEL)).collect()
}

/// A program that asks for nothing but a private key gets one that signs.
fn the_first_key_is_one_that_signs(flash: &Flash) {
    let world = World::initialized(flash);
    let user = world.user();
    for class in [ck::CKO_PRIVATE_KEY, ck::CKO_PUBLIC_KEY] {
        let keys = every(&user, Some(class));
        assert!(!names(&world, &user, &keys).contains(&b"payment".to_vec()));
        assert!(!keys.is_empty());
    }
    let key = every(&user, Some(ck::CKO_PRIVATE_KEY))[0];
    let sign = Call { key, mechanism: ck::CKM_ECDSA_SHA256, ..user };
    sign.must("C_SignInit").must("C_Sign");
}

/// A program that offers the user's certificates, or the first certificate, does not offer the payment certificate.
fn the_certificate_comes_last_and_is_nobodys(flash: &Flash) {
    let world = World::initialized(flash);
    let user = world.user();
    // The payment certificate comes last, also after objects that were made later.
    Call { template: crate::world::data_object("later", false, false), ..user.clone() }
        .must("C_CreateObject");
    let all = every(&user, None);
    assert_eq!(names(&world, &user, &all).last().unwrap(), b"payment");
    let certificates = every(&user, Some(ck::CKO_CERTIFICATE));
    assert_eq!(certificates.last(), all.last());
    let categories =
        certificates.iter().map(|handle| world.bytes(&user, *handle, ck::CKA_CERTIFICATE_CATEGORY));
    let (token_user, unspecified) =
        (ck::CK_CERTIFICATE_CATEGORY_TOKEN_USER, ck::CK_CERTIFICATE_CATEGORY_UNSPECIFIED);
    assert_eq!(categories.collect::<Vec<_>>(), [number(token_user), number(unspecified)]);
    let last = Call { object: *all.last().unwrap(), ..user };
    let rename = Call { template: vec![(ck::CKA_LABEL, b"mine".to_vec())], ..last.clone() };
    assert_eq!(rename.call("C_SetAttributeValue"), ck::CKR_ACTION_PROHIBITED);
    assert_eq!(last.call("C_DestroyObject"), ck::CKR_ACTION_PROHIBITED);
}

/// The payment key is shown, and belongs to the bank: no host signs with it, renames it or removes it.
fn shown_it_signs_no_digest(flash: &Flash) {
    // SAFETY: as in `World::new`.
    unsafe { std::env::set_var("USHIELD_PAYMENT_KEY", "neither") };
    assert_eq!(World::new(flash).call().call("C_Initialize"), ck::CKR_FUNCTION_FAILED);
    // SAFETY: as above.
    unsafe { std::env::set_var("USHIELD_PAYMENT_KEY", "show") };
    let world = World::initialized(flash);
    // SAFETY: as above.
    unsafe { std::env::remove_var("USHIELD_PAYMENT_KEY") };
    let user = world.user();
    let key = world.private(&user, "payment");
    for mechanism in [ck::CKM_ECDSA, ck::CKM_ECDSA_SHA256] {
        let sign = Call { key, mechanism, ..user.clone() };
        assert_eq!(sign.call("C_SignInit"), ck::CKR_KEY_FUNCTION_NOT_PERMITTED);
    }
    let mut derive = crate::given::given_key_of(&world, &user, "authentication");
    derive.key = key;
    assert_eq!(derive.call("C_DeriveKey"), ck::CKR_KEY_FUNCTION_NOT_PERMITTED);
    let rename = Call { object: key, template: vec![(ck::CKA_LABEL, b"mine".to_vec())], ..user.clone() };
    assert_eq!(rename.call("C_SetAttributeValue"), ck::CKR_ACTION_PROHIBITED);
    assert_eq!(rename.call("C_DestroyObject"), ck::CKR_ACTION_PROHIBITED);
    verifies(&world, &user, "authentication", &signature(&world, &user, "authentication"));
}

/// PKCS#11 v2.40 has no mechanism for SM2. So a token whose payment key is one shows the certificate, which a program reads and hands on,
/// and no key of it, also to a program that wants to see the payment key. The other keys work as on every token.
fn a_key_of_sm2_is_hidden_and_its_certificate_is_read() {
    let mut story = Story::enrolled(Scene { road: Road::InProcess, make: Make::Jade });
    let [payment, _] = story.id();
    for show in [false, true] {
        if show {
            // SAFETY: as in `World::new`.
            unsafe { std::env::set_var("USHIELD_PAYMENT_KEY", "show") };
        }
        let world = World::of(Make::Jade.profile(), &story.copy_of_flash());
        world.call().must("C_Initialize");
        // SAFETY: as above.
        unsafe { std::env::remove_var("USHIELD_PAYMENT_KEY") };
        let user = world.user();
        for class in [ck::CKO_PRIVATE_KEY, ck::CKO_PUBLIC_KEY] {
            let keys = every(&user, Some(class));
            assert_eq!(names(&world, &user, &keys), [b"authentication"], "shown: {show}");
        }
        let certificate = world.find(&user, ck::CKO_CERTIFICATE, "payment");
        assert_eq!(world.bytes(&user, certificate, ck::CKA_VALUE), payment, "the bytes that the bank issued");
        let info = wire::pkix::certificate_public_key(&payment).expect("a certificate");
        assert_eq!(world.bytes(&user, certificate, ck::CKA_PUBLIC_KEY_INFO), info);
        for kind in [ck::CKA_SUBJECT, ck::CKA_ISSUER, ck::CKA_SERIAL_NUMBER] {
            assert!(!world.bytes(&user, certificate, kind).is_empty());
        }
        verifies(&world, &user, "authentication", &signature(&world, &user, "authentication"));
    }
}
