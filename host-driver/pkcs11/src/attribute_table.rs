//! Which attributes an object of each class has, in which form, and who may say what when (v2.40, 4; the footnotes of
//! table 10). Everything that checks a template is here.

use cryptoki_sys as ck;

use crate::{
    attribute::{AttributeType, Attributes},
    ckr::{Ckr, Result},
};

/// The form of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// CK_BBOOL.
    Flag,
    /// CK_ULONG.
    Number,
    /// CK_DATE, or nothing.
    Date,
    /// Bytes, text, a big integer.
    Bytes,
}
use Form::{Bytes, Date, Flag, Number};

/// How an object comes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// C_CreateObject.
    Created,
    /// C_GenerateKey, C_GenerateKeyPair.
    Generated,
    /// C_UnwrapKey, C_DeriveKey.
    Received,
}

/// The template of C_CreateObject must have the attribute (footnote 1).
const NEED: u8 = 1;
/// The template of a key that is made must not have the attribute, which is part of the value (footnotes 4 and 6).
const NOT_MADE: u8 = 2;
/// The attribute may be changed afterwards (footnote 8).
const CHANGE: u8 = 4;
/// No template may have the attribute: the library sets it (footnotes 2, 4 and 6 together).
const OURS: u8 = 8;
/// The template of C_CreateObject must not have the attribute (footnote 2). The template of a key that is made may.
const NOT_CREATED: u8 = 16;
/// On the token the attribute is kept in the notes ([`crate::notes`]), because the token has no field for it.
const NOTED: u8 = 32;

type Row = (AttributeType, Form, u8);

/// Every storage object (4.4, 4.5).
const STORAGE: &[Row] = &[
    (ck::CKA_CLASS, Number, NEED),
    (ck::CKA_TOKEN, Flag, 0),
    (ck::CKA_PRIVATE, Flag, 0),
    (ck::CKA_MODIFIABLE, Flag, NOTED),
    (ck::CKA_COPYABLE, Flag, NOTED),
    (ck::CKA_DESTROYABLE, Flag, NOTED),
    (ck::CKA_LABEL, Bytes, CHANGE),
];

/// Data objects (4.5).
const DATA: &[Row] = &[
    (ck::CKA_APPLICATION, Bytes, CHANGE),
    (ck::CKA_OBJECT_ID, Bytes, CHANGE),
    (ck::CKA_VALUE, Bytes, CHANGE),
];

/// X.509 certificates (4.6.3).
const CERTIFICATE: &[Row] = &[
    (ck::CKA_CERTIFICATE_TYPE, Number, NEED),
    (ck::CKA_TRUSTED, Flag, 0),
    (ck::CKA_CERTIFICATE_CATEGORY, Number, NOTED),
    (ck::CKA_CHECK_VALUE, Bytes, NOTED),
    (ck::CKA_START_DATE, Date, NOTED),
    (ck::CKA_END_DATE, Date, NOTED),
    (ck::CKA_PUBLIC_KEY_INFO, Bytes, 0),
    (ck::CKA_SUBJECT, Bytes, NEED),
    (ck::CKA_ID, Bytes, CHANGE),
    (ck::CKA_ISSUER, Bytes, CHANGE | NOTED),
    (ck::CKA_SERIAL_NUMBER, Bytes, CHANGE | NOTED),
    (ck::CKA_VALUE, Bytes, NEED),
    (ck::CKA_URL, Bytes, NOTED),
    (ck::CKA_HASH_OF_SUBJECT_PUBLIC_KEY, Bytes, NOTED),
    (ck::CKA_HASH_OF_ISSUER_PUBLIC_KEY, Bytes, NOTED),
    (ck::CKA_JAVA_MIDP_SECURITY_DOMAIN, Number, NOTED),
    (ck::CKA_NAME_HASH_ALGORITHM, Number, NOTED),
];

/// Every key (4.7).
const KEY: &[Row] = &[
    (ck::CKA_KEY_TYPE, Number, NEED),
    (ck::CKA_ID, Bytes, CHANGE),
    (ck::CKA_START_DATE, Date, CHANGE | NOTED),
    (ck::CKA_END_DATE, Date, CHANGE | NOTED),
    (ck::CKA_DERIVE, Flag, CHANGE | NOTED),
    (ck::CKA_LOCAL, Flag, OURS),
    (ck::CKA_KEY_GEN_MECHANISM, Number, OURS),
];

/// Public keys (4.8), with the parts of each type (Current Mechanisms v2.40, 2.1.2 and 2.3.3).
const PUBLIC_KEY: &[Row] = &[
    (ck::CKA_SUBJECT, Bytes, CHANGE | NOTED),
    (ck::CKA_ENCRYPT, Flag, CHANGE | NOTED),
    (ck::CKA_VERIFY, Flag, CHANGE | NOTED),
    (ck::CKA_VERIFY_RECOVER, Flag, CHANGE | NOTED),
    (ck::CKA_WRAP, Flag, CHANGE | NOTED),
    (ck::CKA_TRUSTED, Flag, 0),
    (ck::CKA_PUBLIC_KEY_INFO, Bytes, NOT_MADE),
    (ck::CKA_EC_PARAMS, Bytes, 0),
    (ck::CKA_EC_POINT, Bytes, NOT_MADE),
    (ck::CKA_MODULUS, Bytes, NOT_MADE),
    (ck::CKA_MODULUS_BITS, Number, NOT_CREATED),
    (ck::CKA_PUBLIC_EXPONENT, Bytes, 0),
];

/// Private keys (4.9), with the parts of each type, which are taken in and never given out (Current Mechanisms v2.40,
/// 2.1.3 and 2.3.4).
const PRIVATE_KEY: &[Row] = &[
    (ck::CKA_SUBJECT, Bytes, CHANGE | NOTED),
    (ck::CKA_SENSITIVE, Flag, CHANGE | NOTED),
    (ck::CKA_EXTRACTABLE, Flag, 0),
    (ck::CKA_ALWAYS_SENSITIVE, Flag, OURS | NOTED),
    (ck::CKA_NEVER_EXTRACTABLE, Flag, OURS),
    (ck::CKA_DECRYPT, Flag, CHANGE | NOTED),
    (ck::CKA_SIGN, Flag, CHANGE | NOTED),
    (ck::CKA_SIGN_RECOVER, Flag, CHANGE | NOTED),
    (ck::CKA_UNWRAP, Flag, CHANGE | NOTED),
    (ck::CKA_WRAP_WITH_TRUSTED, Flag, CHANGE | NOTED),
    (ck::CKA_ALWAYS_AUTHENTICATE, Flag, 0),
    (ck::CKA_PUBLIC_KEY_INFO, Bytes, NOT_MADE),
    (ck::CKA_EC_PARAMS, Bytes, NOT_MADE),
    (ck::CKA_VALUE, Bytes, NOT_MADE),
    (ck::CKA_MODULUS, Bytes, NOT_MADE),
    (ck::CKA_PUBLIC_EXPONENT, Bytes, NOT_MADE),
    (ck::CKA_PRIVATE_EXPONENT, Bytes, NOT_MADE),
    (ck::CKA_PRIME_1, Bytes, NOT_MADE),
    (ck::CKA_PRIME_2, Bytes, NOT_MADE),
    (ck::CKA_EXPONENT_1, Bytes, NOT_MADE),
    (ck::CKA_EXPONENT_2, Bytes, NOT_MADE),
    (ck::CKA_COEFFICIENT, Bytes, NOT_MADE),
];

/// CKA_PRIVATE of an object on the token. Where the token guards the object, the token keeps the attribute. Where
/// only this library guards the object, the attribute is in the notes.
const PRIVATE: Row = (ck::CKA_PRIVATE, Flag, NOTED);

/// Secret keys (4.10).
const SECRET_KEY: &[Row] = &[
    (ck::CKA_SENSITIVE, Flag, CHANGE),
    (ck::CKA_EXTRACTABLE, Flag, CHANGE),
    (ck::CKA_ALWAYS_SENSITIVE, Flag, OURS),
    (ck::CKA_NEVER_EXTRACTABLE, Flag, OURS),
    (ck::CKA_ENCRYPT, Flag, CHANGE),
    (ck::CKA_DECRYPT, Flag, CHANGE),
    (ck::CKA_SIGN, Flag, CHANGE),
    (ck::CKA_VERIFY, Flag, CHANGE),
    (ck::CKA_WRAP, Flag, CHANGE),
    (ck::CKA_UNWRAP, Flag, CHANGE),
    (ck::CKA_WRAP_WITH_TRUSTED, Flag, 0),
    (ck::CKA_TRUSTED, Flag, 0),
    (ck::CKA_VALUE, Bytes, NEED | NOT_MADE),
    (ck::CKA_VALUE_LEN, Number, NOT_CREATED),
];

fn rows(class: ck::CK_OBJECT_CLASS) -> Result<[&'static [Row]; 3]> {
    Ok(match class {
        ck::CKO_DATA => [STORAGE, DATA, &[]],
        ck::CKO_CERTIFICATE => [STORAGE, CERTIFICATE, &[]],
        ck::CKO_PUBLIC_KEY => [STORAGE, KEY, PUBLIC_KEY],
        ck::CKO_PRIVATE_KEY => [STORAGE, KEY, PRIVATE_KEY],
        ck::CKO_SECRET_KEY => [STORAGE, KEY, SECRET_KEY],
        _ => return Err(Ckr::ATTRIBUTE_VALUE_INVALID),
    })
}

fn row(class: ck::CK_OBJECT_CLASS, kind: AttributeType) -> Result<&'static Row> {
    let found = rows(class)?.into_iter().flatten().find(|(row, ..)| *row == kind);
    found.ok_or(Ckr::ATTRIBUTE_TYPE_INVALID)
}

/// The attributes of a template that the token keeps as notes on an object of this class. That an object may be
/// changed, copied or destroyed is the default, and not noted.
pub fn noted(class: ck::CK_OBJECT_CLASS, template: &Attributes) -> Attributes {
    let mut noted = Attributes::default();
    let plain = |kind, value: &[u8]| {
        matches!(kind, ck::CKA_MODIFIABLE | ck::CKA_COPYABLE | ck::CKA_DESTROYABLE)
            && matches!(class, ck::CKO_DATA | ck::CKO_CERTIFICATE)
            && value == [ck::CK_TRUE]
    };
    for (kind, value) in template.iter().filter(|(kind, value)| is_noted(class, *kind, value)) {
        if !plain(kind, value) {
            noted.set(kind, value);
        }
    }
    noted
}

/// Whether this attribute with this value may stand in the notes on an object of this class.
pub fn is_noted(class: ck::CK_OBJECT_CLASS, kind: AttributeType, value: &[u8]) -> bool {
    let privately = kind == PRIVATE.0 && matches!(class, ck::CKO_CERTIFICATE | ck::CKO_PUBLIC_KEY);
    let row = if privately { Ok(&PRIVATE) } else { row(class, kind) };
    // Both halves of a key have one name, unless the public half was given another.
    let name = class == ck::CKO_PUBLIC_KEY && matches!(kind, ck::CKA_LABEL | ck::CKA_ID);
    row.is_ok_and(|(_, form, rules)| (rules & NOTED != 0 || name) && has_form(*form, value).is_ok())
}

/// Whether a noted attribute is a CK_ULONG.
pub const fn is_noted_number(kind: AttributeType) -> bool {
    matches!(
        kind,
        ck::CKA_CERTIFICATE_CATEGORY | ck::CKA_JAVA_MIDP_SECURITY_DOMAIN | ck::CKA_NAME_HASH_ALGORITHM
    )
}

fn has_form(form: Form, value: &[u8]) -> Result<()> {
    let right = match form {
        Flag => matches!(value, [ck::CK_FALSE | ck::CK_TRUE]),
        Number => value.len() == size_of::<ck::CK_ULONG>(),
        Date => {
            value.is_empty()
                || value.len() == size_of::<ck::CK_DATE>() && value.iter().all(u8::is_ascii_digit)
        }
        Bytes => true,
    };
    if right { Ok(()) } else { Err(Ckr::ATTRIBUTE_VALUE_INVALID) }
}

/// Checks the template that a new object is to be made by (4.1.1).
///
/// # Errors
/// CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID, CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT,
/// CKR_TEMPLATE_INCOMPLETE.
pub fn check_new(class: ck::CK_OBJECT_CLASS, template: &Attributes, origin: Origin) -> Result<()> {
    for (kind, value) in template.iter() {
        let (_, form, rules) = row(class, kind)?;
        has_form(*form, value)?;
        if rules & OURS != 0 {
            return Err(Ckr::ATTRIBUTE_READ_ONLY);
        }
        let wrong = if origin == Origin::Created { NOT_CREATED } else { NOT_MADE };
        if rules & wrong != 0 {
            return Err(Ckr::TEMPLATE_INCONSISTENT);
        }
    }
    if origin == Origin::Created {
        let mut needed = rows(class)?.into_iter().flatten().filter(|(_, _, rules)| rules & NEED != 0);
        if needed.any(|(kind, ..)| template.get(*kind).is_none()) {
            return Err(Ckr::TEMPLATE_INCOMPLETE);
        }
    }
    Ok(())
}

/// Checks what C_SetAttributeValue wants to change (4.1.2).
///
/// # Errors
/// CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID, CKR_ATTRIBUTE_READ_ONLY.
pub fn check_change(object: &Attributes, template: &Attributes) -> Result<()> {
    let class = object.number(ck::CKA_CLASS).ok_or(Ckr::GENERAL_ERROR)?;
    for (kind, value) in template.iter() {
        let (_, form, rules) = row(class, kind)?;
        has_form(*form, value)?;
        if rules & CHANGE == 0 || one_way(object, kind, value) {
            return Err(Ckr::ATTRIBUTE_READ_ONLY);
        }
    }
    Ok(())
}

/// Checks which attributes a copy is to have otherwise (4.1.3): those that may be changed, and those that only a copy
/// changes.
///
/// # Errors
/// As [`check_change`].
pub fn check_copy(object: &Attributes, template: &Attributes) -> Result<()> {
    let class = object.number(ck::CKA_CLASS).ok_or(Ckr::GENERAL_ERROR)?;
    for (kind, value) in template.iter() {
        let (_, form, rules) = row(class, kind)?;
        has_form(*form, value)?;
        let by_copy = matches!(
            kind,
            ck::CKA_TOKEN | ck::CKA_PRIVATE | ck::CKA_MODIFIABLE | ck::CKA_COPYABLE | ck::CKA_DESTROYABLE
        );
        if rules & CHANGE == 0 && !by_copy || one_way(object, kind, value) {
            return Err(Ckr::ATTRIBUTE_READ_ONLY);
        }
    }
    Ok(())
}

/// CKA_SENSITIVE never becomes false again, nor CKA_EXTRACTABLE, CKA_COPYABLE and CKA_PRIVATE looser (footnotes 11 and 12).
fn one_way(object: &Attributes, kind: AttributeType, value: &[u8]) -> bool {
    let becomes = value == [ck::CK_TRUE];
    match kind {
        ck::CKA_SENSITIVE | ck::CKA_WRAP_WITH_TRUSTED | ck::CKA_PRIVATE => object.is(kind) && !becomes,
        ck::CKA_EXTRACTABLE | ck::CKA_COPYABLE | ck::CKA_DESTROYABLE => {
            object.flag(kind) == Some(false) && becomes
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Attributes {
        let mut template = Attributes::default();
        template.set_number(ck::CKA_CLASS, ck::CKO_SECRET_KEY);
        template.set_number(ck::CKA_KEY_TYPE, ck::CKK_GENERIC_SECRET);
        template.set(ck::CKA_VALUE, *b"value");
        template
    }

    #[test]
    fn each_way_a_template_can_be_wrong() {
        let check = |change: fn(&mut Attributes)| {
            let mut template = secret();
            change(&mut template);
            check_new(ck::CKO_SECRET_KEY, &template, Origin::Created)
        };
        assert_eq!(check(|_| ()), Ok(()));
        assert_eq!(check(|t| t.set(ck::CKA_MODULUS, [1])), Err(Ckr::ATTRIBUTE_TYPE_INVALID));
        assert_eq!(check(|t| t.set(ck::CKA_SENSITIVE, [2])), Err(Ckr::ATTRIBUTE_VALUE_INVALID));
        assert_eq!(check(|t| t.set(ck::CKA_KEY_TYPE, [2])), Err(Ckr::ATTRIBUTE_VALUE_INVALID));
        assert_eq!(check(|t| t.set(ck::CKA_START_DATE, *b"2026-1-1")), Err(Ckr::ATTRIBUTE_VALUE_INVALID));
        assert_eq!(check(|t| t.set_flag(ck::CKA_LOCAL, true)), Err(Ckr::ATTRIBUTE_READ_ONLY));
        assert_eq!(check(|t| t.set_number(ck::CKA_VALUE_LEN, 5)), Err(Ckr::TEMPLATE_INCONSISTENT));
        assert_eq!(check(|t| t.remove(ck::CKA_VALUE)), Err(Ckr::TEMPLATE_INCOMPLETE));
        assert_eq!(
            check_new(ck::CKO_SECRET_KEY, &secret(), Origin::Generated),
            Err(Ckr::TEMPLATE_INCONSISTENT)
        );
        assert_eq!(check_new(99, &secret(), Origin::Created), Err(Ckr::ATTRIBUTE_VALUE_INVALID));
    }

    #[test]
    fn a_secret_stays_one() {
        let mut key = secret();
        key.set_flag(ck::CKA_SENSITIVE, true);
        key.set_flag(ck::CKA_EXTRACTABLE, false);
        let change = |kind, to| {
            let mut template = Attributes::default();
            template.set_flag(kind, to);
            check_change(&key, &template)
        };
        assert_eq!(change(ck::CKA_SENSITIVE, false), Err(Ckr::ATTRIBUTE_READ_ONLY));
        assert_eq!(change(ck::CKA_EXTRACTABLE, true), Err(Ckr::ATTRIBUTE_READ_ONLY));
        assert_eq!(change(ck::CKA_DERIVE, true), Ok(()));
        assert_eq!(change(ck::CKA_TOKEN, true), Err(Ckr::ATTRIBUTE_READ_ONLY));
    }
}
