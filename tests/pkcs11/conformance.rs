//! The table of every return value that the standard lists for every function: complete, and true row by row.

use std::collections::BTreeMap;

use cryptoki_sys as ck;
use firmware::fixture::SharedFlash as Flash;

use crate::scenario;

/// The return values that v2.40 lists.
const STANDARD: &str = include_str!("standard.tsv");
/// Our verdict on each of these return values.
const TABLE: &str = include_str!("conformance.tsv");

/// How a function comes to return a value, or why the function never does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    By(&'static str),
    Never(&'static str),
}

fn lines(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect())
}

/// Each function of the standard, with its return values.
fn standard() -> BTreeMap<&'static str, Vec<&'static str>> {
    lines(STANDARD)
        .map(|line| {
            let &[_clause, function, values] = line.as_slice() else { panic!("three columns: {line:?}") };
            (function, values.split(' ').collect())
        })
        .collect()
}

/// The names of v2.40's functions.
pub fn functions() -> Vec<&'static str> {
    standard().into_keys().collect()
}

/// The verdict on each pair of function and value. A row that names the function goes before a row of all functions.
fn verdicts() -> (BTreeMap<(&'static str, &'static str), Verdict>, Vec<String>) {
    let (mut named, mut general, mut faults) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    let standard = standard();
    for line in lines(TABLE) {
        let &[value, functions, how, what] = line.as_slice() else { panic!("four columns: {line:?}") };
        let verdict = match how {
            "by" => Verdict::By(what),
            "never" => Verdict::Never(what),
            other => panic!("neither by nor never: {other}"),
        };
        if functions == "*" {
            assert!(general.insert(value, verdict).is_none(), "two rows for all functions: {value}");
            continue;
        }
        for function in functions.split(' ') {
            if !standard.get(function).is_some_and(|values| values.contains(&value)) {
                faults.push(format!("{function} {value}: the standard does not list it"));
            }
            if named.insert((function, value), verdict).is_some() {
                faults.push(format!("{function} {value}: two rows"));
            }
        }
    }
    let mut found = BTreeMap::new();
    for (function, values) in standard {
        for value in values {
            match named.get(&(function, value)).or_else(|| general.get(value)) {
                Some(verdict) => drop(found.insert((function, value), *verdict)),
                None => faults.push(format!("{function} {value}: no row")),
            }
        }
    }
    (found, faults)
}

#[test]
fn every_return_value_that_the_standard_lists_has_a_row() {
    let (found, faults) = verdicts();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_eq!((standard().len(), found.len()), (68, 1062));
    let long = found.values().all(|verdict| !matches!(verdict, Verdict::Never(reason) if reason.len() < 20));
    assert!(long, "a reason that is none");
}

/// The number of a name without CKR_.
fn number(name: &str) -> ck::CK_RV {
    let line = NUMBERS.iter().find(|(known, _)| *known == name);
    line.unwrap_or_else(|| panic!("no number for {name}")).1
}

/// Runs every row of the table, each on a new token.
pub fn every_row_says_what_it_says(flash: &Flash) {
    let only = std::env::var("CONFORMANCE").unwrap_or_default();
    let (found, _) = verdicts();
    let (mut rows, mut faults) = (0, Vec::new());
    for ((function, value), verdict) in found {
        let Verdict::By(name) = verdict else { continue };
        if !format!("{function} {value} {name}").contains(&only) {
            continue;
        }
        rows += 1;
        let outcome = std::panic::catch_unwind(|| scenario::run(name, function, flash));
        match outcome {
            Ok(rv) if rv == number(value) => {}
            Ok(rv) => faults.push(format!("{function}: {name} gave {}, not CKR_{value}", name_of(rv))),
            Err(_) => faults.push(format!("{function}: {name} could not be prepared for CKR_{value}")),
        }
    }
    println!("{rows} rows provoked, {} of them otherwise", faults.len());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(!only.is_empty() || rows > 500, "{rows} rows");
}

fn name_of(rv: ck::CK_RV) -> String {
    let line = NUMBERS.iter().find(|(_, number)| *number == rv);
    line.map_or_else(|| format!("{rv:#x}"), |(name, _)| format!("CKR_{name}"))
}

/// CKR_ by name.
macro_rules! numbers {
    ($($name:ident = $value:ident),* $(,)?) => { &[$((stringify!($name), ck::$value)),*] };
}

const NUMBERS: &[(&str, ck::CK_RV)] = numbers! {
    OK = CKR_OK,
    HOST_MEMORY = CKR_HOST_MEMORY,
    SLOT_ID_INVALID = CKR_SLOT_ID_INVALID,
    GENERAL_ERROR = CKR_GENERAL_ERROR,
    FUNCTION_FAILED = CKR_FUNCTION_FAILED,
    ARGUMENTS_BAD = CKR_ARGUMENTS_BAD,
    NO_EVENT = CKR_NO_EVENT,
    NEED_TO_CREATE_THREADS = CKR_NEED_TO_CREATE_THREADS,
    CANT_LOCK = CKR_CANT_LOCK,
    ATTRIBUTE_READ_ONLY = CKR_ATTRIBUTE_READ_ONLY,
    ATTRIBUTE_SENSITIVE = CKR_ATTRIBUTE_SENSITIVE,
    ATTRIBUTE_TYPE_INVALID = CKR_ATTRIBUTE_TYPE_INVALID,
    ATTRIBUTE_VALUE_INVALID = CKR_ATTRIBUTE_VALUE_INVALID,
    ACTION_PROHIBITED = CKR_ACTION_PROHIBITED,
    DATA_INVALID = CKR_DATA_INVALID,
    DATA_LEN_RANGE = CKR_DATA_LEN_RANGE,
    DEVICE_ERROR = CKR_DEVICE_ERROR,
    DEVICE_MEMORY = CKR_DEVICE_MEMORY,
    DEVICE_REMOVED = CKR_DEVICE_REMOVED,
    ENCRYPTED_DATA_INVALID = CKR_ENCRYPTED_DATA_INVALID,
    ENCRYPTED_DATA_LEN_RANGE = CKR_ENCRYPTED_DATA_LEN_RANGE,
    FUNCTION_CANCELED = CKR_FUNCTION_CANCELED,
    FUNCTION_NOT_PARALLEL = CKR_FUNCTION_NOT_PARALLEL,
    FUNCTION_NOT_SUPPORTED = CKR_FUNCTION_NOT_SUPPORTED,
    KEY_HANDLE_INVALID = CKR_KEY_HANDLE_INVALID,
    KEY_SIZE_RANGE = CKR_KEY_SIZE_RANGE,
    KEY_TYPE_INCONSISTENT = CKR_KEY_TYPE_INCONSISTENT,
    KEY_NOT_NEEDED = CKR_KEY_NOT_NEEDED,
    KEY_CHANGED = CKR_KEY_CHANGED,
    KEY_NEEDED = CKR_KEY_NEEDED,
    KEY_INDIGESTIBLE = CKR_KEY_INDIGESTIBLE,
    KEY_FUNCTION_NOT_PERMITTED = CKR_KEY_FUNCTION_NOT_PERMITTED,
    KEY_NOT_WRAPPABLE = CKR_KEY_NOT_WRAPPABLE,
    KEY_UNEXTRACTABLE = CKR_KEY_UNEXTRACTABLE,
    MECHANISM_INVALID = CKR_MECHANISM_INVALID,
    MECHANISM_PARAM_INVALID = CKR_MECHANISM_PARAM_INVALID,
    OBJECT_HANDLE_INVALID = CKR_OBJECT_HANDLE_INVALID,
    OPERATION_ACTIVE = CKR_OPERATION_ACTIVE,
    OPERATION_NOT_INITIALIZED = CKR_OPERATION_NOT_INITIALIZED,
    PIN_INCORRECT = CKR_PIN_INCORRECT,
    PIN_INVALID = CKR_PIN_INVALID,
    PIN_LEN_RANGE = CKR_PIN_LEN_RANGE,
    PIN_EXPIRED = CKR_PIN_EXPIRED,
    PIN_LOCKED = CKR_PIN_LOCKED,
    SESSION_CLOSED = CKR_SESSION_CLOSED,
    SESSION_COUNT = CKR_SESSION_COUNT,
    SESSION_HANDLE_INVALID = CKR_SESSION_HANDLE_INVALID,
    SESSION_PARALLEL_NOT_SUPPORTED = CKR_SESSION_PARALLEL_NOT_SUPPORTED,
    SESSION_READ_ONLY = CKR_SESSION_READ_ONLY,
    SESSION_EXISTS = CKR_SESSION_EXISTS,
    SESSION_READ_ONLY_EXISTS = CKR_SESSION_READ_ONLY_EXISTS,
    SESSION_READ_WRITE_SO_EXISTS = CKR_SESSION_READ_WRITE_SO_EXISTS,
    SIGNATURE_INVALID = CKR_SIGNATURE_INVALID,
    SIGNATURE_LEN_RANGE = CKR_SIGNATURE_LEN_RANGE,
    TEMPLATE_INCOMPLETE = CKR_TEMPLATE_INCOMPLETE,
    TEMPLATE_INCONSISTENT = CKR_TEMPLATE_INCONSISTENT,
    TOKEN_NOT_PRESENT = CKR_TOKEN_NOT_PRESENT,
    TOKEN_NOT_RECOGNIZED = CKR_TOKEN_NOT_RECOGNIZED,
    TOKEN_WRITE_PROTECTED = CKR_TOKEN_WRITE_PROTECTED,
    UNWRAPPING_KEY_HANDLE_INVALID = CKR_UNWRAPPING_KEY_HANDLE_INVALID,
    UNWRAPPING_KEY_SIZE_RANGE = CKR_UNWRAPPING_KEY_SIZE_RANGE,
    UNWRAPPING_KEY_TYPE_INCONSISTENT = CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
    USER_ALREADY_LOGGED_IN = CKR_USER_ALREADY_LOGGED_IN,
    USER_NOT_LOGGED_IN = CKR_USER_NOT_LOGGED_IN,
    USER_PIN_NOT_INITIALIZED = CKR_USER_PIN_NOT_INITIALIZED,
    USER_TYPE_INVALID = CKR_USER_TYPE_INVALID,
    USER_ANOTHER_ALREADY_LOGGED_IN = CKR_USER_ANOTHER_ALREADY_LOGGED_IN,
    USER_TOO_MANY_TYPES = CKR_USER_TOO_MANY_TYPES,
    WRAPPED_KEY_INVALID = CKR_WRAPPED_KEY_INVALID,
    WRAPPED_KEY_LEN_RANGE = CKR_WRAPPED_KEY_LEN_RANGE,
    WRAPPING_KEY_HANDLE_INVALID = CKR_WRAPPING_KEY_HANDLE_INVALID,
    WRAPPING_KEY_SIZE_RANGE = CKR_WRAPPING_KEY_SIZE_RANGE,
    WRAPPING_KEY_TYPE_INCONSISTENT = CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
    RANDOM_SEED_NOT_SUPPORTED = CKR_RANDOM_SEED_NOT_SUPPORTED,
    RANDOM_NO_RNG = CKR_RANDOM_NO_RNG,
    DOMAIN_PARAMS_INVALID = CKR_DOMAIN_PARAMS_INVALID,
    CURVE_NOT_SUPPORTED = CKR_CURVE_NOT_SUPPORTED,
    BUFFER_TOO_SMALL = CKR_BUFFER_TOO_SMALL,
    SAVED_STATE_INVALID = CKR_SAVED_STATE_INVALID,
    INFORMATION_SENSITIVE = CKR_INFORMATION_SENSITIVE,
    STATE_UNSAVEABLE = CKR_STATE_UNSAVEABLE,
    CRYPTOKI_NOT_INITIALIZED = CKR_CRYPTOKI_NOT_INITIALIZED,
    CRYPTOKI_ALREADY_INITIALIZED = CKR_CRYPTOKI_ALREADY_INITIALIZED,
    FUNCTION_REJECTED = CKR_FUNCTION_REJECTED,
};
