//! `libushield_pkcs11.so`, loaded as programs load it. A USB/IP server serves the token.
//!
//! The library has one state for the whole process, and finds the token by the environment. So one test runs all parts
//! that need these, one after another. The other tests need neither.

#![allow(unsafe_code, reason = "the C interface is called as C calls it")]

mod attributes;
mod basics;
mod call;
mod conformance;
mod given;
mod import;
mod keeping;
mod payment;
mod processes;
mod misuse;
mod pins;
mod proxy;
mod scenario;
mod sessions;
mod story;
mod symbols;
mod world;

#[test]
fn the_library() {
    if symbols::is_child() {
        return;
    }
    let flash = world::furnish();
    symbols::every_function_is_exported();
    symbols::no_other_library_gets_in_between();
    story::all(&flash);
    basics::all(&flash);
    sessions::all(&flash);
    payment::all();
    import::all(&flash);
    keeping::all(&flash);
    attributes::every_attribute_is_kept_or_refused(&flash);
    processes::all(&flash);
    pins::all(&flash);
    conformance::every_row_says_what_it_says(&flash);
}
