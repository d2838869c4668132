//! `libushield_pkcs11.so`, loaded as programs load it, with a token on a USB/IP server before it.
//!
//! The library's state is the process's, and the environment says where the token is: so there is one test that
//! runs all of it, one after another, and others that need neither.

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
