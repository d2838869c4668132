//! What the token keeps for hosts: its label, long names, certificates of version 1 and compressed ones, long PINs.

use card::piv::Piv;
use cryptoki_sys as ck;
use firmware::fixture::{Holder, SharedFlash as Flash};
use ushield_tests::bench::{self, Bench, PUK};
use wire::{brand::Brand, piv::Algorithm};

use crate::{
    call::{Call, Template, flag, number},
    given,
    world::{P256, World, pair},
};

/// Runs all of them.
pub fn all(flash: &Flash) {
    the_label_is_the_tokens(flash);
    long_names_and_no_longer_ones(flash);
    a_copy_is_guarded_as_its_original(flash);
    nothing_changes_a_key_that_is_fixed(flash);
    an_empty_public_key_info_says_nothing(flash);
    a_certificate_of_version_1(flash);
    a_compressed_certificate(flash);
    a_pin_of_more_than_eight_bytes();
}

fn label(world: &World) -> String {
    String::from_utf8(world.token_info().label.to_vec()).expect("UTF-8").trim_end().to_owned()
}

/// The label is the factory's until C_InitToken sets another one. A token without a label goes by its serial number,
/// whatever its slot is.
fn the_label_is_the_tokens(flash: &Flash) {
    let world = World::initialized(flash);
    let serial = String::from_utf8(world.token_info().serialNumber.to_vec()).expect("UTF-8");
    assert_eq!(label(&world), serial.trim_end());
    Call { pin: Some(PUK.to_vec()), ..world.call() }.must("C_InitToken");
    assert_eq!(label(&world), "a label of thirty-two bytes");
    drop(world);
    let flash = Flash::default();
    drop(bench::manufacture_called(
        "ushield-7",
        bench::profile(),
        Some(b"135790"),
        &flash,
        &Holder::default(),
    ));
    let world = World::initialized(&flash);
    assert_eq!(label(&world), "ushield-7");
    Call { pin: Some(PUK.to_vec()), ..world.call() }.must("C_InitToken");
    assert_eq!(label(&world), "a label of thirty-two bytes");
}

fn certificate(version_1: bool, more: Template) -> Template {
    let (der, subject) = given::certificate(version_1);
    let mut template = vec![
        (ck::CKA_CLASS, number(ck::CKO_CERTIFICATE)),
        (ck::CKA_CERTIFICATE_TYPE, number(ck::CKC_X_509)),
        (ck::CKA_TOKEN, flag(true)),
        (ck::CKA_SUBJECT, subject),
        (ck::CKA_VALUE, der),
    ];
    template.extend(more);
    template
}

/// Java names the certificates of a chain by subject, issuer and serial number: such names are long.
fn long_names_and_no_longer_ones(flash: &Flash) {
    let world = World::initialized(flash);
    let user = world.user();
    let create = |template| Call { template, null: false, ..user.clone() };
    for (kind, most) in [(ck::CKA_LABEL, 512), (ck::CKA_ID, 255)] {
        for length in [65, most] {
            let value = vec![b'L'; length];
            let made = create(certificate(false, vec![(kind, value.clone())]));
            let object = made.must("C_CreateObject").handle.get();
            assert_eq!(world.bytes(&user, object, kind), value);
            Call { object, ..user.clone() }.must("C_DestroyObject");
            let data = create(vec![
                (ck::CKA_CLASS, number(ck::CKO_DATA)),
                (ck::CKA_TOKEN, flag(true)),
                (if kind == ck::CKA_ID { ck::CKA_OBJECT_ID } else { kind }, value),
            ]);
            Call { object: data.must("C_CreateObject").handle.get(), ..user.clone() }.must("C_DestroyObject");
        }
        let longer = create(certificate(false, vec![(kind, vec![b'L'; most + 1])]));
        assert_eq!(longer.call("C_CreateObject"), ck::CKR_ATTRIBUTE_VALUE_INVALID);
    }
    // All certificates of a token that is full of such names are listed.
    let name = |at: u8| vec![(ck::CKA_LABEL, vec![b'a' + at; 512]), (ck::CKA_ID, vec![at; 255])];
    let mut made = 0;
    while create(certificate(false, name(made))).call("C_CreateObject") == ck::CKR_OK {
        made += 1;
    }
    assert!(made > 10, "{made}");
    world.call().must("C_Finalize").must("C_Initialize");
    let user = world.user();
    for at in 0..made {
        let object =
            world.find(&user, ck::CKO_CERTIFICATE, &String::from_utf8(vec![b'a' + at; 512]).expect("text"));
        assert_eq!(world.bytes(&user, object, ck::CKA_ID), vec![at; 255]);
    }
}

/// What a program said of an object holds for a copy, too, where the copy's template does not say otherwise (v2.40,
/// 5.7: C_CopyObject).
fn a_copy_is_guarded_as_its_original(flash: &Flash) {
    let world = World::initialized(flash);
    let user = world.user();
    for guarded in [ck::CKA_DESTROYABLE, ck::CKA_MODIFIABLE] {
        for said in [Some(false), None] {
            let more = said.map(|said| (guarded, flag(said))).into_iter().collect();
            let made = Call { template: certificate(false, more), null: false, ..user.clone() };
            let object = made.must("C_CreateObject").handle.get();
            let session = vec![(ck::CKA_TOKEN, flag(false))];
            let copy = Call { object, template: session, null: false, ..user.clone() };
            let copy = copy.must("C_CopyObject").handle.get();
            assert_eq!(world.bytes(&user, copy, guarded), flag(said.is_none()), "{guarded:#x} {said:?}");
        }
    }
}

/// A key with CKA_MODIFIABLE false stays as it is (v2.40, 4.1.2). Neither a copy nor the same public key brought once
/// more is a way round that.
fn nothing_changes_a_key_that_is_fixed(flash: &Flash) {
    let world = World::initialized(flash);
    let user = world.user();
    Call { template: given::private_ec(), null: false, ..user.clone() }.must("C_CreateObject");
    let bring = |more: Template| {
        let mut template = given::public_key(P256, &given::point());
        template.extend([(ck::CKA_TOKEN, flag(true)), (ck::CKA_DESTROYABLE, flag(false))]);
        template.extend(more);
        Call { template, null: false, ..user.clone() }
    };
    let fixed = || vec![(ck::CKA_LABEL, b"fixed".to_vec()), (ck::CKA_MODIFIABLE, flag(false))];
    let object = bring(fixed()).must("C_CreateObject").handle.get();
    let other = || vec![(ck::CKA_LABEL, b"other".to_vec()), (ck::CKA_MODIFIABLE, flag(true))];
    let copy = Call { object, template: other(), null: false, ..user.clone() };
    assert_eq!(copy.call("C_CopyObject"), ck::CKR_TEMPLATE_INCONSISTENT);
    assert_eq!(bring(other()).call("C_CreateObject"), ck::CKR_ACTION_PROHIBITED);
    // A template that changes nothing is taken.
    assert_eq!(bring(fixed()).must("C_CreateObject").handle.get(), object);
    assert_eq!(world.bytes(&user, object, ck::CKA_LABEL), b"fixed");
    assert_eq!(world.bytes(&user, object, ck::CKA_MODIFIABLE), flag(false));
}

/// An empty value is the default of the attribute. The certificate's own info is shown (v2.40, 4.6.3), on the token and
/// in a session.
fn an_empty_public_key_info_says_nothing(flash: &Flash) {
    let world = World::initialized(flash);
    let user = world.user();
    for on_token in [true, false] {
        let made = |more: Template| {
            let mut template = certificate(false, more);
            template.retain(|(kind, _)| *kind != ck::CKA_TOKEN);
            template.push((ck::CKA_TOKEN, flag(on_token)));
            let made = Call { template, null: false, ..user.clone() };
            world.bytes(&user, made.must("C_CreateObject").handle.get(), ck::CKA_PUBLIC_KEY_INFO)
        };
        let own = made(vec![]);
        assert!(!own.is_empty());
        assert_eq!(made(vec![(ck::CKA_PUBLIC_KEY_INFO, vec![])]), own, "on the token: {on_token}");
    }
}

fn a_certificate_of_version_1(flash: &Flash) {
    let world = World::initialized(flash);
    let user = world.user();
    let key = Call { template: given::private_ec(), null: false, ..user.clone() };
    let key = key.must("C_CreateObject").handle.get();
    let made = Call { template: certificate(true, vec![]), null: false, ..user.clone() };
    let object = made.must("C_CreateObject").handle.get();
    assert_eq!(world.bytes(&user, object, ck::CKA_VALUE), given::certificate(true).0);
    // The certificate lies beside its key, and goes by the name of its key.
    assert_eq!(world.bytes(&user, object, ck::CKA_ID), world.bytes(&user, key, ck::CKA_ID));
}

/// Certificates that are compressed as `yubico-piv-tool --compress` and ykman store them (SP 800-73-4 part 1, table
/// 10).
fn a_compressed_certificate(flash: &Flash) {
    use std::io::Write as _;
    let (der, subject) = given::certificate(false);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&der).expect("memory");
    let packed = encoder.finish().expect("memory");
    let store = |content: &[u8], tag: u32| {
        let flash = flash.copy();
        let bench = Bench::plug(bench::open(bench::profile(), &flash, &Holder::default()));
        let mut card = bench.card().expect("a card");
        let mut piv = Piv::select(&mut card).expect("PIV");
        let factory: Vec<u8> = [1, 2, 3, 4, 5, 6, 7, 8].repeat(3);
        piv.authenticate_management(Algorithm::Tdes, &factory).expect("the factory's key");
        let object = [given::object(0x70, content), given::object(0x71, &[1]), vec![0xFE, 0]].concat();
        piv.put_data_object(tag, &object).expect("room");
        drop(card);
        flash
    };
    let flash = store(&packed, 0x5F_C10B);
    let world = World::initialized(&flash);
    let user = world.user();
    let object = world.find(&user, ck::CKO_CERTIFICATE, "key management");
    assert_eq!(world.bytes(&user, object, ck::CKA_VALUE), der);
    assert_eq!(world.bytes(&user, object, ck::CKA_SUBJECT), subject);
    drop(world);
    // A compressed certificate that is cut short is shown as none, and hides no other object.
    let world = World::initialized(&store(&packed[..packed.len() - 9], 0x5F_C10B));
    let user = world.user();
    let search = Call { template: vec![(ck::CKA_CLASS, number(ck::CKO_CERTIFICATE))], ..user.clone() };
    search.must("C_FindObjectsInit").must("C_FindObjects");
    assert_eq!(search.handle.get(), 0);
    search.must("C_FindObjectsFinal");
    world.private(&user, "ec");
}

/// A brand may allow PINs of more than eight bytes, although PIV's field has eight bytes.
fn a_pin_of_more_than_eight_bytes() {
    let profile = || bench::profile_of(Brand { pin_length: (6, 30), ..Brand::standard() });
    let flash = Flash::default();
    let pin = b"correct-horse-battery";
    drop(bench::manufacture(profile(), Some(pin), &flash, &Holder::default()));
    let world = World::of(profile(), &flash);
    world.call().must("C_Initialize");
    let session = world.session(true);
    let login = |user, pin: &[u8]| Call { user, pin: Some(pin.to_vec()), ..session.clone() }.call("C_Login");
    assert_eq!(login(ck::CKU_USER, b"135790"), ck::CKR_PIN_INCORRECT);
    assert_eq!(login(ck::CKU_USER, pin), ck::CKR_OK);
    for (label, more) in [("once", vec![]), ("always", vec![(ck::CKA_ALWAYS_AUTHENTICATE, flag(true))])] {
        let (template, private) = pair(label, false, more);
        let mechanism = ck::CKM_EC_KEY_PAIR_GEN;
        Call { mechanism, template, private, ..session.clone() }.must("C_GenerateKeyPair");
        let key = world.private(&session, label);
        let sign =
            Call { key, mechanism: ck::CKM_ECDSA_SHA256, data: b"message".to_vec(), ..session.clone() };
        sign.must("C_SignInit");
        if label == "always" {
            assert_eq!(login(ck::CKU_CONTEXT_SPECIFIC, b"correct-horse-battelle"), ck::CKR_PIN_INCORRECT);
            assert_eq!(login(ck::CKU_CONTEXT_SPECIFIC, pin), ck::CKR_OK);
        }
        sign.must("C_Sign");
        crate::story::verifies(&world, &session, label, &sign.output.take());
    }
}
