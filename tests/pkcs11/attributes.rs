//! Every attribute of v2.40's tables (4.4 to 4.10; Current Mechanisms, 2.1 and 2.3). Either a template with the attribute is
//! refused, or the attribute reads back as the template says, at once and after the token was pulled out. No attribute is taken
//! and forgotten.

use cryptoki_sys as ck;
use firmware::fixture::SharedFlash as Flash;

use crate::{
    call::{Call, Template, flag, number},
    given,
    world::{P256, World, data_object, secret_key},
};

/// An attribute, and the values that a template asks for.
type Row = (ck::CK_ATTRIBUTE_TYPE, Vec<Vec<u8>>);

/// A kind of object: the function that makes the object, the object's class, and the template.
#[derive(Clone)]
struct Kind {
    name: &'static str,
    function: &'static str,
    class: ck::CK_OBJECT_CLASS,
    base: Template,
    token: bool,
}

/// Asks for every attribute on every kind of object.
pub fn every_attribute_is_kept_or_refused(flash: &Flash) {
    let mut kept = Vec::new();
    let mut faults = Vec::new();
    for kind in kinds() {
        for (attribute, values) in rows(kind.class) {
            for value in values {
                // An empty name counts as no name. A key or certificate without a name goes by the name of its place, so that
                // each object is found again.
                let named = matches!(attribute, ck::CKA_LABEL | ck::CKA_ID) && kind.class != ck::CKO_DATA;
                // An empty CKA_PUBLIC_KEY_INFO is the default, and says nothing. The info of the key itself is shown.
                if value.is_empty() && (named && kind.token || attribute == ck::CKA_PUBLIC_KEY_INFO) {
                    continue;
                }
                match ask(flash, &kind, attribute, &value) {
                    Ok(true) => kept.push((kind.name, attribute, value)),
                    Ok(false) => {}
                    Err(fault) => faults.push(format!("{}, {attribute:#x} = {value:?}: {fault}", kind.name)),
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    // Programs rely on the attributes that other libraries take.
    let no = || flag(false);
    for (name, attribute, value) in [
        ("data on the token", ck::CKA_DESTROYABLE, no()),
        ("data on the token", ck::CKA_MODIFIABLE, no()),
        ("data on the token", ck::CKA_COPYABLE, no()),
        (
            "certificate on the token",
            ck::CKA_CERTIFICATE_CATEGORY,
            number(ck::CK_CERTIFICATE_CATEGORY_AUTHORITY),
        ),
        ("certificate on the token", ck::CKA_PRIVATE, flag(true)),
        ("certificate on the token", ck::CKA_DESTROYABLE, no()),
        ("certificate on the token", ck::CKA_URL, b"text".to_vec()),
        ("private key made", ck::CKA_SENSITIVE, no()),
        ("private key made", ck::CKA_UNWRAP, flag(true)),
        ("private key made", ck::CKA_DESTROYABLE, no()),
        ("private key made", ck::CKA_SUBJECT, b"text".to_vec()),
        ("private key made", ck::CKA_START_DATE, b"20300101".to_vec()),
        ("private key taken in", ck::CKA_SENSITIVE, no()),
        ("private key taken in", ck::CKA_DERIVE, no()),
        ("public key made", ck::CKA_TOKEN, no()),
        ("public key made", ck::CKA_PRIVATE, flag(true)),
        ("public key made", ck::CKA_LABEL, b"text".to_vec()),
        ("public key made", ck::CKA_VERIFY, no()),
    ] {
        assert!(
            kept.contains(&(name, attribute, value.clone())),
            "{name}, {attribute:#x} = {value:?}: refused"
        );
    }
}

fn kinds() -> Vec<Kind> {
    let kind = |name, function, class, base: Template, token| Kind { name, function, class, base, token };
    let create = "C_CreateObject";
    let certificate = |token| {
        let (der, subject) = given::certificate(false);
        vec![
            (ck::CKA_CLASS, number(ck::CKO_CERTIFICATE)),
            (ck::CKA_CERTIFICATE_TYPE, number(ck::CKC_X_509)),
            (ck::CKA_TOKEN, flag(token)),
            (ck::CKA_SUBJECT, subject),
            (ck::CKA_VALUE, der),
        ]
    };
    let public = given::public_key(P256, &given::point());
    vec![
        kind("data on the token", create, ck::CKO_DATA, data_object("walk", true, false), true),
        kind("private data on the token", create, ck::CKO_DATA, data_object("walk", true, true), true),
        kind("data of a session", create, ck::CKO_DATA, data_object("walk", false, false), false),
        kind("certificate on the token", create, ck::CKO_CERTIFICATE, certificate(true), true),
        kind("certificate of a session", create, ck::CKO_CERTIFICATE, certificate(false), false),
        kind("private key made", "C_GenerateKeyPair", ck::CKO_PRIVATE_KEY, vec![], true),
        kind("public key made", "C_GenerateKeyPair", ck::CKO_PUBLIC_KEY, vec![], true),
        kind("private key taken in", create, ck::CKO_PRIVATE_KEY, given::private_ec(), true),
        kind("public key of a session", create, ck::CKO_PUBLIC_KEY, public, false),
        kind("secret key of a session", create, ck::CKO_SECRET_KEY, secret_key(), false),
        kind(
            "secret key made",
            "C_GenerateKey",
            ck::CKO_SECRET_KEY,
            vec![(ck::CKA_VALUE_LEN, number(32))],
            false,
        ),
    ]
}

/// The rows of the tables for this class.
fn rows(class: ck::CK_OBJECT_CLASS) -> Vec<Row> {
    let flags = || vec![flag(false), flag(true)];
    let text = || vec![vec![], b"text".to_vec()];
    let dates = || vec![vec![], b"20300101".to_vec()];
    let numbers = |all: &[ck::CK_ULONG]| all.iter().map(|one| number(*one)).collect::<Vec<_>>();
    let of_flags =
        |all: &[ck::CK_ATTRIBUTE_TYPE]| all.iter().map(|one| (*one, flags())).collect::<Vec<Row>>();
    let of_text = |all: &[ck::CK_ATTRIBUTE_TYPE]| all.iter().map(|one| (*one, text())).collect::<Vec<Row>>();
    let mut rows = of_flags(&[
        ck::CKA_TOKEN,
        ck::CKA_PRIVATE,
        ck::CKA_MODIFIABLE,
        ck::CKA_COPYABLE,
        ck::CKA_DESTROYABLE,
    ]);
    rows.extend(of_text(&[ck::CKA_LABEL]));
    let key = || {
        let mut rows = of_text(&[ck::CKA_ID, ck::CKA_ALLOWED_MECHANISMS, ck::CKA_SUBJECT]);
        rows.extend(of_flags(&[ck::CKA_DERIVE, ck::CKA_LOCAL]));
        rows.push((ck::CKA_START_DATE, dates()));
        rows.push((ck::CKA_END_DATE, dates()));
        rows.push((
            ck::CKA_KEY_TYPE,
            numbers(&[ck::CKK_EC, ck::CKK_RSA, ck::CKK_GENERIC_SECRET, ck::CKK_AES]),
        ));
        rows.push((ck::CKA_KEY_GEN_MECHANISM, numbers(&[ck::CKM_EC_KEY_PAIR_GEN])));
        rows.extend(of_text(&[ck::CKA_WRAP_TEMPLATE, ck::CKA_UNWRAP_TEMPLATE, ck::CKA_PUBLIC_KEY_INFO]));
        rows
    };
    rows.extend(match class {
        ck::CKO_DATA => of_text(&[ck::CKA_APPLICATION, ck::CKA_OBJECT_ID, ck::CKA_VALUE]),
        ck::CKO_CERTIFICATE => {
            let mut rows = of_text(&[
                ck::CKA_ID,
                ck::CKA_ISSUER,
                ck::CKA_SERIAL_NUMBER,
                ck::CKA_SUBJECT,
                ck::CKA_CHECK_VALUE,
                ck::CKA_PUBLIC_KEY_INFO,
                ck::CKA_URL,
                ck::CKA_HASH_OF_SUBJECT_PUBLIC_KEY,
                ck::CKA_HASH_OF_ISSUER_PUBLIC_KEY,
            ]);
            rows.extend(of_flags(&[ck::CKA_TRUSTED]));
            rows.push((ck::CKA_CERTIFICATE_TYPE, numbers(&[ck::CKC_X_509, ck::CKC_WTLS])));
            rows.push((ck::CKA_CERTIFICATE_CATEGORY, numbers(&[0, 1, 2, 3])));
            rows.push((ck::CKA_JAVA_MIDP_SECURITY_DOMAIN, numbers(&[0, 1])));
            rows.push((ck::CKA_NAME_HASH_ALGORITHM, numbers(&[ck::CKM_SHA_1, ck::CKM_SHA256])));
            rows.push((ck::CKA_START_DATE, dates()));
            rows.push((ck::CKA_END_DATE, dates()));
            rows
        }
        ck::CKO_PUBLIC_KEY => {
            let mut rows = key();
            rows.extend(of_flags(&[
                ck::CKA_ENCRYPT,
                ck::CKA_VERIFY,
                ck::CKA_VERIFY_RECOVER,
                ck::CKA_WRAP,
                ck::CKA_TRUSTED,
            ]));
            rows.extend(of_text(&[ck::CKA_MODULUS, ck::CKA_PUBLIC_EXPONENT, ck::CKA_EC_POINT]));
            rows.push((ck::CKA_MODULUS_BITS, numbers(&[2048])));
            rows
        }
        ck::CKO_PRIVATE_KEY => {
            let mut rows = key();
            rows.extend(of_flags(&[
                ck::CKA_SENSITIVE,
                ck::CKA_DECRYPT,
                ck::CKA_SIGN,
                ck::CKA_SIGN_RECOVER,
                ck::CKA_UNWRAP,
                ck::CKA_EXTRACTABLE,
                ck::CKA_ALWAYS_SENSITIVE,
                ck::CKA_NEVER_EXTRACTABLE,
                ck::CKA_WRAP_WITH_TRUSTED,
                ck::CKA_ALWAYS_AUTHENTICATE,
            ]));
            rows.extend(of_text(&[ck::CKA_EC_PARAMS, ck::CKA_MODULUS, ck::CKA_PRIME_1]));
            rows
        }
        _ => {
            let mut rows = key();
            rows.extend(of_flags(&[
                ck::CKA_SENSITIVE,
                ck::CKA_ENCRYPT,
                ck::CKA_DECRYPT,
                ck::CKA_SIGN,
                ck::CKA_VERIFY,
                ck::CKA_WRAP,
                ck::CKA_UNWRAP,
                ck::CKA_EXTRACTABLE,
                ck::CKA_ALWAYS_SENSITIVE,
                ck::CKA_NEVER_EXTRACTABLE,
                ck::CKA_WRAP_WITH_TRUSTED,
                ck::CKA_TRUSTED,
            ]));
            rows.extend(of_text(&[ck::CKA_CHECK_VALUE]));
            rows.push((ck::CKA_VALUE_LEN, numbers(&[16, 32])));
            rows
        }
    });
    rows
}

/// Whether the token kept the attribute. The fault is an attribute that was taken and reads back otherwise.
fn ask(flash: &Flash, kind: &Kind, attribute: ck::CK_ATTRIBUTE_TYPE, value: &[u8]) -> Result<bool, String> {
    let world = World::initialized(flash);
    let user = world.user();
    let mut template = kind.base.clone();
    template.retain(|(other, _)| *other != attribute);
    // The label is there to find the object by, unless the label is the attribute that is asked for.
    template.retain(|(other, _)| *other != ck::CKA_LABEL);
    if attribute != ck::CKA_LABEL {
        template.push((ck::CKA_LABEL, b"walk".to_vec()));
    }
    template.push((attribute, value.to_vec()));
    let Some(handle) = make(&world, &user, kind, template)? else { return Ok(false) };
    let same = |world: &World, call: &Call, handle| match world.ask(call, handle, attribute) {
        Ok(found) if found == value => Ok(()),
        Ok(found) => Err(format!("reads {found:?}")),
        Err(ck::CKR_ATTRIBUTE_SENSITIVE) => Ok(()),
        Err(rv) => Err(format!("gives {rv:#x}")),
    };
    same(&world, &user, handle)?;
    if kind.token && world.ask(&user, handle, ck::CKA_TOKEN) == Ok(flag(true)) {
        world.call().must("C_Finalize").must("C_Initialize");
        let again = world.user();
        let label = if attribute == ck::CKA_LABEL { value } else { b"walk" };
        let found = find(&again, kind.class, label).or_else(|| find(&again, kind.class, b"retired 1"));
        same(&world, &again, found.ok_or("is gone after a replug")?)
            .map_err(|fault| format!("{fault} later"))?;
    }
    Ok(true)
}

/// The object's handle; `None` where the library refuses the template with a return value that says why.
fn make(world: &World, user: &Call, kind: &Kind, template: Template) -> Result<Option<u64>, String> {
    let mut call = Call { template, null: false, ..user.clone() };
    match kind.function {
        "C_GenerateKey" => call.mechanism = ck::CKM_GENERIC_SECRET_KEY_GEN,
        "C_GenerateKeyPair" => {
            call.mechanism = ck::CKM_EC_KEY_PAIR_GEN;
            let parameters = (ck::CKA_EC_PARAMS, P256.to_vec());
            if kind.class == ck::CKO_PRIVATE_KEY {
                call.private = std::mem::replace(&mut call.template, vec![parameters]);
                if call.private.iter().all(|(other, _)| *other != ck::CKA_TOKEN) {
                    call.private.push((ck::CKA_TOKEN, flag(true)));
                }
            } else {
                call.template.push(parameters);
                call.private = vec![(ck::CKA_TOKEN, flag(true)), (ck::CKA_LABEL, b"private".to_vec())];
            }
        }
        _ => {}
    }
    match call.call(kind.function) {
        ck::CKR_OK if kind.class == ck::CKO_PRIVATE_KEY && kind.function == "C_GenerateKeyPair" => {
            let label = call.private.iter().find(|(other, _)| *other == ck::CKA_LABEL);
            let label = label.map_or(&b""[..], |(_, label)| label);
            let found = find(user, kind.class, label).or_else(|| find(user, kind.class, b"retired 1"));
            found.map(Some).ok_or_else(|| "is nowhere".into())
        }
        ck::CKR_OK => Ok(Some(call.handle.get())),
        ck::CKR_ATTRIBUTE_TYPE_INVALID
        | ck::CKR_ATTRIBUTE_VALUE_INVALID
        | ck::CKR_ATTRIBUTE_READ_ONLY
        | ck::CKR_TEMPLATE_INCONSISTENT
        | ck::CKR_TEMPLATE_INCOMPLETE
        | ck::CKR_CURVE_NOT_SUPPORTED => {
            let _ = world;
            Ok(None)
        }
        rv => Err(format!("refused by {rv:#x}")),
    }
}

fn find(call: &Call, class: ck::CK_OBJECT_CLASS, label: &[u8]) -> Option<u64> {
    let template = vec![(ck::CKA_CLASS, number(class)), (ck::CKA_LABEL, label.to_vec())];
    let search = Call { template, null: false, ..call.clone() };
    search.must("C_FindObjectsInit").must("C_FindObjects");
    let found = search.handle.get();
    search.must("C_FindObjectsFinal");
    (found != 0).then_some(found)
}
