//! `libushield_pkcs11.so`: the token as a PKCS#11 library, for every program that takes one.
//!
//! Written from the OASIS texts: "PKCS #11 Cryptographic Token Interface Base Specification Version 2.40" (clauses
//! are cited by their numbers there), its "Current Mechanisms Specification Version 2.40", and for the interface list
//! "Base Specification Version 3.0". The library blocks, and has no runtime and no thread of its own. Private keys
//! never leave the token: the library computes digests, paddings and what public keys do.
//!
//! `skin` is what C sees, with all the unsafe code. Below `skin` everything is safe Rust that returns a [`ckr::Ckr`].
//! What does not depend on PKCS#11 is in `card`: which tokens there are, which applet is selected, and who is logged
//! in. Each chapter of the standard's section 5 has one file in `skin` and one in `slot`.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
mod skin;
mod library;
mod slot;
mod session;
mod operation;
mod object;
mod notes;
mod algorithm;
mod attribute_table;
mod attribute;
mod mechanism;
mod padding;
mod certificate;
mod hash;
mod ckr;

pub use skin::{C_GetFunctionList, C_GetInterface, C_GetInterfaceList};
