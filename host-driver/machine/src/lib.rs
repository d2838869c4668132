//! This Linux, as the user of a token has it: pcscd and the drivers that pcscd loads, the kernel's virtual USB ports, the
//! brands whose drivers can be installed, and a doctor who looks at all of them.
//!
//! Everything here works on a [`system::System`]: this machine, an image below a folder, or a test's folder.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
pub mod doctor;
pub mod driver;
pub mod vhci;
pub mod pcscd;
pub mod system;
pub mod brand;
pub mod shared_object;
