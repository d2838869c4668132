//! Sessions and who is logged in to them (v2.40, 2.3.6 and 5.6), objects and their copies (5.7). google's pkcs11test asks for the
//! same in its files on sessions, login and objects. Here the rules of the standard are told.

use cryptoki_sys as ck;
use firmware::fixture::SharedFlash as Flash;
use ushield_tests::bench::{PIN, PUK};

use crate::{
    call::{Call, flag, number},
    world::World,
};

/// Runs all of them.
pub fn all(flash: &Flash) {
    one_login_is_every_sessions(flash);
    the_officer_wants_no_reader_beside_him(flash);
    an_object_and_its_copies(flash);
    the_same_objects_in_every_stride(flash);
}

const READS: ck::CK_FLAGS = ck::CKF_SERIAL_SESSION;
const WRITES: ck::CK_FLAGS = ck::CKF_SERIAL_SESSION | ck::CKF_RW_SESSION;

fn states(world: &World, sessions: &[&Call]) -> Vec<ck::CK_STATE> {
    sessions.iter().map(|session| world.session_info(session).expect("open").state).collect()
}

fn by(session: &Call, user: ck::CK_USER_TYPE, pin: &[u8]) -> Call {
    Call { user, pin: Some(pin.to_vec()), ..session.clone() }
}

fn one_login_is_every_sessions(flash: &Flash) {
    let world = World::initialized(flash);
    let (first, second, third) = (world.session(false), world.session(false), world.session(true));
    let all = [&first, &second, &third];
    for (session, flags) in all.into_iter().zip([READS, READS, WRITES]) {
        let info = world.session_info(session).expect("open");
        assert_eq!((info.slotID, info.flags), (0, flags));
    }
    let public = [ck::CKS_RO_PUBLIC_SESSION, ck::CKS_RO_PUBLIC_SESSION, ck::CKS_RW_PUBLIC_SESSION];
    assert_eq!(states(&world, &all), public);
    by(&first, ck::CKU_USER, PIN).must("C_Login");
    let user = [ck::CKS_RO_USER_FUNCTIONS, ck::CKS_RO_USER_FUNCTIONS, ck::CKS_RW_USER_FUNCTIONS];
    assert_eq!(states(&world, &all), user);
    // A session that is opened after the login is logged in like the others.
    let late = world.session(true);
    assert_eq!(states(&world, &[&late]), [ck::CKS_RW_USER_FUNCTIONS]);
    assert_eq!(by(&third, ck::CKU_USER, PIN).call("C_Login"), ck::CKR_USER_ALREADY_LOGGED_IN);
    third.must("C_Logout");
    assert_eq!(states(&world, &all), public);
    assert_eq!(third.call("C_Logout"), ck::CKR_USER_NOT_LOGGED_IN);

    second.must("C_CloseSession");
    assert_eq!(world.session_info(&second).err(), Some(ck::CKR_SESSION_HANDLE_INVALID));
    assert_eq!(second.call("C_CloseSession"), ck::CKR_SESSION_HANDLE_INVALID);
    assert_eq!(Call { slot: 99, ..world.call() }.call("C_CloseAllSessions"), ck::CKR_SLOT_ID_INVALID);
    assert_eq!(states(&world, &[&first, &third]), [public[0], public[2]]);
    // The login ends with the last session.
    by(&first, ck::CKU_USER, PIN).must("C_Login");
    world.call().must("C_CloseAllSessions");
    for session in [&first, &third, &late] {
        assert_eq!(world.session_info(session).err(), Some(ck::CKR_SESSION_HANDLE_INVALID));
    }
    assert_eq!(states(&world, &[&world.session(false)]), [ck::CKS_RO_PUBLIC_SESSION]);
    world.call().must("C_CloseAllSessions").must("C_CloseAllSessions");
}

fn the_officer_wants_no_reader_beside_him(flash: &Flash) {
    let world = World::initialized(flash);
    let session = world.session(true);
    let officer = by(&session, ck::CKU_SO, PUK);
    let reader = world.session(false);
    for from in [&session, &reader] {
        assert_eq!(by(from, ck::CKU_SO, PUK).call("C_Login"), ck::CKR_SESSION_READ_ONLY_EXISTS);
    }
    reader.must("C_CloseSession");
    by(&session, ck::CKU_USER, PIN).must("C_Login");
    assert_eq!(officer.call("C_Login"), ck::CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
    session.must("C_Logout");
    officer.must("C_Login");
    assert_eq!(states(&world, &[&session]), [ck::CKS_RW_SO_FUNCTIONS]);
    let reads = Call { flags: READS, ..world.call() };
    assert_eq!(reads.call("C_OpenSession"), ck::CKR_SESSION_READ_WRITE_SO_EXISTS);
    assert_eq!(by(&session, ck::CKU_USER, PIN).call("C_Login"), ck::CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
    session.must("C_Logout");
    assert_eq!(states(&world, &[&session]), [ck::CKS_RW_PUBLIC_SESSION]);
    assert_eq!(by(&session, 99, PIN).call("C_Login"), ck::CKR_USER_TYPE_INVALID);
}

fn an_object_and_its_copies(flash: &Flash) {
    let world = World::initialized(flash);
    let session = world.session(true);
    let application = (ck::CKA_APPLICATION, b"a program's".to_vec());
    let label = |text: &str| (ck::CKA_LABEL, text.as_bytes().to_vec());
    let template = vec![
        (ck::CKA_CLASS, number(ck::CKO_DATA)),
        (ck::CKA_TOKEN, flag(false)),
        application.clone(),
        (ck::CKA_VALUE, b"value".to_vec()),
        label("old"),
    ];
    let made = Call { template: template.clone(), ..session.clone() };
    let first = made.must("C_CreateObject").handle.get();
    let copy =
        |more| Call { object: first, template: more, ..session.clone() }.must("C_CopyObject").handle.get();
    let second = copy(vec![]);
    let third = copy(vec![(ck::CKA_VALUE, b"another".to_vec())]);
    let size = |object| Call { object, ..session.clone() }.must("C_GetObjectSize").handle.get();
    assert_eq!(size(first), size(second));
    for (kind, value) in template {
        assert_eq!(world.bytes(&session, second, kind), value);
    }
    assert_eq!(world.bytes(&session, third, ck::CKA_VALUE), b"another");
    assert_eq!(
        world.ask(&session, second, ck::CKA_CERTIFICATE_TYPE).err(),
        Some(ck::CKR_ATTRIBUTE_TYPE_INVALID)
    );
    // A change of one object does not change its copies. A copy of another class is refused.
    let change = |template| Call { object: first, template, ..session.clone() };
    change(vec![label("new")]).must("C_SetAttributeValue");
    let labels = [first, second, third].map(|object| world.bytes(&session, object, ck::CKA_LABEL));
    assert_eq!(labels, [b"new", b"old", b"old"].map(|text| text.to_vec()));
    let class = change(vec![(ck::CKA_CLASS, number(ck::CKO_PUBLIC_KEY))]);
    assert_eq!(class.call("C_CopyObject"), ck::CKR_ATTRIBUTE_READ_ONLY);
    assert_eq!(class.call("C_SetAttributeValue"), ck::CKR_ATTRIBUTE_READ_ONLY);

    let mut left = vec![first, second, third];
    while let Some(last) = left.last().copied() {
        assert_eq!(world.objects(&session, vec![application.clone()], 1), left);
        Call { object: last, ..session.clone() }.must("C_DestroyObject");
        left.pop();
    }
    assert!(world.objects(&session, vec![application], 1).is_empty());
}

fn the_same_objects_in_every_stride(flash: &Flash) {
    let world = World::initialized(flash);
    for session in [world.session(false), world.user()] {
        let one_by_one = world.objects(&session, vec![], 1);
        assert!(one_by_one.len() > 10, "{one_by_one:?}");
        for stride in [2, 10, 1024] {
            assert_eq!(world.objects(&session, vec![], stride), one_by_one, "{stride} at a time");
        }
    }
    let public = world.session(false);
    public.must("C_Logout");
    for object in world.objects(&public, vec![], 10) {
        assert_eq!(world.bytes(&public, object, ck::CKA_PRIVATE), flag(false));
    }
}
