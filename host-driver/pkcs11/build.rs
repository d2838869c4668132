//! How the library is linked.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Each function of the standard is exported by its name, for programs that bind them one by one. What the function lists
    // point at must be ours all the same, in a process where another PKCS#11 library exports the same names.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-Bsymbolic");
}
