//! What must be so before a function succeeds, and the arguments with which the function then succeeds.

use cryptoki_sys as ck;
use ushield_tests::bench::{PIN, PUK};

use crate::{
    call::{Call, number},
    world::{World, pair, secret_key},
};

/// The digest of nothing in particular.
const DIGEST: [u8; 32] = [7; 32];

/// Prepares everything for `function`: the next call of it with these arguments succeeds, or says what that function
/// always says.
pub fn given(world: &World, function: &str) -> Call {
    match function {
        "C_Initialize" | "C_Finalize" | "C_GetInfo" | "C_GetFunctionList" | "C_GetSlotList"
        | "C_GetSlotInfo" | "C_GetTokenInfo" | "C_WaitForSlotEvent" | "C_GetMechanismList"
        | "C_GetMechanismInfo" | "C_OpenSession" | "C_CloseAllSessions" => {
            let call = world.call();
            if function != "C_Initialize" {
                call.must("C_GetSlotList");
            }
            call
        }
        "C_InitToken" => {
            let call = Call { pin: Some(PUK.to_vec()), ..world.call() };
            call.must("C_GetSlotList");
            call
        }
        "C_InitPIN" => Call { pin: Some(b"975310".to_vec()), ..world.officer() },
        "C_SetPIN" => {
            Call { pin: Some(PIN.to_vec()), new_pin: Some(b"975310".to_vec()), ..world.session(true) }
        }
        "C_Login" => Call { pin: Some(PIN.to_vec()), ..world.session(true) },
        "C_Logout" => world.user(),
        _ => in_session(world, function),
    }
}

fn in_session(world: &World, function: &str) -> Call {
    let user = world.user();
    match function {
        "C_CreateObject" => Call { template: secret_key(), ..user },
        "C_CopyObject" | "C_GetObjectSize" | "C_DestroyObject" => {
            Call { object: world.secret(&user, vec![]), ..user }
        }
        "C_GetAttributeValue" => {
            let object = world.public(&user, "ec");
            Call { object, template: vec![(ck::CKA_LABEL, vec![0; 2])], ..user }
        }
        "C_SetAttributeValue" => {
            let object = world.secret(&user, vec![]);
            Call { object, template: vec![(ck::CKA_LABEL, b"other".to_vec())], ..user }
        }
        "C_FindObjects" | "C_FindObjectsFinal" => {
            user.must("C_FindObjectsInit");
            user
        }
        "C_GetOperationState" => {
            user.must("C_DigestInit");
            user
        }
        _ => in_operation(world, user, function),
    }
}

/// Begins a cryptographic operation where `function` needs one, and chooses the key that `function` wants.
fn in_operation(world: &World, user: Call, function: &str) -> Call {
    let by = |mechanism, key, data: &[u8]| Call { mechanism, key, data: data.to_vec(), ..user.clone() };
    let rsa_public = || world.public(&user, "rsa");
    let rsa_private = || world.private(&user, "rsa");
    match function {
        "C_EncryptInit" => by(ck::CKM_RSA_PKCS, rsa_public(), b"message"),
        "C_Encrypt" => begun(by(ck::CKM_RSA_PKCS, rsa_public(), b"message"), "C_EncryptInit"),
        "C_DecryptInit" => by(ck::CKM_RSA_PKCS, rsa_private(), b""),
        "C_Decrypt" => {
            let encrypt = begun(by(ck::CKM_RSA_PKCS, rsa_public(), b"message"), "C_EncryptInit");
            let data = encrypt.must("C_Encrypt").output.take();
            begun(by(ck::CKM_RSA_PKCS, rsa_private(), &data), "C_DecryptInit")
        }
        "C_DigestInit" => user,
        "C_Digest" | "C_DigestUpdate" | "C_DigestFinal" => begun(user, "C_DigestInit"),
        "C_DigestKey" => {
            let key = world.secret(&user, vec![]);
            begun(Call { key, ..user }, "C_DigestInit")
        }
        "C_SignInit" => by(ck::CKM_ECDSA_SHA256, world.private(&user, "ec"), b"message"),
        "C_Sign" | "C_SignUpdate" | "C_SignFinal" => {
            begun(by(ck::CKM_ECDSA_SHA256, world.private(&user, "ec"), b"message"), "C_SignInit")
        }
        "C_SignRecoverInit" => by(ck::CKM_RSA_PKCS, rsa_private(), &DIGEST),
        "C_SignRecover" => begun(by(ck::CKM_RSA_PKCS, rsa_private(), &DIGEST), "C_SignRecoverInit"),
        "C_VerifyInit" => by(ck::CKM_ECDSA_SHA256, world.public(&user, "ec"), b"message"),
        "C_Verify" | "C_VerifyUpdate" | "C_VerifyFinal" => {
            let verify =
                begun(Call { key: world.public(&user, "ec"), ..signed(world, &user) }, "C_VerifyInit");
            if function == "C_VerifyFinal" {
                verify.must("C_VerifyUpdate");
            }
            verify
        }
        "C_VerifyRecoverInit" => by(ck::CKM_RSA_PKCS, rsa_public(), b""),
        "C_VerifyRecover" => {
            let sign = begun(by(ck::CKM_RSA_PKCS, rsa_private(), &DIGEST), "C_SignRecoverInit");
            let signature = sign.must("C_SignRecover").output.take();
            begun(Call { signature, ..by(ck::CKM_RSA_PKCS, rsa_public(), b"") }, "C_VerifyRecoverInit")
        }
        _ => with_keys(world, user, function),
    }
}

/// A signature by `ec` over the message.
fn signed(world: &World, user: &Call) -> Call {
    let mechanism = ck::CKM_ECDSA_SHA256;
    let sign = Call { mechanism, key: world.private(user, "ec"), data: b"message".to_vec(), ..user.clone() };
    sign.must("C_SignInit").must("C_Sign");
    let signature = sign.output.take();
    Call { signature, ..sign }
}

fn begun(call: Call, init: &str) -> Call {
    call.must(init);
    call
}

fn with_keys(world: &World, user: Call, function: &str) -> Call {
    match function {
        "C_GenerateKey" => Call {
            mechanism: ck::CKM_GENERIC_SECRET_KEY_GEN,
            template: vec![(ck::CKA_VALUE_LEN, number(32))],
            ..user
        },
        "C_GenerateKeyPair" => {
            let (template, private) = pair("new", false, vec![]);
            Call { mechanism: ck::CKM_EC_KEY_PAIR_GEN, template, private, ..user }
        }
        "C_WrapKey" => {
            let (key, object) = (world.public(&user, "rsa"), world.secret(&user, vec![]));
            Call { mechanism: ck::CKM_RSA_PKCS, key, object, ..user }
        }
        "C_UnwrapKey" => {
            let wrap = with_keys(world, user.clone(), "C_WrapKey");
            let data = wrap.must("C_WrapKey").output.take();
            let template = vec![
                (ck::CKA_CLASS, number(ck::CKO_SECRET_KEY)),
                (ck::CKA_KEY_TYPE, number(ck::CKK_GENERIC_SECRET)),
            ];
            Call { mechanism: ck::CKM_RSA_PKCS, key: world.private(&user, "rsa"), data, template, ..user }
        }
        "C_DeriveKey" => {
            let mut point = world.point(&user, "signer");
            let parameter = ecdh(&mut point);
            let template = vec![
                (ck::CKA_CLASS, number(ck::CKO_SECRET_KEY)),
                (ck::CKA_KEY_TYPE, number(ck::CKK_GENERIC_SECRET)),
            ];
            let key = world.private(&user, "ec");
            Call { mechanism: ck::CKM_ECDH1_DERIVE, parameter, key, template, ..user }
        }
        _ => user,
    }
}

/// Right arguments for C_DeriveKey in a session that is logged in.
pub fn given_key(world: &World, user: &Call) -> Call {
    with_keys(world, user.clone(), "C_DeriveKey")
}

/// Right arguments for C_DeriveKey where only the key with this label is there.
pub fn given_key_of(world: &World, user: &Call, label: &str) -> Call {
    let parameter = ecdh(&mut world.point(user, label));
    let key_type = (ck::CKA_KEY_TYPE, number(ck::CKK_GENERIC_SECRET));
    Call { mechanism: ck::CKM_ECDH1_DERIVE, parameter, template: vec![key_type], ..user.clone() }
}

/// CK_ECDH1_DERIVE_PARAMS without a derivation function. The point must live as long as the parameters, and so the
/// point is leaked.
pub fn ecdh(point: &mut Vec<u8>) -> Vec<u8> {
    let point: &'static mut [u8] = Vec::leak(std::mem::take(point));
    let fields = [ck::CKD_NULL, 0, 0, ck::CK_ULONG::try_from(point.len()).expect("short")];
    let mut parameter: Vec<u8> = fields.iter().flat_map(|field| field.to_ne_bytes()).collect();
    parameter.extend((point.as_mut_ptr() as usize).to_ne_bytes());
    assert_eq!(parameter.len(), size_of::<ck::CK_ECDH1_DERIVE_PARAMS>());
    parameter
}

/// The template of a public key in a session, with these attributes.
pub fn public_key(parameters: &[u8], point: &[u8]) -> crate::call::Template {
    vec![
        (ck::CKA_CLASS, number(ck::CKO_PUBLIC_KEY)),
        (ck::CKA_KEY_TYPE, number(ck::CKK_EC)),
        (ck::CKA_EC_PARAMS, parameters.to_vec()),
        (ck::CKA_EC_POINT, point.to_vec()),
    ]
}

/// A private key that comes from outside.
const SCALAR: [u8; 32] = [0x31; 32];

/// The public half of that private key, in an OCTET STRING (CKA_EC_POINT).
pub fn point() -> Vec<u8> {
    let public = p256::SecretKey::from_slice(&SCALAR).expect("a scalar").public_key();
    object(0x04, &public.to_sec1_bytes())
}

/// The template of that private key for C_CreateObject.
pub fn private_ec() -> crate::call::Template {
    vec![
        (ck::CKA_CLASS, number(ck::CKO_PRIVATE_KEY)),
        (ck::CKA_KEY_TYPE, number(ck::CKK_EC)),
        (ck::CKA_TOKEN, crate::call::flag(true)),
        (ck::CKA_EC_PARAMS, crate::world::P256.to_vec()),
        (ck::CKA_VALUE, SCALAR.to_vec()),
    ]
}

/// A BER-TLV object.
pub fn object(tag: u32, value: &[u8]) -> Vec<u8> {
    wire::tlv::object(tag, value)
}

/// A certificate of version 1 or 3 for that private key, and the certificate's subject. Nobody looks at the signature.
pub fn certificate(version_1: bool) -> (Vec<u8>, Vec<u8>) {
    let name = |text: &str| {
        let pair = [object(0x06, b"\x55\x04\x03"), object(0x0C, text.as_bytes())].concat();
        object(0x30, &object(0x31, &object(0x30, &pair)))
    };
    let algorithm = object(0x30, b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02");
    let validity = [object(0x17, b"260101000000Z"), object(0x17, b"360101000000Z")].concat();
    let of_key = [b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01", crate::world::P256].concat();
    let point = [&[0][..], &point()[2..]].concat();
    let key = [object(0x30, &of_key), object(0x03, &point)].concat();
    let mut fields = vec![object(0x02, &[5]), algorithm.clone(), name("issuer"), object(0x30, &validity)];
    fields.extend([name("subject"), object(0x30, &key)]);
    if !version_1 {
        fields.insert(0, object(0xA0, b"\x02\x01\x02"));
    }
    let body = object(0x30, &fields.concat());
    (object(0x30, &[body, algorithm, object(0x03, &[0; 9])].concat()), name("subject"))
}
