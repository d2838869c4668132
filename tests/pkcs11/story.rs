//! What programs do with the library: use, replug, fork, unload.

use cryptoki_sys as ck;
use firmware::fixture::SharedFlash as Flash;
use p256::ecdsa::{Signature, VerifyingKey, signature::Verifier};
use ushield_tests::bench::PIN;

use crate::{
    call::Call,
    scenario::wait,
    world::{World, functions, library},
};

/// Runs all of them.
pub fn all(flash: &Flash) {
    what_is_signed_verifies(flash);
    a_key_that_wants_its_pin_each_time(flash);
    two_keys_agree(flash);
    random_numbers_of_any_length(flash);
    both_interfaces_are_there();
    an_unplugged_token_comes_back(flash);
    nothing_is_left_behind(flash);
}

pub fn signature(world: &World, user: &Call, label: &str) -> Vec<u8> {
    let key = world.private(user, label);
    let call = Call { key, mechanism: ck::CKM_ECDSA_SHA256, data: b"message".to_vec(), ..user.clone() };
    call.must("C_SignInit").must("C_Sign");
    call.output.take()
}

pub fn verifies(world: &World, user: &Call, label: &str, signature: &[u8]) {
    let key = VerifyingKey::from_sec1_bytes(&world.point(user, label)).expect("a point");
    key.verify(b"message", &Signature::from_slice(signature).expect("r and s")).expect("a right signature");
}

/// A verifier that is not the library's judges the signatures. Signing in parts gives the same as signing the whole.
fn what_is_signed_verifies(flash: &Flash) {
    let world = World::initialized(flash);
    let user = world.user();
    verifies(&world, &user, "signer", &signature(&world, &user, "signer"));
    let key = world.private(&user, "ec");
    let parts =
        |data: &[u8]| Call { key, mechanism: ck::CKM_ECDSA_SHA256, data: data.to_vec(), ..user.clone() };
    parts(b"").must("C_SignInit");
    parts(b"mess").must("C_SignUpdate");
    parts(b"age").must("C_SignUpdate");
    // The operation goes on after a question for the length, and after a call with too little room.
    assert_eq!(Call { room: 3, ..parts(b"") }.call("C_SignFinal"), ck::CKR_BUFFER_TOO_SMALL);
    let done = parts(b"");
    done.must("C_SignFinal");
    verifies(&world, &user, "ec", &done.output.take());
    // v3.0: a call without a mechanism ends the operation.
    parts(b"").must("C_SignInit");
    Call { null: true, ..parts(b"") }.must("C_SignInit");
    assert_eq!(parts(b"x").call("C_Sign"), ck::CKR_OPERATION_NOT_INITIALIZED);
}

fn a_key_that_wants_its_pin_each_time(flash: &Flash) {
    let world = World::initialized(flash);
    let user = world.user();
    let key = world.private(&user, "always");
    let call = Call { key, mechanism: ck::CKM_ECDSA_SHA256, data: b"message".to_vec(), ..user.clone() };
    for _ in 0..2 {
        call.must("C_SignInit");
        let context = Call { user: ck::CKU_CONTEXT_SPECIFIC, pin: Some(PIN.to_vec()), ..user.clone() };
        let wrong = Call { pin: Some(b"111222".to_vec()), ..context.clone() };
        assert_eq!(wrong.call("C_Login"), ck::CKR_PIN_INCORRECT);
        context.must("C_Login");
        call.must("C_Sign");
        verifies(&world, &user, "always", &call.output.take());
    }
    call.must("C_SignInit");
    assert_eq!(call.call("C_Sign"), ck::CKR_USER_NOT_LOGGED_IN);
    // The login of the user is as it was before.
    verifies(&world, &user, "ec", &signature(&world, &user, "ec"));
}

fn two_keys_agree(flash: &Flash) {
    let world = World::initialized(flash);
    let user = world.user();
    let derive = |label: &str, other: &str| {
        let mut point = world.point(&user, other);
        let mut call = crate::given::given_key(&world, &user);
        call.parameter = crate::given::ecdh(&mut point);
        call.key = world.private(&user, label);
        call.must("C_DeriveKey");
        world.value(&user, call.handle.get(), ck::CKA_VALUE, 32)
    };
    assert_eq!(derive("ec", "agreer"), derive("agreer", "ec"));
}

/// More bytes are asked for than are fetched at once. A length that no memory holds costs nobody anything.
fn random_numbers_of_any_length(flash: &Flash) {
    let world = World::initialized(flash);
    let user = world.user();
    let mut room = [0_u8; 1];
    // SAFETY: the list is constant; the length is refused before anything is written.
    let rv = unsafe {
        let generate = (*functions()).C_GenerateRandom.expect("C_GenerateRandom");
        generate(user.session, room.as_mut_ptr(), ck::CK_ULONG::MAX)
    };
    assert_eq!(rv, ck::CKR_ARGUMENTS_BAD);
    let call = Call { room: 70_000, ..user };
    call.must("C_GenerateRandom");
    let random = call.output.take();
    assert_eq!(random.len(), 70_000);
    for part in random.chunks(1000) {
        assert!(part.iter().any(|byte| *byte != 0));
    }
}

/// Interfaces of v3.0, 5.4.5 and 5.4.6.
fn both_interfaces_are_there() {
    // SAFETY: as in `world::functions`; the names and types are the standard's.
    unsafe {
        let loaded = libloading::Library::new(library()).expect("the library");
        let list = loaded
            .get::<unsafe extern "C" fn(*mut ck::CK_INTERFACE, *mut ck::CK_ULONG) -> ck::CK_RV>(
                b"C_GetInterfaceList\0",
            )
            .expect("C_GetInterfaceList");
        let mut interfaces = [ck::CK_INTERFACE::default(); 4];
        let mut count = 1;
        assert_eq!(list(interfaces.as_mut_ptr(), &raw mut count), ck::CKR_BUFFER_TOO_SMALL);
        count = 4;
        assert_eq!((list(interfaces.as_mut_ptr(), &raw mut count), count), (ck::CKR_OK, 2));
        let get = loaded
            .get::<unsafe extern "C" fn(
                *mut u8,
                *mut ck::CK_VERSION,
                *mut *mut ck::CK_INTERFACE,
                ck::CK_FLAGS,
            ) -> ck::CK_RV>(b"C_GetInterface\0")
            .expect("C_GetInterface");
        let mut name = *b"PKCS 11\0";
        for (major, minor, there) in [(3, 0, true), (2, 40, true), (3, 2, false)] {
            let mut version = ck::CK_VERSION { major, minor };
            let mut found = std::ptr::null_mut();
            let rv = get(name.as_mut_ptr(), &raw mut version, &raw mut found, ck::CKF_INTERFACE_FORK_SAFE);
            assert_eq!(rv == ck::CKR_OK, there, "{major}.{minor}");
            if there {
                let list = (*found).pFunctionList.cast::<ck::CK_VERSION>();
                assert_eq!(((*list).major, (*list).minor), (major, minor));
            }
        }
        let mut newest = std::ptr::null_mut();
        assert_eq!(get(std::ptr::null_mut(), std::ptr::null_mut(), &raw mut newest, 0), ck::CKR_OK);
        let newest = (*newest).pFunctionList.cast::<ck::CK_FUNCTION_LIST_3_0>();
        let message = (*newest).C_MessageSignInit.expect("there");
        assert_eq!(message(1, std::ptr::null_mut(), 0), ck::CKR_CRYPTOKI_NOT_INITIALIZED);
        let (mut other, mut none) = (*b"Vendor\0\0", std::ptr::null_mut());
        assert_ne!(get(other.as_mut_ptr(), std::ptr::null_mut(), &raw mut none, 0), ck::CKR_OK);
    }
}

fn an_unplugged_token_comes_back(flash: &Flash) {
    let world = World::initialized(flash);
    let old = world.user();
    world.token.unplug();
    assert_eq!(wait(|| old.call("C_GetSessionInfo"), ck::CKR_DEVICE_REMOVED), ck::CKR_DEVICE_REMOVED);
    assert_eq!(old.call("C_FindObjectsInit"), ck::CKR_DEVICE_REMOVED);
    world.token.plug_again();
    assert_eq!(wait(|| world.call().call("C_OpenSession"), ck::CKR_OK), ck::CKR_OK);
    assert_eq!(old.call("C_FindObjectsInit"), ck::CKR_DEVICE_REMOVED);
    let new = world.user();
    verifies(&world, &new, "ec", &signature(&world, &new, "ec"));
}

/// No thread and no descriptor is left after C_Finalize, and the library can be unloaded.
fn nothing_is_left_behind(flash: &Flash) {
    let count = |what: &str| std::fs::read_dir(format!("/proc/self/{what}")).expect("/proc").count();
    let world = World::initialized(flash);
    world.call().must("C_Finalize");
    let round = || {
        world.call().must("C_Initialize");
        let user = world.user();
        verifies(&world, &user, "ec", &signature(&world, &user, "ec"));
        world.call().must("C_Finalize");
    };
    // The server and the man in the middle are in this process, too, and close their ends a moment later. So the test
    // waits for the numbers to settle. A thread or descriptor that each round left behind would be there for ever.
    round();
    let before = (count("task"), count("fd"));
    for _ in 0..20 {
        round();
    }
    let settled = wait(
        || {
            let after = (count("task"), count("fd"));
            if after.0 < before.0 + 10 && after.1 < before.1 + 10 {
                ck::CKR_OK
            } else {
                ck::CKR_FUNCTION_FAILED
            }
        },
        ck::CKR_OK,
    );
    assert_eq!(settled, ck::CKR_OK, "{before:?}, then {:?}", (count("task"), count("fd")));
    unloads();
}

/// Loads a copy of the library, so that the copy is apart from the library above, and unloads the copy.
fn unloads() {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("libcopy_of_ushield.so");
    std::fs::copy(library(), &copy).expect("a copy");
    let mapped =
        || std::fs::read_to_string("/proc/self/maps").expect("/proc").contains("libcopy_of_ushield.so");
    // SAFETY: our library runs nothing when it is loaded.
    let loaded = unsafe { libloading::Library::new(&copy) }.expect("the copy");
    let mut list = std::ptr::null_mut();
    // SAFETY: as in `world::functions`.
    unsafe {
        let get = loaded
            .get::<unsafe extern "C" fn(*mut *mut ck::CK_FUNCTION_LIST) -> ck::CK_RV>(b"C_GetFunctionList\0")
            .expect("C_GetFunctionList");
        assert_eq!(get(&raw mut list), ck::CKR_OK);
    }
    let call = Call::new(list);
    call.must("C_Initialize").must("C_GetSlotList").must("C_OpenSession").must("C_Finalize");
    assert!(mapped());
    loaded.close().expect("dlclose");
    assert!(!mapped(), "it stays in memory");
}
