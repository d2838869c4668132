//! The ways to provoke a return value, by the names in conformance.tsv. Most of them take what `given` prepares, and
//! change one thing.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use cryptoki_sys as ck;
use firmware::fixture::SharedFlash as Flash;
use ushield_tests::bench::{PIN, PUK};

use crate::{
    call::{Call, flag, number},
    given::{given, public_key},
    misuse,
    world::{World, data_object, secret_key},
};

/// Runs a scenario against a function, and returns what the function returned.
pub fn run(scenario: &str, function: &str, flash: &Flash) -> ck::CK_RV {
    match scenario {
        "uninitialized" => return World::new(flash).call().call(function),
        "no-mutex" | "half-a-mutex" | "broken-config" => return initialize(scenario, flash),
        "prepared" if function == "C_Initialize" => return World::new(flash).call().call(function),
        _ => {}
    }
    let world = World::initialized(flash);
    match scenario {
        "prepared" | "initialized" => given(&world, function).call(function),
        "quiet" => given(&world, function).call(function),
        "event" => {
            let call = given(&world, function);
            call.call(function);
            world.token.unplug();
            wait(|| call.call(function), ck::CKR_OK)
        }
        "no-session" => Call { session: 0x0004_0000, ..given(&world, function) }.call(function),
        "no-slot" => Call { slot: 99, ..given(&world, function) }.call(function),
        "null" => Call { null: true, ..given(&world, function) }.call(function),
        "little-room" => {
            Call { room: usize::from(function == "C_GetSlotList") ^ 1, ..given(&world, function) }
                .call(function)
        }
        "no-operation" => world.user().call(function),
        "twice" => given(&world, function).must(function).call(function),
        "unplugged" => {
            let call = given(&world, function);
            let other = world.session(true);
            world.token.unplug();
            wait(|| other.call("C_GetSessionInfo"), ck::CKR_DEVICE_REMOVED);
            call.call(function)
        }
        "unplugged-unnoticed" => {
            let call = Call { ..world.session(true) };
            world.token.unplug();
            wait(|| call.call(function), ck::CKR_DEVICE_REMOVED)
        }
        "no-token" => {
            let call = given(&world, function);
            world.token.unplug();
            wait(
                || {
                    call.call("C_GetSlotInfo");
                    call.call("C_GetTokenInfo")
                },
                ck::CKR_TOKEN_NOT_PRESENT,
            );
            call.call(function)
        }
        "nonsense" => {
            let call = given(&world, function);
            world.proxy.garble();
            call.call(function)
        }
        "nonsense-on-token" => {
            let call = on_token(&world, function);
            world.proxy.garble();
            call.call(function)
        }
        "no-mechanism" => {
            Call { mechanism: ck::CKM_VENDOR_DEFINED, ..given(&world, function) }.call(function)
        }
        "wrong-parameter" => Call { parameter: vec![1, 2, 3], ..given(&world, function) }.call(function),
        "no-key" => Call { key: 0xFFFF, ..given(&world, function) }.call(function),
        "no-object" => Call { object: 0xFFFF, ..given(&world, function) }.call(function),
        "logged-out" => {
            let call = given(&world, function);
            call.must("C_Logout");
            call.call(function)
        }
        "nobody" => Call { pin: Some(PIN.to_vec()), ..world.session(true) }.call(function),
        "read-only" | "read-only-on-token" | "read-only-to-token" => read_only(&world, scenario, function),
        "full-of-data" => {
            let call = Call { template: data_object("one more", true, false), ..world.user() };
            let mut last = ck::CKR_OK;
            for _ in 0..40 {
                last = call.call("C_CreateObject");
                if last != ck::CKR_OK {
                    break;
                }
            }
            if function == "C_CreateObject" {
                return last;
            }
            let object = world.find(&call, ck::CKO_DATA, "one more");
            Call { object, template: vec![], ..call }.call(function)
        }
        "full-of-keys" => {
            let call = given(&world, function);
            let full = (0..30).map(|_| call.call(function)).find(|rv| *rv != ck::CKR_OK);
            full.unwrap_or(ck::CKR_OK)
        }
        _ => pins(&world, scenario, function)
            .or_else(|| objects(&world, scenario, function))
            .unwrap_or_else(|| misuse::run(&world, scenario, function)),
    }
}

/// Calls until the outcome is the expected one, or until much time has passed: the library finds out a moment later
/// that a token was pulled out.
pub fn wait(mut call: impl FnMut() -> ck::CK_RV, expected: ck::CK_RV) -> ck::CK_RV {
    let end = Instant::now() + Duration::from_secs(120);
    loop {
        let last = call();
        if last == expected || Instant::now() >= end {
            return last;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

unsafe extern "C" fn no_mutex(_: ck::CK_VOID_PTR_PTR) -> ck::CK_RV {
    ck::CKR_HOST_MEMORY
}

unsafe extern "C" fn nothing(_: ck::CK_VOID_PTR) -> ck::CK_RV {
    ck::CKR_OK
}

fn initialize(scenario: &str, flash: &Flash) -> ck::CK_RV {
    let world = World::new(flash);
    let mut arguments =
        ck::CK_C_INITIALIZE_ARGS { CreateMutex: Some(no_mutex), ..ck::CK_C_INITIALIZE_ARGS::default() };
    match scenario {
        "half-a-mutex" => {}
        "no-mutex" => {
            arguments.DestroyMutex = Some(nothing);
            arguments.LockMutex = Some(nothing);
            arguments.UnlockMutex = Some(nothing);
        }
        _ => {
            let folder = tempfile::tempdir().expect("a folder");
            let own = folder.path().join("ushield");
            fs::create_dir(&own).expect("a folder");
            fs::write(own.join("config.toml"), "no = such setting").expect("a file");
            // SAFETY: as in `World::new`.
            unsafe { std::env::set_var("XDG_CONFIG_HOME", folder.path()) };
            let rv = world.call().call("C_Initialize");
            // SAFETY: as above.
            unsafe { std::env::remove_var("XDG_CONFIG_HOME") };
            return rv;
        }
    }
    Call { arguments: Some(arguments), ..world.call() }.call("C_Initialize")
}

/// Arguments with which a function uses the token, for functions that may do without the token.
fn on_token(world: &World, function: &str) -> Call {
    let user = world.user();
    let object = world.find(&user, ck::CKO_DATA, "public data");
    let template = match function {
        "C_CreateObject" => data_object("new", true, false),
        "C_CopyObject" => vec![],
        _ => vec![(ck::CKA_LABEL, b"new".to_vec())],
    };
    Call { object, template, ..user }
}

fn read_only(world: &World, scenario: &str, function: &str) -> ck::CK_RV {
    let mut call =
        if scenario == "read-only-on-token" { on_token(world, function) } else { given(world, function) };
    if scenario == "read-only-to-token" {
        call.template.push((ck::CKA_TOKEN, flag(true)));
    }
    Call { session: world.session(false).session, ..call }.call(function)
}

fn pins(world: &World, scenario: &str, function: &str) -> Option<ck::CK_RV> {
    let wrong = |call: Call| Call { pin: Some(b"111222".to_vec()), ..call };
    Some(match scenario {
        "wrong-pin" => wrong(given(world, function)).call(function),
        "locked" => {
            let call = wrong(given(world, function));
            (0..10).map(|_| call.call(function)).find(|rv| *rv != ck::CKR_PIN_INCORRECT)?
        }
        "no-pin" => Call { pin: None, ..given(world, function) }.call(function),
        "easy-pin" | "short-pin" => {
            let new = Some(if scenario == "easy-pin" { b"111111".to_vec() } else { b"1357".to_vec() });
            match function {
                "C_InitPIN" => Call { pin: new, ..given(world, function) }.call(function),
                _ => Call { new_pin: new, ..given(world, function) }.call(function),
            }
        }
        "open-session" => {
            let call = given(world, function);
            world.session(false);
            call.call(function)
        }
        "parallel" => Call { flags: ck::CKF_RW_SESSION, ..world.call() }.call(function),
        "officer-inside" => {
            let officer = world.officer();
            Call { flags: ck::CKF_SERIAL_SESSION, pin: Some(PIN.to_vec()), ..officer }.call(function)
        }
        "officer-beside-reader" => {
            world.session(false);
            Call { pin: Some(PUK.to_vec()), user: ck::CKU_SO, ..world.session(true) }.call(function)
        }
        "context-of-nothing" => {
            Call { user: ck::CKU_CONTEXT_SPECIFIC, pin: Some(PIN.to_vec()), ..world.user() }.call(function)
        }
        "no-such-user" => Call { user: 77, ..given(world, function) }.call(function),
        "no-context-login" => {
            let user = world.user();
            let (mechanism, label, init) = match function {
                "C_SignRecover" => (ck::CKM_RSA_PKCS, "rsa always", "C_SignRecoverInit"),
                "C_Decrypt" => (ck::CKM_RSA_PKCS, "rsa always", "C_DecryptInit"),
                _ => (ck::CKM_ECDSA_SHA256, "always", "C_SignInit"),
            };
            let data = if function == "C_Decrypt" { vec![1; 256] } else { vec![1; 32] };
            let call = Call { key: world.private(&user, label), mechanism, data, ..user };
            call.must(init).call(function)
        }
        _ => return None,
    })
}

fn objects(world: &World, scenario: &str, function: &str) -> Option<ck::CK_RV> {
    let with = |kind, value: Vec<u8>| {
        let mut call = given(world, function);
        call.template.push((kind, value));
        call
    };
    Some(match scenario {
        "unknown-attribute" => with(0x7FFF_0001, vec![1]).call(function),
        "wrong-value" => with(ck::CKA_TOKEN, vec![7]).call(function),
        "fixed-attribute" => match function {
            "C_SetAttributeValue" | "C_CopyObject" => {
                with(ck::CKA_CLASS, number(ck::CKO_DATA)).call(function)
            }
            _ => with(ck::CKA_LOCAL, flag(true)).call(function),
        },
        "contradiction" => match function {
            "C_GenerateKeyPair" => with(ck::CKA_KEY_TYPE, number(ck::CKK_RSA)).call(function),
            "C_GenerateKey" => with(ck::CKA_KEY_TYPE, number(ck::CKK_AES)).call(function),
            _ => {
                let mut call = with(ck::CKA_LABEL, b"a".to_vec());
                call.template.push((ck::CKA_LABEL, b"b".to_vec()));
                call.call(function)
            }
        },
        "half-template" => {
            let mut call = given(world, function);
            match function {
                "C_GenerateKey" | "C_GenerateKeyPair" => call.template.clear(),
                _ => call.template.retain(|(kind, _)| *kind != ck::CKA_KEY_TYPE),
            }
            call.call(function)
        }
        "other-curve" => {
            let secp256k1 = b"\x06\x05\x2b\x81\x04\x00\x0a";
            let template = match function {
                "C_CreateObject" => public_key(secp256k1, &[4; 65]),
                _ => vec![(ck::CKA_EC_PARAMS, secp256k1.to_vec())],
            };
            Call { template, ..given(world, function) }.call(function)
        }
        "private-by-nobody" => {
            let nobody = world.session(true);
            let object = match function {
                "C_CopyObject" => world.secret(&nobody, vec![]),
                _ => 0,
            };
            let template = match function {
                "C_CreateObject" => secret_key(),
                "C_GenerateKey" => vec![(ck::CKA_VALUE_LEN, number(32))],
                _ => vec![],
            };
            let mut call = Call { object, template, mechanism: ck::CKM_GENERIC_SECRET_KEY_GEN, ..nobody };
            call.template.push((ck::CKA_PRIVATE, flag(true)));
            call.call(function)
        }
        "public-data-by-nobody" => {
            let nobody = world.session(true);
            let object = world.find(&nobody, ck::CKO_DATA, "public data");
            Call { object, template: vec![(ck::CKA_LABEL, b"x".to_vec())], ..nobody }.call(function)
        }
        "nobody-but-right" => {
            let call = given(world, function);
            call.must("C_Logout");
            call.call(function)
        }
        "private-key-copied" => {
            let user = world.user();
            Call { object: world.private(&user, "ec"), ..user }.call(function)
        }
        "public-key-destroyed" => {
            let user = world.user();
            Call { object: world.public(&user, "ec"), ..user }.call(function)
        }
        "unmodifiable" => {
            let user = world.user();
            let object = world.secret(&user, vec![(ck::CKA_MODIFIABLE, flag(false))]);
            Call { object, template: vec![(ck::CKA_LABEL, b"x".to_vec())], ..user }.call(function)
        }
        "sensitive" => {
            let user = world.user();
            Call { object: world.private(&user, "ec"), template: vec![(ck::CKA_VALUE, vec![0; 64])], ..user }
                .call(function)
        }
        "short-value" => {
            let user = world.user();
            Call { object: world.public(&user, "ec"), template: vec![(ck::CKA_LABEL, vec![0; 1])], ..user }
                .call(function)
        }
        _ => return None,
    })
}
