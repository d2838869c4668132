//! `libushield_pkcs11.so`: the token as a PKCS#11 library, for every program that takes one.
//!
//! Written from the OASIS texts: "PKCS #11 Cryptographic Token Interface Base Specification Version 2.40" (clauses
//! are cited by their numbers there), its "Current Mechanisms Specification Version 2.40", and for the interface list
//! "Base Specification Version 3.0". Blocking, without a runtime and without a thread of its own; private keys never
//! leave the token, whose arithmetic is the token's: what is computed here is digests, paddings and public keys.
//!
//! `skin` is what C sees, with all the unsafe code; below it everything is safe Rust that returns a [`ckr::Ckr`].
//! Each chapter of the standard's section 5 has one file in `skin` and one in `slot`.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
mod skin;
mod library;
mod slot;
mod session;
mod operation;
mod object;
mod notes;
mod algorithm;
mod schema;
mod attribute;
mod mechanism;
mod padding;
mod certificate;
mod hash;
mod ckr;

pub use skin::{C_GetFunctionList, C_GetInterface, C_GetInterfaceList};
