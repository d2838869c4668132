//! Keys that do not fit the function, and data that do not fit the key.

use cryptoki_sys as ck;

use crate::{
    call::{Call, flag},
    given::given,
    world::World,
};

/// Runs a scenario against a function, and returns what the function returned.
pub fn run(world: &World, scenario: &str, function: &str) -> ck::CK_RV {
    let call = given(world, function);
    match scenario {
        "other-key" => other_key(world, call, function),
        "forbidden-key" => {
            // The key is of the right kind, and was made for another use.
            let label = if function == "C_SignInit" { "agreer" } else { "rsa signer" };
            let key = match function {
                "C_SignInit" | "C_DecryptInit" => world.private(&call, label),
                _ => return forbidden(world, call, function),
            };
            Call { key, ..call }.call(function)
        }
        "long-data" => {
            let init = match function {
                "C_Encrypt" => return Call { data: vec![1; 246], ..call }.call(function),
                "C_SignRecover" => return Call { data: vec![1; 246], ..call }.call(function),
                "C_Sign" => "C_SignInit",
                _ => "C_VerifyInit",
            };
            by_rsa(world, init, ck::CKM_RSA_PKCS, vec![1; 246]).call(function)
        }
        "x509-above-modulus" => match function {
            "C_Encrypt" => by_rsa(world, "C_EncryptInit", ck::CKM_RSA_X_509, vec![0xFF; 256]).call(function),
            "C_Sign" => by_rsa(world, "C_SignInit", ck::CKM_RSA_X_509, vec![0xFF; 256]).call(function),
            _ => by_rsa(world, "C_VerifyInit", ck::CKM_RSA_X_509, vec![0xFF; 256]).call(function),
        },
        "wrong-ciphertext" => {
            // The number is below any modulus of 2048 bits, and is no block that was ever padded.
            let mut data = vec![0x55; 256];
            data[0] = 0;
            Call { data, ..call }.call(function)
        }
        "short-ciphertext" => Call { data: vec![1; 255], ..call }.call(function),
        "wrong-signature" => {
            let mut signature = call.signature.clone();
            signature[9] ^= 1;
            Call { signature, ..call }.call(function)
        }
        "short-signature" => {
            let signature = call.signature[1..].to_vec();
            Call { signature, ..call }.call(function)
        }
        "long-secret" => {
            let object = world.secret(&call, vec![(ck::CKA_VALUE, vec![7; 300])]);
            Call { object, ..call }.call(function)
        }
        "nothing-to-wrap" => Call { object: 0xFFFF, ..call }.call(function),
        "trusted-only" => {
            let object = world.secret(&call, vec![(ck::CKA_WRAP_WITH_TRUSTED, flag(true))]);
            Call { object, ..call }.call(function)
        }
        "unextractable" => {
            let object = world.secret(&call, vec![(ck::CKA_EXTRACTABLE, flag(false))]);
            Call { object, ..call }.call(function)
        }
        "private-key-to-wrap" => {
            let object = world.private(&call, "ec");
            call.must("C_Logout");
            Call { object, ..call }.call(function)
        }
        other => panic!("no scenario {other}"),
    }
}

/// Calls with a key of another kind than the mechanism is for.
fn other_key(world: &World, call: Call, function: &str) -> ck::CK_RV {
    let key = match function {
        "C_DigestKey" => world.public(&call, "ec"),
        "C_SignInit" | "C_DeriveKey" => world.private(&call, "rsa"),
        "C_SignRecoverInit" | "C_DecryptInit" | "C_UnwrapKey" => world.private(&call, "ec"),
        "C_VerifyInit" => world.public(&call, "rsa"),
        _ => world.public(&call, "ec"),
    };
    Call { key, ..call }.call(function)
}

/// Calls with a public key in the session, which is a copy of that of `rsa` or `ec`, and which allows no use.
fn forbidden(world: &World, call: Call, function: &str) -> ck::CK_RV {
    if function == "C_SignRecoverInit" {
        // Every RSA key that signs may sign with recovery. The RSA key that may not do so only decrypts.
        let key = decrypter(world, &call);
        return Call { key, ..call }.call(function);
    }
    let label = if function == "C_VerifyInit" { "ec" } else { "rsa" };
    let uses = [ck::CKA_ENCRYPT, ck::CKA_VERIFY, ck::CKA_VERIFY_RECOVER];
    let mut template: Vec<_> = uses.into_iter().map(|kind| (kind, flag(false))).collect();
    template.push((ck::CKA_TOKEN, flag(false)));
    let copy = Call { object: world.public(&call, label), template, ..call.clone() };
    let key = copy.must("C_CopyObject").handle.get();
    Call { key, ..call }.call(function)
}

fn decrypter(world: &World, call: &Call) -> ck::CK_OBJECT_HANDLE {
    let (template, private) = crate::world::pair("decrypter", true, vec![(ck::CKA_DECRYPT, flag(true))]);
    let generate = Call { mechanism: ck::CKM_RSA_PKCS_KEY_PAIR_GEN, template, private, ..call.clone() };
    generate.must("C_GenerateKeyPair");
    world.private(call, "decrypter")
}

/// Begins an operation by the key `rsa`.
fn by_rsa(world: &World, init: &str, mechanism: ck::CK_MECHANISM_TYPE, data: Vec<u8>) -> Call {
    let user = world.session(true);
    let key = if init == "C_SignInit" { world.private(&user, "rsa") } else { world.public(&user, "rsa") };
    let call = Call { key, mechanism, data, signature: vec![1; 256], ..user };
    call.must(init);
    call
}
