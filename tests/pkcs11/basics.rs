//! Small things that every program relies on, and that other projects' suites ask of any library. google's pkcs11test is in no
//! package that a script could install. The tests of pkcs11test that this library once failed have their equivalents here, under
//! their names.

use cryptoki_sys as ck;
use firmware::fixture::SharedFlash as Flash;
use ushield_tests::bench::{PIN, PUK};

use crate::{call::Call, world::World};

/// Runs all of them.
pub fn all(flash: &Flash) {
    a_wrong_pin_shows(flash);
    the_last_tries_show(flash);
    what_is_not_offered_looks_at_its_arguments(flash);
    seeds_are_taken(flash);
    user_login_wrong_pin(flash);
    seed_random_bad_arguments(flash);
    get_set_operation_state_invalid(flash);
}

const USER: [ck::CK_FLAGS; 3] =
    [ck::CKF_USER_PIN_COUNT_LOW, ck::CKF_USER_PIN_FINAL_TRY, ck::CKF_USER_PIN_LOCKED];
const OFFICER: [ck::CK_FLAGS; 3] =
    [ck::CKF_SO_PIN_COUNT_LOW, ck::CKF_SO_PIN_FINAL_TRY, ck::CKF_SO_PIN_LOCKED];

fn shown(world: &World) -> ck::CK_FLAGS {
    world.token_info().flags & USER.iter().chain(&OFFICER).fold(0, |all, one| all | one)
}

/// v2.40, 3.2, table 6: the flags show that a wrong PIN was entered at least once since the last right one. A PIN that no token
/// would have counts, too.
fn a_wrong_pin_shows(flash: &Flash) {
    let world = World::initialized(flash);
    let session = world.session(true);
    let login = |user, pin: &[u8]| Call { user, pin: Some(pin.to_vec()), ..session.clone() }.call("C_Login");
    for (user, right, low) in [(ck::CKU_USER, PIN, USER[0]), (ck::CKU_SO, PUK, OFFICER[0])] {
        for wrong in [&b"111222"[..], b"simply-wrong", b"1", b""] {
            assert_eq!(shown(&world), 0);
            assert_eq!(login(user, wrong), ck::CKR_PIN_INCORRECT);
            assert_eq!(shown(&world), low, "{wrong:?}");
            assert_eq!(login(user, right), ck::CKR_OK);
            session.must("C_Logout");
        }
    }
    assert_eq!(shown(&world), 0);
    // The flags show the same after C_SetPIN, and after C_InitToken, whose PIN is the officer's.
    let new = |pin: &[u8]| Call { pin: Some(pin.to_vec()), new_pin: Some(PIN.to_vec()), ..session.clone() };
    assert_eq!(new(b"111222").call("C_SetPIN"), ck::CKR_PIN_INCORRECT);
    assert_eq!(shown(&world), USER[0]);
    new(PIN).must("C_SetPIN");
    session.must("C_CloseSession");
    let initialise = Call { pin: Some(b"simply-wrong".to_vec()), ..world.call() };
    assert_eq!(initialise.call("C_InitToken"), ck::CKR_PIN_INCORRECT);
    assert_eq!(shown(&world), OFFICER[0]);
}

fn the_last_tries_show(flash: &Flash) {
    let world = World::initialized(flash);
    let session = world.session(true);
    for (user, flags) in [(ck::CKU_USER, USER), (ck::CKU_SO, OFFICER)] {
        let before = shown(&world);
        let login = Call { user, pin: Some(b"11122233".to_vec()), ..session.clone() };
        let mut seen = vec![];
        while login.call("C_Login") == ck::CKR_PIN_INCORRECT {
            seen.push(shown(&world) & !before);
        }
        let [low, last, locked] = flags;
        assert_eq!(seen.pop(), Some(low | locked));
        assert_eq!(seen.pop(), Some(low | last));
        assert!(!seen.is_empty() && seen.iter().all(|flags| *flags == low), "{seen:x?}");
    }
}

/// A function that is not offered reports a null pointer before anything else that is wrong with the call.
fn what_is_not_offered_looks_at_its_arguments(flash: &Flash) {
    let world = World::initialized(flash);
    let user = world.user();
    let null = Call { null: true, ..user.clone() };
    for function in [
        "C_EncryptUpdate",
        "C_EncryptFinal",
        "C_DecryptUpdate",
        "C_DecryptFinal",
        "C_DigestEncryptUpdate",
        "C_DecryptDigestUpdate",
        "C_SignEncryptUpdate",
        "C_DecryptVerifyUpdate",
        "C_SetOperationState",
    ] {
        assert_eq!(null.call(function), ck::CKR_ARGUMENTS_BAD, "{function}");
        assert_eq!(user.call(function), ck::CKR_FUNCTION_NOT_SUPPORTED, "{function}");
        let closed = Call { session: 0x0004_0000, ..null.clone() };
        assert_eq!(closed.call(function), ck::CKR_SESSION_HANDLE_INVALID, "{function}");
    }
    let nothing = Call { data: vec![], ..null.clone() };
    assert_eq!(nothing.call("C_SetOperationState"), ck::CKR_ARGUMENTS_BAD);
    assert_eq!(null.call("C_GetOperationState"), ck::CKR_ARGUMENTS_BAD);
    assert_eq!(user.call("C_GetOperationState"), ck::CKR_OPERATION_NOT_INITIALIZED);
}

fn seeds_are_taken(flash: &Flash) {
    let world = World::initialized(flash);
    let session = world.session(false);
    assert_eq!(Call { null: true, ..session.clone() }.call("C_SeedRandom"), ck::CKR_ARGUMENTS_BAD);
    let call = Call { data: b"a seed".to_vec(), room: 100, ..session };
    let first = call.must("C_SeedRandom").must("C_GenerateRandom").output.take();
    let second = call.must("C_SeedRandom").must("C_GenerateRandom").output.take();
    assert!(first.len() == 100 && first != second);
}

/// pkcs11test's UserLoginWrongPIN, in a read-only session.
fn user_login_wrong_pin(flash: &Flash) {
    let world = World::initialized(flash);
    let session = world.session(false);
    let login = |pin: &[u8]| Call { pin: Some(pin.to_vec()), ..session.clone() }.call("C_Login");
    assert_eq!(login(b"simply-wrong"), ck::CKR_PIN_INCORRECT);
    assert_ne!(world.token_info().flags & ck::CKF_USER_PIN_COUNT_LOW, 0);
    assert_eq!(login(PIN), ck::CKR_OK);
    session.must("C_Logout");
    assert_eq!(world.token_info().flags & ck::CKF_USER_PIN_COUNT_LOW, 0);
}

/// pkcs11test's SeedRandomBadArguments and its neighbours.
fn seed_random_bad_arguments(flash: &Flash) {
    let world = World::initialized(flash);
    let session = world.session(false);
    let null = Call { data: vec![0], null: true, ..session.clone() };
    assert_eq!(null.call("C_SeedRandom"), ck::CKR_ARGUMENTS_BAD);
    assert_eq!(null.call("C_GenerateRandom"), ck::CKR_ARGUMENTS_BAD);
    let nowhere = Call { session: 0, ..session.clone() };
    assert_eq!(nowhere.call("C_SeedRandom"), ck::CKR_SESSION_HANDLE_INVALID);
    session.must("C_SeedRandom");
    session.must("C_Finalize");
    assert_eq!(session.call("C_SeedRandom"), ck::CKR_CRYPTOKI_NOT_INITIALIZED);
}

/// pkcs11test's GetSetOperationStateInvalid, in a read-write session.
fn get_set_operation_state_invalid(flash: &Flash) {
    let world = World::initialized(flash);
    let session = world.session(true);
    assert_eq!(session.call("C_GetOperationState"), ck::CKR_OPERATION_NOT_INITIALIZED);
    let nowhere = Call { session: 0, ..session.clone() };
    assert_eq!(nowhere.call("C_GetOperationState"), ck::CKR_SESSION_HANDLE_INVALID);
    assert_eq!(nowhere.call("C_SetOperationState"), ck::CKR_SESSION_HANDLE_INVALID);
    let null = Call { null: true, ..session };
    assert_eq!(null.call("C_GetOperationState"), ck::CKR_ARGUMENTS_BAD);
    assert_eq!(Call { data: vec![], ..null }.call("C_SetOperationState"), ck::CKR_ARGUMENTS_BAD);
}
